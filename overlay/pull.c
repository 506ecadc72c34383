#include "overlay/pull.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { MANIFEST_FUTURE_MS = KITH_RECORD_FUTURE_MAX_S * 1000 };

int kith_pulls_init(struct kith_pulls *pulls, struct kith_peers *peers, struct kith_links *links,
                    struct kith_dialer *dialer, struct kith_objects *objects,
                    struct kith_serve *serve, struct kith_partials *partials)
{
    memset(pulls, 0, sizeof *pulls);
    pulls->peers = peers;
    pulls->links = links;
    pulls->dialer = dialer;
    pulls->objects = objects;
    pulls->serve = serve;
    pulls->partials = partials;
    if (objects->count == 0) return 0;
    pulls->at = calloc(KITH_PULLS_MAX, sizeof *pulls->at);
    pulls->seen = calloc(1, sizeof *pulls->seen);
    if (!pulls->at || !pulls->seen) {
        kith_pulls_release(pulls);
        return KITH_ERR_NOMEM;
    }
    pulls->count = KITH_PULLS_MAX;
    return 0;
}

void kith_pulls_release(struct kith_pulls *pulls)
{
    free(pulls->at);
    free(pulls->seen);
    memset(pulls, 0, sizeof *pulls);
}

size_t kith_pulls_memory(const struct kith_pulls *pulls)
{
    return pulls->count * sizeof *pulls->at + (pulls->seen ? sizeof *pulls->seen : 0);
}

static bool is_busy(const struct kith_pull *pull)
{
    return pull->phase >= KITH_PULL_LINKING && pull->phase <= KITH_PULL_BLOCKS;
}

uint32_t kith_pulls_under_way(const struct kith_pulls *pulls)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pulls->count; i++)
        count += is_busy(&pulls->at[i]);
    return count;
}

static void unpin(struct kith_pull *pull)
{
    if (pull->object) pull->object->pins--;
    pull->object = NULL;
}

/* What is here and verified survives whatever interrupts the pull. */
static void keep(struct kith_pulls *pulls, const struct kith_pull *pull,
                 const struct kith_turn *turn)
{
    if (!pull->object) return;
    struct kith_bytes sealed = {pull->sealed, pull->sealed_len};
    kith_partials_keep(pulls->partials, pull->object, &pull->manifest, sealed, turn);
}

/* The pull is over; with an error its author is left alone for a while. */
static void end(struct kith_pulls *pulls, struct kith_pull *pull, int err,
                const struct kith_turn *turn)
{
    pull->phase = KITH_PULL_ENDED;
    pull->err = err;
    if (err == 0) {
        pull->object->used_us = turn->now_us; /* or the next to come would push it out */
        kith_partials_done(pulls->partials, &pull->manifest);
        return;
    }
    keep(pulls, pull, turn);
    unpin(pull);
    turn->stats->pulls_failed++;
    struct kith_peer *author = kith_peers_find(pulls->peers, &pull->author);
    bool blame = err != KITH_ERR_NOT_FOUND && err != KITH_ERR_CLOSED;
    if (author && blame) author->more->avoid_until_us = turn->now_us + KITH_PULL_AVOID_US;
}

struct kith_pull *kith_pulls_next_ended(struct kith_pulls *pulls)
{
    for (uint32_t i = 0; i < pulls->count; i++)
        if (pulls->at[i].phase == KITH_PULL_ENDED) return &pulls->at[i];
    return NULL;
}

void kith_pulls_free(struct kith_pull *pull)
{
    unpin(pull);
    pull->phase = KITH_PULL_FREE;
}

void kith_pulls_cancel(struct kith_pulls *pulls, int err, const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < pulls->count; i++)
        if (is_busy(&pulls->at[i])) end(pulls, &pulls->at[i], err, turn);
}

static void send_small(kith_link link, const struct kith_msg *msg, const struct kith_turn *turn)
{
    uint8_t buffer[128];
    kith_outbox_send(turn->out, link, kith_msg_encode(msg, buffer, sizeof buffer));
}

static void ask_head(struct kith_pull *pull, struct kith_link_slot *slot,
                     const struct kith_turn *turn)
{
    struct kith_msg msg = {
        .type = KITH_MSG_HEAD_WANT,
        .head = {.kind = pull->terms.kind, .author = pull->author},
    };
    pull->phase = KITH_PULL_HEAD;
    pull->source = slot->link;
    slot->used_us = turn->now_us;
    send_small(slot->link, &msg, turn);
}

