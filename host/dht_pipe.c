#include "host/dht_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/dht_child.h"
#include "host/dht_wire.h"

enum {
    SLOTS_MAX = 1024, /* operations whose on_done has not been called, refused ones included */
    PINGS_MAX = 64,   /* addresses remembered for the next helper */
    DEATHS_MAX = 5,   /* in the window; one more is an attack */
    TEXT_MAX = 160,
    LAG_MS = 500, /* of our own loop, from which on it is not held against the helper */
};

struct op {
    bool is_used;
    bool is_get;
    bool is_ended; /* on_done is due, with `err` */
    int err;
    uint64_t number;
    uint64_t deadline_ms; /* 0 when ended */
    uint32_t values;      /* heard so far */
};

struct kith_dht_pipe {
    struct kith_dht_pipe_config config;
    char path[KITH_DHT_PATH_MAX];
    struct kith_addr seeds[KITH_DHT_SEEDS_MAX];
    uint32_t seed_count;
    struct kith_addr pings[PINGS_MAX];
    uint32_t ping_count;
    uint32_t ping_next; /* to be replaced next when full */

    struct kith_dht_child *child; /* NULL between two lives */
    bool is_up;                   /* the child said STARTED */
    bool is_port_taken;           /* it said IN_USE */
    bool is_hung;                 /* it was killed for its silence */
    uint64_t spawned_ms;
    uint64_t heard_ms; /* its last sign of life */
    uint64_t ask_ms;   /* when to ask for the next */
    uint64_t start_ms; /* without a child: when to start one */
    uint64_t pause_ms; /* before the next restart */
    uint64_t deaths_ms[DEATHS_MAX];
    uint32_t deaths;
    uint32_t starts;
    bool has_said_state;
    struct kith_dht_stats stats;
    struct kith_dht_traffic before; /* of the helpers before this one */

    uv_timer_t timer;
    uint64_t armed_ms; /* when the timer was to go off */
    struct op ops[SLOTS_MAX];
    uint32_t open; /* used and not ended */

    bool is_closing;
    uint64_t kill_at_ms; /* while closing */
    void (*on_closed)(void *context);
    void *closed_context;
};

static void arm(struct kith_dht_pipe *pipe);

static uint64_t now_ms(const struct kith_dht_pipe *pipe)
{
    return uv_now(pipe->config.loop);
}

static void say_state(struct kith_dht_pipe *pipe, enum kith_dht_state state, const char *text)
{
    bool is_news = !pipe->has_said_state || pipe->stats.state != state;
    pipe->stats.state = state;
    pipe->has_said_state = true;
    if (is_news && !pipe->is_closing && pipe->config.on_state)
        pipe->config.on_state(pipe->config.context, state, text);
}

/* Operations. */

static struct op *op_find(struct kith_dht_pipe *pipe, uint64_t number)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct op *op = &pipe->ops[i];
        if (op->is_used && !op->is_ended && op->number == number) return op;
    }
    return NULL;
}

static void op_end(struct kith_dht_pipe *pipe, struct op *op, int err)
{
    op->is_ended = true;
    op->err = err;
    op->deadline_ms = 0;
    pipe->open--;
}

static struct op *op_new(struct kith_dht_pipe *pipe, uint64_t number, bool is_get)
{
    uint32_t limit_ms = is_get ? pipe->config.times.get_ms : pipe->config.times.put_ms;
    struct op *op = NULL;
    for (size_t i = 0; i < SLOTS_MAX && !op; i++)
        if (!pipe->ops[i].is_used) op = &pipe->ops[i];
    kith_assert(op); /* the owner has far fewer under way */
    *op = (struct op){.is_used = true, .is_get = is_get, .number = number};
    op->deadline_ms = now_ms(pipe) + limit_ms;
    pipe->open++;
    return op;
}

static void ops_end_all(struct kith_dht_pipe *pipe, int err)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct op *op = &pipe->ops[i];
        if (op->is_used && !op->is_ended) op_end(pipe, op, err);
    }
}

/* Call on_done for what has ended or is late. */
static void ops_report(struct kith_dht_pipe *pipe, uint64_t now)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct op *op = &pipe->ops[i];
        if (!op->is_used) continue;
        if (!op->is_ended && op->deadline_ms <= now) op_end(pipe, op, KITH_ERR_TIMEOUT);
        if (!op->is_ended) continue;
        op->is_used = false;
        pipe->config.on_done(pipe->config.context, op->number, op->err);
    }
}

