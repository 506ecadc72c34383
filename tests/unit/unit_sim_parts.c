/* The small parts of the simulator: its pool, its trace hash, its signatures. */
#include "node/report.h"
#include "sim/sim_hash.h"
#include "sim/sim_pool.h"
#include "sim/sim_sign.h"
#include "tests/test.h"

enum { BLOCKS = 500 };

static void the_pool_gives_blocks_that_do_not_overlap(void)
{
    struct kith_sim_pool pool;
    uint8_t *blocks[BLOCKS];
    size_t sizes[BLOCKS];
    kith_sim_pool_init(&pool, 64 << 20);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        sizes[i] = 1 + (size_t)i * i * 977 % KITH_SIM_POOL_BLOCK_MAX;
        blocks[i] = kith_sim_pool_take(&pool, sizes[i]);
        check(blocks[i]);
        check((uintptr_t)blocks[i] % 16 == 0);
        memset(blocks[i], (int)(i & 255), sizes[i]);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        check(blocks[i][0] == (i & 255) && blocks[i][sizes[i] - 1] == (i & 255));
        kith_sim_pool_give(&pool, blocks[i], sizes[i]);
    }
    check_int(pool.bytes, 0);
    kith_sim_pool_release(&pool);
}

static void the_pool_takes_memory_once_and_keeps_its_bound(void)
{
    struct kith_sim_pool pool;
    void *blocks[8];
    kith_sim_pool_init(&pool, 8 * 65536);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < 8; i++) {
            blocks[i] = kith_sim_pool_take(&pool, 65536);
            check(blocks[i]);
        }
        check(!kith_sim_pool_take(&pool, 65536));
        check(!kith_sim_pool_take(&pool, 1));
        void *chunks = pool.chunks;
        for (int i = 0; i < 8; i++)
            kith_sim_pool_give(&pool, blocks[i], 65536);
        check(turn == 0 || pool.chunks == chunks);
    }
    check_int(pool.refused, 6);
    check_int(pool.peak, 8 * 65536);
    kith_sim_pool_release(&pool);
}

static struct kith_id hash_of(const struct kith_event *event, const struct kith_effect *effect)
{
    struct kith_sim_hash trace;
    kith_sim_hash_init(&trace);
    if (event) kith_sim_hash_event(&trace, 10, 1, event);
    if (effect) kith_sim_hash_effect(&trace, effect);
    return kith_sim_hash_now(&trace);
}

static void every_bit_of_a_message_is_in_the_trace(void)
{
    uint8_t bytes[70] = {0};
    struct kith_effect effect = {.kind = KITH_EFFECT_SEND, .send = {.link = 3}};
    for (size_t len = 1; len <= sizeof bytes; len++) {
        effect.send.head = (struct kith_bytes){bytes, len};
        struct kith_id before = hash_of(NULL, &effect);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            struct kith_id after = hash_of(NULL, &effect);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            check(!kith_id_eq(&before, &after));
        }
        effect.send.head.len = len - 1;
        struct kith_id shorter = hash_of(NULL, &effect);
        check(!kith_id_eq(&before, &shorter));
    }
}

static void reports_and_events_are_in_the_trace(void)
{
    struct kith_report report = {.kind = KITH_REPORT_TRAIN, .train = {.local_loss = 1.0f}};
    struct kith_effect effect = {.kind = KITH_EFFECT_REPORT, .report = {.report = &report}};
    struct kith_id before = hash_of(NULL, &effect);
    report.train.local_loss = 1.0000001f;
    struct kith_id after = hash_of(NULL, &effect);
    check(!kith_id_eq(&before, &after));
    struct kith_event event = {.kind = KITH_EVENT_LINK_DOWN, .link_down = {.link = 1, .err = -1}};
    before = hash_of(&event, NULL);
    event.link_down.err = -2;
    after = hash_of(&event, NULL);
    check(!kith_id_eq(&before, &after));
}

/* Asking in between changes nothing. */
static void the_trace_may_be_asked_for_at_any_time(void)
{
    struct kith_sim_hash asked, left_alone;
    struct kith_event event = {.kind = KITH_EVENT_DEADLINE};
    kith_sim_hash_init(&asked);
    kith_sim_hash_init(&left_alone);
    for (uint64_t i = 0; i < 1500; i++) {
        struct kith_id a = kith_sim_hash_now(&asked);
        kith_sim_hash_event(&asked, i, 1, &event);
        kith_sim_hash_event(&left_alone, i, 1, &event);
        struct kith_id b = kith_sim_hash_now(&asked);
        check(!kith_id_eq(&a, &b));
    }
    struct kith_id a = kith_sim_hash_now(&asked), b = kith_sim_hash_now(&left_alone);
    check(kith_id_eq(&a, &b));
}

static void a_keyed_hash_signs_for_one_key_and_one_text(void)
{
    struct kith_keypair first, second;
    uint8_t seed[KITH_SEED_LEN] = {1}, signature[KITH_SIGNATURE_LEN];
    kith_sim_sign_keypair(&first, seed);
    seed[0] = 2;
    kith_sim_sign_keypair(&second, seed);
    check(!kith_id_eq(&first.hotkey, &second.hotkey));
    kith_sim_sign.sign(&first, "text", 4, signature);
    check(kith_sim_sign.verify(&first.hotkey, "text", 4, signature));
    check(!kith_sim_sign.verify(&second.hotkey, "text", 4, signature));
    check(!kith_sim_sign.verify(&first.hotkey, "texu", 4, signature));
    check(!kith_sim_sign.verify(&first.hotkey, "text", 3, signature));
    for (size_t i = 0; i < KITH_SIGNATURE_LEN; i++) {
        signature[i] ^= 1;
        check(!kith_sim_sign.verify(&first.hotkey, "text", 4, signature));
        signature[i] ^= 1;
    }
}

int main(void)
{
    run(the_pool_gives_blocks_that_do_not_overlap);
    run(the_pool_takes_memory_once_and_keeps_its_bound);
    run(every_bit_of_a_message_is_in_the_trace);
    run(reports_and_events_are_in_the_trace);
    run(the_trace_may_be_asked_for_at_any_time);
    run(a_keyed_hash_signs_for_one_key_and_one_text);
    return test_end();
}
