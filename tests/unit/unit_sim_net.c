#include "base/err.h"
#include "sim/sim_net.h"
#include "tests/test.h"

enum { NODES = 4, LOG_MAX = 4096, SECOND = 1000000 };

/* What came up at which node, and when. */
struct seen {
    uint64_t at_us;
    uint32_t node;
    struct kith_event event;
    uint8_t first; /* byte of a message */
    size_t len;
};

static struct kith_calendar calendar;
static struct kith_sim_net *net;
static struct seen seen[LOG_MAX];
static uint32_t seen_count;
static uint64_t now_us;
static struct kith_id hotkey[NODES];

static void deliver(void *context, uint32_t node, struct kith_event *event)
{
    (void)context;
    if (seen_count == LOG_MAX) abort();
    struct seen *one = &seen[seen_count++];
    *one = (struct seen){.at_us = now_us, .node = node, .event = *event};
    if (event->kind != KITH_EVENT_MESSAGE) return;
    one->first = event->message.bytes.at[0];
    one->len = event->message.bytes.len;
}

static struct kith_sim_net_config config_of(void)
{
    struct kith_sim_net_config config = {
        .nodes = NODES,
        .links_max = 16,
        .flight_max = 16 << 20,
        .latency = KITH_SIM_LATENCY_CONSTANT,
        .latency_us = 10000,
        .calendar = &calendar,
        .deliver = deliver,
    };
    return config;
}

static void open_net(const struct kith_sim_net_config *config)
{
    uint8_t seed[KITH_SEED_LEN] = {3};
    now_us = 1000;
    seen_count = 0;
    kith_calendar_init(&calendar, 4096);
    if (kith_sim_net_new(config, seed, &net)) abort();
    for (uint32_t i = 0; i < NODES; i++) {
        memset(hotkey[i].bytes, (int)i + 1, KITH_ID_LEN);
        kith_sim_net_up(net, i, &hotkey[i], 8);
    }
}

static void close_net(void)
{
    kith_sim_net_free(net);
    kith_calendar_release(&calendar);
}

static void run_until(uint64_t until_us)
{
    struct kith_heap_item item;
    while (kith_calendar_top(&calendar) && kith_calendar_top(&calendar)->time_us <= until_us) {
        kith_calendar_pop(&calendar, &item);
        now_us = item.time_us;
        kith_sim_net_fire(net, item.payload, now_us);
    }
    now_us = until_us;
}

static void dial(uint32_t from, uint32_t to, uint64_t number)
{
    struct kith_id any = {{0}};
    struct kith_addr addr = kith_sim_net_addr(to);
    kith_sim_net_dial(net, from, number, &addr, &any, now_us);
}

static const struct seen *find(uint32_t node, enum kith_event_kind kind, uint32_t skip_count)
{
    for (uint32_t i = 0; i < seen_count; i++)
        if (seen[i].node == node && seen[i].event.kind == kind && skip_count-- == 0)
            return &seen[i];
    return NULL;
}

static void send(uint32_t node, kith_link link, enum kith_send_class class, uint8_t first,
                 size_t len)
{
    static uint8_t bytes[KITH_MESSAGE_MAX];
    bytes[0] = first;
    kith_sim_net_send(net, node, link, class, (struct kith_bytes){bytes, len},
                      (struct kith_bytes){NULL, 0}, now_us);
}

/* A link between nodes 0 (dialer) and 1. */
static void join(kith_link ret[static 2])
{
    dial(0, 1, 77);
    run_until(now_us + SECOND);
    ret[0] = find(0, KITH_EVENT_LINK_UP, 0)->event.link_up.link;
    ret[1] = find(1, KITH_EVENT_LINK_UP, 0)->event.link_up.link;
}

