#include "sim/sim_dht.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum {
    REPLICAS_MAX = 8,
    NONE = UINT32_MAX,
    LIES_MAX = KITH_DHT_VALUES_MAX,
    PAGE = 64, /* values that are allocated together */
};

/* A node in one life: when it goes down, what it held is gone. */
struct holder {
    uint32_t node;
    uint32_t life;
};

struct value {
    uint8_t key[KITH_DHT_KEY_LEN];
    uint32_t len;
    uint8_t bytes[KITH_DHT_VALUE_MAX];
    uint64_t put_us;
    struct holder owner;
    struct holder replicas[REPLICAS_MAX];
    uint32_t replica_count;
    uint32_t next; /* younger value in the same bucket */
};

struct node {
    bool is_up;
    bool is_hidden;
    uint32_t second; /* in which ... */
    uint32_t asked;  /* ... it began so many operations */
    uint32_t life;
    uint32_t group;
    enum kith_sim_dht_mode mode;
};

struct bucket {
    uint32_t oldest;
    uint32_t youngest;
};

struct kith_sim_dht {
    struct kith_sim_dht_config config;
    struct kith_rng rng;
    struct node *nodes;
    struct value **pages; /* of PAGE values, NULL until used: a ring [head, head + count) of values,
                           * oldest first */
    uint32_t head;
    uint32_t count;
    struct bucket *buckets;
    uint32_t bucket_mask;
    uint8_t lies[LIES_MAX][KITH_DHT_VALUE_MAX];
};

void kith_sim_dht_config_default(struct kith_sim_dht_config *ret)
{
    *ret = (struct kith_sim_dht_config){
        .nodes = 1,
        .values_max = 4096,
        .delay_min_us = 10 * 1000,
        .delay_max_us = 300 * 1000,
        .stale_us = 60 * 1000000ull,
        .expiry_us = 600 * 1000000ull,
        .get_limit_us = 8 * 1000000ull,
        .put_limit_us = 15 * 1000000ull,
        .key_limit = KITH_DHT_VALUES_MAX,
    };
}

static bool config_fits(const struct kith_sim_dht_config *config)
{
    if (config->nodes == 0 || config->nodes > 1u << 20) return false;
    if (config->values_max == 0 || config->values_max > 1u << 22) return false;
    if (config->delay_min_us > config->delay_max_us) return false;
    if (config->delay_max_us - config->delay_min_us >= UINT32_MAX) return false;
    if (!(config->loss >= 0 && config->loss <= 1)) return false;
    if (config->garbage > KITH_DHT_VALUES_MAX) return false;
    return config->key_limit > 0 && config->key_limit <= KITH_DHT_VALUES_MAX;
}

static uint32_t pages_of(const struct kith_sim_dht_config *config)
{
    return (config->values_max + PAGE - 1) / PAGE;
}

static struct value *value_at(const struct kith_sim_dht *dht, uint32_t slot)
{
    return &dht->pages[slot / PAGE][slot % PAGE];
}

int kith_sim_dht_new(const struct kith_sim_dht_config *config,
                     const uint8_t seed[static KITH_SEED_LEN], struct kith_sim_dht **ret_dht)
{
    if (!config_fits(config)) return KITH_ERR_RANGE;
    uint32_t buckets = 1;
    while (buckets < config->values_max)
        buckets *= 2;
    struct kith_sim_dht *dht = calloc(1, sizeof *dht);
    if (!dht) return KITH_ERR_NOMEM;
    dht->config = *config;
    dht->nodes = calloc(config->nodes, sizeof *dht->nodes);
    dht->pages = calloc(pages_of(config), sizeof *dht->pages);
    dht->buckets = calloc(buckets, sizeof *dht->buckets);
    if (!dht->nodes || !dht->pages || !dht->buckets) {
        kith_sim_dht_free(dht);
        return KITH_ERR_NOMEM;
    }
    dht->bucket_mask = buckets - 1;
    for (uint32_t i = 0; i < buckets; i++)
        dht->buckets[i] = (struct bucket){NONE, NONE};
    for (uint32_t i = 0; i < config->nodes; i++)
        dht->nodes[i].is_up = true;
    kith_rng_split(&dht->rng, seed, "sim_dht", 0);
    *ret_dht = dht;
    return 0;
}

void kith_sim_dht_free(struct kith_sim_dht *dht)
{
    if (!dht) return;
    free(dht->buckets);
    for (uint32_t i = 0; dht->pages && i < pages_of(&dht->config); i++)
        free(dht->pages[i]);
    free(dht->pages);
    free(dht->nodes);
    free(dht);
}

