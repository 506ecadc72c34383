/* host/dht_helper.c: the program kith-dht: one OpenDHT node, driven over the socket that is its
 * standard input. It keeps nothing, knows no hotkey, and ends when the socket does. The only code
 * that calls OpenDHT; its callbacks hold OpenDHT's main lock, so they copy, post and return. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <opendht/opendht_c.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "host/dht_helper_hooks.h"
#include "host/dht_helper_join.h"
#include "host/dht_helper_limits.h"
#include "host/dht_helper_ops.h"
#include "host/dht_wire.h"

enum {
    NODE_FD = STDIN_FILENO,
    GET_MS = 8 * 1000,
    PUT_MS = 15 * 1000,
    PING_MS = 10 * 1000,
    LISTEN_PERIOD_MS = 5 * 1000,
    OUT_SIZE = 64 * 1024,
};

static struct {
    dht_runner *runner; /* NULL until START */
    dht_infohash own_id;
    int probe_fd; /* wakes the probe's thread */
    struct kith_dht_join join;
    uint64_t pings_answered; /* as of the last look */
    uint64_t listen_ms;      /* when to listen for strangers anew */
    struct kith_dht_stream in;
    size_t out_len;
    uint8_t out[OUT_SIZE];
} helper;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

_Noreturn static void end(int status)
{
    /* Not exit(): OpenDHT's threads run on, and its destructors may wait for them for ever. */
    _exit(status);
}

/* Callbacks of OpenDHT, on its thread. */

static bool on_value(const dht_value *value, void *handle)
{
    dht_data_view data = dht_value_get_data(value);
    return kith_dht_ops_value((kith_dht_handle)handle, (struct kith_bytes){data.data, data.size});
}

static void on_done(bool is_ok, void *handle)
{
    kith_dht_ops_done((kith_dht_handle)handle, is_ok);
}

/* Calls into OpenDHT, on the main thread. */

static void put(const struct kith_dht_message *message)
{
    uint64_t number = message->put.number;
    kith_dht_handle handle = kith_dht_ops_open(KITH_DHT_OP_PUT, number, 0, now_ms() + PUT_MS);
    if (!handle) {
        kith_dht_ops_say_done(number, KITH_ERR_NOMEM);
        return;
    }
    dht_infohash key;
    memcpy(key.d, message->put.key, sizeof key.d);
    /* A fresh value has a fresh random id, so nobody can have taken it before. */
    dht_value *value = dht_value_new(message->put.value.at, message->put.value.len);
    dht_runner_put(helper.runner, &key, value, on_done, (void *)handle, false);
    dht_value_unref(value);
}

static void get(const struct kith_dht_message *message)
{
    uint64_t number = message->get.number;
    kith_dht_handle handle =
        kith_dht_ops_open(KITH_DHT_OP_GET, number, message->get.values_max, now_ms() + GET_MS);
    if (!handle) {
        kith_dht_ops_say_done(number, KITH_ERR_NOMEM);
        return;
    }
    dht_infohash key;
    memcpy(key.d, message->get.key, sizeof key.d);
    dht_runner_get(helper.runner, &key, on_value, on_done, (void *)handle);
}

static void lookup(bool is_own)
{
    kith_dht_handle handle = kith_dht_ops_open(KITH_DHT_OP_LOOKUP, 0, 0, now_ms() + GET_MS);
    if (!handle) return;
    dht_infohash key = helper.own_id;
    if (is_own)
        key.d[sizeof key.d - 1] ^= 1;
    else
        dht_infohash_random(&key);
    dht_runner_get(helper.runner, &key, on_value, on_done, (void *)handle);
}

static void ping(const struct kith_addr *addr)
{
    kith_dht_handle handle = kith_dht_ops_open(KITH_DHT_OP_PING, 0, 0, now_ms() + PING_MS);
    if (!handle) return;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
    memcpy(&v4.sin_addr, addr->ip, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, addr->ip, sizeof v6.sin6_addr);
    bool is_v4 = addr->family == 4;
    struct sockaddr *to = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = is_v4 ? sizeof v4 : sizeof v6;
    dht_runner_ping(helper.runner, to, len, on_done, (void *)handle);
}