static void a_dial_takes_three_round_trips(void)
{
    struct kith_sim_net_config config = config_of();
    open_net(&config);
    dial(0, 1, 77);
    run_until(SECOND);
    const struct seen *far = find(1, KITH_EVENT_LINK_UP, 0);
    const struct seen *near = find(0, KITH_EVENT_LINK_UP, 0);
    check(far && near);
    check_int(far->at_us, 1000 + 5 * 10000);
    check_int(near->at_us, 1000 + 6 * 10000);
    check(near->event.link_up.dialed && near->event.link_up.number == 77);
    check(!far->event.link_up.dialed);
    check(kith_id_eq(&near->event.link_up.peer, &hotkey[1]));
    check(kith_id_eq(&far->event.link_up.peer, &hotkey[0]));
    check(kith_sim_net_at(net, &near->event.link_up.addr) == 1);
    check(far->event.link_up.addr.port != KITH_SIM_PORT);
    check_int(kith_sim_net_far(net, 0, near->event.link_up.link), 1);
    close_net();
}

static void a_dial_fails_for_each_reason(void)
{
    struct kith_sim_net_config config = config_of();
    struct kith_id any = {{0}};
    open_net(&config);
    kith_sim_net_down(net, 2, false, now_us);
    kith_sim_net_set_walled(net, 3, true);
    dial(0, 0, 1);
    dial(0, 2, 2);
    dial(0, 3, 3);
    struct kith_addr addr = kith_sim_net_addr(1);
    kith_sim_net_dial(net, 0, 4, &addr, &hotkey[2], now_us);
    addr.port = 9;
    kith_sim_net_dial(net, 0, 5, &addr, &any, now_us);
    struct kith_addr nobody = kith_sim_net_addr(NODES + 5);
    kith_sim_net_dial(net, 0, 6, &nobody, &any, now_us);
    run_until(10 * SECOND);
    int wanted[] = {0,
                    KITH_ERR_SELF,
                    KITH_ERR_REFUSED,
                    KITH_ERR_TIMEOUT,
                    KITH_ERR_SIGNATURE,
                    KITH_ERR_REFUSED,
                    KITH_ERR_TIMEOUT};
    check_int(seen_count, 6);
    for (uint32_t i = 0; i < 6; i++) {
        const struct seen *one = find(0, KITH_EVENT_DIAL_FAILED, i);
        check(one);
        check_int(one->event.dial_failed.err, wanted[one->event.dial_failed.number]);
    }
    close_net();
}

static void messages_keep_their_order_and_control_overtakes_bulk(void)
{
    struct kith_sim_net_config config = config_of();
    kith_link link[2];
    config.bytes_per_s = 1000000; /* 64 kB take 64 ms */
    open_net(&config);
    join(link);
    for (uint8_t i = 0; i < 3; i++)
        send(0, link[0], KITH_SEND_BULK, i, 64000);
    for (uint8_t i = 10; i < 13; i++)
        send(0, link[0], KITH_SEND_CONTROL, i, 100);
    uint64_t sent_us = now_us;
    run_until(now_us + SECOND);
    uint8_t wanted[] = {10, 11, 12, 0, 1, 2};
    for (uint32_t i = 0; i < 6; i++) {
        const struct seen *one = find(1, KITH_EVENT_MESSAGE, i);
        check(one);
        check_int(one->first, wanted[i]);
    }
    check(find(1, KITH_EVENT_MESSAGE, 2)->at_us < sent_us + 50000);
    check_int(find(1, KITH_EVENT_MESSAGE, 3)->at_us, sent_us + 64000 + 300 + 10000);
    check(find(1, KITH_EVENT_MESSAGE, 5)->at_us >= sent_us + 3 * 64000 + 10000);
    close_net();
}

static void a_full_queue_drops_bulk_and_closes_on_control(void)
{
    struct kith_sim_net_config config = config_of();
    kith_link link[2];
    open_net(&config);
    join(link);
    for (int i = 0; i < 50; i++)
        send(0, link[0], KITH_SEND_BULK, 1, 65536);
    check_int(kith_sim_net_counters(net)->bulk_dropped, 50 - KITH_SIM_BULK_MAX / 65536);
    for (int i = 0; i < 40; i++)
        send(0, link[0], KITH_SEND_CONTROL, 1, KITH_CONTROL_MAX);
    check_int(kith_sim_net_counters(net)->overrun, 1);
    run_until(now_us + SECOND);
    check_int(find(0, KITH_EVENT_LINK_DOWN, 0)->event.link_down.err, KITH_ERR_FULL);
    check_int(find(1, KITH_EVENT_LINK_DOWN, 0)->event.link_down.err, KITH_ERR_TRUNCATED);
    check_int(kith_sim_net_counters(net)->links, 0);
    close_net();
}

