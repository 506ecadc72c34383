/* node/rules.h: what a swarm agrees on. The hash of all of it is the swarm's id: the namespace in
 * the DHT and part of every handshake and signature, so nodes with other rules never mix. Pure. */
#ifndef KITH_NODE_RULES_H
#define KITH_NODE_RULES_H

#include <stdint.h>

#include "base/id.h"
#include "training/pace.h"

enum {
    KITH_PROTOCOL_VERSION = 1,
    KITH_RULES_NAME_MAX = 64,
    KITH_FAMILIES_MAX = 8,
    KITH_FAMILY_TEXT_MAX = 16,
};

/* The year 2262. */
#define KITH_RULES_TIME_MAX_MS UINT64_C(9223372036000)

struct kith_rules {
    char name[KITH_RULES_NAME_MAX]; /* [a-z0-9-]+ */
    uint32_t protocol;              /* KITH_PROTOCOL_VERSION */
    uint32_t inputs;                /* numbers of one sample, 1 to 65,536, after that */
    uint32_t pool;                  /* images are made so many times smaller each way, 1 to 8 */
    uint32_t classes;               /* 2 to 256 */
    uint64_t seed;                  /* of the first weights and of all public draws */
    uint32_t public_count; /* training images that are public without labels, 0 to 65,536 */
    uint32_t audit_count;  /* training images by which models are judged, 0 to 65,536 */
    uint32_t family_count;
    char family[KITH_FAMILIES_MAX][KITH_FAMILY_TEXT_MAX]; /* model families allowed: "mlp", "cnn" */
    uint64_t params_max;                                  /* of a model, at most 2^28 */
    uint64_t object_max;       /* bytes of a published object, at most 2^30 */
    struct kith_budget budget; /* when learning ends */
    char data_digest[65];      /* hex BLAKE2b-256 of the training set, or "" for any */
};

/* The built-in swarm "fashion-mnist". */
void kith_rules_default(struct kith_rules *ret);
/* 0, or RANGE or INVALID with the offending field's name in *ret_field (static). */
int kith_rules_check(const struct kith_rules *rules, const char **ret_field);
/* Whether a model of this normalised text (kith_arch) is of an allowed family. */
bool kith_rules_allow(const struct kith_rules *rules, const char *model);
/* The swarm's id: the hash of the canonical encoding of every field. */
struct kith_id kith_rules_id(const struct kith_rules *rules);

#endif