/* Answers "are you there?" for OpenDHT's main thread: the getter waits for its lock, so if that
 * thread hangs, no answer is ever sent. */
static void *probe(void *unused)
{
    (void)unused;
    uint64_t count;
    while (read(helper.probe_fd, &count, sizeof count) == sizeof count) {
        (void)dht_runner_get_bound_port(helper.runner, AF_INET);
        kith_dht_ops_say_alive();
    }
    return NULL;
}

static void wake_probe(void)
{
    uint64_t one = 1;
    if (write(helper.probe_fd, &one, sizeof one) != sizeof one) end(1);
}

static int run_opendht(uint32_t net32, uint16_t port)
{
    dht_runner_config config;
    dht_runner_config_default(&config);
    config.dht_config.node_config.network = net32;
    if (getrandom(helper.own_id.d, sizeof helper.own_id.d, 0) != (ssize_t)sizeof helper.own_id.d)
        return KITH_ERR_IO;
    config.dht_config.node_config.node_id = helper.own_id;
    helper.runner = dht_runner_new();
    if (!helper.runner) return KITH_ERR_NOMEM;
    bool failed = dht_runner_run_config(helper.runner, port, &config) != 0;
    /* OpenDHT is content with one family; half a port is not ours to share. */
    if (kith_dht_hooks_port_taken()) return KITH_ERR_IN_USE;
    return failed ? KITH_ERR_IO : 0;
}

static int start_probe(void)
{
    pthread_t thread;
    helper.probe_fd = eventfd(0, EFD_CLOEXEC);
    if (helper.probe_fd < 0) return KITH_ERR_IO;
    if (pthread_create(&thread, NULL, probe, NULL)) return KITH_ERR_IO;
    pthread_detach(thread);
    return 0;
}

/* Talking to the node. */

static void send_message(const struct kith_dht_message *message)
{
    helper.out_len += kith_dht_wire_encode(message, helper.out + helper.out_len);
}

static void flush_out(void)
{
    size_t sent = 0;
    while (sent < helper.out_len) {
        ssize_t len = write(NODE_FD, helper.out + sent, helper.out_len - sent);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0 && errno == EAGAIN) break;
        if (len < 0) end(0);
        sent += (size_t)len;
    }
    memmove(helper.out, helper.out + sent, helper.out_len - sent);
    helper.out_len -= sent;
}

static void fill_stats(struct kith_dht_message *message)
{
    kith_dht_hooks_count(&message->stats.traffic);
    message->stats.pings_answered = kith_dht_ops_pings_answered();
    message->stats.open = kith_dht_ops_open_count();
}

static void send_words(void)
{
    struct kith_dht_message message;
    uint8_t value[KITH_DHT_VALUE_MAX];
    while (helper.out_len + KITH_DHT_FRAME_MAX <= sizeof helper.out) {
        if (!kith_dht_ops_next(&message, value)) break;
        if (message.kind == KITH_DHT_STATS) fill_stats(&message);
        send_message(&message);
    }
    flush_out();
}

static void start(const struct kith_dht_message *message)
{
    uint8_t flags = message->start.flags;
    kith_dht_hooks_set(flags & KITH_DHT_LOOPBACK_ONLY, flags & KITH_DHT_SHIELD_OFF);
    kith_dht_limits_confine();
    int err = run_opendht(message->start.net32, message->start.port);
    if (!err) err = start_probe();
    kith_dht_join_init(&helper.join, message->start.seeds, message->start.seed_count, now_ms());
    struct kith_dht_message answer = {.kind = KITH_DHT_STARTED};
    answer.started.port = err ? 0 : message->start.port;
    answer.started.err = err;
    send_message(&answer);
    flush_out();
    if (err) end(1);
}