static void a_hang_up_delivers_what_was_sent_first(void)
{
    struct kith_sim_net_config config = config_of();
    kith_link link[2];
    open_net(&config);
    join(link);
    send(0, link[0], KITH_SEND_CONTROL, 5, 10);
    kith_sim_net_hang_up(net, 0, link[0], now_us);
    send(0, link[0], KITH_SEND_CONTROL, 6, 10);
    send(1, link[1], KITH_SEND_CONTROL, 7, 10);
    run_until(now_us + SECOND);
    check_int(find(1, KITH_EVENT_MESSAGE, 0)->first, 5);
    check(!find(1, KITH_EVENT_MESSAGE, 1));
    check(!find(0, KITH_EVENT_MESSAGE, 0));
    check_int(find(0, KITH_EVENT_LINK_DOWN, 0)->event.link_down.err, KITH_ERR_CLOSED);
    check_int(find(1, KITH_EVENT_LINK_DOWN, 0)->event.link_down.err, KITH_ERR_CLOSED);
    check(!find(0, KITH_EVENT_LINK_DOWN, 1) && !find(1, KITH_EVENT_LINK_DOWN, 1));
    check_int(kith_sim_net_counters(net)->links, 0);
    close_net();
}

static void a_killed_node_resets_its_links_and_a_silent_one_does_not(void)
{
    struct kith_sim_net_config config = config_of();
    kith_link link[2];
    open_net(&config);
    join(link);
    kith_sim_net_down(net, 1, false, now_us);
    run_until(now_us + SECOND);
    check_int(find(0, KITH_EVENT_LINK_DOWN, 0)->event.link_down.err, KITH_ERR_TRUNCATED);
    check_int(kith_sim_net_counters(net)->links, 0);

    seen_count = 0;
    kith_sim_net_up(net, 1, &hotkey[1], 8);
    join(link);
    kith_sim_net_down(net, 1, true, now_us);
    uint64_t from_us = now_us;
    run_until(now_us + 20 * SECOND);
    check(!find(0, KITH_EVENT_LINK_DOWN, 0)); /* nothing was sent, nothing is missed */
    send(0, link[0], KITH_SEND_CONTROL, 1, 10);
    run_until(now_us + 40 * SECOND);
    const struct seen *down = find(0, KITH_EVENT_LINK_DOWN, 0);
    check(down);
    check_int(down->event.link_down.err, KITH_ERR_TIMEOUT);
    check(down->at_us >= from_us + 20 * SECOND + KITH_SIM_STALL_US);
    close_net();
}

static void a_healed_way_delivers_late_and_a_lost_one_is_given_up(void)
{
    struct kith_sim_net_config config = config_of();
    kith_link link[2];
    open_net(&config);
    join(link);
    kith_sim_net_set_group(net, 1, 1);
    kith_sim_net_set_closed(net, 0, 1, true); /* one way only */
    send(0, link[0], KITH_SEND_CONTROL, 1, 10);
    send(1, link[1], KITH_SEND_CONTROL, 2, 10);
    run_until(now_us + 5 * SECOND);
    check(!find(1, KITH_EVENT_MESSAGE, 0));
    check_int(find(0, KITH_EVENT_MESSAGE, 0)->first, 2);
    kith_sim_net_set_closed(net, 0, 1, false);
    run_until(now_us + 5 * SECOND);
    check_int(find(1, KITH_EVENT_MESSAGE, 0)->first, 1);

    kith_sim_net_set_closed(net, 0, 1, true);
    send(0, link[0], KITH_SEND_CONTROL, 3, 10);
    run_until(now_us + 60 * SECOND);
    check_int(find(0, KITH_EVENT_LINK_DOWN, 0)->event.link_down.err, KITH_ERR_TIMEOUT);
    check(!find(1, KITH_EVENT_LINK_DOWN, 0));
    /* The other end hears of it when it next sends and the answer is a reset. */
    kith_sim_net_set_closed(net, 0, 1, false);
    send(1, link[1], KITH_SEND_CONTROL, 4, 10);
    run_until(now_us + SECOND);
    check_int(find(1, KITH_EVENT_LINK_DOWN, 0)->event.link_down.err, KITH_ERR_TRUNCATED);
    close_net();
}

