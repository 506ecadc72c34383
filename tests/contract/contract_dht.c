#include "tests/contract/contract_dht.h"

#include <string.h>

#include "base/err.h"
#include "tests/test.h"

enum { NODES = 8 };

static const struct contract_dht *dht;
static struct contract_dht_found found;

static struct kith_bytes text(const char *content)
{
    return (struct kith_bytes){(const uint8_t *)content, strlen(content)};
}

/* A key of its own for each case. */
static const uint8_t *key_of(uint8_t number)
{
    static uint8_t key[KITH_DHT_KEY_LEN];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(number * 37 + i * i);
    return key;
}

static int put(uint32_t node, uint8_t key, struct kith_bytes value)
{
    return dht->put(dht->context, node, key_of(key), value);
}

static void get(uint32_t node, uint8_t key)
{
    memset(&found, 0, sizeof found);
    dht->get(dht->context, node, key_of(key), &found);
}

static uint32_t times_found(struct kith_bytes value)
{
    uint32_t times = 0;
    for (uint32_t i = 0; i < found.count; i++)
        times += found.values[i].len == value.len &&
                 memcmp(found.values[i].bytes, value.at, value.len) == 0;
    return times;
}

static void another_node_reads_what_was_put(void)
{
    check_int(put(1, 1, text("one")), 0);
    get(2, 1);
    check_int(found.err, 0);
    check_int(found.count, 1);
    check_int(times_found(text("one")), 1);
}

static void every_node_reads_it(void)
{
    check_int(put(3, 2, text("for all")), 0);
    for (uint32_t node = 0; node < NODES; node++) {
        get(node, 2);
        check_int(found.err, 0);
        check_int(times_found(text("for all")), 1);
    }
}

static void one_key_holds_values_of_several_nodes(void)
{
    check_int(put(0, 3, text("a")), 0);
    check_int(put(1, 3, text("b")), 0);
    check_int(put(2, 3, text("c")), 0);
    get(5, 3);
    check_int(found.err, 0);
    check_int(found.count, 3);
    check_int(times_found(text("a")), 1);
    check_int(times_found(text("b")), 1);
    check_int(times_found(text("c")), 1);
}

static void a_missing_key_is_an_empty_answer(void)
{
    get(4, 4);
    check_int(found.err, 0);
    check_int(found.count, 0);
}

static void a_later_get_sees_the_later_value_too(void)
{
    check_int(put(1, 5, text("seq 1")), 0);
    get(6, 5);
    check_int(found.count, 1);
    check_int(put(1, 5, text("seq 2")), 0);
    get(6, 5);
    check_int(times_found(text("seq 1")), 1);
    check_int(times_found(text("seq 2")), 1);
}

static void the_same_content_put_again_is_seen_once(void)
{
    check_int(put(2, 6, text("again")), 0);
    check_int(put(2, 6, text("again")), 0);
    check_int(put(7, 6, text("again")), 0);
    get(3, 6);
    check_int(found.err, 0);
    check_int(found.count, 1);
    check_int(times_found(text("again")), 1);
}

static void a_value_has_1_to_560_bytes(void)
{
    static uint8_t bytes[KITH_DHT_VALUE_MAX + 1];
    memset(bytes, 0xa5, sizeof bytes);
    check_int(put(0, 7, (struct kith_bytes){bytes, 0}), KITH_ERR_RANGE);
    check_int(put(0, 7, (struct kith_bytes){bytes, sizeof bytes}), KITH_ERR_RANGE);
    check_int(put(0, 7, (struct kith_bytes){bytes, 1}), 0);
    check_int(put(0, 7, (struct kith_bytes){bytes, KITH_DHT_VALUE_MAX}), 0);
    get(5, 7);
    check_int(found.count, 2);
    check_int(times_found((struct kith_bytes){bytes, 1}), 1);
    check_int(times_found((struct kith_bytes){bytes, KITH_DHT_VALUE_MAX}), 1);
}

static void a_get_stops_at_64_values_and_says_so(void)
{
    for (uint8_t i = 0; i < KITH_DHT_VALUES_MAX; i++)
        check_int(put(i % NODES, 8, (struct kith_bytes){&i, 1}), 0);
    get(1, 8);
    check_int(found.err, 0);
    check_int(found.count, KITH_DHT_VALUES_MAX);
    check_int(put(3, 8, text("one too many")), 0);
    get(1, 8);
    check_int(found.err, KITH_ERR_FULL);
    check_int(found.count, KITH_DHT_VALUES_MAX);
}

/* The last case: it costs nodes. */
static void values_outlive_nodes(void)
{
    check_int(put(1, 9, text("legacy")), 0);
    dht->kill_node(dht->context, 1);
    dht->kill_node(dht->context, 0);
    for (uint32_t node = 2; node < NODES; node++) {
        get(node, 9);
        check_int(times_found(text("legacy")), 1);
    }
    check_int(put(2, 10, text("new")), 0);
    get(7, 10);
    check_int(times_found(text("new")), 1);
}

static void a_node_alone_reads_its_own_value(void)
{
    check(dht->make(dht->context, 1));
    /* Nobody else took it, and the put says so; the own copy is there. */
    check_int(put(0, 11, text("mine")), KITH_ERR_IO);
    get(0, 11);
    check_int(found.err, 0);
    check_int(times_found(text("mine")), 1);
}

int contract_dht_run(const struct contract_dht *under_test)
{
    dht = under_test;
    if (!dht->make(dht->context, NODES)) {
        puts("Bail out! no DHT to test");
        return 1;
    }
    run(another_node_reads_what_was_put);
    run(every_node_reads_it);
    run(one_key_holds_values_of_several_nodes);
    run(a_missing_key_is_an_empty_answer);
    run(a_later_get_sees_the_later_value_too);
    run(the_same_content_put_again_is_seen_once);
    run(a_value_has_1_to_560_bytes);
    run(a_get_stops_at_64_values_and_says_so);
    run(values_outlive_nodes);
    dht->unmake(dht->context);
    run(a_node_alone_reads_its_own_value);
    dht->unmake(dht->context);
    return test_end();
}