/* Keys are hashes already: any of their bytes do. */
static uint64_t key_number(const uint8_t key[static KITH_DHT_KEY_LEN])
{
    struct kith_reader reader = kith_reader_of((struct kith_bytes){key, KITH_DHT_KEY_LEN});
    return kith_read_u64(&reader);
}

static struct bucket *bucket_of(struct kith_sim_dht *dht,
                                const uint8_t key[static KITH_DHT_KEY_LEN])
{
    return &dht->buckets[kith_rng_at(0, key_number(key)) & dht->bucket_mask];
}

static void forget_oldest(struct kith_sim_dht *dht)
{
    struct value *value = value_at(dht, dht->head);
    /* The oldest of all is the oldest of its bucket. */
    struct bucket *bucket = bucket_of(dht, value->key);
    bucket->oldest = value->next;
    if (bucket->oldest == NONE) bucket->youngest = NONE;
    dht->head = (dht->head + 1) % dht->config.values_max;
    dht->count--;
}

/* A stale reader may still see what expired stale_us ago. */
static void forget_expired(struct kith_sim_dht *dht, uint64_t now_us)
{
    uint64_t life_us = dht->config.expiry_us + dht->config.stale_us;
    while (dht->count > 0 && value_at(dht, dht->head)->put_us + life_us <= now_us)
        forget_oldest(dht);
}

static bool holds(const struct kith_sim_dht *dht, const struct holder *holder)
{
    const struct node *node = &dht->nodes[holder->node];
    return node->is_up && node->life == holder->life;
}

/* Nodes by their distance to a key: here a hash of both. */
static void pick_replicas(const struct kith_sim_dht *dht, uint32_t group, struct value *value)
{
    uint64_t distances[REPLICAS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < dht->config.nodes; i++) {
        const struct node *node = &dht->nodes[i];
        if (!node->is_up || node->is_hidden || node->group != group) continue;
        uint64_t distance = kith_rng_at(key_number(value->key), i);
        if (count == REPLICAS_MAX && distance >= distances[count - 1]) continue;
        uint32_t at = count < REPLICAS_MAX ? count++ : count - 1;
        while (at > 0 && distances[at - 1] > distance) {
            distances[at] = distances[at - 1];
            value->replicas[at] = value->replicas[at - 1];
            at--;
        }
        distances[at] = distance;
        value->replicas[at] = (struct holder){i, node->life};
    }
    value->replica_count = count;
}

/* Returns how many other nodes hold it. */
static uint32_t store(struct kith_sim_dht *dht, uint32_t node,
                      const uint8_t key[static KITH_DHT_KEY_LEN], struct kith_bytes bytes,
                      uint64_t now_us)
{
    if (dht->count == dht->config.values_max) forget_oldest(dht);
    uint32_t slot = (dht->head + dht->count) % dht->config.values_max;
    struct value **page = &dht->pages[slot / PAGE];
    if (!*page) *page = calloc(PAGE, sizeof **page);
    if (!*page) return 0; /* out of memory: as if nobody took it */
    dht->count++;
    struct value *value = value_at(dht, slot);
    *value = (struct value){.put_us = now_us, .len = (uint32_t)bytes.len, .next = NONE};
    memcpy(value->key, key, KITH_DHT_KEY_LEN);
    memcpy(value->bytes, bytes.at, bytes.len);
    value->owner = (struct holder){node, dht->nodes[node].life};
    pick_replicas(dht, dht->nodes[node].group, value);

    struct bucket *bucket = bucket_of(dht, key);
    if (bucket->youngest != NONE) value_at(dht, bucket->youngest)->next = slot;
    if (bucket->oldest == NONE) bucket->oldest = slot;
    bucket->youngest = slot;
    uint32_t others = 0;
    for (uint32_t i = 0; i < value->replica_count; i++)
        others += value->replicas[i].node != node;
    return others;
}

static uint64_t draw_delay(struct kith_sim_dht *dht)
{
    uint64_t span = dht->config.delay_max_us - dht->config.delay_min_us;
    return dht->config.delay_min_us + kith_rng_below(&dht->rng, (uint32_t)(span + 1));
}

