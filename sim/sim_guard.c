#include "sim/sim_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/record.h"
#include "overlay/overlay_msg.h"
#include "training/job.h"

enum {
    SIGNED_MAX = 256, /* records of a node that the book keeps, more than can be valid at once */
    VIEW_MAX = 1024,  /* peers of a node that are looked at */
    LOOK_EVERY_US = 250000, /* between two looks at a node's list for the dead */
    RECORD_AUTHOR_AT = 14,
};

/* A record that its author signed. */
struct signed_record {
    uint64_t seq;
    uint64_t started_ms;
    uint32_t valid_from_s;
    uint32_t valid_until_s;
    uint32_t round;
    uint8_t flags;
};

struct book {
    struct signed_record at[SIGNED_MAX]; /* a ring: number % SIGNED_MAX */
    uint64_t count;
    uint32_t last_until_s; /* the latest end of any */
};

struct spent {
    uint64_t window; /* number of the ten seconds counted now */
    uint64_t gossip;
    uint64_t bytes;
};

struct kith_guard {
    struct kith_guard_config config;
    struct kith_world *world;
    struct kith_id swarm;
    struct book *books;      /* [nodes] */
    struct spent *spent;     /* [nodes] */
    uint64_t *seen_seq;      /* [nodes][nodes] of the record that one holds of the other */
    uint64_t *dead_since_us; /* [nodes][nodes] since when one lists the other without a right to */
    uint64_t *next_look_us;  /* [nodes] */
    int64_t skew_min_ms;     /* of any clock so far */
    int64_t skew_max_ms;
    uint64_t gossip_peak;
    uint64_t bytes_peak;
    struct kith_peer_view view[VIEW_MAX];
    struct kith_id ids[VIEW_MAX];
    bool is_met[KITH_GUARD_NODES_MAX];
    uint32_t part[KITH_GUARD_NODES_MAX];
};

struct kith_guard *kith_guard_new(const struct kith_guard_config *config)
{
    size_t nodes = config->nodes;
    if (nodes > KITH_GUARD_NODES_MAX) return NULL;
    struct kith_guard *guard = calloc(1, sizeof *guard);
    if (!guard) return NULL;
    guard->config = *config;
    guard->books = calloc(nodes, sizeof *guard->books);
    guard->spent = calloc(nodes, sizeof *guard->spent);
    guard->seen_seq = calloc(nodes * nodes, sizeof *guard->seen_seq);
    guard->dead_since_us = calloc(nodes * nodes, sizeof *guard->dead_since_us);
    guard->next_look_us = calloc(nodes, sizeof *guard->next_look_us);
    bool is_good = guard->books && guard->spent && guard->seen_seq && guard->dead_since_us &&
                   guard->next_look_us;
    if (is_good) return guard;
    kith_guard_free(guard);
    return NULL;
}

void kith_guard_free(struct kith_guard *guard)
{
    if (!guard) return;
    free(guard->books);
    free(guard->spent);
    free(guard->seen_seq);
    free(guard->dead_since_us);
    free(guard->next_look_us);
    free(guard);
}

void kith_guard_attach(struct kith_guard *guard, struct kith_world *world,
                       const struct kith_id *swarm)
{
    guard->swarm = *swarm;
    guard->world = world;
}

void kith_guard_fault(struct kith_guard *guard, const struct kith_fault *fault)
{
    if (fault->kind != KITH_FAULT_SKEW) return;
    if (fault->skew_ms < guard->skew_min_ms) guard->skew_min_ms = fault->skew_ms;
    if (fault->skew_ms > guard->skew_max_ms) guard->skew_max_ms = fault->skew_ms;
}

/* The earliest and the latest second that a node may take for the present one. */
static uint64_t earliest_s(const struct kith_guard *guard)
{
    uint64_t true_ms = KITH_WORLD_EPOCH_MS + kith_world_now_us(guard->world) / 1000;
    return (true_ms + (uint64_t)guard->skew_min_ms) / 1000;
}

static uint64_t latest_s(const struct kith_guard *guard)
{
    uint64_t true_ms = KITH_WORLD_EPOCH_MS + kith_world_now_us(guard->world) / 1000;
    return (true_ms + (uint64_t)guard->skew_max_ms) / 1000;
}

/* --- the book of what was signed --- */

