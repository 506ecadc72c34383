#include "node/node.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "identity/ss58.h"
#include "node/inside.h"

enum {
    BOOK_EVERY_US = 60 * 1000 * 1000,
    OWN_SNAPSHOTS = 3, /* a peer that asked for the newest may still be fetching the one before */
    LABELS_HEAD_MAX = 256,
    DHT_PINGS = 8,
    CONTACT_EVERY_US = 120 * 1000 * 1000,
};

void kith_node_report(const struct kith_turn *turn, const struct kith_report *report)
{
    struct kith_report *copy = kith_outbox_room(turn->out, sizeof *copy);
    if (!copy) return;
    *copy = *report;
    struct kith_effect effect = {.kind = KITH_EFFECT_REPORT, .report = {.report = copy}};
    kith_outbox_add(turn->out, &effect);
}

void kith_node_say(struct kith_node *node, const struct kith_turn *turn, enum kith_level level,
                   const char *form, ...)
{
    (void)node;
    struct kith_report report = {.kind = KITH_REPORT_TEXT, .text = {.level = level}};
    va_list list;
    va_start(list, form);
    vsnprintf(report.text.text, sizeof report.text.text, form, list);
    va_end(list);
    kith_node_report(turn, &report);
}

void kith_node_store(struct kith_node *node, enum kith_store_key key, struct kith_bytes bytes,
                     const struct kith_turn *turn)
{
    struct kith_effect effect = {.kind = KITH_EFFECT_STORE, .store = {.key = key, .bytes = bytes}};
    if (kith_outbox_add(turn->out, &effect)) node->storing++;
}

static struct kith_overlay_config overlay_config(const struct kith_node *node)
{
    const struct kith_config *config = &node->config;
    struct kith_overlay_config ret = {
        .keypair = &config->keypair,
        .scheme = config->scheme,
        .swarm = kith_rules_id(&config->rules),
        .active = config->peers,
        .observer = config->observer,
        .peers_max = config->peers_max,
        .links_max = config->links_max,
        .links_wanted = config->links_wanted,
    };
    if (!kith_config_has_learner(config) || !config->peers) return ret;
    if (config->share & KITH_SHARE_WEIGHTS) {
        /* Slots hold the widest wire: a peer chooses its own. */
        ret.big_objects = OWN_SNAPSHOTS + 2 * config->pull_count;
        ret.big_len = kith_frame_size(KITH_WIRE_FP32, config->learner.arch.params);
    }
    if (config->share & KITH_SHARE_LABELS) {
        ret.small_objects = OWN_SNAPSHOTS + 2 * config->teacher_count;
        ret.small_len = LABELS_HEAD_MAX + (uint64_t)KITH_PUBLIC_BATCH * config->rules.classes;
    }
    return ret;
}

static void describe_self(struct kith_node *node)
{
    struct kith_peer_record *own = &node->overlay.own;
    own->version_min = KITH_PROTOCOL_VERSION;
    own->version_max = KITH_PROTOCOL_VERSION;
    own->state = KITH_PEER_STARTING;
    if (!kith_config_has_learner(&node->config)) return;
    own->share = (uint8_t)node->config.share;
    memcpy(own->class_id, node->config.learner.arch.class_id, KITH_CLASS_LEN);
    snprintf(own->model, sizeof own->model, "%s", node->config.learner.arch.text);
}

struct kith_node *kith_node_new(const struct kith_config *config,
                                const uint8_t seed[static KITH_SEED_LEN])
{
    const char *field;
    kith_assert(kith_config_check(config, &field) == 0);
    struct kith_node *node = calloc(1, sizeof *node);
    if (!node) return NULL;
    node->config = *config;
    kith_rng_split(&node->rng, seed, "node", 0);
    struct kith_overlay_config overlay = overlay_config(node);
    int err = kith_overlay_init(&node->overlay, &overlay);
    if (!err) err = kith_rounds_init(&node->rounds, &node->config);
    bool announces = config->peers && config->dht && !config->observer;
    if (announces) node->contact = malloc(KITH_RECORD_LEN_MAX);
    if (announces && !node->contact) err = KITH_ERR_NOMEM;
    if (err) {
        kith_node_free(node);
        return NULL;
    }
    kith_directory_init(&node->directory, &overlay.swarm, &config->keypair.hotkey, announces);
    describe_self(node);
    node->book_at_us = KITH_NEVER;
    return node;
}

