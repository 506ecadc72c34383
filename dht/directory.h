/* dht/directory.h: when this node announces itself in the DHT and when it reads others there. The
 * DHT is the way in and a hint, never the truth: what is read is only dialled. Operations go out as
 * effects with numbers of our own; values come back to the node, which checks them. Pure. */
#ifndef KITH_DHT_DIRECTORY_H
#define KITH_DHT_DIRECTORY_H

#include "base/turn.h"
#include "dht/dht_key.h"

enum {
    KITH_ANNOUNCE_EVERY_US = 240 * 1000 * 1000,
    KITH_ANNOUNCE_LIFETIME_S = 900,
    KITH_READ_ALONE_US = 5 * 1000 * 1000,   /* between reads while nobody is known */
    KITH_READ_EVERY_US = 120 * 1000 * 1000, /* and else */
    KITH_DHT_PING_US = 60 * 1000 * 1000,
    KITH_DIRECTORY_KEYS = KITH_DEPTH_MAX + 2,
    KITH_DHT_OPS_MAX = 64, /* from the oldest one under way to the newest */
};

struct kith_directory {
    struct kith_id swarm;
    struct kith_id self;
    bool active;
    uint32_t announces; /* made so far */
    uint64_t announce_at_us;
    uint64_t read_at_us;
    uint64_t ping_at_us;
    uint64_t next_number;
    uint64_t open_first; /* number of the oldest operation that may be under way */
    uint64_t open;       /* bit i: the operation open_first + i is under way */
    bool announce_due;   /* the node must hand us a record */
};

void kith_directory_init(struct kith_directory *directory, const struct kith_id *swarm,
                         const struct kith_id *self, bool active);
void kith_directory_start(struct kith_directory *directory, const struct kith_turn *turn);
/* Put the sealed contact record under every key where it belongs now. `n`: nodes of the swarm, as
 * far as known. */
void kith_directory_announce(struct kith_directory *directory, struct kith_bytes record, uint64_t n,
                             const struct kith_turn *turn);
/* Timers. Afterwards `announce_due` says that a record is wanted, *ret_ping that known peers should
 * be pinged on the DHT's port. `peers`: live peers known. */
void kith_directory_on_deadline(struct kith_directory *directory, uint64_t peers, bool *ret_ping,
                                const struct kith_turn *turn);
/* An operation ended. */
void kith_directory_on_done(struct kith_directory *directory, uint64_t number, int err,
                            const struct kith_turn *turn);
/* Is this the number of a read under way? */
bool kith_directory_is_open(const struct kith_directory *directory, uint64_t number);
uint64_t kith_directory_deadline_us(const struct kith_directory *directory);

#endif
