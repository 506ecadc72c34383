#include "sim/sim_hash.h"

#include <string.h>

#include "node/report.h"

/* Odd, half of their bits set, in no relation to each other. */
#define FIRST  UINT64_C(0x9e3779b97f4a7c15)
#define SECOND UINT64_C(0xd6e8feb86659fd93)
#define THIRD  UINT64_C(0xa0761d6478bd642f)
#define FOURTH UINT64_C(0xe7037ed1a0b428db)

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_at(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, at, len < 8 ? len : 8);
    return word;
}

/* The last bytes of a string, at most 16. */
static void take_rest(const uint8_t *at, size_t left, uint64_t *even, uint64_t *odd)
{
    if (left > 0) *even = mix(*even ^ word_at(at, left), FIRST);
    if (left > 8) *odd = mix(*odd ^ word_at(at + 8, left - 8), SECOND);
}

uint64_t kith_sim_digest(struct kith_bytes bytes)
{
    uint64_t even = FIRST ^ bytes.len, odd = SECOND;
    const uint8_t *at = bytes.at;
    size_t left = bytes.len;
    if (left >= 64) { /* four chains at once */
        uint64_t third = THIRD, fourth = FOURTH;
        for (; left >= 32; left -= 32, at += 32) {
            even = mix(even ^ word_at(at, 8), FIRST);
            odd = mix(odd ^ word_at(at + 8, 8), SECOND);
            third = mix(third ^ word_at(at + 16, 8), THIRD);
            fourth = mix(fourth ^ word_at(at + 24, 8), FOURTH);
        }
        even ^= mix(third ^ SECOND, fourth ^ FIRST);
    }
    for (; left >= 16; left -= 16, at += 16) {
        even = mix(even ^ word_at(at, 8), FIRST);
        odd = mix(odd ^ word_at(at + 8, 8), SECOND);
    }
    take_rest(at, left, &even, &odd);
    return mix(even ^ SECOND, odd ^ FIRST);
}

void kith_sim_hash_init(struct kith_sim_hash *trace)
{
    *trace = (struct kith_sim_hash){.lane = {FIRST, SECOND, THIRD, FOURTH}};
}

/* One to one in the lane and in the word: two traces that differ in a word do so ever after, and
 * words of equal number go to the same lane. */
static void add(struct kith_sim_hash *trace, uint64_t word)
{
    uint64_t *lane = &trace->lane[trace->count++ % KITH_SIM_HASH_LANES];
    uint64_t x = *lane ^ word * FIRST;
    *lane = (x << 29 | x >> 35) * SECOND + THIRD;
}

static void add_bytes(struct kith_sim_hash *trace, struct kith_bytes bytes)
{
    add(trace, bytes.len > 0 ? kith_sim_digest(bytes) : 0);
}

static void add_addr(struct kith_sim_hash *trace, const struct kith_addr *addr)
{
    add_bytes(trace, (struct kith_bytes){addr->ip, sizeof addr->ip});
    add(trace, (uint64_t)addr->family << 16 | addr->port);
}

static void add_float(struct kith_sim_hash *trace, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add(trace, bits);
}

/* A message's bytes were hashed when it was sent; here it is enough which of them it is. */
void kith_sim_hash_event(struct kith_sim_hash *trace, uint64_t now_us, uint32_t node,
                         const struct kith_event *event)
{
    add(trace, now_us);
    add(trace, (uint64_t)node << 8 | (uint64_t)event->kind);
    switch (event->kind) {
    case KITH_EVENT_START:
        for (int key = 0; key < KITH_STORE_KEYS; key++)
            add_bytes(trace, event->start.stored[key]);
        for (uint32_t i = 0; i < event->start.bootstrap_count; i++)
            add_addr(trace, &event->start.bootstrap[i]);
        return;
    case KITH_EVENT_LINK_UP:
        add(trace, event->link_up.link);
        add_bytes(trace, (struct kith_bytes){event->link_up.peer.bytes, KITH_ID_LEN});
        add_addr(trace, &event->link_up.addr);
        return;
    case KITH_EVENT_LINK_DOWN:
        add(trace, event->link_down.link);
        add(trace, (uint64_t)event->link_down.err);
        return;
    case KITH_EVENT_DIAL_FAILED:
        add(trace, event->dial_failed.number);
        add(trace, (uint64_t)event->dial_failed.err);
        return;
    case KITH_EVENT_MESSAGE:
        add(trace, event->message.link);
        add(trace, event->message.bytes.len);
        return;
    case KITH_EVENT_DHT_VALUE:
        add(trace, event->dht.number);
        add_bytes(trace, event->dht.value);
        return;
    case KITH_EVENT_DHT_DONE:
        add(trace, event->dht.number);
        add(trace, (uint64_t)event->dht.err);
        return;
    case KITH_EVENT_STORED:
        add(trace, (uint64_t)event->stored.key << 32 | (uint32_t)event->stored.err);
        return;
    case KITH_EVENT_COMPUTED:
    case KITH_EVENT_ASK_STATUS:
    case KITH_EVENT_DEADLINE:
    case KITH_EVENT_STOP:
        return;
    }
}

