#include "tests/contract/dht_swarm.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

enum { LIMIT_MS = 30 * 1000 };

uint16_t swarm_free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&addr, len) == 0 &&
                    getsockname(fd, (struct sockaddr *)&addr, &len) == 0;
    if (fd >= 0) close(fd);
    return is_bound ? ntohs(addr.sin_port) : 0;
}

struct kith_addr swarm_addr(uint16_t port)
{
    return (struct kith_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = port};
}

static void on_value(void *context, uint64_t number, struct kith_bytes value)
{
    struct swarm_node *node = context;
    struct contract_dht_found *found = &node->found;
    if (number != node->number || found->count == KITH_DHT_VALUES_MAX) return;
    memcpy(found->values[found->count].bytes, value.at, value.len);
    found->values[found->count++].len = value.len;
}

static void on_done(void *context, uint64_t number, int err)
{
    struct swarm_node *node = context;
    node->done_count++;
    if (number != node->number) return;
    node->found.err = err;
    node->is_done = true;
}

static void on_state(void *context, enum kith_dht_state state, const char *said)
{
    struct swarm_node *node = context;
    node->state = state;
    node->said[state]++;
    snprintf(node->text, sizeof node->text, "%s", said);
}

static void on_closed(void *context)
{
    struct swarm_node *node = context;
    node->is_closed = true;
    node->pipe = NULL;
}

int swarm_start(struct swarm *swarm, uint32_t index, uint16_t port, const struct kith_addr *seeds,
                uint32_t seed_count)
{
    struct swarm_node *node = &swarm->nodes[index];
    struct kith_dht_pipe_config config = {
        .loop = uv_default_loop(),
        .helper_path = swarm->helper_path,
        .port = port,
        .loopback_only = true,
        .shield_off = swarm->shield_off,
        .net32 = swarm->net32,
        .seeds = seeds,
        .seed_count = seed_count,
        .times = swarm->times,
        .context = node,
        .on_value = on_value,
        .on_done = on_done,
        .on_state = on_state,
    };
    *node = (struct swarm_node){.port = port, .state = KITH_DHT_DOWN};
    if (index >= swarm->count) swarm->count = index + 1;
    return kith_dht_pipe_new(&config, &node->pipe);
}

static void on_limit(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

bool swarm_until(bool (*is_so)(void *context), void *context, uint64_t limit_ms)
{
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t timer;
    bool is_late = false;
    uv_update_time(loop);
    uv_timer_init(loop, &timer);
    timer.data = &is_late;
    uv_timer_start(&timer, on_limit, limit_ms, 0);
    while (!is_so(context) && !is_late)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    return is_so(context);
}

static bool is_up(void *context)
{
    return ((struct swarm_node *)context)->state == KITH_DHT_UP;
}

static bool is_answered(void *context)
{
    struct kith_dht_stats stats;
    kith_dht_pipe_stats(((struct swarm_node *)context)->pipe, &stats);
    return stats.pings_answered > 0;
}

bool swarm_joined(struct swarm *swarm, uint32_t node)
{
    return swarm_until(is_answered, &swarm->nodes[node], LIMIT_MS);
}

/* A port that was free may be taken a moment later: then another. */
static bool start_somewhere(struct swarm *swarm, uint32_t index, const struct kith_addr *seeds)
{
    for (int tries = 0; tries < 5; tries++) {
        if (swarm_start(swarm, index, swarm_free_port(), seeds, index)) return false;
        struct swarm_node *node = &swarm->nodes[index];
        if (swarm_until(is_up, node, LIMIT_MS))
            return index == 0 || swarm_until(is_answered, node, LIMIT_MS);
        printf("# node %u: %s\n", index, node->text);
        swarm_close(swarm, index);
    }
    return false;
}

bool swarm_make(struct swarm *swarm, uint32_t count)
{
    struct kith_addr seeds[SWARM_NODES_MAX];
    if (swarm->times.stats_ms == 0) swarm->times.stats_ms = 50;
    for (uint32_t i = 0; i < count; i++) {
        if (!start_somewhere(swarm, i, seeds)) return false;
        seeds[i] = swarm_addr(swarm->nodes[i].port);
    }
    return true;
}

static bool is_done(void *context)
{
    return ((struct swarm_node *)context)->is_done;
}

bool swarm_await(struct swarm *swarm, uint32_t node, uint64_t limit_ms)
{
    return swarm_until(is_done, &swarm->nodes[node], limit_ms);
}

static struct swarm_node *begin(struct swarm *swarm, uint32_t index)
{
    struct swarm_node *node = &swarm->nodes[index];
    memset(&node->found, 0, sizeof node->found);
    node->is_done = false;
    node->number = ++swarm->number;
    return node;
}

int swarm_put(struct swarm *swarm, uint32_t index, const uint8_t key[static KITH_DHT_KEY_LEN],
              struct kith_bytes value)
{
    struct swarm_node *node = begin(swarm, index);
    kith_dht_pipe_put(node->pipe, node->number, key, value);
    return swarm_await(swarm, index, LIMIT_MS) ? node->found.err : KITH_ERR_TIMEOUT;
}

void swarm_begin_get(struct swarm *swarm, uint32_t index,
                     const uint8_t key[static KITH_DHT_KEY_LEN])
{
    struct swarm_node *node = begin(swarm, index);
    kith_dht_pipe_get(node->pipe, node->number, key);
}

void swarm_get(struct swarm *swarm, uint32_t index, const uint8_t key[static KITH_DHT_KEY_LEN],
               struct contract_dht_found *ret)
{
    swarm_begin_get(swarm, index, key);
    if (!swarm_await(swarm, index, LIMIT_MS)) swarm->nodes[index].found.err = KITH_ERR_TIMEOUT;
    *ret = swarm->nodes[index].found;
}

static bool is_closed(void *context)
{
    return ((struct swarm_node *)context)->is_closed;
}

void swarm_close(struct swarm *swarm, uint32_t index)
{
    struct swarm_node *node = &swarm->nodes[index];
    if (!node->pipe) return;
    kith_dht_pipe_close(node->pipe, on_closed, node);
    swarm_until(is_closed, node, LIMIT_MS);
}

void swarm_unmake(struct swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->count; i++)
        swarm_close(swarm, i);
    swarm->count = 0;
}
