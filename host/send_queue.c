#include "host/send_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { LENGTH_LEN = 4 };

void kith_send_queue_init(struct kith_send_queue *queue, size_t size)
{
    *queue = (struct kith_send_queue){.size = size};
}

void kith_send_queue_release(struct kith_send_queue *queue)
{
    free(queue->ring);
    *queue = (struct kith_send_queue){0};
}

static size_t ring_at(const struct kith_send_queue *queue, size_t offset)
{
    size_t at = queue->start + offset;
    return at < queue->size ? at : at - queue->size;
}

static void ring_put(struct kith_send_queue *queue, const void *bytes, size_t len)
{
    size_t at = ring_at(queue, queue->used);
    size_t first = queue->size - at < len ? queue->size - at : len;
    if (len == 0) return;
    memcpy(queue->ring + at, bytes, first);
    memcpy(queue->ring, (const uint8_t *)bytes + first, len - first);
    queue->used += len;
}

bool kith_send_queue_push(struct kith_send_queue *queue, struct kith_bytes head,
                          struct kith_bytes body)
{
    size_t len = head.len + body.len;
    uint8_t length[LENGTH_LEN];
    if (len > queue->size || LENGTH_LEN + len > queue->size - queue->used) return false;
    if (!queue->ring) queue->ring = malloc(queue->size);
    if (!queue->ring) return false;

    struct kith_writer writer = kith_writer_into(length, sizeof length);
    kith_write_u32(&writer, (uint32_t)len);
    ring_put(queue, length, sizeof length);
    ring_put(queue, head.at, head.len);
    ring_put(queue, body.at, body.len);
    return true;
}

bool kith_send_queue_is_empty(const struct kith_send_queue *queue)
{
    return queue->used == 0;
}

static size_t first_len(const struct kith_send_queue *queue)
{
    uint8_t length[LENGTH_LEN];
    for (size_t i = 0; i < LENGTH_LEN; i++)
        length[i] = queue->ring[ring_at(queue, i)];
    struct kith_reader reader = kith_reader_of((struct kith_bytes){length, sizeof length});
    return kith_read_u32(&reader);
}

bool kith_send_queue_peek(const struct kith_send_queue *queue, struct kith_bytes *ret_head,
                          struct kith_bytes *ret_body)
{
    if (queue->used == 0) return false;
    size_t len = first_len(queue), at = ring_at(queue, LENGTH_LEN);
    size_t first = queue->size - at < len ? queue->size - at : len;
    *ret_head = (struct kith_bytes){queue->ring + at, first};
    *ret_body = (struct kith_bytes){queue->ring, len - first};
    return true;
}

void kith_send_queue_pop(struct kith_send_queue *queue)
{
    kith_assert(queue->used > 0);
    size_t len = LENGTH_LEN + first_len(queue);
    queue->start = ring_at(queue, len);
    queue->used -= len;
    if (queue->used > 0) return;
    free(queue->ring);
    queue->ring = NULL;
    queue->start = 0;
}
