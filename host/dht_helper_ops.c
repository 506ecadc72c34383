#include "host/dht_helper_ops.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"

enum {
    SLOTS_MAX = KITH_DHT_OPS_OPEN_MAX + KITH_DHT_OPS_OWN_MAX,
    SLOT_BITS = 10, /* of a handle; the rest counts how often the slot was used */
};

struct op {
    bool is_open;
    bool is_crowded;
    enum kith_dht_op_kind kind;
    uintptr_t use; /* which use of the slot this is */
    uint64_t number;
    uint64_t deadline_ms;
    uint32_t values_max;
    uint32_t count;
    size_t bytes;
    struct kith_id seen[KITH_DHT_VALUES_MAX]; /* hashes of the values said */
};

/* Something for the main thread to send. */
struct word {
    struct word *next;
    enum kith_dht_kind kind;
    uint64_t number;
    int err;
    size_t len;
    uint8_t value[];
};

static struct {
    pthread_mutex_t mutex;
    int wake_fd;
    struct op ops[SLOTS_MAX];
    uint32_t open_count;
    uint32_t own_count;
    uint64_t pings_answered;
    struct word *first;
    struct word *last;
    uint32_t said;
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

int kith_dht_ops_init(void)
{
    table.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return table.wake_fd < 0 ? KITH_ERR_IO : 0;
}

int kith_dht_ops_wake_fd(void)
{
    return table.wake_fd;
}

void kith_dht_ops_wake(void)
{
    uint64_t one = 1;
    ssize_t written = write(table.wake_fd, &one, sizeof one);
    (void)written; /* it fails only when the counter is full, and then it wakes anyway */
}

/* With the mutex held, as all functions down to the next empty comment. */

static bool is_own(enum kith_dht_op_kind kind)
{
    return kind == KITH_DHT_OP_PING || kind == KITH_DHT_OP_LOOKUP;
}

static uint32_t *count_of(enum kith_dht_op_kind kind)
{
    return is_own(kind) ? &table.own_count : &table.open_count;
}

static struct op *find(kith_dht_handle handle)
{
    size_t slot = handle & ((1u << SLOT_BITS) - 1);
    if (slot >= SLOTS_MAX) return NULL;
    struct op *op = &table.ops[slot];
    return op->is_open && op->use == handle >> SLOT_BITS ? op : NULL;
}

/* A word that does not find memory is lost; its operation then ends by the node's own deadline. */
static void say(enum kith_dht_kind kind, uint64_t number, int err, struct kith_bytes value)
{
    struct word *word = malloc(sizeof *word + value.len);
    if (!word) return;
    *word = (struct word){.kind = kind, .number = number, .err = err, .len = value.len};
    if (value.len > 0) memcpy(word->value, value.at, value.len);
    if (table.last) table.last->next = word;
    if (!table.first) table.first = word;
    table.last = word;
    table.said++;
    kith_dht_ops_wake();
}

static void close_op(struct op *op, int err)
{
    if (!is_own(op->kind)) say(KITH_DHT_DONE, op->number, err, (struct kith_bytes){NULL, 0});
    op->is_open = false;
    (*count_of(op->kind))--;
}

static int end_of(const struct op *op, bool is_ok)
{
    if (op->kind == KITH_DHT_OP_PUT) return is_ok ? 0 : KITH_ERR_IO;
    return 0;
}

/* False if the get has enough. */
static bool take_value(struct op *op, struct kith_bytes value)
{
    if (op->kind != KITH_DHT_OP_GET) return true;
    if (value.len == 0 || value.len > KITH_DHT_VALUE_MAX) return true;
    struct kith_id hash = kith_hash_of("kith-dht value", value);
    for (uint32_t i = 0; i < op->count; i++)
        if (kith_id_eq(&op->seen[i], &hash)) return true;
    if (op->count == op->values_max || op->bytes + value.len > KITH_DHT_OPS_GET_BYTES) {
        close_op(op, KITH_ERR_FULL);
        return false;
    }
    op->seen[op->count++] = hash;
    op->bytes += value.len;
    say(KITH_DHT_VALUE, op->number, 0, value);
    return true;
}

/* */

kith_dht_handle kith_dht_ops_open(enum kith_dht_op_kind kind, uint64_t number, uint32_t values_max,
                                  uint64_t deadline_ms)
{
    kith_dht_handle handle = 0;
    pthread_mutex_lock(&table.mutex);
    uint32_t limit = is_own(kind) ? KITH_DHT_OPS_OWN_MAX : KITH_DHT_OPS_OPEN_MAX;
    for (size_t i = 0; i < SLOTS_MAX && *count_of(kind) < limit; i++) {
        struct op *op = &table.ops[i];
        if (op->is_open) continue;
        uintptr_t use = op->use + 1;
        *op = (struct op){.is_open = true, .kind = kind, .use = use};
        op->number = number;
        op->values_max = values_max;
        op->deadline_ms = deadline_ms;
        (*count_of(kind))++;
        handle = use << SLOT_BITS | i;
        break;
    }
    pthread_mutex_unlock(&table.mutex);
    return handle;
}

bool kith_dht_ops_value(kith_dht_handle handle, struct kith_bytes value)
{
    pthread_mutex_lock(&table.mutex);
    struct op *op = find(handle);
    bool goes_on = op && take_value(op, value);
    pthread_mutex_unlock(&table.mutex);
    return goes_on;
}

void kith_dht_ops_done(kith_dht_handle handle, bool is_ok)
{
    pthread_mutex_lock(&table.mutex);
    struct op *op = find(handle);
    if (op && op->kind == KITH_DHT_OP_PING && is_ok) table.pings_answered++;
    if (op) close_op(op, end_of(op, is_ok));
    pthread_mutex_unlock(&table.mutex);
}

void kith_dht_ops_expire(uint64_t now_ms)
{
    pthread_mutex_lock(&table.mutex);
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct op *op = &table.ops[i];
        if (op->is_open && op->deadline_ms <= now_ms) close_op(op, KITH_ERR_TIMEOUT);
    }
    pthread_mutex_unlock(&table.mutex);
}