static struct kith_pull *free_pull(struct kith_pulls *pulls)
{
    for (uint32_t i = 0; i < pulls->count; i++)
        if (pulls->at[i].phase == KITH_PULL_FREE) return &pulls->at[i];
    return NULL;
}

/* Two pulls of one object would take the blocks out of each other's hands. */
static bool is_pulled(const struct kith_pulls *pulls, const struct kith_id *author,
                      enum kith_manifest_kind kind)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        const struct kith_pull *pull = &pulls->at[i];
        if (is_busy(pull) && pull->terms.kind == kind && kith_id_eq(&pull->author, author))
            return true;
    }
    return false;
}

bool kith_pulls_start(struct kith_pulls *pulls, struct kith_peer *author,
                      const struct kith_pull_terms *terms, const struct kith_turn *turn)
{
    struct kith_pull *pull = free_pull(pulls);
    if (is_pulled(pulls, &author->id, terms->kind)) return false;
    if (!pull || !kith_dialer_want(pulls->dialer, author, turn)) return false;
    memset(pull, 0, sizeof *pull);
    pull->phase = KITH_PULL_LINKING;
    pull->author = author->id;
    pull->terms = *terms;
    pull->since_us = turn->now_us;
    pull->progress_us = turn->now_us;
    struct kith_link_slot *slot = kith_links_of(pulls->links, &author->id);
    if (slot && slot->hello) ask_head(pull, slot, turn);
    return true;
}

static void ask_piece(struct kith_pull *pull, enum kith_piece piece, uint32_t number,
                      const struct kith_turn *turn)
{
    struct kith_msg msg = {
        .type = KITH_MSG_WANT,
        .piece = {.object = pull->manifest.object, .piece = piece, .number = number},
    };
    send_small(pull->source, &msg, turn);
}

static uint32_t block_count(const struct kith_object *object)
{
    return (uint32_t)((object->len + KITH_BLOCK_MAX - 1) / KITH_BLOCK_MAX);
}

/* The first block from `from` on whose chunk is still missing. */
static uint32_t next_missing(const struct kith_object *object, uint32_t from)
{
    uint32_t blocks = block_count(object);
    while (from < blocks && object->have[from / KITH_BLOCKS_PER_CHUNK])
        from = (from / KITH_BLOCKS_PER_CHUNK + 1) * KITH_BLOCKS_PER_CHUNK;
    return from < blocks ? from : blocks;
}

static void ask_blocks(struct kith_pull *pull, const struct kith_turn *turn)
{
    uint32_t blocks = block_count(pull->object);
    while (pull->waiting < KITH_PULL_WINDOW) {
        pull->ask = next_missing(pull->object, pull->ask);
        if (pull->ask == blocks) return;
        ask_piece(pull, KITH_PIECE_BLOCK, pull->ask++, turn);
        pull->waiting++;
    }
}

/* Begin, or begin again with another source: ask for what is missing. */
static void fetch(struct kith_pulls *pulls, struct kith_pull *pull, const struct kith_turn *turn)
{
    if (kith_object_is_whole(pull->object)) {
        end(pulls, pull, 0, turn);
        return;
    }
    pull->progress_us = turn->now_us;
    pull->waiting = 0;
    if (!pull->object->indexed && pull->object->chunks > 1) {
        pull->phase = KITH_PULL_INDEX;
        ask_piece(pull, KITH_PIECE_INDEX, 0, turn);
        return;
    }
    pull->phase = KITH_PULL_BLOCKS;
    pull->ask = pull->expect = next_missing(pull->object, 0);
    ask_blocks(pull, turn);
}

/* The source failed: go on with another link, or end. */
static void change_source(struct kith_pulls *pulls, struct kith_pull *pull, int err,
                          const struct kith_turn *turn)
{
    keep(pulls, pull, turn);
    bool has_manifest = pull->phase == KITH_PULL_INDEX || pull->phase == KITH_PULL_BLOCKS;
    if (!has_manifest || ++pull->sources >= KITH_PULL_SOURCES) {
        end(pulls, pull, err, turn);
        return;
    }
    struct kith_link_slot *drawn[2];
    uint32_t count = kith_links_draw(pulls->links, 2, drawn, turn);
    for (uint32_t i = 0; i < count; i++) {
        if (drawn[i]->link == pull->source) continue;
        pull->source = drawn[i]->link;
        fetch(pulls, pull, turn);
        return;
    }
    end(pulls, pull, err, turn);
}