static const struct signed_record *signed_of(const struct book *book, uint64_t seq)
{
    uint64_t oldest = book->count > SIGNED_MAX ? book->count - SIGNED_MAX : 0;
    for (uint64_t i = book->count; i > oldest; i--)
        if (book->at[(i - 1) % SIGNED_MAX].seq == seq) return &book->at[(i - 1) % SIGNED_MAX];
    return NULL;
}

/* A record that a node sends of itself enters the book, if the signature is its own. */
static void note_record(struct kith_guard *guard, uint32_t node, struct kith_bytes bytes)
{
    struct kith_peer_record record;
    struct book *book = &guard->books[node];
    const struct kith_id *hotkey = kith_world_hotkey(guard->world, node);
    if (bytes.len < RECORD_AUTHOR_AT + KITH_ID_LEN) return;
    if (memcmp(bytes.at + RECORD_AUTHOR_AT, hotkey->bytes, KITH_ID_LEN) != 0) return;
    if (kith_record_open(bytes, &guard->swarm, &record) != 0) return;
    if (signed_of(book, record.seq)) return;
    if (kith_record_verify(bytes, &guard->swarm, hotkey, guard->config.scheme)) return;
    book->at[book->count++ % SIGNED_MAX] = (struct signed_record){
        .seq = record.seq,
        .started_ms = record.started_ms,
        .valid_from_s = record.valid_from_s,
        .valid_until_s = record.valid_until_s,
        .round = record.round,
        .flags = record.flags,
    };
    if (record.valid_until_s > book->last_until_s) book->last_until_s = record.valid_until_s;
}

static void note_message(struct kith_guard *guard, uint32_t node, struct kith_bytes bytes)
{
    struct kith_msg msg;
    bool has_records =
        bytes.len > 1 && (bytes.at[1] == KITH_MSG_HELLO || bytes.at[1] == KITH_MSG_PEERS);
    if (!has_records || kith_msg_decode(bytes, &msg) != 0) return;
    if (msg.type == KITH_MSG_HELLO) note_record(guard, node, msg.hello.record);
    for (uint32_t i = 0; msg.type == KITH_MSG_PEERS && i < msg.peers.count; i++)
        note_record(guard, node, msg.peers.record[i]);
}

/* --- record --- */

static void check_record(struct kith_guard *guard, uint32_t node, uint32_t peer,
                         const struct kith_peer_record *record)
{
    uint64_t *seen = &guard->seen_seq[(size_t)node * guard->config.nodes + peer];
    if (record->seq == *seen) return;
    if (record->seq < *seen)
        kith_world_fail(guard->world, node, "record: an older one of node %u was taken", peer);
    *seen = record->seq;
    const struct signed_record *true_one = signed_of(&guard->books[peer], record->seq);
    bool is_true = true_one && true_one->valid_from_s == record->valid_from_s &&
                   true_one->valid_until_s == record->valid_until_s &&
                   true_one->flags == record->flags && true_one->round == record->round &&
                   true_one->started_ms == record->started_ms;
    if (!is_true)
        kith_world_fail(guard->world, node, "record: node %u never signed what was taken", peer);
    if (earliest_s(guard) > record->valid_until_s)
        kith_world_fail(guard->world, node, "record: one of node %u that has run out was taken",
                        peer);
    if (latest_s(guard) + KITH_RECORD_FUTURE_MAX_S < record->valid_from_s)
        kith_world_fail(guard->world, node, "record: one of node %u from the future was taken",
                        peer);
}

static void check_records(struct kith_guard *guard, uint32_t node, uint64_t wall_ms)
{
    uint32_t nodes = guard->config.nodes;
    const struct kith_node *core = kith_world_node(guard->world, node);
    uint32_t count = kith_node_view(core, wall_ms, guard->view, VIEW_MAX);
    memset(guard->is_met, 0, nodes * sizeof *guard->is_met);
    for (uint32_t i = 0; i < count; i++) {
        const struct kith_peer_record *record = &guard->view[i].record;
        uint32_t peer = kith_world_find(guard->world, &record->hotkey);
        if (record->seq == 0) continue;
        if (peer == UINT32_MAX) {
            kith_world_fail(guard->world, node, "record: of nobody");
            return;
        }
        guard->is_met[peer] = true;
        check_record(guard, node, peer, record);
    }
    for (uint32_t i = 0; i < nodes; i++)
        if (!guard->is_met[i]) guard->seen_seq[(size_t)node * nodes + i] = 0;
}

