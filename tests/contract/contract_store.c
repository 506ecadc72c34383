#include "tests/contract/contract_store.h"

#include <string.h>

#include "base/err.h"
#include "tests/test.h"

enum { BIG = 2000000, DEATHS = 40 };

static const struct contract_store *port;
static uint8_t big[BIG];

static struct kith_bytes text(const char *content)
{
    return (struct kith_bytes){(const uint8_t *)content, strlen(content)};
}

/* `len` bytes that follow from the number. */
static struct kith_bytes numbered(uint32_t number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        big[i] = (uint8_t)(number + i * 7 + (i >> 8));
    return (struct kith_bytes){big, len};
}

static int store(enum kith_store_key key, struct kith_bytes bytes)
{
    return port->store(port->context, key, bytes);
}

static bool holds(enum kith_store_key key, struct kith_bytes wanted)
{
    struct kith_bytes bytes;
    if (!port->read(port->context, key, &bytes)) return false;
    return bytes.len == wanted.len &&
           (wanted.len == 0 || memcmp(bytes.at, wanted.at, wanted.len) == 0);
}

static void a_key_never_stored_is_empty(void)
{
    for (unsigned key = 0; key < KITH_STORE_KEYS; key++)
        check(holds((enum kith_store_key)key, text("")));
}

static void what_was_stored_is_there_after_a_restart(void)
{
    check_int(store(KITH_STORE_CHECKPOINT, text("one")), 0);
    check_int(store(KITH_STORE_PEERS, text("two")), 0);
    check(holds(KITH_STORE_CHECKPOINT, text("one")));
    check(port->reopen(port->context));
    check(holds(KITH_STORE_CHECKPOINT, text("one")));
    check(holds(KITH_STORE_PEERS, text("two")));
}

static void a_store_replaces_the_whole_value(void)
{
    static const size_t sizes[] = {BIG, 10, 100000, 1, 2, 500};
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_int(store(KITH_STORE_CHECKPOINT, numbered(i, sizes[i])), 0);
        check(holds(KITH_STORE_CHECKPOINT, numbered(i, sizes[i])));
    }
    check(holds(KITH_STORE_PEERS, text("")));
}

/* Over many deaths at different moments: always one of the two, whole, and the store goes on. */
static void a_death_leaves_the_old_value_or_the_new_one(void)
{
    check_int(store(KITH_STORE_CHECKPOINT, numbered(0, BIG)), 0);
    check_int(store(KITH_STORE_PEERS, text("untouched")), 0);
    uint32_t present = 0;
    for (uint32_t i = 1; i <= DEATHS; i++) {
        check(port->die_storing(port->context, KITH_STORE_CHECKPOINT, numbered(i, BIG - i), i));
        bool is_new = holds(KITH_STORE_CHECKPOINT, numbered(i, BIG - i));
        bool is_old = holds(KITH_STORE_CHECKPOINT, numbered(present, BIG - present));
        check(is_new || is_old);
        check(holds(KITH_STORE_PEERS, text("untouched")));
        if (is_new) present = i;
    }
    check_int(store(KITH_STORE_CHECKPOINT, text("after all")), 0);
    check(holds(KITH_STORE_CHECKPOINT, text("after all")));
}

static void a_full_disk_is_an_error_and_keeps_the_old_value(void)
{
    check_int(store(KITH_STORE_CHECKPOINT, text("good")), 0);
    port->set_full(port->context, true);
    int err = store(KITH_STORE_CHECKPOINT, numbered(1, BIG));
    int again = store(KITH_STORE_CHECKPOINT, numbered(2, BIG));
    port->set_full(port->context, false);
    check_int(err, KITH_ERR_IO);
    check_int(again, KITH_ERR_IO);
    check(holds(KITH_STORE_CHECKPOINT, text("good")));
    check(port->reopen(port->context));
    check(holds(KITH_STORE_CHECKPOINT, text("good")));
    check_int(store(KITH_STORE_CHECKPOINT, numbered(3, BIG)), 0);
    check(holds(KITH_STORE_CHECKPOINT, numbered(3, BIG)));
}

#define run_made(test)                                                                             \
    do {                                                                                           \
        if (!port->make(port->context)) {                                                          \
            printf("Bail out! no store\n");                                                        \
            return 1;                                                                              \
        }                                                                                          \
        run(test);                                                                                 \
        port->unmake(port->context);                                                               \
    } while (0)

int contract_store_run(const struct contract_store *store_port)
{
    port = store_port;
    run_made(a_key_never_stored_is_empty);
    run_made(what_was_stored_is_there_after_a_restart);
    run_made(a_store_replaces_the_whole_value);
    run_made(a_death_leaves_the_old_value_or_the_new_one);
    run_made(a_full_disk_is_an_error_and_keeps_the_old_value);
    return test_end();
}