static uint64_t ops_deadline_ms(const struct kith_dht_pipe *pipe)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct op *op = &pipe->ops[i];
        if (op->is_used && op->deadline_ms < deadline) deadline = op->deadline_ms;
    }
    return deadline;
}

static int send_op(struct kith_dht_pipe *pipe, const struct kith_dht_message *message)
{
    if (pipe->is_closing || !pipe->child || pipe->is_port_taken) return KITH_ERR_CLOSED;
    if (pipe->open > KITH_DHT_OPEN_MAX) return KITH_ERR_NOMEM;
    return kith_dht_child_send(pipe->child, message);
}

/* What the helper says. */

static void on_started(struct kith_dht_pipe *pipe, int err)
{
    char text[TEXT_MAX];
    unsigned port = pipe->config.port;
    pipe->is_port_taken = err == KITH_ERR_IN_USE;
    if (pipe->is_port_taken) {
        ops_end_all(pipe, KITH_ERR_CLOSED);
        snprintf(text, sizeof text,
                 "UDP port %u is in use by another program: no DHT until it is free", port);
        say_state(pipe, KITH_DHT_PORT_TAKEN, text);
    }
    if (err) return; /* it ends by itself */
    pipe->is_up = true;
    pipe->heard_ms = now_ms(pipe);
    pipe->ask_ms = pipe->heard_ms + pipe->config.times.stats_ms;
    snprintf(text, sizeof text, "DHT on UDP port %u", port);
    say_state(pipe, KITH_DHT_UP, text);
}

static void on_value(struct kith_dht_pipe *pipe, const struct kith_dht_message *message)
{
    struct op *op = op_find(pipe, message->value.number);
    if (!op || !op->is_get || op->values == KITH_DHT_VALUES_MAX) return;
    op->values++;
    pipe->config.on_value(pipe->config.context, message->value.number, message->value.value);
}

static void on_stats(struct kith_dht_pipe *pipe, const struct kith_dht_message *message)
{
    pipe->heard_ms = now_ms(pipe);
    pipe->stats.traffic = message->stats.traffic;
    pipe->stats.pings_answered = message->stats.pings_answered;
    pipe->stats.open = message->stats.open;
}

static bool take_message(struct kith_dht_pipe *pipe, const struct kith_dht_message *message)
{
    struct op *op;
    switch (message->kind) {
    case KITH_DHT_STARTED:
        if (pipe->is_up) return false;
        on_started(pipe, message->started.err);
        return true;
    case KITH_DHT_VALUE:
        on_value(pipe, message);
        return true;
    case KITH_DHT_DONE:
        op = op_find(pipe, message->done.number);
        if (op) op_end(pipe, op, message->done.err);
        return true;
    case KITH_DHT_STATS:
        on_stats(pipe, message);
        return true;
    case KITH_DHT_START:
    case KITH_DHT_PUT:
    case KITH_DHT_GET:
    case KITH_DHT_PING:
    case KITH_DHT_ASK_STATS:
        break;
    }
    return false;
}

static bool on_message(void *context, const struct kith_dht_message *message)
{
    struct kith_dht_pipe *pipe = context;
    if (pipe->is_closing) return true;
    bool is_good = take_message(pipe, message);
    arm(pipe);
    return is_good;
}

/* Life and death of the helper. */

static void describe_death(const struct kith_dht_pipe *pipe, const struct kith_dht_death *death,
                           char ret[static TEXT_MAX])
{
    if (death->spawn_err)
        snprintf(ret, TEXT_MAX, "kith-dht cannot be started: %s", uv_strerror(death->spawn_err));
    else if (pipe->is_hung)
        snprintf(ret, TEXT_MAX, "the DHT helper no longer answered and was killed");
    else if (death->signal)
        snprintf(ret, TEXT_MAX, "the DHT helper was killed by signal %d", death->signal);
    else
        snprintf(ret, TEXT_MAX, "the DHT helper ended with status %d", (int)death->status);
}

/* Count a death; true if there were too many of late. */
static bool is_attack(struct kith_dht_pipe *pipe, uint64_t now)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pipe->deaths; i++)
        if (now - pipe->deaths_ms[i] < pipe->config.times.attack_window_ms)
            pipe->deaths_ms[kept++] = pipe->deaths_ms[i];
    pipe->deaths = kept;
    if (kept == DEATHS_MAX) return true;
    pipe->deaths_ms[pipe->deaths++] = now;
    return false;
}