/* Others answer one address so often in a second. */
static bool is_over_rate(const struct kith_sim_dht *dht, struct node *node, uint64_t now_us)
{
    uint32_t second = (uint32_t)(now_us / 1000000);
    if (node->second != second) node->asked = 0;
    node->second = second;
    node->asked++;
    return dht->config.rate_limit > 0 && node->asked > dht->config.rate_limit;
}

/* Whether the operation is answered at all. Draws the same numbers in every case, so that one
 * node's fault does not change another's luck. */
static bool is_answered(struct kith_sim_dht *dht, uint32_t node, uint64_t now_us, uint64_t limit_us,
                        struct kith_sim_dht_answer *ret)
{
    ret->count = 0;
    ret->err = 0;
    ret->delay_us = draw_delay(dht);
    bool is_lost = kith_rng_unit(&dht->rng) < dht->config.loss;
    bool is_silent = dht->nodes[node].mode == KITH_SIM_DHT_SILENT;
    bool is_too_much = is_over_rate(dht, &dht->nodes[node], now_us);
    if (dht->nodes[node].is_up && !is_lost && !is_silent && !is_too_much) return true;
    ret->err = KITH_ERR_TIMEOUT;
    ret->delay_us = limit_us;
    return false;
}

void kith_sim_dht_put(struct kith_sim_dht *dht, uint32_t node,
                      const uint8_t key[static KITH_DHT_KEY_LEN], struct kith_bytes value,
                      uint64_t now_us, struct kith_sim_dht_answer *ret)
{
    kith_assert(node < dht->config.nodes);
    forget_expired(dht, now_us);
    bool is_put = is_answered(dht, node, now_us, dht->config.put_limit_us, ret);
    bool is_swallowed = kith_rng_unit(&dht->rng) < dht->config.loss;
    if (value.len == 0 || value.len > KITH_DHT_VALUE_MAX) {
        ret->err = KITH_ERR_RANGE;
        ret->delay_us = 0;
        return;
    }
    if (!is_put || is_swallowed || dht->nodes[node].mode == KITH_SIM_DHT_EMPTY) return;
    /* The putter alone: like OpenDHT, it keeps the value and says that nobody took it. */
    if (store(dht, node, key, value, now_us) == 0) ret->err = KITH_ERR_IO;
}

/* What one get looks at. */
struct view {
    uint32_t node;
    uint32_t group;
    uint64_t at_us; /* it sees the DHT as it was then */
};

static bool is_seen(const struct kith_sim_dht *dht, const struct value *value,
                    const struct view *view)
{
    if (value->put_us > view->at_us) return false;
    if (value->put_us + dht->config.expiry_us <= view->at_us) return false;
    bool is_own = value->owner.node == view->node && holds(dht, &value->owner);
    if (is_own) return true;
    if (value->put_us + dht->config.visible_us > view->at_us) return false;
    for (uint32_t i = 0; i < value->replica_count; i++) {
        const struct holder *replica = &value->replicas[i];
        if (holds(dht, replica) && dht->nodes[replica->node].group == view->group) return true;
    }
    return false;
}

static bool is_given(const struct kith_sim_dht_answer *answer, const struct value *value)
{
    for (uint32_t i = 0; i < answer->count; i++)
        if (answer->values[i].len == value->len &&
            memcmp(answer->values[i].at, value->bytes, value->len) == 0)
            return true;
    return false;
}

static void give(const struct kith_sim_dht *dht, const uint8_t key[static KITH_DHT_KEY_LEN],
                 const struct view *view, uint32_t first, struct kith_sim_dht_answer *ret)
{
    for (uint32_t i = first; i != NONE; i = value_at(dht, i)->next) {
        const struct value *value = value_at(dht, i);
        if (memcmp(value->key, key, KITH_DHT_KEY_LEN) != 0) continue;
        if (!is_seen(dht, value, view) || is_given(ret, value)) continue;
        if (ret->count == dht->config.key_limit) {
            ret->err = KITH_ERR_FULL;
            return;
        }
        ret->values[ret->count++] = (struct kith_bytes){value->bytes, value->len};
    }
}