uint64_t kith_dht_ops_deadline_ms(void)
{
    uint64_t deadline_ms = UINT64_MAX;
    pthread_mutex_lock(&table.mutex);
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct op *op = &table.ops[i];
        if (op->is_open && op->deadline_ms < deadline_ms) deadline_ms = op->deadline_ms;
    }
    pthread_mutex_unlock(&table.mutex);
    return deadline_ms;
}

void kith_dht_ops_say_done(uint64_t number, int err)
{
    pthread_mutex_lock(&table.mutex);
    say(KITH_DHT_DONE, number, err, (struct kith_bytes){NULL, 0});
    pthread_mutex_unlock(&table.mutex);
}

void kith_dht_ops_say_alive(void)
{
    pthread_mutex_lock(&table.mutex);
    say(KITH_DHT_STATS, 0, 0, (struct kith_bytes){NULL, 0});
    pthread_mutex_unlock(&table.mutex);
}

static void fill_message(const struct word *word, struct kith_dht_message *ret,
                         uint8_t buffer[static KITH_DHT_VALUE_MAX])
{
    *ret = (struct kith_dht_message){.kind = word->kind};
    if (word->kind == KITH_DHT_DONE) {
        ret->done.number = word->number;
        ret->done.err = word->err;
    }
    if (word->kind == KITH_DHT_VALUE) {
        memcpy(buffer, word->value, word->len);
        ret->value.number = word->number;
        ret->value.value = (struct kith_bytes){buffer, word->len};
    }
}

bool kith_dht_ops_next(struct kith_dht_message *ret, uint8_t buffer[static KITH_DHT_VALUE_MAX])
{
    pthread_mutex_lock(&table.mutex);
    struct word *word = table.first;
    if (word) {
        table.first = word->next;
        if (!table.first) table.last = NULL;
        table.said--;
    } else {
        uint64_t count;
        ssize_t got = read(table.wake_fd, &count, sizeof count);
        (void)got; /* nothing to clear is as good */
    }
    pthread_mutex_unlock(&table.mutex);
    if (!word) return false;
    fill_message(word, ret, buffer);
    free(word);
    return true;
}

uint32_t kith_dht_ops_open_count(void)
{
    pthread_mutex_lock(&table.mutex);
    uint32_t count = table.open_count;
    pthread_mutex_unlock(&table.mutex);
    return count;
}

uint32_t kith_dht_ops_said_count(void)
{
    pthread_mutex_lock(&table.mutex);
    uint32_t count = table.said;
    pthread_mutex_unlock(&table.mutex);
    return count;
}

uint64_t kith_dht_ops_pings_answered(void)
{
    pthread_mutex_lock(&table.mutex);
    uint64_t count = table.pings_answered;
    pthread_mutex_unlock(&table.mutex);
    return count;
}