static void take_message(const struct kith_dht_message *message)
{
    /* START first and once; a node that says anything else is broken. */
    if ((message->kind == KITH_DHT_START) == (helper.runner != NULL)) end(1);
    switch (message->kind) {
    case KITH_DHT_START:
        start(message);
        return;
    case KITH_DHT_PUT:
        put(message);
        return;
    case KITH_DHT_GET:
        get(message);
        return;
    case KITH_DHT_PING:
        if (kith_dht_join_add(&helper.join, &message->ping.addr)) ping(&message->ping.addr);
        return;
    case KITH_DHT_ASK_STATS:
        wake_probe();
        return;
    case KITH_DHT_STARTED:
    case KITH_DHT_VALUE:
    case KITH_DHT_DONE:
    case KITH_DHT_STATS:
        end(1);
    }
}

static void read_node(void)
{
    size_t room;
    uint8_t *at = kith_dht_stream_room(&helper.in, &room);
    ssize_t len = read(NODE_FD, at, room);
    if (len < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (len <= 0) end(0);
    kith_dht_stream_filled(&helper.in, (size_t)len);
    struct kith_dht_message message;
    int got;
    while ((got = kith_dht_stream_next(&helper.in, &message)) == 1)
        take_message(&message);
    if (got < 0) end(1);
}

/* A few at a time: their addresses may be forged. */
static void tend_strangers(uint64_t now)
{
    struct kith_addr addr;
    while (kith_dht_hooks_heard(&addr))
        ping(&addr);
    if (now < helper.listen_ms) return;
    helper.listen_ms = now + LISTEN_PERIOD_MS;
    kith_dht_hooks_listen(kith_dht_join_is_lonely(&helper.join, now), kith_dht_ops_wake);
}

static void join_dht(uint64_t now)
{
    struct kith_addr addrs[KITH_DHT_JOIN_ROUND];
    uint64_t answered = kith_dht_ops_pings_answered();
    if (answered > helper.pings_answered) kith_dht_join_on_answer(&helper.join, now);
    helper.pings_answered = answered;
    uint32_t count = kith_dht_join_pings(&helper.join, now, addrs);
    for (uint32_t i = 0; i < count; i++)
        ping(&addrs[i]);
    tend_strangers(now);
    bool is_own;
    while (kith_dht_join_lookup(&helper.join, now, &is_own))
        lookup(is_own);
}

static int wait_ms(uint64_t now)
{
    if (!helper.runner) return -1;
    uint64_t deadline = kith_dht_ops_deadline_ms();
    uint64_t join_deadline = kith_dht_join_deadline_ms(&helper.join);
    if (join_deadline < deadline) deadline = join_deadline;
    if (deadline <= now) return 0;
    uint64_t left = deadline - now;
    return left < 60 * 1000 ? (int)left : 60 * 1000;
}

static void turn(void)
{
    struct pollfd fds[2] = {{.fd = NODE_FD}, {.fd = kith_dht_ops_wake_fd(), .events = POLLIN}};
    if (kith_dht_ops_said_count() < KITH_DHT_OPS_SAID_MAX) fds[0].events |= POLLIN;
    if (helper.out_len > 0) {
        fds[0].events |= POLLOUT;
        fds[1].events = 0; /* what was said waits until there is room for it */
    }
    if (poll(fds, 2, wait_ms(now_ms())) < 0 && errno != EINTR) end(1);
    if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) read_node();
    if (!helper.runner) return;
    uint64_t now = now_ms();
    kith_dht_ops_expire(now);
    join_dht(now);
    send_words();
}

int main(int argc, char **argv)
{
    (void)argv;
    int type;
    socklen_t len = sizeof type;
    if (argc > 1 || getsockopt(NODE_FD, SOL_SOCKET, SO_TYPE, &type, &len)) {
        fputs("kith-dht: is started by kith, with a socket as standard input\n", stderr);
        return 2;
    }
    if (kith_dht_limits_start() || kith_dht_ops_init()) return 1;
    if (fcntl(NODE_FD, F_SETFL, O_NONBLOCK)) return 1;
    for (;;)
        turn();
}
