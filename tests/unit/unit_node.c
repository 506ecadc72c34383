/* node: what a node says and announces when it is alone; no host, no world. */
#include "node/node.h"

#include "base/err.h"
#include "tests/test.h"

enum { VALUES_MAX = 64 };

static struct {
    struct kith_node *node;
    struct kith_outbox outbox;
    uint64_t now_us;
    uint32_t puts;
    uint32_t values; /* different ones */
    uint8_t value[VALUES_MAX][KITH_DHT_VALUE_MAX];
    size_t len[VALUES_MAX];
} play;

static void note_value(struct kith_bytes value)
{
    play.puts++;
    for (uint32_t i = 0; i < play.values; i++)
        if (play.len[i] == value.len && memcmp(play.value[i], value.at, value.len) == 0) return;
    if (play.values == VALUES_MAX) return;
    play.len[play.values] = value.len;
    memcpy(play.value[play.values++], value.at, value.len);
}

static void feed(struct kith_event *event)
{
    struct kith_effects effects;
    uint64_t done[KITH_STEP_EFFECTS_MAX];
    uint32_t done_count = 0;
    event->now_us = play.now_us;
    event->wall_ms = UINT64_C(1700000000000) + play.now_us / 1000;
    kith_node_step(play.node, event, &play.outbox, &effects);
    for (size_t i = 0; i < effects.count; i++) {
        const struct kith_effect *effect = &effects.at[i];
        if (effect->kind == KITH_EFFECT_DHT_PUT) note_value(effect->dht.value);
        bool is_dht = effect->kind == KITH_EFFECT_DHT_PUT || effect->kind == KITH_EFFECT_DHT_GET;
        if (is_dht) done[done_count++] = effect->dht.number;
    }
    for (uint32_t i = 0; i < done_count; i++) {
        struct kith_event over = {.kind = KITH_EVENT_DHT_DONE, .dht = {.number = done[i]}};
        feed(&over);
    }
}

static void start(void)
{
    static const struct kith_bytes stored[KITH_STORE_KEYS];
    struct kith_addr own = {.family = 4, .ip = {10, 0, 0, 1}, .port = 8120};
    uint8_t seed[KITH_SEED_LEN] = {7};
    struct kith_config config;
    memset(&play, 0, sizeof play);
    kith_config_default(&config);
    config.learns = false;
    kith_keypair_from_seed(&config.keypair, seed);
    play.node = kith_node_new(&config, seed);
    check(play.node != NULL);
    check_int(kith_outbox_init(&play.outbox, KITH_STEP_EFFECTS_MAX, KITH_STEP_BYTES_MAX), 0);
    play.now_us = KITH_SECOND_US;
    struct kith_event event = {.kind = KITH_EVENT_START,
                               .start = {.stored = stored, .own = &own, .own_count = 1}};
    feed(&event);
}

static void pass(uint64_t seconds)
{
    uint64_t end_us = play.now_us + seconds * KITH_SECOND_US;
    for (;;) {
        uint64_t at_us = kith_node_deadline_us(play.node);
        if (at_us > end_us) break;
        if (at_us > play.now_us) play.now_us = at_us;
        struct kith_event event = {.kind = KITH_EVENT_DEADLINE};
        feed(&event);
    }
    play.now_us = end_us;
}

static void stop(void)
{
    kith_node_free(play.node);
    kith_outbox_release(&play.outbox);
}

/* A DHT keeps equal bytes as one value, and every new signature as another: the announcements of
 * the first minute, which are many because the first may find nobody, must not fill its keys. */
static void early_announcements_repeat_one_signed_record(void)
{
    start();
    pass(100);
    uint32_t early = play.puts;
    check(early >= 4);
    check_int(play.values, 1);
    pass(1000);
    check(play.puts > early);
    check(play.values > 1);
    stop();
}

int main(void)
{
    run(early_announcements_repeat_one_signed_record);
    return test_end();
}