void kith_node_free(struct kith_node *node)
{
    if (!node) return;
    kith_rounds_release(&node->rounds);
    kith_overlay_release(&node->overlay);
    kith_keypair_wipe(&node->config.keypair);
    free(node->contact);
    free(node);
}

static void send_stopped(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_effect effect = {.kind = KITH_EFFECT_STOPPED};
    node->stopped = kith_outbox_add(turn->out, &effect);
}

static void store_book(struct kith_node *node, const struct kith_turn *turn)
{
    uint8_t *book = kith_outbox_room(turn->out, KITH_BOOK_LEN_MAX);
    if (!book) return;
    size_t len = kith_overlay_book(&node->overlay, book, KITH_BOOK_LEN_MAX);
    kith_node_store(node, KITH_STORE_PEERS, (struct kith_bytes){book, len}, turn);
}

void kith_node_stop(struct kith_node *node, const struct kith_turn *turn)
{
    if (node->stopping) return;
    node->stopping = true;
    kith_overlay_leave(&node->overlay, turn);
    if (node->config.peers && !node->config.observer && !node->error) {
        store_book(node, turn);
    }
    kith_rounds_stop(node, turn);
}

static void start(struct kith_node *node, const struct kith_event *event,
                  const struct kith_turn *turn)
{
    node->error = kith_rounds_start(node, event->start.stored[KITH_STORE_CHECKPOINT], turn);
    if (node->error) {
        kith_node_stop(node, turn);
        return;
    }
    if (node->rounds.learner) node->overlay.own.round = (uint32_t)node->rounds.round;
    node->error = kith_overlay_start(&node->overlay, event->start.own, event->start.own_count,
                                     event->start.bootstrap, event->start.bootstrap_count,
                                     event->start.stored, turn);
    if (node->error) {
        kith_node_stop(node, turn);
        return;
    }
    kith_directory_start(&node->directory, turn);
    if (node->config.peers && !node->config.observer)
        node->book_at_us = turn->now_us + BOOK_EVERY_US;
}

static void on_part_stored(struct kith_node *node, int err, const struct kith_turn *turn)
{
    bool first = node->overlay.partials.rest_until_us == 0;
    kith_partials_on_stored(&node->overlay.partials, err, turn);
    if (err == 0) return;
    node->stats.store_failures++;
    if (first)
        kith_node_say(node, turn, KITH_LEVEL_WARNING,
                      "could not store a part of a download: %s; it goes on in memory",
                      kith_err_text(err));
}

static void dispatch(struct kith_node *node, const struct kith_event *event,
                     const struct kith_turn *turn)
{
    switch (event->kind) {
    case KITH_EVENT_START:
        start(node, event, turn);
        return;
    case KITH_EVENT_LINK_UP:
        kith_overlay_on_link_up(&node->overlay, event->link_up.link, &event->link_up.peer,
                                &event->link_up.addr, event->link_up.dialed, event->link_up.number,
                                turn);
        return;
    case KITH_EVENT_LINK_DOWN:
        kith_overlay_on_link_down(&node->overlay, event->link_down.link, turn);
        return;
    case KITH_EVENT_DIAL_FAILED:
        kith_overlay_on_dial_failed(&node->overlay, event->dial_failed.number,
                                    event->dial_failed.err, turn);
        return;
    case KITH_EVENT_MESSAGE:
        kith_overlay_on_message(&node->overlay, event->message.link, event->message.bytes, turn);
        return;
    case KITH_EVENT_DEADLINE:
        return; /* every step looks at what is due */
    case KITH_EVENT_DHT_VALUE:
        if (kith_directory_is_open(&node->directory, event->dht.number))
            kith_overlay_on_contact(&node->overlay, event->dht.value, turn);
        return;
    case KITH_EVENT_DHT_DONE:
        kith_directory_on_done(&node->directory, event->dht.number, event->dht.err, turn);
        return;
    case KITH_EVENT_COMPUTED:
        kith_rounds_on_computed(node, turn);
        return;
    case KITH_EVENT_STORED:
        if (event->stored.key >= KITH_STORE_PART) {
            on_part_stored(node, event->stored.err, turn);
            return;
        }
        if (node->storing > 0) node->storing--;
        if (event->stored.err == 0) return;
        node->stats.store_failures++;
        kith_node_say(node, turn, KITH_LEVEL_ERROR, "could not store %s: %s",
                      event->stored.key == KITH_STORE_PEERS ? "the address book" : "the checkpoint",
                      kith_err_text(event->stored.err));
        return;
    case KITH_EVENT_ASK_STATUS:
        kith_overlay_ask_status(&node->overlay, &event->ask_status.peer, turn);
        return;
    case KITH_EVENT_STOP:
        kith_node_stop(node, turn);
        return;
    }
}