/* One more lie made of `truth` in its own room. */
static struct kith_bytes lie(struct kith_sim_dht *dht, uint32_t slot, struct kith_bytes truth)
{
    uint8_t *bytes = dht->lies[slot];
    size_t len = truth.len;
    memcpy(bytes, truth.at, len);
    switch (kith_rng_below(&dht->rng, 4)) {
    case 0: /* one bit */
        bytes[kith_rng_below(&dht->rng, (uint32_t)len)] ^= (uint8_t)(1u << (slot % 8));
        break;
    case 1: /* cut short */
        len = 1 + kith_rng_below(&dht->rng, (uint32_t)len);
        break;
    case 2: /* noise of the right length */
        kith_rng_fill(&dht->rng, bytes, len);
        break;
    default: {                      /* what was stored under some key */
        if (dht->count == 0) break; /* all that is there came from strangers */
        uint32_t at = (dht->head + kith_rng_below(&dht->rng, dht->count)) % dht->config.values_max;
        len = value_at(dht, at)->len;
        memcpy(bytes, value_at(dht, at)->bytes, len);
        break;
    }
    }
    return (struct kith_bytes){bytes, len};
}

/* Strangers put values under our keys too; which ones come first is luck. What is past the limit is
 * not handed up. */
static void mix_garbage(struct kith_sim_dht *dht, struct kith_sim_dht_answer *answer)
{
    for (uint32_t i = 0; i < dht->config.garbage; i++) {
        size_t len = 1 + kith_rng_below(&dht->rng, KITH_DHT_VALUE_MAX);
        uint32_t at = kith_rng_below(&dht->rng, answer->count + 1);
        bool is_full = answer->count == dht->config.key_limit;
        if (is_full) answer->err = KITH_ERR_FULL;
        if (at >= dht->config.key_limit) continue;
        kith_rng_fill(&dht->rng, dht->lies[i], len);
        uint32_t moved = answer->count - at - (is_full ? 1 : 0);
        memmove(&answer->values[at + 1], &answer->values[at], moved * sizeof answer->values[0]);
        answer->values[at] = (struct kith_bytes){dht->lies[i], len};
        if (!is_full) answer->count++;
    }
}

/* Replace about half, and add one lie where there is room. */
static void spoil(struct kith_sim_dht *dht, struct kith_sim_dht_answer *answer)
{
    for (uint32_t i = 0; i < answer->count; i++)
        if (kith_rng_below(&dht->rng, 2) == 0) answer->values[i] = lie(dht, i, answer->values[i]);
    uint32_t slot = answer->count;
    if (slot == dht->config.key_limit) return;
    size_t len = 1 + kith_rng_below(&dht->rng, KITH_DHT_VALUE_MAX);
    kith_rng_fill(&dht->rng, dht->lies[slot], len);
    answer->values[answer->count++] = (struct kith_bytes){dht->lies[slot], len};
}

void kith_sim_dht_get(struct kith_sim_dht *dht, uint32_t node,
                      const uint8_t key[static KITH_DHT_KEY_LEN], uint64_t now_us,
                      struct kith_sim_dht_answer *ret)
{
    kith_assert(node < dht->config.nodes);
    forget_expired(dht, now_us);
    if (!is_answered(dht, node, now_us, dht->config.get_limit_us, ret)) return;
    enum kith_sim_dht_mode mode = dht->nodes[node].mode;
    if (mode == KITH_SIM_DHT_EMPTY) return;
    struct view view = {.node = node, .group = dht->nodes[node].group, .at_us = now_us};
    if (mode == KITH_SIM_DHT_STALE)
        view.at_us = now_us > dht->config.stale_us ? now_us - dht->config.stale_us : 0;
    give(dht, key, &view, bucket_of(dht, key)->oldest, ret);
    if (dht->config.garbage > 0) mix_garbage(dht, ret);
    if (mode == KITH_SIM_DHT_LYING) spoil(dht, ret);
}

void kith_sim_dht_set_up(struct kith_sim_dht *dht, uint32_t node, bool is_up)
{
    kith_assert(node < dht->config.nodes);
    if (dht->nodes[node].is_up && !is_up) dht->nodes[node].life++;
    dht->nodes[node].is_up = is_up;
}

void kith_sim_dht_set_reachable(struct kith_sim_dht *dht, uint32_t node, bool is_reachable)
{
    kith_assert(node < dht->config.nodes);
    dht->nodes[node].is_hidden = !is_reachable;
}

void kith_sim_dht_set_group(struct kith_sim_dht *dht, uint32_t node, uint32_t group)
{
    kith_assert(node < dht->config.nodes);
    dht->nodes[node].group = group;
}

void kith_sim_dht_set_mode(struct kith_sim_dht *dht, uint32_t node, enum kith_sim_dht_mode mode)
{
    kith_assert(node < dht->config.nodes);
    dht->nodes[node].mode = mode;
}

uint32_t kith_sim_dht_stored(const struct kith_sim_dht *dht)
{
    return dht->count;
}