/* --- dead --- */

static void check_dead(struct kith_guard *guard, uint32_t node)
{
    uint64_t now_us = kith_world_now_us(guard->world);
    const struct kith_node *core = kith_world_node(guard->world, node);
    if (now_us < guard->next_look_us[node]) return;
    guard->next_look_us[node] = now_us + LOOK_EVERY_US;
    uint32_t count = kith_node_peers(core, guard->ids, VIEW_MAX);
    memset(guard->is_met, 0, guard->config.nodes * sizeof *guard->is_met);
    for (uint32_t i = 0; i < count && i < VIEW_MAX; i++) {
        uint32_t peer = kith_world_find(guard->world, &guard->ids[i]);
        if (peer < guard->config.nodes)
            guard->is_met[peer] = earliest_s(guard) > guard->books[peer].last_until_s;
    }
    for (uint32_t i = 0; i < guard->config.nodes; i++) {
        uint64_t *since_us = &guard->dead_since_us[(size_t)node * guard->config.nodes + i];
        if (!guard->is_met[i]) *since_us = 0;
        if (!guard->is_met[i]) continue;
        if (*since_us == 0) *since_us = now_us;
        if (now_us > *since_us + KITH_GUARD_LATE_US)
            kith_world_fail(guard->world, node, "dead: node %u is listed, its last record ended",
                            i);
    }
}

/* --- contribution --- */

