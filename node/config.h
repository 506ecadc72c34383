/* node/config.h: all that is chosen for one node. Plain data. Pure. */
#ifndef KITH_NODE_CONFIG_H
#define KITH_NODE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "identity/keys.h"
#include "node/rules.h"
#include "training/job.h"

enum kith_share { KITH_SHARE_WEIGHTS = 1, KITH_SHARE_LABELS = 2 };

struct kith_config {
    struct kith_keypair keypair;
    const struct kith_scheme *scheme;
    struct kith_rules rules;
    struct kith_learner_config learner;
    uint32_t share;         /* enum kith_share, or-ed; 0: alone */
    bool peers;             /* false: neither dial, listen to, nor use others (--no-peers) */
    bool dht;               /* announce and look others up in the DHT too */
    bool observer;          /* looks on: no learner (dht-cli) */
    bool learns;            /* false: a peer like others, without a model, that shares nothing */
    uint32_t pull_count;    /* s, 1 to KITH_PULL_MAX */
    uint32_t teacher_count; /* k, 1 to KITH_TEACHERS_MAX */
    uint64_t rounds_max;    /* stop training after so many; 0: never */
    uint32_t epochs_max;    /* likewise, epochs of the own data */
    bool stay;              /* after the last round keep serving; else stop */
    uint64_t round_min_us;  /* a round takes at least so long; 0: as fast as it goes */
    uint32_t peers_max;     /* peers kept: the view, 2 to 4,096 */
    uint32_t links_max;     /* 2 to 256 */
    uint32_t links_wanted;  /* links dialled and kept while idle */
};

void kith_config_default(struct kith_config *ret);
/* The node has a model: it learns, and is no observer. */
bool kith_config_has_learner(const struct kith_config *config);
/* 0, or RANGE or INVALID with the field's name in *ret_field (static). */
int kith_config_check(const struct kith_config *config, const char **ret_field);

#endif
