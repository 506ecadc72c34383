#include "overlay/serve.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { SMALL_MSG_MAX = 512 };

int kith_serve_init(struct kith_serve *serve, struct kith_objects *objects)
{
    memset(serve, 0, sizeof *serve);
    serve->objects = objects;
    if (objects->count == 0) return 0;
    serve->head = calloc(KITH_HEADS_MAX, sizeof *serve->head);
    return serve->head ? 0 : KITH_ERR_NOMEM;
}

void kith_serve_release(struct kith_serve *serve)
{
    free(serve->head);
    memset(serve, 0, sizeof *serve);
}

size_t kith_serve_memory(const struct kith_serve *serve)
{
    return serve->head ? KITH_HEADS_MAX * sizeof *serve->head : 0;
}

static struct kith_head *head_of(struct kith_serve *serve, enum kith_manifest_kind kind,
                                 const struct kith_id *author)
{
    for (uint32_t i = 0; i < serve->count; i++) {
        struct kith_head *head = &serve->head[i];
        if (head->kind == kind && kith_id_eq(&head->author, author)) return head;
    }
    return NULL;
}

static struct kith_head *oldest_head(struct kith_serve *serve)
{
    struct kith_head *oldest = &serve->head[0];
    for (uint32_t i = 1; i < serve->count; i++)
        if (serve->head[i].used < oldest->used) oldest = &serve->head[i];
    return oldest;
}

void kith_serve_publish(struct kith_serve *serve, const struct kith_manifest *manifest,
                        struct kith_bytes sealed)
{
    struct kith_head *head = head_of(serve, manifest->kind, &manifest->author);
    if (!head)
        head = serve->count < KITH_HEADS_MAX ? &serve->head[serve->count++] : oldest_head(serve);
    head->author = manifest->author;
    head->kind = manifest->kind;
    head->object = manifest->object;
    head->used = ++serve->uses;
    head->len = (uint16_t)sealed.len;
    memcpy(head->bytes, sealed.at, sealed.len);
}

void kith_serve_on_head_want(struct kith_serve *serve, const struct kith_link_slot *slot,
                             const struct kith_msg *msg, const struct kith_turn *turn)
{
    const struct kith_head *head = head_of(serve, msg->head.kind, &msg->head.author);
    struct kith_msg answer = {
        .type = KITH_MSG_HEAD,
        .head = {.kind = msg->head.kind, .author = msg->head.author},
    };
    if (head) answer.head.manifest = (struct kith_bytes){head->bytes, head->len};
    uint8_t buffer[SMALL_MSG_MAX];
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&answer, buffer, sizeof buffer));
}

static void send_nope(const struct kith_link_slot *slot, const struct kith_id *object,
                      const struct kith_turn *turn)
{
    struct kith_msg nope = {.type = KITH_MSG_NOPE, .piece = {.object = *object}};
    uint8_t buffer[SMALL_MSG_MAX];
    kith_outbox_send(turn->out, slot->link, kith_msg_encode(&nope, buffer, sizeof buffer));
}

/* The piece asked for if it is here and verified, else empty. */
static struct kith_bytes piece_of(const struct kith_object *object, enum kith_piece piece,
                                  uint32_t number)
{
    const struct kith_bytes none = {NULL, 0};
    if (!object || !object->indexed) return none;
    if (piece == KITH_PIECE_INDEX) return number == 0 ? kith_object_index(object) : none;
    uint32_t chunk = number / KITH_BLOCKS_PER_CHUNK;
    if (chunk >= object->chunks || !object->have[chunk]) return none;
    return kith_object_block(object, number);
}

void kith_serve_on_want(struct kith_serve *serve, const struct kith_link_slot *slot,
                        const struct kith_msg *msg, const struct kith_turn *turn)
{
    struct kith_object *object = kith_objects_find(serve->objects, &msg->piece.object);
    struct kith_bytes data = piece_of(object, msg->piece.piece, msg->piece.number);
    if (data.len == 0) {
        send_nope(slot, &msg->piece.object, turn);
        return;
    }
    struct kith_msg block = *msg;
    block.type = KITH_MSG_BLOCK;
    block.piece.data = data;
    uint8_t buffer[SMALL_MSG_MAX];
    struct kith_bytes head = kith_msg_encode_block_head(&block, buffer, sizeof buffer);
    uint8_t *room = kith_outbox_room(turn->out, head.len);
    if (!room) return;
    memcpy(room, head.at, head.len);
    struct kith_effect effect = {
        .kind = KITH_EFFECT_SEND,
        .send = {.link = slot->link,
                 .send_class = KITH_SEND_BULK,
                 .head = {room, head.len},
                 .body = data},
    };
    if (!kith_outbox_add(turn->out, &effect)) return;
    object->used_us = turn->now_us;
    turn->stats->bulk_bytes_out += data.len;
}