/* Somebody else signs with our hotkey. Of two running nodes the younger gives way; but the first
 * such record may be one of an earlier life of ours whose clock was ahead. Our answer to it is a
 * newer record, and only somebody who lives answers that one again. */
static void on_twin(struct kith_node *node, uint64_t twin_started_ms, const struct kith_turn *turn)
{
    enum { EVIDENCE = 2 };
    if (twin_started_ms < node->overlay.own.started_ms) {
        if (++node->twins < EVIDENCE) return;
        kith_node_say(node, turn, KITH_LEVEL_ERROR,
                      "another node already runs with this hotkey: stop it, or use another key");
        node->error = KITH_ERR_IN_USE;
        kith_node_stop(node, turn);
        return;
    }
    if (turn->now_us < node->warned_us + BOOK_EVERY_US) return;
    node->warned_us = turn->now_us;
    kith_node_say(node, turn, KITH_LEVEL_WARNING, "another node was started with this hotkey");
}

static void on_clock(struct kith_node *node, enum kith_clock_news news,
                     const struct kith_turn *turn)
{
    const struct kith_clock *clock = &node->overlay.clock;
    unsigned long long off_s = ((unsigned long long)llabs(clock->ahead_ms) + 500) / 1000;
    const char *where = clock->ahead_ms > 0 ? "ahead of" : "behind";
    if (news == KITH_CLOCK_OFF)
        kith_node_say(node, turn, KITH_LEVEL_WARNING,
                      "this clock is %llu s %s %u peers; their time is used", off_s, where,
                      clock->peers);
    else if (news == KITH_CLOCK_RIGHT)
        kith_node_say(node, turn, KITH_LEVEL_INFO,
                      "this clock agrees with %u peers again; it is used", clock->peers);
    else
        kith_node_say(node, turn, KITH_LEVEL_WARNING,
                      "this clock is %llu s %s %u peers, too few or too far off to go by: check it",
                      off_s, where, clock->peers);
    node->contact_len = 0; /* what was signed for the DHT says the wrong time */
}

static void on_fact(struct kith_node *node, const struct kith_overlay_fact *fact,
                    const struct kith_turn *turn)
{
    char text[KITH_ADDR_TEXT_MAX];
    switch (fact->kind) {
    case KITH_FACT_JOINED:
        kith_ss58_encode(&fact->id, text);
        kith_node_say(node, turn, KITH_LEVEL_INFO, "peer %s joined", text);
        return;
    case KITH_FACT_LEFT:
        kith_ss58_encode(&fact->id, text);
        kith_node_say(node, turn, KITH_LEVEL_INFO, "peer %s left", text);
        return;
    case KITH_FACT_BOOTSTRAP_SILENT:
        kith_addr_format(&fact->addr, text);
        kith_node_say(node, turn, KITH_LEVEL_WARNING,
                      "bootstrap %s does not answer; going on %s and trying again", text,
                      node->overlay.links.count > 0 ? "with others" : "alone");
        return;
    case KITH_FACT_SAME_HOTKEY:
        on_twin(node, fact->started_ms, turn);
        return;
    case KITH_FACT_CLOCK:
        on_clock(node, fact->clock, turn);
        return;
    case KITH_FACT_STATUS:
        return; /* observers read it from the overlay */
    }
}

static void ping_dht(struct kith_node *node, const struct kith_turn *turn)
{
    uint32_t count = node->overlay.peers.count;
    if (count == 0) return;
    uint32_t first = kith_rng_below(turn->rng, count);
    for (uint32_t i = 0; i < count && i < DHT_PINGS; i++) {
        const struct kith_peer *peer = kith_peers_nth(&node->overlay.peers, (first + i) % count);
        if (peer->addr_count == 0) continue;
        struct kith_effect effect = {
            .kind = KITH_EFFECT_DHT_PING,
            .dht_ping = {.addr = peer->more->addr[0]},
        };
        kith_outbox_add(turn->out, &effect);
    }
}