static void ban(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                const struct kith_turn *turn)
{
    struct kith_peer *peer = kith_peers_find(pulls->peers, &slot->peer);
    if (peer) peer->banned_until_us = turn->now_us + KITH_BAN_S * KITH_SECOND_US;
    kith_outbox_hang_up(turn->out, slot->link, KITH_HANG_UP_PROTOCOL);
}

void kith_pulls_on_ready(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                         const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct kith_pull *pull = &pulls->at[i];
        if (pull->phase != KITH_PULL_LINKING || !kith_id_eq(&pull->author, &slot->peer)) continue;
        struct kith_link_slot *own = kith_links_find(pulls->links, slot->link);
        if (own) ask_head(pull, own, turn);
    }
}

void kith_pulls_on_unreachable(struct kith_pulls *pulls, const struct kith_id *author,
                               const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct kith_pull *pull = &pulls->at[i];
        bool theirs = kith_id_eq(&pull->author, author);
        if (pull->phase == KITH_PULL_LINKING && theirs) end(pulls, pull, KITH_ERR_TIMEOUT, turn);
    }
}

void kith_pulls_on_down(struct kith_pulls *pulls, kith_link link, const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct kith_pull *pull = &pulls->at[i];
        if (!is_busy(pull) || pull->source != link) continue;
        change_source(pulls, pull, KITH_ERR_CLOSED, turn);
    }
}

static int check_manifest(struct kith_pulls *pulls, const struct kith_pull *pull,
                          struct kith_bytes sealed, const struct kith_turn *turn,
                          struct kith_manifest *ret)
{
    const struct kith_pull_terms *terms = &pull->terms;
    int err = kith_manifest_open(sealed, &pulls->peers->swarm, ret);
    if (err) return err;
    if (ret->kind != terms->kind || !kith_id_eq(&ret->author, &pull->author))
        return KITH_ERR_INVALID;
    if (!terms->any_class && memcmp(ret->class_id, terms->class_id, KITH_CLASS_LEN) != 0)
        return KITH_ERR_SHAPE;
    if (ret->length > terms->length_max || ret->wire >= 4) return KITH_ERR_RANGE;
    uint64_t exact = terms->length_of_wire[ret->wire];
    if (exact && ret->length != exact) return KITH_ERR_SHAPE;
    if (ret->created_ms > turn->wall_ms + MANIFEST_FUTURE_MS) return KITH_ERR_FUTURE;
    const struct kith_peer *author = kith_peers_find(pulls->peers, &pull->author);
    if (author && ret->created_ms < author->more->head_ms[ret->kind - 1]) return KITH_ERR_REPLAY;
    return kith_manifest_verify(sealed, &pulls->peers->swarm, &ret->author, pulls->peers->scheme);
}

static void count_manifest(struct kith_stats *stats, int err)
{
    if (err == KITH_ERR_SIGNATURE)
        stats->drop_signature++;
    else if (err == KITH_ERR_SWARM)
        stats->drop_swarm++;
    else if (err == KITH_ERR_VERSION)
        stats->drop_version++;
    else if (err == KITH_ERR_REPLAY)
        stats->drop_replayed++;
    else if (err == KITH_ERR_FUTURE)
        stats->drop_future++;
    else if (err == KITH_ERR_SHAPE || err == KITH_ERR_RANGE)
        stats->drop_shape++;
    else
        stats->drop_malformed++;
}

static void take_manifest(struct kith_pulls *pulls, struct kith_pull *pull,
                          struct kith_bytes sealed, const struct kith_turn *turn)
{
    if (sealed.len == 0) {
        end(pulls, pull, KITH_ERR_NOT_FOUND, turn);
        return;
    }
    int err = check_manifest(pulls, pull, sealed, turn, &pull->manifest);
    if (err) {
        count_manifest(turn->stats, err);
        end(pulls, pull, err, turn);
        return;
    }
    struct kith_peer *author = kith_peers_find(pulls->peers, &pull->author);
    if (author) author->more->head_ms[pull->terms.kind - 1] = pull->manifest.created_ms;
    pull->sealed_len = (uint16_t)sealed.len;
    memcpy(pull->sealed, sealed.at, sealed.len);
    pull->object = kith_objects_begin(pulls->objects, &pull->manifest.object, pull->manifest.length,
                                      turn->now_us);
    if (!pull->object) {
        end(pulls, pull, KITH_ERR_FULL, turn);
        return;
    }
    pull->object->kind = (uint8_t)pull->manifest.kind;
    pull->object->pins++;
    fetch(pulls, pull, turn);
}

