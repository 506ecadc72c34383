/* The net: listening, dialling, who is let in, and what is called from outside. */
#include "host/net_uv.h"

#include <netinet/in.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/net_conn.h"
#include "node/rules.h"

enum { LINKS_MAX = 1024, LOG_MAX = 256, LOG_PERIOD_MS = 60000, BACKLOG = 128 };

static const struct kith_net_limits default_limits = {
    .half_open_max = 256,
    .half_open_per_ip_max = 4,
    .accepts_per_s = 50,
    .accepts_per_ip_per_s = 5,
    .dials_max = 64,
    .control_max = KITH_LINK_CONTROL_MAX,
    .bulk_max = KITH_LINK_BULK_MAX,
    .connect_ms = 5000,
    .first_byte_ms = 2000,
    .handshake_ms = 5000,
    .frame_ms = 10000,
    .stall_ms = 30000,
    .linger_ms = 500,
};

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static struct kith_net_limits limits_with_defaults(const struct kith_net_limits *given)
{
    struct kith_net_limits limits = *given;
    const struct kith_net_limits *normal = &default_limits;
    limits.half_open_max = or_default(given->half_open_max, normal->half_open_max);
    limits.half_open_per_ip_max =
        or_default(given->half_open_per_ip_max, normal->half_open_per_ip_max);
    limits.accepts_per_s = or_default(given->accepts_per_s, normal->accepts_per_s);
    limits.accepts_per_ip_per_s =
        or_default(given->accepts_per_ip_per_s, normal->accepts_per_ip_per_s);
    limits.dials_max = or_default(given->dials_max, normal->dials_max);
    limits.control_max = or_default(given->control_max, normal->control_max);
    limits.bulk_max = or_default(given->bulk_max, normal->bulk_max);
    limits.connect_ms = or_default(given->connect_ms, normal->connect_ms);
    limits.first_byte_ms = or_default(given->first_byte_ms, normal->first_byte_ms);
    limits.handshake_ms = or_default(given->handshake_ms, normal->handshake_ms);
    limits.frame_ms = or_default(given->frame_ms, normal->frame_ms);
    limits.stall_ms = or_default(given->stall_ms, normal->stall_ms);
    limits.linger_ms = or_default(given->linger_ms, normal->linger_ms);
    return limits;
}

int kith_net_err(int uv_err)
{
    switch (uv_err) {
    case UV_EADDRINUSE:
        return KITH_ERR_IN_USE;
    case UV_EACCES:
    case UV_EPERM:
        return KITH_ERR_PERMISSION;
    case UV_EADDRNOTAVAIL:
    case UV_EAFNOSUPPORT:
    case UV_EINVAL:
        return KITH_ERR_INVALID;
    case UV_ENOMEM:
    case UV_ENOBUFS:
    case UV_EMFILE:
    case UV_ENFILE:
        return KITH_ERR_NOMEM;
    case UV_ETIMEDOUT:
        return KITH_ERR_TIMEOUT;
    case UV_ECONNREFUSED:
        return KITH_ERR_REFUSED;
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_EOF:
        return KITH_ERR_CLOSED;
    default:
        return KITH_ERR_IO;
    }
}

void kith_net_log(struct kith_net *net, const char *format, ...)
{
    char line[LOG_MAX];
    uint64_t now_ms = uv_now(net->config.loop);
    if (!net->config.on_log || net->is_closing) return;
    if (net->logged_ms != 0 && now_ms - net->logged_ms < LOG_PERIOD_MS) return;
    net->logged_ms = now_ms;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    net->config.on_log(net->config.context, line);
}

uint8_t *kith_net_borrow(struct kith_net_pool *pool)
{
    return pool->count > 0 ? pool->free[--pool->count] : malloc(pool->size);
}