static void check_contributions(struct kith_guard *guard, uint32_t node, const struct kith_job *job)
{
    struct kith_node_source source[KITH_PULL_MAX + KITH_TEACHERS_MAX];
    const struct kith_node *core = kith_world_node(guard->world, node);
    uint32_t count = kith_node_sources(core, source, KITH_PULL_MAX + KITH_TEACHERS_MAX);
    if (job->pulled_count + job->teacher_count > count)
        kith_world_fail(guard->world, node, "contribution: %u count, %u came",
                        job->pulled_count + job->teacher_count, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct kith_manifest *one = &source[i].manifest;
        if (kith_id_eq(&one->author, kith_world_hotkey(guard->world, node)))
            kith_world_fail(guard->world, node, "contribution: its own");
        for (uint32_t j = 0; j < i; j++)
            if (source[j].manifest.kind == one->kind &&
                kith_id_eq(&source[j].manifest.author, &one->author))
                kith_world_fail(guard->world, node, "contribution: two of node %u",
                                kith_world_find(guard->world, &one->author));
    }
    for (uint32_t i = 0; i < job->pulled_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (job->pulled[i].frame.at == job->pulled[j].frame.at)
                kith_world_fail(guard->world, node, "contribution: one counts twice");
}

/* --- bytes --- */

static void end_window(struct kith_guard *guard, uint32_t node, uint64_t window)
{
    struct spent *spent = &guard->spent[node];
    uint64_t seconds = KITH_GUARD_WINDOW_US / KITH_SECOND_US;
    uint64_t gossip = spent->gossip / seconds, bytes = spent->bytes / seconds;
    *spent = (struct spent){.window = window};
    if (guard->config.is_liar[node]) return;
    if (gossip > guard->gossip_peak) guard->gossip_peak = gossip;
    if (bytes > guard->bytes_peak) guard->bytes_peak = bytes;
    if (gossip > guard->config.gossip_cap)
        kith_world_fail(guard->world, node, "bytes: %llu a second on who is there, at most %llu",
                        (unsigned long long)gossip, (unsigned long long)guard->config.gossip_cap);
    if (bytes > guard->config.bytes_cap)
        kith_world_fail(guard->world, node, "bytes: %llu a second, at most %llu",
                        (unsigned long long)bytes, (unsigned long long)guard->config.bytes_cap);
}

static void count_bytes(struct kith_guard *guard, uint32_t node, const struct kith_effect *effect)
{
    uint8_t kind;
    struct kith_id object;
    size_t len = effect->send.head.len + effect->send.body.len;
    guard->spent[node].bytes += len;
    if (kith_msg_purpose(effect->send.head, &kind, &object) == KITH_PURPOSE_GOSSIP)
        guard->spent[node].gossip += len;
}

/* --- after a step --- */

static void begin_life(struct kith_guard *guard, uint32_t node)
{
    size_t nodes = guard->config.nodes;
    memset(guard->seen_seq + node * nodes, 0, nodes * sizeof *guard->seen_seq);
    memset(guard->dead_since_us + node * nodes, 0, nodes * sizeof *guard->dead_since_us);
}

void kith_guard_step(struct kith_guard *guard, uint32_t node, const struct kith_event *event,
                     const struct kith_effects *effects)
{
    uint64_t window = kith_world_now_us(guard->world) / KITH_GUARD_WINDOW_US;
    bool is_liar = guard->config.is_liar[node];
    if (event->kind == KITH_EVENT_START) begin_life(guard, node);
    if (guard->spent[node].window != window) end_window(guard, node, window);
    for (size_t i = 0; i < effects->count; i++) {
        const struct kith_effect *effect = &effects->at[i];
        if (effect->kind == KITH_EFFECT_SEND) {
            count_bytes(guard, node, effect);
            note_message(guard, node, effect->send.head);
        }
        if (effect->kind == KITH_EFFECT_COMPUTE && !is_liar)
            check_contributions(guard, node, effect->compute.job);
    }
    if (is_liar) return;
    if (event->kind == KITH_EVENT_MESSAGE) check_records(guard, node, event->wall_ms);
    check_dead(guard, node);
}

void kith_guard_peaks(const struct kith_guard *guard, uint64_t *ret_gossip, uint64_t *ret_bytes)
{
    *ret_gossip = guard->gossip_peak;
    *ret_bytes = guard->bytes_peak;
}

/* --- after healing --- */

static uint32_t root_of(const struct kith_guard *guard, uint32_t node)
{
    while (guard->part[node] != node)
        node = guard->part[node];
    return node;
}

static bool is_joined(struct kith_guard *guard, const bool *core, char *ret_lack)
{
    uint32_t first = UINT32_MAX;
    for (uint32_t i = 0; i < guard->config.nodes; i++)
        guard->part[i] = i;
    for (uint32_t i = 0; i < guard->config.nodes; i++) {
        const struct kith_node *node = kith_world_node(guard->world, i);
        if (!core[i] || !node) continue;
        uint32_t count = kith_node_links(node, guard->ids, VIEW_MAX);
        for (uint32_t j = 0; j < count && j < VIEW_MAX; j++) {
            uint32_t far = kith_world_find(guard->world, &guard->ids[j]);
            if (far < guard->config.nodes && core[far])
                guard->part[root_of(guard, i)] = root_of(guard, far);
        }
    }
    for (uint32_t i = 0; i < guard->config.nodes; i++) {
        if (!core[i]) continue;
        if (first == UINT32_MAX) first = i;
        if (root_of(guard, i) == root_of(guard, first)) continue;
        snprintf(ret_lack, KITH_WORLD_TEXT_MAX, "graph: no links join nodes %u and %u", first, i);
        return false;
    }
    return true;
}

static bool knows_all(struct kith_guard *guard, uint32_t node, const bool *core,
                      uint32_t view_bound, char *ret_lack)
{
    uint32_t nodes = guard->config.nodes;
    const struct kith_node *one = kith_world_node(guard->world, node);
    uint32_t count = kith_world_state(guard->world, node) == KITH_WORLD_UP
                         ? kith_node_peers(one, guard->ids, VIEW_MAX)
                         : 0;
    if (count >= view_bound) return true;
    memset(guard->is_met, 0, nodes * sizeof *guard->is_met);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t peer = kith_world_find(guard->world, &guard->ids[i]);
        if (peer < nodes) guard->is_met[peer] = true;
    }
    for (uint32_t i = 0; i < nodes; i++) {
        if (!core[i] || i == node || guard->is_met[i]) continue;
        snprintf(ret_lack, KITH_WORLD_TEXT_MAX, "knows: node %u does not list node %u", node, i);
        return false;
    }
    return true;
}

bool kith_guard_is_whole(struct kith_guard *guard, const bool *core, uint32_t view_bound,
                         char ret_lack[static KITH_WORLD_TEXT_MAX])
{
    if (!is_joined(guard, core, ret_lack)) return false;
    for (uint32_t i = 0; i < guard->config.nodes; i++)
        if (core[i] && !knows_all(guard, i, core, view_bound, ret_lack)) return false;
    return true;
}