/* The author if it is linked, else anybody. */
static struct kith_link_slot *any_source(struct kith_pulls *pulls, const struct kith_id *author,
                                         const struct kith_turn *turn)
{
    struct kith_link_slot *slot = kith_links_of(pulls->links, author);
    if (slot && slot->hello) return slot;
    return kith_links_draw(pulls->links, 1, &slot, turn) ? slot : NULL;
}

static void resume(struct kith_pulls *pulls, struct kith_pull *pull,
                   const struct kith_partial *partial, const struct kith_pull_terms *terms,
                   const struct kith_link_slot *source, const struct kith_turn *turn)
{
    memset(pull, 0, sizeof *pull);
    pull->author = partial->manifest.author;
    pull->terms = *terms;
    pull->since_us = turn->now_us;
    pull->source = source->link;
    pull->sealed_len = partial->sealed_len;
    memcpy(pull->sealed, partial->sealed, partial->sealed_len);
    struct kith_bytes sealed = {pull->sealed, pull->sealed_len};
    if (check_manifest(pulls, pull, sealed, turn, &pull->manifest) != 0) return;
    pull->object = partial->object;
    pull->object->pins++;
    fetch(pulls, pull, turn);
}

void kith_pulls_resume(struct kith_pulls *pulls, const struct kith_pull_terms *terms,
                       const struct kith_turn *turn)
{
    uint32_t cursor = 0;
    struct kith_partial *partial;
    if (pulls->links->count == 0) return;
    while ((partial = kith_partials_next(pulls->partials, terms->kind, &cursor, turn)) != NULL) {
        struct kith_pull *pull = free_pull(pulls);
        const struct kith_link_slot *source = any_source(pulls, &partial->manifest.author, turn);
        if (pull && source) resume(pulls, pull, partial, terms, source, turn);
    }
}

void kith_pulls_on_head(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                        const struct kith_msg *msg, const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct kith_pull *pull = &pulls->at[i];
        if (pull->phase != KITH_PULL_HEAD || pull->source != slot->link) continue;
        if (pull->terms.kind != msg->head.kind || !kith_id_eq(&pull->author, &msg->head.author))
            continue;
        kith_arrivals_add(&pulls->seen->reach, turn->now_us - pull->since_us);
        take_manifest(pulls, pull, msg->head.manifest, turn);
        return;
    }
    turn->stats->drop_unexpected++;
}

static void take_index(struct kith_pulls *pulls, struct kith_pull *pull,
                       const struct kith_link_slot *slot, struct kith_bytes data,
                       const struct kith_turn *turn)
{
    int err = kith_object_set_index(pull->object, data);
    if (err) {
        turn->stats->drop_content++;
        ban(pulls, slot, turn);
        change_source(pulls, pull, err, turn);
        return;
    }
    fetch(pulls, pull, turn);
}

/* A block in its turn: put it in place, check the chunk that it completes. */
static void take_block(struct kith_pulls *pulls, struct kith_pull *pull,
                       const struct kith_link_slot *slot, struct kith_bytes data,
                       const struct kith_turn *turn)
{
    struct kith_object *object = pull->object;
    uint32_t number = pull->expect, chunk = number / KITH_BLOCKS_PER_CHUNK;
    uint64_t from = (uint64_t)number * KITH_BLOCK_MAX;
    if (!object->have[chunk]) memcpy(object->bytes + from, data.at, data.len);
    pull->waiting--;
    kith_arrivals_add(&pulls->seen->block, turn->now_us - pull->progress_us);
    pull->progress_us = turn->now_us;

    bool last_of_chunk = number % KITH_BLOCKS_PER_CHUNK == KITH_BLOCKS_PER_CHUNK - 1 ||
                         from + data.len == object->len;
    if (last_of_chunk && kith_object_check_chunk(object, chunk) != 0) {
        turn->stats->drop_content++;
        ban(pulls, slot, turn);
        change_source(pulls, pull, KITH_ERR_HASH, turn);
        return;
    }
    if (turn->now_us >= pull->since_us + KITH_PARTIAL_SLOW_US) keep(pulls, pull, turn);
    pull->expect = next_missing(object, number + 1);
    if (pull->expect == block_count(object) && kith_object_is_whole(object)) {
        end(pulls, pull, 0, turn);
        return;
    }
    ask_blocks(pull, turn);
}

