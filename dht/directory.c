#include "dht/directory.h"

#include <string.h>

/* A put may reach the wrong replicas while the DHT is still finding itself: repeat it early. */
static const uint32_t early_waits_s[] = {5, 15, 40};
enum { EARLY_WAITS = sizeof early_waits_s / sizeof *early_waits_s, FIRST_WAIT_US = 200 * 1000 };

void kith_directory_init(struct kith_directory *directory, const struct kith_id *swarm,
                         const struct kith_id *self, bool active)
{
    memset(directory, 0, sizeof *directory);
    directory->swarm = *swarm;
    directory->self = *self;
    directory->active = active;
    directory->next_number = 1;
    directory->announce_at_us = KITH_NEVER;
    directory->read_at_us = KITH_NEVER;
    directory->ping_at_us = KITH_NEVER;
}

void kith_directory_start(struct kith_directory *directory, const struct kith_turn *turn)
{
    if (!directory->active) return;
    directory->announce_at_us = turn->now_us + FIRST_WAIT_US;
    directory->read_at_us = turn->now_us + FIRST_WAIT_US;
    directory->ping_at_us = turn->now_us + KITH_READ_ALONE_US;
}

/* 0: too many are under way. */
static uint64_t open_number(struct kith_directory *directory)
{
    while (directory->open && !(directory->open & 1)) {
        directory->open >>= 1;
        directory->open_first++;
    }
    if (!directory->open) directory->open_first = directory->next_number;
    uint64_t place = directory->next_number - directory->open_first;
    if (place >= KITH_DHT_OPS_MAX) return 0;
    directory->open |= UINT64_C(1) << place;
    return directory->next_number++;
}

bool kith_directory_is_open(const struct kith_directory *directory, uint64_t number)
{
    uint64_t place = number - directory->open_first;
    return number >= directory->open_first && place < KITH_DHT_OPS_MAX &&
           directory->open >> place & 1;
}

static void put(struct kith_directory *directory, const uint8_t key[static KITH_DHT_KEY_LEN],
                struct kith_bytes record, const struct kith_turn *turn)
{
    uint64_t number = open_number(directory);
    uint8_t *copy = number ? kith_outbox_room(turn->out, record.len) : NULL;
    if (!copy) return;
    memcpy(copy, record.at, record.len);
    struct kith_effect effect = {
        .kind = KITH_EFFECT_DHT_PUT,
        .dht = {.number = number, .value = {copy, record.len}},
    };
    memcpy(effect.dht.key, key, KITH_DHT_KEY_LEN);
    kith_outbox_add(turn->out, &effect);
    turn->stats->dht_puts++;
}

static uint32_t epoch_of(uint64_t wall_ms)
{
    return (uint32_t)(wall_ms / 1000 / KITH_EPOCH_S);
}

void kith_directory_announce(struct kith_directory *directory, struct kith_bytes record, uint64_t n,
                             const struct kith_turn *turn)
{
    uint8_t key[KITH_DHT_KEY_LEN];
    uint8_t depth = kith_dht_depth(n);
    uint32_t epoch = epoch_of(turn->wall_ms);
    struct kith_id place = kith_dht_place(&directory->swarm, epoch, &directory->self);
    for (int level = depth; level >= 0; level--) {
        if (!kith_dht_announces(&place, depth, (uint8_t)level)) continue;
        kith_dht_key_directory(&directory->swarm, epoch, (uint8_t)level,
                               kith_dht_place_prefix(&place), key);
        put(directory, key, record, turn);
    }
    kith_dht_key_peer(&directory->swarm, &directory->self, key);
    put(directory, key, record, turn);
    directory->announce_due = false;
}

/* Read the shard of everybody, or, when some are known, a random one of the present depth. */
static void read_shard(struct kith_directory *directory, uint64_t peers,
                       const struct kith_turn *turn)
{
    uint64_t number = open_number(directory);
    if (!number) return;
    uint8_t level = peers ? kith_dht_depth(peers + 1) : 0;
    struct kith_effect effect = {.kind = KITH_EFFECT_DHT_GET, .dht = {.number = number}};
    kith_dht_key_directory(&directory->swarm, epoch_of(turn->wall_ms), level,
                           (uint32_t)kith_rng_u64(turn->rng), effect.dht.key);
    kith_outbox_add(turn->out, &effect);
    turn->stats->dht_gets++;
}

static uint64_t next_announce_us(struct kith_directory *directory, const struct kith_turn *turn)
{
    uint32_t made = directory->announces++;
    if (made < EARLY_WAITS) return turn->now_us + early_waits_s[made] * KITH_SECOND_US;
    uint32_t fifth = KITH_ANNOUNCE_EVERY_US / 5;
    return turn->now_us + KITH_ANNOUNCE_EVERY_US - fifth + kith_rng_below(turn->rng, 2 * fifth);
}

void kith_directory_on_deadline(struct kith_directory *directory, uint64_t peers, bool *ret_ping,
                                const struct kith_turn *turn)
{
    *ret_ping = false;
    if (turn->now_us >= directory->announce_at_us) {
        directory->announce_due = true;
        directory->announce_at_us = next_announce_us(directory, turn);
    }
    if (turn->now_us >= directory->read_at_us) {
        read_shard(directory, peers, turn);
        directory->read_at_us = turn->now_us + (peers ? KITH_READ_EVERY_US : KITH_READ_ALONE_US);
    }
    if (turn->now_us >= directory->ping_at_us) {
        *ret_ping = true;
        directory->ping_at_us = turn->now_us + KITH_DHT_PING_US;
    }
}

void kith_directory_on_done(struct kith_directory *directory, uint64_t number, int err,
                            const struct kith_turn *turn)
{
    if (!kith_directory_is_open(directory, number)) return;
    directory->open &= ~(UINT64_C(1) << (number - directory->open_first));
    /* Alone there is nobody who could hold a value: that none does is no failure. */
    if (err && turn->stats->peers > 0) turn->stats->dht_failures++;
}

uint64_t kith_directory_deadline_us(const struct kith_directory *directory)
{
    uint64_t at = directory->announce_at_us;
    if (directory->read_at_us < at) at = directory->read_at_us;
    return directory->ping_at_us < at ? directory->ping_at_us : at;
}