static void latency_is_of_the_pair_and_its_mean_is_kept(void)
{
    struct kith_sim_net_config config = config_of();
    config.latency = KITH_SIM_LATENCY_UNIFORM;
    open_net(&config);
    double sum = 0;
    for (uint32_t a = 0; a < 100; a++)
        for (uint32_t b = 0; b < 100; b++) {
            uint32_t latency_us = kith_sim_net_latency_us(net, a, b);
            check_int(latency_us, kith_sim_net_latency_us(net, b, a));
            check(latency_us >= 5000 && latency_us <= 15000);
            sum += latency_us;
        }
    check(sum / 10000 > 9700 && sum / 10000 < 10300);
    close_net();
}

/* Loss costs time and never order; cut links are told to both ends. */
static void loss_and_cuts(void)
{
    struct kith_sim_net_config config = config_of();
    kith_link link[2];
    config.loss = 0.3;
    config.cuts_per_hour = 60;
    open_net(&config);
    for (uint64_t number = 0; !find(0, KITH_EVENT_LINK_UP, 0); number++) {
        dial(0, 1, number);
        run_until(now_us + 6 * SECOND);
    }
    link[0] = find(0, KITH_EVENT_LINK_UP, 0)->event.link_up.link;
    for (uint8_t i = 0; i < 100; i++)
        send(0, link[0], KITH_SEND_CONTROL, i, 10);
    run_until(now_us + 5 * SECOND);
    for (uint32_t i = 0; i < 100; i++)
        check_int(find(1, KITH_EVENT_MESSAGE, i)->first, i);
    check(kith_sim_net_counters(net)->resent > 10);
    run_until(now_us + 3600 * (uint64_t)SECOND);
    check_int(kith_sim_net_counters(net)->cut, 1);
    check(find(0, KITH_EVENT_LINK_DOWN, 0) && find(1, KITH_EVENT_LINK_DOWN, 0));
    close_net();
}

static void slots_are_used_again_and_numbers_never(void)
{
    struct kith_sim_net_config config = config_of();
    kith_link last = 0;
    open_net(&config);
    for (int i = 0; i < 50; i++) {
        kith_link link[2];
        seen_count = 0;
        join(link);
        check(link[0] > last && link[1] > link[0]);
        last = link[1];
        kith_sim_net_hang_up(net, 1, link[1], now_us);
        run_until(now_us + SECOND);
        send(0, link[0], KITH_SEND_CONTROL, 1, 1);
    }
    check_int(kith_sim_net_counters(net)->no_link, 50);
    check_int(kith_sim_net_counters(net)->links, 0);
    close_net();
}

int main(void)
{
    run(a_dial_takes_three_round_trips);
    run(a_dial_fails_for_each_reason);
    run(messages_keep_their_order_and_control_overtakes_bulk);
    run(a_full_queue_drops_bulk_and_closes_on_control);
    run(a_hang_up_delivers_what_was_sent_first);
    run(a_killed_node_resets_its_links_and_a_silent_one_does_not);
    run(a_healed_way_delivers_late_and_a_lost_one_is_given_up);
    run(latency_is_of_the_pair_and_its_mean_is_kept);
    run(loss_and_cuts);
    run(slots_are_used_again_and_numbers_never);
    return test_end();
}