void kith_net_give_back(struct kith_net_pool *pool, uint8_t **buffer)
{
    if (!*buffer) return;
    if (pool->count < KITH_NET_POOL_MAX)
        pool->free[pool->count++] = *buffer;
    else
        free(*buffer);
    *buffer = NULL;
}

static void pool_release(struct kith_net_pool *pool)
{
    while (pool->count > 0)
        free(pool->free[--pool->count]);
}

/* Addresses. */

static void addr_to_socket(const struct kith_addr *addr, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    if (addr->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->ip, 4);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(addr->port);
        memcpy(&in6->sin6_addr, addr->ip, 16);
    }
}

/* An IPv4 address that an IPv6 socket saw is an IPv4 address. */
static struct kith_addr addr_of_socket(const struct sockaddr_storage *socket)
{
    struct kith_addr addr = {0};
    if (socket->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)socket;
        addr.family = 4;
        addr.port = ntohs(in->sin_port);
        memcpy(addr.ip, &in->sin_addr, 4);
        return addr;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)socket;
    bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    const uint8_t *ip = (const uint8_t *)&in6->sin6_addr;
    addr.family = is_mapped ? 4 : 6;
    addr.port = ntohs(in6->sin6_port);
    memcpy(addr.ip, is_mapped ? ip + 12 : ip, is_mapped ? 4 : 16);
    return addr;
}

/* What is done once before the loop waits. */

static void on_handle_closed(uv_handle_t *handle);

static void net_finish(struct kith_net *net)
{
    uv_close((uv_handle_t *)&net->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&net->idle, on_handle_closed);
    net->handles += 2;
}

static void net_free(struct kith_net *net)
{
    sodium_memzero(net->static_secret, sizeof net->static_secret);
    pool_release(&net->receive);
    pool_release(&net->send);
    free(net->conns);
    free(net->links);
    free(net);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct kith_net *net = handle->data;
    bool was_listener = handle == (uv_handle_t *)&net->listener;
    net->handles--;
    if (was_listener) kith_net_mark(net, NULL);
    if (net->handles > 0 || was_listener) return;
    if (net->on_closed) net->on_closed(net->closed_context);
    net_free(net);
}

static void report_failed_dials(struct kith_net *net)
{
    struct kith_net_failed failed[16];
    uint32_t count = net->failed_count < 16 ? net->failed_count : 16;
    memcpy(failed, net->failed, count * sizeof failed[0]);
    net->failed_count -= count;
    memmove(net->failed, net->failed + count, net->failed_count * sizeof failed[0]);
    for (uint32_t i = 0; i < count && !net->is_closing; i++)
        net->config.on_dial_failed(net->config.context, failed[i].number, failed[i].err);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct kith_net *net = prepare->data;
    while (net->dirty) {
        struct kith_conn *conn = net->dirty;
        net->dirty = conn->dirty_next;
        conn->is_dirty = false;
        kith_conn_turn(conn);
    }
    report_failed_dials(net);
    if (net->is_closing && net->conn_count == 0 && net->handles == 0) {
        net_finish(net);
        return;
    }
    if (net->dirty || net->failed_count > 0) return;
    uv_prepare_stop(&net->prepare);
    uv_idle_stop(&net->idle);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* being there is its work: the loop does not wait */
}

void kith_net_mark(struct kith_net *net, struct kith_conn *conn)
{
    uv_prepare_start(&net->prepare, on_prepare);
    uv_idle_start(&net->idle, on_idle);
    if (!conn || conn->is_dirty) return;
    conn->is_dirty = true;
    conn->dirty_next = net->dirty;
    net->dirty = conn;
}

/* Listening. */

static uint32_t half_open_of(const struct kith_net *net, const struct kith_addr *addr)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < net->conn_count; i++) {
        const struct kith_conn *conn = net->conns[i];
        if (conn->dialed || conn->phase != KITH_CONN_SHAKING) continue;
        count += conn->addr.family == addr->family && memcmp(conn->addr.ip, addr->ip, 16) == 0;
    }
    return count;
}

