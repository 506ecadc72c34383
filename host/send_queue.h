/* host/send_queue.h: messages that wait for a link, first in, first out, in a ring of fixed size. A
 * message that wraps around its end comes out in two parts, which is what sealing takes anyway. */
#ifndef KITH_HOST_SEND_QUEUE_H
#define KITH_HOST_SEND_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct kith_send_queue {
    uint8_t *ring; /* NULL while it is empty */
    size_t size;
    size_t start;
    size_t used; /* bytes, 4 for each message's length included */
};

void kith_send_queue_init(struct kith_send_queue *queue, size_t size);
void kith_send_queue_release(struct kith_send_queue *queue);
/* Copy head and body in; false if there is no room, or no memory for the ring. */
bool kith_send_queue_push(struct kith_send_queue *queue, struct kith_bytes head,
                          struct kith_bytes body);
bool kith_send_queue_is_empty(const struct kith_send_queue *queue);
/* The oldest message, in place until it is popped; false if there is none. */
bool kith_send_queue_peek(const struct kith_send_queue *queue, struct kith_bytes *ret_head,
                          struct kith_bytes *ret_body);
void kith_send_queue_pop(struct kith_send_queue *queue);

#endif