static void plan_restart(struct kith_dht_pipe *pipe, uint64_t now)
{
    const struct kith_dht_times *times = &pipe->config.times;
    if (now - pipe->spawned_ms >= times->restart_reset_ms) pipe->pause_ms = 0;
    pipe->pause_ms = pipe->pause_ms == 0 ? times->restart_first_ms : pipe->pause_ms * 2;
    if (pipe->pause_ms > times->restart_max_ms) pipe->pause_ms = times->restart_max_ms;
    pipe->start_ms = now + pipe->pause_ms;
}

static void plan_long_pause(struct kith_dht_pipe *pipe, uint64_t now)
{
    char text[TEXT_MAX];
    pipe->deaths = 0;
    pipe->pause_ms = 0;
    pipe->start_ms = now + pipe->config.times.attacked_ms;
    snprintf(text, sizeof text, "DHT under attack: %d deaths of the helper; without it for %u s",
             DEATHS_MAX + 1, pipe->config.times.attacked_ms / 1000);
    say_state(pipe, KITH_DHT_ATTACKED, text);
}

static void after_death(struct kith_dht_pipe *pipe, const struct kith_dht_death *death)
{
    char text[TEXT_MAX];
    uint64_t now = now_ms(pipe);
    bool is_missing = death->spawn_err != 0;
    describe_death(pipe, death, text);
    if (!is_missing && !pipe->is_port_taken && is_attack(pipe, now)) {
        plan_long_pause(pipe, now);
        return;
    }
    plan_restart(pipe, now);
    if (!pipe->is_port_taken) say_state(pipe, is_missing ? KITH_DHT_MISSING : KITH_DHT_DOWN, text);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct kith_dht_pipe *pipe = handle->data;
    void (*on_closed)(void *) = pipe->on_closed;
    void *context = pipe->closed_context;
    free(pipe);
    if (on_closed) on_closed(context);
}

static void on_death(void *context, const struct kith_dht_death *death)
{
    struct kith_dht_pipe *pipe = context;
    pipe->child = NULL;
    if (!pipe->is_closing) {
        ops_end_all(pipe, KITH_ERR_CLOSED);
        after_death(pipe, death);
    }
    arm(pipe);
}

static void send_ping(struct kith_dht_pipe *pipe, const struct kith_addr *addr)
{
    struct kith_dht_message message = {.kind = KITH_DHT_PING};
    message.ping.addr = *addr;
    (void)kith_dht_child_send(pipe->child, &message); /* one ping more or less */
}

static void send_start(struct kith_dht_pipe *pipe)
{
    const struct kith_dht_pipe_config *config = &pipe->config;
    struct kith_dht_message message = {.kind = KITH_DHT_START};
    unsigned flags = 0;
    if (config->loopback_only) flags |= KITH_DHT_LOOPBACK_ONLY;
    if (config->shield_off) flags |= KITH_DHT_SHIELD_OFF;
    message.start.net32 = config->net32;
    message.start.port = config->port;
    message.start.flags = (uint8_t)flags;
    message.start.seed_count = (uint8_t)pipe->seed_count;
    memcpy(message.start.seeds, pipe->seeds, sizeof pipe->seeds);
    /* If it does not get this, it is soon found hung. */
    (void)kith_dht_child_send(pipe->child, &message);
    for (uint32_t i = 0; i < pipe->ping_count; i++)
        send_ping(pipe, &pipe->pings[i]);
}

static void add_traffic(struct kith_dht_traffic *sum, const struct kith_dht_traffic *more)
{
    sum->datagrams += more->datagrams;
    sum->dropped += more->dropped;
    sum->bytes += more->bytes;
    sum->datagrams_out += more->datagrams_out;
    sum->bytes_out += more->bytes_out;
}

static int start_child(struct kith_dht_pipe *pipe)
{
    struct kith_dht_child_config config = {
        .loop = pipe->config.loop,
        .path = pipe->path,
        .context = pipe,
        .on_message = on_message,
        .on_death = on_death,
    };
    uint64_t now = now_ms(pipe);
    pipe->is_up = false;
    pipe->is_port_taken = false;
    pipe->is_hung = false;
    pipe->spawned_ms = now;
    pipe->heard_ms = now;
    add_traffic(&pipe->before, &pipe->stats.traffic);
    pipe->stats.traffic = (struct kith_dht_traffic){0};
    pipe->stats.pings_answered = 0;
    pipe->stats.open = 0;
    int err = kith_dht_child_new(&config, &pipe->child);
    if (err) return err;
    pipe->stats.restarts = pipe->starts++;
    send_start(pipe);
    return 0;
}