static uint32_t half_open_in(const struct kith_net *net, const struct kith_addr *prefix)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < net->conn_count; i++) {
        const struct kith_conn *conn = net->conns[i];
        if (conn->dialed || conn->phase != KITH_CONN_SHAKING) continue;
        struct kith_addr own = kith_net_guard_prefix(&conn->addr);
        count += kith_addr_eq(&own, prefix);
    }
    return count;
}

/* Drop the oldest unfinished handshake of the network that has most of them. */
static void drop_half_open(struct kith_net *net)
{
    struct kith_conn *victim = NULL;
    uint32_t victim_crowd = 0;
    for (uint32_t i = 0; i < net->conn_count; i++) {
        struct kith_conn *conn = net->conns[i];
        if (conn->dialed || conn->phase != KITH_CONN_SHAKING) continue;
        struct kith_addr prefix = kith_net_guard_prefix(&conn->addr);
        bool is_same = victim && victim->addr.family == conn->addr.family &&
                       victim->began_ms <= conn->began_ms &&
                       memcmp(victim->addr.ip, conn->addr.ip, 16) == 0;
        if (is_same) continue;
        uint32_t crowd = half_open_in(net, &prefix);
        if (victim &&
            (crowd < victim_crowd || (crowd == victim_crowd && conn->began_ms >= victim->began_ms)))
            continue;
        victim = conn;
        victim_crowd = crowd;
    }
    if (!victim) return;
    net->counters.refused_half_open++;
    kith_conn_close(victim, KITH_ERR_FULL);
}

static bool may_enter(struct kith_net *net, const struct kith_addr *addr)
{
    const struct kith_net_limits *limits = &net->config.limits;
    if (!kith_net_guard_take(&net->guard, addr, uv_now(net->config.loop))) {
        net->counters.refused_rate++;
        return false;
    }
    bool is_loopback = kith_addr_kind(addr) == KITH_ADDR_LOOPBACK;
    if (!is_loopback && half_open_of(net, addr) >= limits->half_open_per_ip_max) {
        net->counters.refused_half_open++;
        return false;
    }
    if (net->counters.half_open >= limits->half_open_max - limits->half_open_max / 4)
        drop_half_open(net);
    return true;
}

static struct kith_addr addr_of_peer(const uv_tcp_t *tcp)
{
    struct sockaddr_storage socket = {0};
    int len = sizeof socket;
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&socket, &len) != 0)
        return (struct kith_addr){0};
    return addr_of_socket(&socket);
}

static void on_shed(uv_handle_t *handle);

/* A listener whose connection is not taken stops: take it with a handle kept for this, and drop it.
 * While that handle closes, the listener does stop, until on_shed. */
static void shed(struct kith_net *net)
{
    net->must_shed = true;
    if (net->is_shedding) return;
    net->must_shed = false;
    net->is_shedding = true;
    int err = uv_tcp_init(net->config.loop, &net->spare);
    kith_assert(err == 0);
    net->spare.data = net;
    net->handles++;
    (void)uv_accept((uv_stream_t *)&net->listener, (uv_stream_t *)&net->spare);
    uv_close((uv_handle_t *)&net->spare, on_shed);
}

static void on_shed(uv_handle_t *handle)
{
    struct kith_net *net = handle->data;
    net->handles--;
    net->is_shedding = false;
    if (net->is_closing)
        kith_net_mark(net, NULL);
    else if (net->must_shed)
        shed(net);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct kith_net *net = listener->data;
    if (net->is_closing) return;
    struct kith_conn *conn = NULL;
    if (status == 0) conn = kith_conn_new(net, false, &(struct kith_addr){0});
    if (!conn) {
        net->counters.accept_failed++;
        kith_net_log(net, "cannot take a connection: %s",
                     status != 0 ? uv_strerror(status) : "too many, or no memory");
        if (status == 0) shed(net);
        return;
    }
    if (uv_accept(listener, (uv_stream_t *)&conn->tcp) != 0) {
        net->counters.accept_failed++;
        kith_conn_close(conn, KITH_ERR_IO);
        return;
    }
    net->counters.accepted++;
    conn->addr = addr_of_peer(&conn->tcp);
    if (may_enter(net, &conn->addr))
        kith_conn_start(conn);
    else
        kith_conn_close(conn, KITH_ERR_FULL);
}

