/* identity/record.h: what a node signs about itself and others pass on: the peer record (who,
 * where, with which model, how far) and the manifest (which bytes it published). Fixed binary, so
 * that one record has one encoding. Pure. */
#ifndef KITH_IDENTITY_RECORD_H
#define KITH_IDENTITY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/id.h"
#include "identity/keys.h"

enum {
    KITH_RECORD_MAX = 512,
    KITH_RECORD_LEN_MAX = 269, /* of one that _open takes: with KITH_RECORD_ADDRS_MAX addresses */
    KITH_MANIFEST_MAX = 256,
    KITH_RECORD_ADDRS_MAX = 4,
    KITH_MODEL_TEXT_MAX = 32, /* with its NUL */
    KITH_CLASS_LEN = 8,       /* an architecture's class id */
    KITH_RECORD_LIFETIME_MAX_S = 900,
    KITH_RECORD_FUTURE_MAX_S = 120,
    KITH_RECORD_DEPTH_MAX = 32,
    KITH_MANIFEST_WIRE_MAX = 3,
    KITH_OBJECT_MAX = 1 << 30, /* bytes of a published object */
};

enum kith_peer_flag {
    KITH_PEER_LEAVING = 1 << 0,  /* a signed goodbye */
    KITH_PEER_CONTACT = 1 << 1,  /* from the DHT: where to dial, no evidence of life */
    KITH_PEER_OBSERVER = 1 << 2, /* looks on, trains nothing, is counted nowhere */
};

enum kith_peer_state { KITH_PEER_STARTING, KITH_PEER_TRAINING, KITH_PEER_WAITING, KITH_PEER_DONE };

struct kith_peer_record {
    struct kith_id hotkey;
    uint64_t seq; /* unix milliseconds at signing, strictly increasing for a hotkey */
    uint32_t valid_from_s;
    uint32_t valid_until_s; /* at most KITH_RECORD_LIFETIME_MAX_S after valid_from_s */
    uint8_t flags;          /* enum kith_peer_flag */
    uint8_t version_min;    /* protocol versions spoken */
    uint8_t version_max;
    uint8_t depth; /* of the DHT directory at which it announces, <= KITH_RECORD_DEPTH_MAX */
    uint8_t state; /* enum kith_peer_state */
    uint8_t share; /* bit 0: serves weights, bit 1: serves labels */
    uint32_t round;
    uint64_t started_ms; /* unix time at which this life of the node began, at most seq's bound */
    uint8_t class_id[KITH_CLASS_LEN]; /* equal for equal layers: whose weights can be mixed */
    char model[KITH_MODEL_TEXT_MAX];  /* "mlp:256,128" */
    uint32_t addr_count;
    struct kith_addr addr[KITH_RECORD_ADDRS_MAX];
};

enum kith_manifest_kind { KITH_MANIFEST_WEIGHTS = 1, KITH_MANIFEST_LABELS = 2 };

struct kith_manifest {
    enum kith_manifest_kind kind;
    struct kith_id author;
    uint64_t round; /* the author's; strictly increasing for (author, kind) */
    uint64_t created_ms;
    uint8_t class_id[KITH_CLASS_LEN];
    uint8_t wire;          /* how the bytes are coded: enum kith_wire, training/codec.h */
    uint64_t length;       /* of the object, bytes, > 0 */
    struct kith_id object; /* hash of the list of its chunks' hashes */
};

/* Sign and encode; the author must be the key pair's hotkey and every field such that _open takes
 * it (asserted). `buffer` must stay alive: the result points into it. `swarm` is part of what is
 * signed. */
struct kith_bytes kith_record_seal(const struct kith_peer_record *record,
                                   const struct kith_id *swarm, const struct kith_keypair *keypair,
                                   const struct kith_scheme *scheme,
                                   uint8_t buffer[static KITH_RECORD_LEN_MAX]);
struct kith_bytes kith_manifest_seal(const struct kith_manifest *manifest,
                                     const struct kith_id *swarm,
                                     const struct kith_keypair *keypair,
                                     const struct kith_scheme *scheme,
                                     uint8_t buffer[static KITH_MANIFEST_MAX]);

/* Decode without checking signature or times: length, magic, version, swarm and every field's
 * range. 0, or TRUNCATED, TRAILING, VERSION, SWARM, RANGE, INVALID. */
int kith_record_open(struct kith_bytes bytes, const struct kith_id *swarm,
                     struct kith_peer_record *ret);
int kith_manifest_open(struct kith_bytes bytes, const struct kith_id *swarm,
                       struct kith_manifest *ret);
/* What a record claims, read without any check but its length: enough to see that it is known. */
struct kith_record_claim {
    struct kith_id hotkey;
    uint64_t seq;
    uint64_t started_ms;
    uint64_t mark; /* the last bytes of the signature: two records of one sequence differ here */
    uint32_t valid_from_s;
    uint8_t flags;
};

/* False if it is too short or too long for a record. */
bool kith_record_peek(struct kith_bytes bytes, struct kith_record_claim *ret);
/* 0, or FUTURE, EXPIRED. A record is valid from valid_from_s - KITH_RECORD_FUTURE_MAX_S on; its seq
 * may be no further ahead either, so that no record of the future holds up those of the present. */
int kith_record_check_times(const struct kith_peer_record *record, uint64_t wall_ms);
/* 0 or SIGNATURE, for bytes that _open accepted. The costly check: last, and once. */
int kith_record_verify(struct kith_bytes bytes, const struct kith_id *swarm,
                       const struct kith_id *author, const struct kith_scheme *scheme);
int kith_manifest_verify(struct kith_bytes bytes, const struct kith_id *swarm,
                         const struct kith_id *author, const struct kith_scheme *scheme);

#endif