static bool is_awaited(const struct kith_pull *pull, const struct kith_msg *msg)
{
    if (msg->piece.piece == KITH_PIECE_INDEX) return pull->phase == KITH_PULL_INDEX;
    if (pull->phase != KITH_PULL_BLOCKS || pull->waiting == 0) return false;
    if (msg->piece.number != pull->expect) return false;
    return msg->piece.data.len == kith_object_block(pull->object, msg->piece.number).len;
}

void kith_pulls_on_block(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                         const struct kith_msg *msg, const struct kith_turn *turn)
{
    turn->stats->bulk_bytes_in += msg->piece.data.len;
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct kith_pull *pull = &pulls->at[i];
        if (!is_busy(pull) || pull->source != slot->link || !pull->object) continue;
        if (!kith_id_eq(&pull->object->id, &msg->piece.object) || !is_awaited(pull, msg)) continue;
        if (msg->piece.piece == KITH_PIECE_INDEX)
            take_index(pulls, pull, slot, msg->piece.data, turn);
        else
            take_block(pulls, pull, slot, msg->piece.data, turn);
        return;
    }
    turn->stats->drop_unexpected++;
}

void kith_pulls_on_nope(struct kith_pulls *pulls, const struct kith_link_slot *slot,
                        const struct kith_msg *msg, const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct kith_pull *pull = &pulls->at[i];
        if (!is_busy(pull) || pull->source != slot->link || !pull->object) continue;
        if (!kith_id_eq(&pull->object->id, &msg->piece.object)) continue;
        change_source(pulls, pull, KITH_ERR_NOT_FOUND, turn);
        return;
    }
}

static uint64_t reach_limit(const struct kith_pulls *pulls)
{
    return kith_arrivals_limit_us(&pulls->seen->reach, KITH_PULL_REACH_US, KITH_PULL_REACH_LEAST_US,
                                  KITH_PULL_REACH_MOST_US);
}

static uint64_t stall_limit(const struct kith_pulls *pulls)
{
    return kith_arrivals_limit_us(&pulls->seen->block, KITH_PULL_STALL_US, KITH_PULL_STALL_LEAST_US,
                                  KITH_PULL_STALL_MOST_US);
}

/* When this pull is given up or gets another source, as things stand. */
static uint64_t pull_deadline(const struct kith_pulls *pulls, const struct kith_pull *pull)
{
    if (!is_busy(pull)) return KITH_NEVER;
    if (pull->phase == KITH_PULL_LINKING || pull->phase == KITH_PULL_HEAD)
        return pull->since_us + reach_limit(pulls);
    uint64_t stall = pull->progress_us + stall_limit(pulls);
    uint64_t whole = pull->since_us + 2 * stall_limit(pulls) +
                     pull->manifest.length * KITH_SECOND_US / KITH_PULL_RATE_MIN;
    return stall < whole ? stall : whole;
}

void kith_pulls_on_deadline(struct kith_pulls *pulls, const struct kith_turn *turn)
{
    for (uint32_t i = 0; i < pulls->count; i++) {
        struct kith_pull *pull = &pulls->at[i];
        if (turn->now_us < pull_deadline(pulls, pull)) continue;
        bool is_reaching = pull->phase == KITH_PULL_LINKING || pull->phase == KITH_PULL_HEAD;
        bool stalls = !is_reaching && turn->now_us >= pull->progress_us + stall_limit(pulls);
        if (is_reaching) kith_arrivals_add(&pulls->seen->reach, 2 * reach_limit(pulls));
        if (stalls) kith_arrivals_add(&pulls->seen->block, 2 * stall_limit(pulls));
        if (stalls)
            change_source(pulls, pull, KITH_ERR_TIMEOUT, turn);
        else
            end(pulls, pull, KITH_ERR_TIMEOUT, turn);
    }
}

uint64_t kith_pulls_deadline_us(const struct kith_pulls *pulls)
{
    uint64_t least = KITH_NEVER;
    for (uint32_t i = 0; i < pulls->count; i++) {
        uint64_t deadline = pull_deadline(pulls, &pulls->at[i]);
        if (deadline < least) least = deadline;
    }
    return least;
}
