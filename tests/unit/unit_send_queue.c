/* Send queues: order, wrapping, and the bound. */
#include "base/rng.h"
#include "host/send_queue.h"
#include "tests/test.h"

static const struct kith_bytes nothing = {0};

/* True if the oldest message is `len` bytes of `value`. */
static bool next_is(const struct kith_send_queue *queue, uint8_t value, size_t len)
{
    struct kith_bytes head, body;
    if (!kith_send_queue_peek(queue, &head, &body) || head.len + body.len != len) return false;
    for (size_t i = 0; i < head.len; i++)
        if (head.at[i] != value) return false;
    for (size_t i = 0; i < body.len; i++)
        if (body.at[i] != value) return false;
    return true;
}

static void keeps_order_around_its_end(void)
{
    struct kith_send_queue queue;
    struct kith_rng rng;
    static const uint8_t seed[KITH_SEED_LEN] = {7};
    uint32_t lens[64], first = 0, next = 0;
    uint8_t bytes[300];
    kith_send_queue_init(&queue, 1000);
    kith_rng_init(&rng, seed);
    check(kith_send_queue_is_empty(&queue));
    for (int step = 0; step < 20000; step++) {
        if (kith_rng_below(&rng, 2) == 0) {
            uint32_t len = 1 + kith_rng_below(&rng, sizeof bytes), cut = kith_rng_below(&rng, len);
            memset(bytes, (uint8_t)next, len);
            bool fits = queue.used + 4 + len <= 1000;
            check(fits == kith_send_queue_push(&queue, (struct kith_bytes){bytes, cut},
                                               (struct kith_bytes){bytes + cut, len - cut}));
            if (fits) lens[next++ % 64] = len;
        } else if (first < next) {
            check(next_is(&queue, (uint8_t)first, lens[first % 64]));
            kith_send_queue_pop(&queue);
            first++;
            check((queue.ring == NULL) == (first == next));
        }
        check(kith_send_queue_is_empty(&queue) == (first == next));
    }
    kith_send_queue_release(&queue);
}

static void is_bounded_to_the_byte(void)
{
    struct kith_send_queue queue;
    uint8_t bytes[100] = {0};
    kith_send_queue_init(&queue, 100);
    check(!kith_send_queue_push(&queue, (struct kith_bytes){bytes, 97}, nothing));
    check(queue.ring == NULL);
    check(kith_send_queue_push(&queue, (struct kith_bytes){bytes, 46}, nothing));
    check(kith_send_queue_push(&queue, nothing, (struct kith_bytes){bytes, 46}));
    check(!kith_send_queue_push(&queue, (struct kith_bytes){bytes, 1}, nothing));
    kith_send_queue_pop(&queue);
    check(kith_send_queue_push(&queue, (struct kith_bytes){bytes, 46}, nothing));
    kith_send_queue_release(&queue);
}

int main(void)
{
    run(keeps_order_around_its_end);
    run(is_bounded_to_the_byte);
    return test_end();
}
