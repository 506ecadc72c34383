#include "tests/contract/contract_link.h"

#include <string.h>

#include "base/err.h"
#include "tests/test.h"

enum { BULK_MESSAGES_MAX = 64 };

static const struct contract_link *link_port;
static struct contract_link_event event;
static const struct kith_id anyone;
static uint8_t message[KITH_MESSAGE_MAX];

/* Go on until node `node` is told something of this kind; false if that never comes or `node` is
 * told something else first. What other nodes are told is passed over. */
static bool told(uint32_t node, enum contract_link_kind kind)
{
    while (link_port->next(link_port->context, &event))
        if (event.node == node) return event.kind == kind;
    return false;
}

static void dial(uint32_t from, uint32_t to, uint64_t number, const struct kith_id *expect)
{
    struct kith_addr addr = link_port->addr(link_port->context, to);
    link_port->dial(link_port->context, from, number, &addr, expect);
}

/* A message of `len` bytes that says its number; its bytes follow from that. */
static struct kith_bytes numbered(uint32_t number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        message[i] = (uint8_t)(i * 7 + number * (i >> 8) + number);
    return (struct kith_bytes){message, len};
}

static bool is_numbered(uint32_t number, size_t len)
{
    struct kith_bytes wanted = numbered(number, len);
    return event.kind == CONTRACT_MESSAGE && event.len == len &&
           memcmp(event.bytes, wanted.at, len) == 0;
}

static bool send(uint32_t node, kith_link link, enum kith_send_class send_class,
                 struct kith_bytes bytes)
{
    /* In two parts, at a place that differs. */
    size_t cut = bytes.len / 3;
    return link_port->send(link_port->context, node, link, send_class,
                           (struct kith_bytes){bytes.at, cut},
                           (struct kith_bytes){bytes.at + cut, bytes.len - cut});
}

/* Node 0 dials node 1; the link's number at each of them. False if that fails. */
static bool join(kith_link ret_links[static 2])
{
    bool up[2] = {false, false};
    dial(0, 1, 77, &anyone);
    while (!up[0] || !up[1]) {
        if (!link_port->next(link_port->context, &event)) return false;
        if (event.kind == CONTRACT_LINK_DOWN) continue; /* of a link before */
        if (event.kind != CONTRACT_LINK_UP || event.node > 1) return false;
        up[event.node] = true;
        ret_links[event.node] = event.link;
    }
    return true;
}

static void a_dial_gives_a_link_at_both_ends(void)
{
    struct kith_id hotkeys[2];
    uint32_t ups[2] = {0, 0};
    for (uint32_t i = 0; i < 2; i++)
        hotkeys[i] = link_port->hotkey(link_port->context, i);
    dial(0, 1, 12345, &hotkeys[1]);
    for (int i = 0; i < 2; i++) {
        check(link_port->next(link_port->context, &event));
        check_int(event.kind, CONTRACT_LINK_UP);
        check(event.node < 2);
        check(event.link != 0);
        check(kith_id_eq(&event.peer, &hotkeys[1 - event.node]));
        check_int(event.dialed, event.node == 0);
        if (event.node == 0) check_int(event.number, 12345);
        ups[event.node]++;
    }
    check_int(ups[0], 1);
}

static void messages_arrive_whole_and_in_order(void)
{
    static const size_t sizes[] = {1, 2, 100, 1000, KITH_CONTROL_MAX, 5, 64};
    kith_link links[2];
    check(join(links));
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t from = round % 2;
        for (uint32_t i = 0; i < 7; i++)
            check(send(from, links[from], KITH_SEND_CONTROL, numbered(i, sizes[i])));
        for (uint32_t i = 0; i < 7; i++) {
            check(told(1 - from, CONTRACT_MESSAGE));
            check_int(event.link, links[1 - from]);
            check(is_numbered(i, sizes[i]));
        }
    }
}