/* The clock. */

static void tend_child(struct kith_dht_pipe *pipe, uint64_t now)
{
    if (!pipe->child && now >= pipe->start_ms) {
        if (start_child(pipe)) plan_restart(pipe, now);
        return;
    }
    if (!pipe->child || pipe->is_hung) return;
    if (now - pipe->heard_ms >= pipe->config.times.hung_ms) {
        pipe->is_hung = true;
        kith_dht_child_kill(pipe->child);
    } else if (pipe->is_up && now >= pipe->ask_ms) {
        struct kith_dht_message message = {.kind = KITH_DHT_ASK_STATS};
        pipe->ask_ms = now + pipe->config.times.stats_ms;
        (void)kith_dht_child_send(pipe->child, &message); /* unsent, unanswered: hung */
    }
}

static uint64_t child_deadline_ms(const struct kith_dht_pipe *pipe)
{
    if (pipe->is_closing) return pipe->child ? pipe->kill_at_ms : UINT64_MAX;
    if (!pipe->child) return pipe->start_ms;
    if (pipe->is_hung) return UINT64_MAX;
    uint64_t hung_ms = pipe->heard_ms + pipe->config.times.hung_ms;
    return pipe->is_up && pipe->ask_ms < hung_ms ? pipe->ask_ms : hung_ms;
}

/* While we were stopped or busy, the helper's answers waited: deadlines move by as much. */
static void forgive_lag(struct kith_dht_pipe *pipe, uint64_t now)
{
    if (now <= pipe->armed_ms + LAG_MS) return;
    uint64_t lag = now - pipe->armed_ms;
    pipe->heard_ms += lag;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct op *op = &pipe->ops[i];
        if (op->is_used && !op->is_ended) op->deadline_ms += lag;
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct kith_dht_pipe *pipe = timer->data;
    uint64_t now = now_ms(pipe);
    forgive_lag(pipe, now);
    ops_report(pipe, now);
    if (pipe->is_closing) {
        if (pipe->child && now >= pipe->kill_at_ms) {
            pipe->kill_at_ms = UINT64_MAX;
            kith_dht_child_kill(pipe->child);
        }
    } else {
        tend_child(pipe, now);
    }
    arm(pipe);
}

static void arm(struct kith_dht_pipe *pipe)
{
    uint64_t now = now_ms(pipe);
    uint64_t deadline = ops_deadline_ms(pipe);
    uint64_t child_deadline = child_deadline_ms(pipe);
    if (uv_is_closing((uv_handle_t *)&pipe->timer)) return;
    if (pipe->is_closing && !pipe->child && deadline == UINT64_MAX) {
        uv_close((uv_handle_t *)&pipe->timer, on_timer_closed);
        return;
    }
    if (child_deadline < deadline) deadline = child_deadline;
    if (deadline == UINT64_MAX) return;
    pipe->armed_ms = deadline > now ? deadline : now;
    uv_timer_start(&pipe->timer, on_tick, deadline > now ? deadline - now : 0, 0);
}

/* What the owner calls. */

static void default_to(uint32_t *value, uint32_t fallback)
{
    if (*value == 0) *value = fallback;
}

static void fill_times(struct kith_dht_times *times)
{
    default_to(&times->get_ms, 8 * 1000);
    default_to(&times->put_ms, 15 * 1000);
    default_to(&times->stats_ms, 1000);
    default_to(&times->hung_ms, 20 * 1000);
    default_to(&times->restart_first_ms, 500);
    default_to(&times->restart_max_ms, 30 * 1000);
    default_to(&times->restart_reset_ms, 300 * 1000);
    default_to(&times->attack_window_ms, 600 * 1000);
    default_to(&times->attacked_ms, 600 * 1000);
    default_to(&times->kill_ms, 500);
}

static int find_helper(const char *given, char ret[static KITH_DHT_PATH_MAX])
{
    if (!given) return kith_dht_child_find(ret);
    size_t len = strlen(given);
    if (len >= KITH_DHT_PATH_MAX) return KITH_ERR_RANGE;
    memcpy(ret, given, len + 1);
    return 0;
}