static void add_report(struct kith_sim_hash *trace, const struct kith_report *report)
{
    add(trace, (uint64_t)report->kind);
    switch (report->kind) {
    case KITH_REPORT_TRAIN:
        add(trace, (uint64_t)report->train.epoch << 32 | report->train.seen);
        add(trace, (uint64_t)report->train.peers << 32 | report->train.models);
        add(trace, (uint64_t)report->train.samples << 32 | report->train.round);
        add_float(trace, report->train.local_loss);
        add_float(trace, report->train.target_loss);
        add_float(trace, report->train.distillation_loss);
        return;
    case KITH_REPORT_TEST:
        add(trace, (uint64_t)report->test.epoch << 32 | report->test.correct);
        add(trace, (uint64_t)report->test.samples << 32 | report->test.round);
        add_float(trace, report->test.loss);
        return;
    case KITH_REPORT_TEXT:
        add(trace, (uint64_t)report->text.level);
        add_bytes(trace, (struct kith_bytes){(const uint8_t *)report->text.text,
                                             strlen(report->text.text)});
        return;
    }
}

void kith_sim_hash_effect(struct kith_sim_hash *trace, const struct kith_effect *effect)
{
    add(trace, (uint64_t)effect->kind << 56);
    switch (effect->kind) {
    case KITH_EFFECT_DIAL:
        add(trace, effect->dial.number);
        add_addr(trace, &effect->dial.addr);
        add_bytes(trace, (struct kith_bytes){effect->dial.expect.bytes, KITH_ID_LEN});
        return;
    case KITH_EFFECT_SEND:
        add(trace, effect->send.link << 1 | (uint64_t)effect->send.send_class);
        add_bytes(trace, effect->send.head);
        add_bytes(trace, effect->send.body);
        return;
    case KITH_EFFECT_HANG_UP:
        add(trace, effect->hang_up.link);
        add(trace, (uint64_t)effect->hang_up.reason);
        return;
    case KITH_EFFECT_DHT_PUT:
    case KITH_EFFECT_DHT_GET:
        add(trace, effect->dht.number);
        add_bytes(trace, (struct kith_bytes){effect->dht.key, KITH_DHT_KEY_LEN});
        add_bytes(trace, effect->dht.value);
        return;
    case KITH_EFFECT_DHT_PING:
        add_addr(trace, &effect->dht_ping.addr);
        return;
    case KITH_EFFECT_STORE:
        add(trace, (uint64_t)effect->store.key);
        add_bytes(trace, effect->store.bytes);
        return;
    case KITH_EFFECT_REPORT:
        add_report(trace, effect->report.report);
        return;
    case KITH_EFFECT_COMPUTE:
    case KITH_EFFECT_STOPPED:
        return;
    }
}

struct kith_id kith_sim_hash_now(const struct kith_sim_hash *trace)
{
    struct kith_id ret;
    uint64_t words[KITH_SIM_HASH_LANES], all = trace->count * FOURTH;
    for (int i = 0; i < KITH_SIM_HASH_LANES; i++)
        all = mix(all ^ trace->lane[i], FIRST) + SECOND;
    for (int i = 0; i < KITH_SIM_HASH_LANES; i++)
        words[i] = mix(all ^ FIRST, trace->lane[i] ^ THIRD) ^ all * (2 * (uint64_t)i + 1);
    _Static_assert(sizeof words == KITH_ID_LEN, "a lane is 8 bytes of the hash");
    memcpy(ret.bytes, words, sizeof words);
    return ret;
}
