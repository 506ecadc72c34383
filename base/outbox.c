#include "base/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int kith_outbox_init(struct kith_outbox *outbox, uint32_t effects_max, size_t arena_size)
{
    memset(outbox, 0, sizeof *outbox);
    outbox->effects = calloc(effects_max, sizeof *outbox->effects);
    outbox->arena = malloc(arena_size);
    if (!outbox->effects || !outbox->arena) {
        kith_outbox_release(outbox);
        return KITH_ERR_NOMEM;
    }
    outbox->effects_max = effects_max;
    outbox->arena_size = arena_size;
    return 0;
}

void kith_outbox_release(struct kith_outbox *outbox)
{
    free(outbox->effects);
    free(outbox->arena);
    memset(outbox, 0, sizeof *outbox);
}

void kith_outbox_reset(struct kith_outbox *outbox)
{
    outbox->count = 0;
    outbox->arena_used = 0;
}

bool kith_outbox_add(struct kith_outbox *outbox, const struct kith_effect *effect)
{
    if (outbox->count == outbox->effects_max) {
        outbox->dropped++;
        return false;
    }
    outbox->effects[outbox->count++] = *effect;
    return true;
}

void *kith_outbox_room(struct kith_outbox *outbox, size_t size)
{
    size_t aligned = (size + 15) & ~(size_t)15;
    if (outbox->arena_size - outbox->arena_used < aligned) {
        outbox->dropped++;
        return NULL;
    }
    void *room = outbox->arena + outbox->arena_used;
    outbox->arena_used += aligned;
    return room;
}

void kith_outbox_send(struct kith_outbox *outbox, kith_link link, struct kith_bytes message)
{
    void *copy = kith_outbox_room(outbox, message.len);
    if (!copy) return;
    memcpy(copy, message.at, message.len);
    struct kith_effect effect = {
        .kind = KITH_EFFECT_SEND,
        .send = {.link = link, .send_class = KITH_SEND_CONTROL, .head = {copy, message.len}},
    };
    kith_outbox_add(outbox, &effect);
}

void kith_outbox_hang_up(struct kith_outbox *outbox, kith_link link,
                         enum kith_hang_up_reason reason)
{
    struct kith_effect effect = {
        .kind = KITH_EFFECT_HANG_UP,
        .hang_up = {.link = link, .reason = reason},
    };
    kith_outbox_add(outbox, &effect);
}