static void copy_seeds(struct kith_dht_pipe *pipe)
{
    for (uint32_t i = 0; i < pipe->config.seed_count; i++)
        if (kith_addr_kind(&pipe->config.seeds[i]) != KITH_ADDR_BAD)
            pipe->seeds[pipe->seed_count++] = pipe->config.seeds[i];
    pipe->config.seeds = pipe->seeds;
    pipe->config.helper_path = pipe->path;
}

int kith_dht_pipe_new(const struct kith_dht_pipe_config *config, struct kith_dht_pipe **ret_pipe)
{
    if (config->seed_count > KITH_DHT_SEEDS_MAX) return KITH_ERR_RANGE;
    if (!config->loop || config->port == 0) return KITH_ERR_INVALID;
    if (!config->on_value || !config->on_done) return KITH_ERR_INVALID;
    struct kith_dht_pipe *pipe = calloc(1, sizeof *pipe);
    if (!pipe) return KITH_ERR_NOMEM;
    pipe->config = *config;
    pipe->stats.state = KITH_DHT_DOWN;
    fill_times(&pipe->config.times);
    int err = find_helper(config->helper_path, pipe->path);
    if (!err) {
        copy_seeds(pipe);
        err = start_child(pipe);
    }
    if (err) {
        free(pipe);
        return err;
    }
    uv_timer_init(config->loop, &pipe->timer);
    pipe->timer.data = pipe;
    arm(pipe);
    *ret_pipe = pipe;
    return 0;
}

void kith_dht_pipe_put(struct kith_dht_pipe *pipe, uint64_t number,
                       const uint8_t key[static KITH_DHT_KEY_LEN], struct kith_bytes value)
{
    struct op *op = op_new(pipe, number, false);
    struct kith_dht_message message = {.kind = KITH_DHT_PUT};
    message.put.number = number;
    memcpy(message.put.key, key, KITH_DHT_KEY_LEN);
    message.put.value = value;
    bool fits = value.len > 0 && value.len <= KITH_DHT_VALUE_MAX;
    int err = fits ? send_op(pipe, &message) : KITH_ERR_RANGE;
    if (err) op_end(pipe, op, err);
    arm(pipe);
}

void kith_dht_pipe_get(struct kith_dht_pipe *pipe, uint64_t number,
                       const uint8_t key[static KITH_DHT_KEY_LEN])
{
    struct op *op = op_new(pipe, number, true);
    struct kith_dht_message message = {.kind = KITH_DHT_GET};
    message.get.number = number;
    memcpy(message.get.key, key, KITH_DHT_KEY_LEN);
    message.get.values_max = KITH_DHT_VALUES_MAX;
    int err = send_op(pipe, &message);
    if (err) op_end(pipe, op, err);
    arm(pipe);
}

void kith_dht_pipe_ping(struct kith_dht_pipe *pipe, const struct kith_addr *addr)
{
    if (pipe->is_closing || kith_addr_kind(addr) == KITH_ADDR_BAD) return;
    for (uint32_t i = 0; i < pipe->ping_count; i++)
        if (kith_addr_eq(&pipe->pings[i], addr)) return;
    pipe->pings[pipe->ping_next] = *addr;
    if (pipe->ping_next == pipe->ping_count) pipe->ping_count++;
    pipe->ping_next = (pipe->ping_next + 1) % PINGS_MAX;
    if (pipe->child) send_ping(pipe, addr);
}

struct kith_dht_traffic kith_dht_pipe_traffic(const struct kith_dht_pipe *pipe)
{
    struct kith_dht_traffic all = pipe->before;
    add_traffic(&all, &pipe->stats.traffic);
    return all;
}

void kith_dht_pipe_stats(const struct kith_dht_pipe *pipe, struct kith_dht_stats *ret)
{
    *ret = pipe->stats;
}

pid_t kith_dht_pipe_pid(const struct kith_dht_pipe *pipe)
{
    return pipe->child ? kith_dht_child_pid(pipe->child) : 0;
}

void kith_dht_pipe_close(struct kith_dht_pipe *pipe, void (*on_closed)(void *context),
                         void *context)
{
    kith_assert(!pipe->is_closing);
    pipe->is_closing = true;
    pipe->on_closed = on_closed;
    pipe->closed_context = context;
    pipe->kill_at_ms = now_ms(pipe) + pipe->config.times.kill_ms;
    ops_end_all(pipe, KITH_ERR_CLOSED);
    if (pipe->child) kith_dht_child_hang_up(pipe->child);
    arm(pipe);
}