static void bulk_messages_arrive_whole_and_in_order(void)
{
    static const size_t sizes[] = {KITH_MESSAGE_MAX, 1, KITH_BLOCK_MAX, 60000, 3, KITH_MESSAGE_MAX};
    kith_link links[2];
    check(join(links));
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 6; i++)
            check(send(1, links[1], KITH_SEND_BULK, numbered(round * 6 + i, sizes[i])));
        for (uint32_t i = 0; i < 6; i++) {
            check(told(0, CONTRACT_MESSAGE));
            check(is_numbered(round * 6 + i, sizes[i]));
        }
    }
}

/* Fill a link with bulk messages; how many it took. */
static uint32_t fill(uint32_t node, kith_link link)
{
    uint32_t count = 0;
    while (count < BULK_MESSAGES_MAX &&
           send(node, link, KITH_SEND_BULK, numbered(count, KITH_BLOCK_MAX)))
        count++;
    return count;
}

static void a_control_message_overtakes_waiting_bulk(void)
{
    kith_link links[2];
    check(join(links));
    uint32_t count = fill(0, links[0]), before = 0;
    check(count >= 16); /* what two pulls have on their way */
    check(send(0, links[0], KITH_SEND_CONTROL, numbered(1000, 50)));
    while (told(1, CONTRACT_MESSAGE) && event.len != 50)
        before++;
    check(is_numbered(1000, 50));
    /* At most 256 KiB and the message that passes this go before it. */
    check(before <= 5);
    for (uint32_t i = before; i < count; i++) {
        check(told(1, CONTRACT_MESSAGE));
        check(is_numbered(i, KITH_BLOCK_MAX));
    }
}

static void too_much_bulk_is_dropped_and_the_link_lives(void)
{
    kith_link links[2];
    check(join(links));
    uint32_t count = fill(0, links[0]);
    check(count < BULK_MESSAGES_MAX);
    check(!send(0, links[0], KITH_SEND_BULK, numbered(count, KITH_BLOCK_MAX)));
    for (uint32_t i = 0; i < count; i++) {
        check(told(1, CONTRACT_MESSAGE));
        check(is_numbered(i, KITH_BLOCK_MAX));
    }
    check(send(0, links[0], KITH_SEND_BULK, numbered(7, 10)));
    check(told(1, CONTRACT_MESSAGE));
    check(is_numbered(7, 10));
}

static void a_hang_up_ends_both(void)
{
    enum { BEFORE = 12 };
    kith_link links[2];
    bool down[2] = {false, false};
    uint32_t arrived = 0;
    check(join(links));
    for (uint32_t i = 0; i < BEFORE; i++)
        check(send(0, links[0], KITH_SEND_CONTROL, numbered(i, KITH_CONTROL_MAX)));
    link_port->hang_up(link_port->context, 0, links[0]);
    link_port->hang_up(link_port->context, 0, links[0]);
    check(!send(0, links[0], KITH_SEND_CONTROL, numbered(4, 40)));
    check(!send(0, links[0], KITH_SEND_BULK, numbered(4, 40)));
    while (!down[0] || !down[1]) {
        check(link_port->next(link_port->context, &event));
        if (event.kind == CONTRACT_MESSAGE) {
            check_int(event.node, 1);
            check(!down[1]);
            check(is_numbered(arrived, KITH_CONTROL_MAX));
            arrived++;
            continue;
        }
        check_int(event.kind, CONTRACT_LINK_DOWN);
        check(!down[event.node]);
        check_int(event.link, links[event.node]);
        check_int(event.err, KITH_ERR_CLOSED);
        down[event.node] = true;
    }
    /* What was sent before arrives. */
    check_int(arrived, BEFORE);
}

static void a_link_number_is_not_used_again(void)
{
    kith_link first[2], second[2];
    check(join(first));
    link_port->hang_up(link_port->context, 1, first[1]);
    check(told(0, CONTRACT_LINK_DOWN));
    check(join(second));
    check(second[0] != first[0]);
    check(!send(0, first[0], KITH_SEND_CONTROL, numbered(1, 1)));
}