static int listen_on(struct kith_net *net)
{
    struct sockaddr_storage socket;
    int len = sizeof socket;
    addr_to_socket(&net->config.bind, &socket);
    int err = uv_tcp_bind(&net->listener, (const struct sockaddr *)&socket, 0);
    if (err == 0) err = uv_listen((uv_stream_t *)&net->listener, BACKLOG, on_connection);
    if (err == 0) err = uv_tcp_getsockname(&net->listener, (struct sockaddr *)&socket, &len);
    if (err != 0) return kith_net_err(err);
    net->port = addr_of_socket(&socket).port;
    return 0;
}

/* Dialling. */

static void fail_dial(struct kith_net *net, uint64_t number, int err)
{
    kith_assert(net->failed_count < KITH_NET_FAILED_MAX);
    net->failed[net->failed_count++] = (struct kith_net_failed){number, err};
    kith_net_mark(net, NULL);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct kith_conn *conn = connect->handle->data;
    if (conn->phase == KITH_CONN_CLOSING) return;
    if (status != 0) {
        kith_conn_close(conn, kith_net_err(status));
        return;
    }
    kith_conn_start(conn);
}

void kith_net_dial(struct kith_net *net, uint64_t number, const struct kith_addr *addr,
                   const struct kith_id *expect)
{
    struct sockaddr_storage socket;
    kith_assert(!net->is_closing);
    if (kith_addr_kind(addr) == KITH_ADDR_BAD) {
        fail_dial(net, number, KITH_ERR_INVALID);
        return;
    }
    bool is_full = net->dialing >= net->config.limits.dials_max ||
                   net->counters.links >= net->config.links_max;
    struct kith_conn *conn = is_full ? NULL : kith_conn_new(net, true, addr);
    if (!conn) {
        fail_dial(net, number, is_full ? KITH_ERR_FULL : KITH_ERR_NOMEM);
        return;
    }
    conn->number = number;
    if (expect) conn->expect = *expect;
    addr_to_socket(addr, &socket);
    int err =
        uv_tcp_connect(&conn->connect, &conn->tcp, (const struct sockaddr *)&socket, on_connected);
    if (err != 0)
        kith_conn_close(conn, kith_net_err(err));
    else
        kith_conn_watch(conn);
}

/* The links. */

static struct kith_conn *find_link(const struct kith_net *net, kith_link link)
{
    if (link == 0) return NULL;
    for (uint32_t i = 0; i < net->conn_count; i++)
        if (net->links[i] == link) return net->conns[i];
    return NULL;
}

bool kith_net_send(struct kith_net *net, kith_link link, enum kith_send_class send_class,
                   struct kith_bytes head, struct kith_bytes body)
{
    struct kith_conn *conn = find_link(net, link);
    kith_assert(head.len + body.len >= 1);
    kith_assert(head.len + body.len <= KITH_MESSAGE_MAX);
    return conn && kith_conn_send(conn, send_class, head, body);
}

size_t kith_net_room(const struct kith_net *net, kith_link link)
{
    const struct kith_conn *conn = find_link(net, link);
    return conn ? kith_conn_room(conn) : 0;
}

void kith_net_hang_up(struct kith_net *net, kith_link link, enum kith_hang_up_reason reason)
{
    struct kith_conn *conn = find_link(net, link);
    if (!conn || conn->phase >= KITH_CONN_LINGERING) return;
    kith_conn_hang_up(conn, (uint8_t)reason, KITH_ERR_CLOSED);
}

