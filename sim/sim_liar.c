/* The gang: between its nodes and the world. */
#include "sim/sim_liar.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sim_zoo.h"

enum {
    EFFECTS_MAX = 4096,
    ARENA_SIZE = 4 * 1024 * 1024,
};

struct kith_gang {
    struct kith_world *world;
    uint32_t nodes;
    struct kith_lying *lies;
    struct kith_zoo *zoo;
    uint8_t *states; /* [members] of KITH_LIAR_STATE_MAX bytes */
    uint32_t *place; /* [nodes] of a liar's state */
    uint8_t *shared;
    struct kith_rng rng;
    struct kith_outbox out;
    uint64_t told;
};

static struct kith_liar liar_of(struct kith_gang *gang, uint32_t node)
{
    return (struct kith_liar){
        .gang = gang,
        .world = gang->world,
        .node = node,
        .lying = gang->lies[node],
        .zoo = gang->zoo,
        .lies = gang->lies,
        .nodes = gang->nodes,
        .rng = &gang->rng,
        .out = &gang->out,
        .state = gang->states + (size_t)gang->place[node] * KITH_LIAR_STATE_MAX,
        .shared = gang->shared,
    };
}

void kith_liar_pass(struct kith_liar *liar, const struct kith_effect *effect)
{
    kith_outbox_add(liar->out, effect);
}

uint8_t *kith_liar_copy(struct kith_liar *liar, const struct kith_effect *send, size_t *ret_len)
{
    struct kith_bytes head = send->send.head, body = send->send.body;
    uint8_t *copy = kith_outbox_room(liar->out, head.len + body.len);
    if (!copy) return NULL;
    memcpy(copy, head.at, head.len);
    if (body.len) memcpy(copy + head.len, body.at, body.len);
    *ret_len = head.len + body.len;
    return copy;
}

void kith_liar_send(struct kith_liar *liar, kith_link link, enum kith_send_class send_class,
                    struct kith_bytes bytes)
{
    struct kith_effect effect = {
        .kind = KITH_EFFECT_SEND,
        .send = {.link = link, .send_class = send_class, .head = bytes},
    };
    kith_outbox_add(liar->out, &effect);
}

void kith_liar_wake(struct kith_liar *liar, uint64_t delay_us)
{
    kith_world_wake(liar->world, liar->node, kith_world_now_us(liar->world) + delay_us);
}

void kith_liar_told(struct kith_liar *liar)
{
    liar->gang->told++;
}

/* --- the filter --- */

static void on_event(void *context, uint32_t node, struct kith_event *event)
{
    struct kith_gang *gang = context;
    const struct kith_lie_kind *kind = &kith_lie_kinds[gang->lies[node].lie];
    if (!kind->event) return;
    struct kith_liar liar = liar_of(gang, node);
    kith_outbox_reset(&gang->out);
    kind->event(&liar, event);
}

/* What a lie gave the event to borrow must live through the step, so nothing is reset here. */
static void on_effects(void *context, uint32_t node, const struct kith_event *event,
                       struct kith_effects *ret)
{
    struct kith_gang *gang = context;
    const struct kith_lie_kind *kind = &kith_lie_kinds[gang->lies[node].lie];
    (void)event;
    if (!kind->effect) return;
    struct kith_liar liar = liar_of(gang, node);
    kith_outbox_reset(&gang->out);
    for (size_t i = 0; i < ret->count; i++)
        kind->effect(&liar, &ret->at[i]);
    *ret = (struct kith_effects){.at = gang->out.effects, .count = gang->out.count};
}

static void on_woken(void *context, uint32_t node, struct kith_effects *ret)
{
    struct kith_gang *gang = context;
    const struct kith_lie_kind *kind = &kith_lie_kinds[gang->lies[node].lie];
    if (!kind->woken) return;
    struct kith_liar liar = liar_of(gang, node);
    kith_outbox_reset(&gang->out);
    kind->woken(&liar);
    *ret = (struct kith_effects){.at = gang->out.effects, .count = gang->out.count};
}

struct kith_world_filter kith_gang_filter(struct kith_gang *gang)
{
    return (struct kith_world_filter){
        .context = gang,
        .event = on_event,
        .effects = on_effects,
        .woken = on_woken,
    };
}

struct kith_gang *kith_gang_new(const struct kith_lying *lies, uint32_t nodes,
                                const uint8_t seed[static KITH_SEED_LEN])
{
    uint32_t members = 0;
    struct kith_gang *gang = calloc(1, sizeof *gang);
    if (!gang) return NULL;
    gang->nodes = nodes;
    kith_rng_split(&gang->rng, seed, "gang", 0);
    gang->lies = calloc(nodes, sizeof *gang->lies);
    gang->place = calloc(nodes, sizeof *gang->place);
    for (uint32_t i = 0; gang->lies && gang->place && i < nodes; i++) {
        const struct kith_lie_kind *kind = &kith_lie_kinds[lies[i].lie];
        gang->lies[i] = lies[i];
        if (lies[i].strength == 0) gang->lies[i].strength = kind->strength;
        if (lies[i].from == 0) gang->lies[i].from = kind->from;
        if (lies[i].lie != KITH_LIE_NONE) gang->place[i] = members++;
    }
    gang->states = calloc(members + 1, KITH_LIAR_STATE_MAX);
    gang->shared = calloc(1, KITH_LIAR_STATE_MAX);
    gang->zoo = kith_zoo_new(nodes);
    bool is_good = gang->zoo && gang->lies && gang->place && gang->states && gang->shared &&
                   kith_outbox_init(&gang->out, EFFECTS_MAX, ARENA_SIZE) == 0;
    if (is_good) return gang;
    kith_gang_free(gang);
    return NULL;
}

void kith_gang_free(struct kith_gang *gang)
{
    if (!gang) return;
    kith_outbox_release(&gang->out);
    kith_zoo_free(gang->zoo);
    free(gang->lies);
    free(gang->place);
    free(gang->states);
    free(gang->shared);
    free(gang);
}

enum kith_lie kith_lie_named(const char *name)
{
    uint32_t lie = 0;
    while (lie < KITH_LIES && strcmp(kith_lie_kinds[lie].name, name) != 0)
        lie++;
    return (enum kith_lie)lie;
}

void kith_gang_attach(struct kith_gang *gang, struct kith_world *world)
{
    gang->world = world;
}

uint64_t kith_gang_told(const struct kith_gang *gang)
{
    return gang->told;
}