static void a_dial_to_nobody_fails(void)
{
    link_port->vanish(link_port->context, 1);
    dial(0, 1, 5, &anyone);
    check(told(0, CONTRACT_DIAL_FAILED));
    check_int(event.number, 5);
    check_int(event.err, KITH_ERR_REFUSED);
    dial(0, 2, 6, &anyone);
    check(told(0, CONTRACT_LINK_UP));
    check_int(event.number, 6);
}

static void a_dial_to_no_address_fails(void)
{
    struct kith_addr none = {0};
    link_port->dial(link_port->context, 0, 8, &none, &anyone);
    check(told(0, CONTRACT_DIAL_FAILED));
    check_int(event.number, 8);
    check_int(event.err, KITH_ERR_INVALID);
}

static void another_hotkey_than_expected_fails(void)
{
    struct kith_id hotkey = link_port->hotkey(link_port->context, 2);
    dial(0, 1, 9, &hotkey);
    check(told(0, CONTRACT_DIAL_FAILED));
    check_int(event.number, 9);
    check_int(event.err, KITH_ERR_SIGNATURE);
    /* Node 1 never knew of it. */
    dial(2, 1, 10, &anyone);
    check(told(1, CONTRACT_LINK_UP));
    check(kith_id_eq(&event.peer, &hotkey));
}

static void a_dial_to_oneself_fails(void)
{
    dial(0, 0, 11, &anyone);
    check(told(0, CONTRACT_DIAL_FAILED));
    check_int(event.number, 11);
    check_int(event.err, KITH_ERR_SELF);
    dial(1, 0, 12, &anyone);
    check(told(0, CONTRACT_LINK_UP));
    check(!event.dialed);
}

static void two_dials_at_once_give_two_links(void)
{
    uint32_t dialed[2] = {0, 0}, taken[2] = {0, 0};
    dial(0, 1, 1, &anyone);
    dial(1, 0, 2, &anyone);
    for (int i = 0; i < 4; i++) {
        check(link_port->next(link_port->context, &event));
        check_int(event.kind, CONTRACT_LINK_UP);
        if (event.dialed)
            dialed[event.node]++;
        else
            taken[event.node]++;
    }
    check_int(dialed[0], 1);
    check_int(dialed[1], 1);
    check_int(taken[0], 1);
    check_int(taken[1], 1);
}

static void who_vanishes_is_missed(void)
{
    kith_link links[2];
    check(join(links));
    for (uint32_t i = 0; i < 3; i++)
        check(send(0, links[0], KITH_SEND_BULK, numbered(i, KITH_BLOCK_MAX)));
    link_port->vanish(link_port->context, 1);
    /* A model may need to be told something before it notices; so may TCP. */
    (void)send(0, links[0], KITH_SEND_CONTROL, numbered(1, 10));
    check(told(0, CONTRACT_LINK_DOWN));
    check_int(event.link, links[0]);
    check(event.err != KITH_ERR_CLOSED);
    check(event.err < 0);
}

#define run_in_world(test)                                                                         \
    do {                                                                                           \
        if (!link_port->make(link_port->context, 3)) {                                             \
            printf("Bail out! no world\n");                                                        \
            return 1;                                                                              \
        }                                                                                          \
        run(test);                                                                                 \
        link_port->unmake(link_port->context);                                                     \
    } while (0)

int contract_link_run(const struct contract_link *link)
{
    link_port = link;
    run_in_world(a_dial_gives_a_link_at_both_ends);
    run_in_world(messages_arrive_whole_and_in_order);
    run_in_world(bulk_messages_arrive_whole_and_in_order);
    run_in_world(a_control_message_overtakes_waiting_bulk);
    run_in_world(too_much_bulk_is_dropped_and_the_link_lives);
    run_in_world(a_hang_up_ends_both);
    run_in_world(a_link_number_is_not_used_again);
    run_in_world(a_dial_to_nobody_fails);
    run_in_world(a_dial_to_no_address_fails);
    run_in_world(another_hotkey_than_expected_fails);
    run_in_world(a_dial_to_oneself_fails);
    run_in_world(two_dials_at_once_give_two_links);
    run_in_world(who_vanishes_is_missed);
    return test_end();
}