/* Beginning and end. */

static int check_config(const struct kith_net_config *config)
{
    if (!config->loop || !config->keypair || !config->scheme) return KITH_ERR_INVALID;
    if (!config->on_link_up || !config->on_link_down) return KITH_ERR_INVALID;
    if (!config->on_dial_failed || !config->on_message) return KITH_ERR_INVALID;
    if (config->version_min > config->version_max) return KITH_ERR_INVALID;
    if (config->links_max < 1 || config->links_max > LINKS_MAX) return KITH_ERR_RANGE;
    return 0;
}

static void net_init(struct kith_net *net, const struct kith_net_config *config)
{
    net->config = *config;
    net->config.limits = limits_with_defaults(&config->limits);
    const struct kith_net_limits *limits = &net->config.limits;
    if (config->version_max == 0)
        net->config.version_min = net->config.version_max = KITH_PROTOCOL_VERSION;
    net->receive.size = KITH_NET_RECEIVE_SIZE;
    net->send.size = KITH_NET_OUT_SIZE;
    kith_net_guard_init(&net->guard, limits->accepts_per_s, limits->accepts_per_ip_per_s);
    randombytes_buf(net->static_secret, sizeof net->static_secret);
    /* Closing ones keep their place for the rest of a turn: hence some more. */
    net->conns_max = 2 * (config->links_max + limits->half_open_max + limits->dials_max);
}

static int net_init_handles(struct kith_net *net)
{
    uv_loop_t *loop = net->config.loop;
    int err = uv_prepare_init(loop, &net->prepare);
    kith_assert(err == 0);
    err = uv_idle_init(loop, &net->idle);
    kith_assert(err == 0);
    net->prepare.data = net;
    net->idle.data = net;
    if (net->config.bind.family == 0) return 0;
    err = uv_tcp_init(loop, &net->listener);
    kith_assert(err == 0);
    net->listener.data = net;
    net->handles = 1;
    return listen_on(net);
}

int kith_net_new(const struct kith_net_config *config, struct kith_net **ret_net)
{
    int err = check_config(config);
    if (err != 0) return err;
    if (sodium_init() < 0) return KITH_ERR_CRYPTO;
    struct kith_net *net = calloc(1, sizeof *net);
    if (!net) return KITH_ERR_NOMEM;
    net_init(net, config);
    net->conns = calloc(net->conns_max, sizeof net->conns[0]);
    net->links = calloc(net->conns_max, sizeof net->links[0]);
    if (!net->conns || !net->links) {
        net_free(net);
        return KITH_ERR_NOMEM;
    }
    err = net_init_handles(net);
    if (err != 0) {
        kith_net_close(net, NULL, NULL);
        return err;
    }
    *ret_net = net;
    return 0;
}

uint16_t kith_net_port(const struct kith_net *net)
{
    return net->port;
}

void kith_net_close(struct kith_net *net, void (*on_closed)(void *context), void *context)
{
    kith_assert(!net->is_closing);
    net->is_closing = true;
    net->on_closed = on_closed;
    net->closed_context = context;
    net->failed_count = 0;
    if (net->config.bind.family != 0) uv_close((uv_handle_t *)&net->listener, on_handle_closed);
    for (uint32_t i = 0; i < net->conn_count; i++) {
        struct kith_conn *conn = net->conns[i];
        if (conn->phase == KITH_CONN_OPEN)
            kith_conn_hang_up(conn, KITH_HANG_UP_STOPPING, KITH_ERR_CLOSED);
        else if (conn->phase < KITH_CONN_OPEN)
            kith_conn_close(conn, KITH_ERR_CLOSED);
    }
    kith_net_mark(net, NULL);
}

const struct kith_net_counters *kith_net_counters(const struct kith_net *net)
{
    return &net->counters;
}