static void advance_directory(struct kith_node *node, const struct kith_turn *turn)
{
    bool ping = false;
    kith_directory_on_deadline(&node->directory, node->stats.peers, &ping, turn);
    if (ping) ping_dht(node, turn);
    if (!node->directory.announce_due) return;
    uint64_t n = kith_peers_swarm_size(&node->overlay.peers, turn);
    /* Equal bytes are one value of a key, however often put; each new signature is another. */
    bool stale = turn->now_us >= node->contact_us + CONTACT_EVERY_US;
    if (stale || node->contact_len == 0) {
        node->contact_len = kith_overlay_contact(&node->overlay, kith_dht_depth(n),
                                                 KITH_ANNOUNCE_LIFETIME_S, node->contact, turn)
                                .len;
        node->contact_us = turn->now_us;
    }
    struct kith_bytes record = {node->contact, node->contact_len};
    kith_directory_announce(&node->directory, record, n, turn);
}

/* What is due now, whatever the event was. */
static void advance(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_overlay_fact fact;
    kith_overlay_on_deadline(&node->overlay, turn);
    advance_directory(node, turn);
    kith_overlay_settle(&node->overlay, turn);
    node->stats.models = node->overlay.peers.serving + kith_config_has_learner(&node->config);
    while (kith_overlay_next_fact(&node->overlay, &fact))
        on_fact(node, &fact, turn);
    kith_rounds_advance(node, turn);
    if (turn->now_us < node->book_at_us) return;
    node->book_at_us = turn->now_us + BOOK_EVERY_US;
    store_book(node, turn);
}

/* Others' goodbyes still count, so that nP is what the list holds; nothing is done about them. */
static void count_while_leaving(struct kith_node *node, const struct kith_turn *turn)
{
    struct kith_overlay_fact fact;
    kith_overlay_settle(&node->overlay, turn);
    while (kith_overlay_next_fact(&node->overlay, &fact))
        continue;
}

void kith_node_step(struct kith_node *node, const struct kith_event *event,
                    struct kith_outbox *outbox, struct kith_effects *ret)
{
    kith_outbox_reset(outbox);
    uint64_t dropped = outbox->dropped;
    struct kith_turn turn = {
        .now_us = event->now_us,
        .wall_ms = kith_clock_now_ms(&node->overlay.clock, event->now_us, event->wall_ms),
        .rng = &node->rng,
        .out = outbox,
        .stats = &node->stats,
    };
    if (event->traffic) kith_stats_take_traffic(&node->stats, event->traffic);
    if (!node->stopped) dispatch(node, event, &turn);
    if (!node->stopping)
        advance(node, &turn);
    else
        count_while_leaving(node, &turn);
    kith_partials_advance(&node->overlay.partials, &turn);
    bool saved = node->rounds.phase == KITH_PHASE_SAVED && node->storing == 0 &&
                 kith_partials_is_idle(&node->overlay.partials);
    if (node->stopping && saved && !node->stopped) send_stopped(node, &turn);
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct kith_effect *effect = &outbox->effects[i];
        if (effect->kind != KITH_EFFECT_SEND) continue;
        kith_overlay_count_sent(&node->overlay, effect->send.head,
                                effect->send.head.len + effect->send.body.len, &node->stats);
    }
    node->stats.effects_dropped += outbox->dropped - dropped;
    *ret = (struct kith_effects){.at = outbox->effects, .count = outbox->count};
}

static void expect(const void *memory, size_t len)
{
    enum { LINE = 64 };
    for (size_t at = 0; at < len; at += LINE)
        __builtin_prefetch((const uint8_t *)memory + at);
}

void kith_node_expect(const struct kith_node *node)
{
    const struct kith_overlay *overlay = &node->overlay;
    expect(overlay, offsetof(struct kith_overlay, objects));
    expect(&overlay->partials, sizeof overlay->partials + sizeof overlay->pulls);
    expect(&overlay->own_at_us, sizeof *overlay - offsetof(struct kith_overlay, own_at_us));
    expect(&node->stats, sizeof node->stats);
    expect(&node->directory, sizeof *node - offsetof(struct kith_node, directory));
}

size_t kith_node_memory(const struct kith_node *node)
{
    size_t bytes = sizeof *node + kith_overlay_memory(&node->overlay);
    if (node->contact) bytes += KITH_RECORD_LEN_MAX;
    return bytes + kith_rounds_memory(&node->rounds);
}

uint64_t kith_node_deadline_us(const struct kith_node *node)
{
    if (node->stopping) return KITH_NEVER;
    uint64_t at = kith_rounds_deadline_us(node);
    uint64_t overlay = node->config.peers ? kith_overlay_deadline_us(&node->overlay) : KITH_NEVER;
    uint64_t directory = kith_directory_deadline_us(&node->directory);
    if (overlay < at) at = overlay;
    if (directory < at) at = directory;
    return node->book_at_us < at ? node->book_at_us : at;
}
