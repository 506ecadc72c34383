#include "host/shell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/dht_pipe.h"
#include "host/local_addr.h"
#include "host/resolve_uv.h"
#include "host/worker_uv.h"
#include "identity/record.h"
#include "training/job.h"

enum {
    BULK_QUEUE_MAX = 4 * 1024 * 1024,
    LOST_OPS_MAX = 64,
    LOST_STORES_MAX = 64,
    UNSENT_EVERY_MS = 60000,
    TRAINING_NICE = 5,
    SIGNALS = 2
};

/* Bytes on their way to the disk. */
struct store_item {
    struct kith_store *store;
    enum kith_store_key key;
    int err;
    size_t len;
    uint8_t bytes[];
};

struct shell {
    const struct kith_shell_config *config;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signal[SIGNALS];
    uv_async_t again; /* a completion waits in lost_op */
    struct kith_node *node;
    struct kith_outbox outbox; /* of the step under way */
    struct kith_net *net;
    struct kith_dht_pipe *dht;
    struct kith_lifeline *lifeline;
    struct kith_worker *trainer;
    struct kith_worker *storer;
    uint64_t lost_op[LOST_OPS_MAX]; /* DHT operations that ended before they began */
    uint32_t lost_ops;
    uint8_t lost_store[LOST_STORES_MAX]; /* keys whose stores failed before they began */
    uint32_t lost_stores;
    uint64_t unsent; /* bulk messages that found no room, when last said */
    uint64_t unsent_ms;
    struct kith_id ask; /* whose counters are wanted; zero: nobody's */
    struct kith_traffic traffic;
    bool started;
    bool stop_asked;
    bool closing;
    char *error; /* [KITH_SHELL_ERROR_MAX] */
    int status;
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void close_all(struct shell *shell);
static void apply(struct shell *shell, const struct kith_effect *effect);

static void on_timer(uv_timer_t *timer);

static void rearm(struct shell *shell)
{
    uint64_t at = kith_node_deadline_us(shell->node);
    if (at == KITH_NEVER) {
        uv_timer_stop(&shell->timer);
        return;
    }
    uint64_t now = uv_hrtime() / 1000;
    uint64_t wait_ms = at > now ? (at - now + 999) / 1000 : 0;
    uv_update_time(&shell->loop);
    uv_timer_start(&shell->timer, on_timer, wait_ms, 0);
}

/* Ask whoever watches what to do; it is done in the loop's next turn. */
static void watch(struct shell *shell)
{
    const struct kith_shell_config *config = shell->config;
    bool go_on = config->on_event(config->context, shell->node, &shell->ask);
    if (go_on && kith_id_is_zero(&shell->ask)) return;
    if (!go_on) shell->stop_asked = true;
    uv_async_send(&shell->again);
}

static void count_traffic(struct shell *shell)
{
    struct kith_traffic *traffic = &shell->traffic;
    if (shell->net) {
        const struct kith_net_counters *net = kith_net_counters(shell->net);
        traffic->wire_bytes_in = net->raw_bytes_in;
        traffic->wire_bytes_out = net->raw_bytes_out;
    }
    if (!shell->dht) return;
    struct kith_dht_traffic dht = kith_dht_pipe_traffic(shell->dht);
    traffic->dht_bytes_in = dht.bytes;
    traffic->dht_bytes_out = dht.bytes_out;
    traffic->dht_datagrams_in = dht.datagrams;
    traffic->dht_datagrams_out = dht.datagrams_out;
}

static void feed(struct shell *shell, struct kith_event *event)
{
    if (shell->closing) return;
    struct kith_effects effects;
    event->now_us = uv_hrtime() / 1000;
    event->wall_ms = wall_ms();
    count_traffic(shell);
    event->traffic = &shell->traffic;
    kith_node_step(shell->node, event, &shell->outbox, &effects);
    for (size_t i = 0; i < effects.count && !shell->closing; i++)
        apply(shell, &effects.at[i]);
    if (shell->closing) return;
    rearm(shell);
    if (shell->config->on_event) watch(shell);
}

static void on_timer(uv_timer_t *timer)
{
    struct kith_event event = {.kind = KITH_EVENT_DEADLINE};
    feed(timer->data, &event);
}

static void warn(struct shell *shell, const char *text)
{
    struct kith_report report = {.kind = KITH_REPORT_TEXT, .text = {.level = KITH_LEVEL_WARNING}};
    snprintf(report.text.text, sizeof report.text.text, "%.*s", (int)sizeof report.text.text - 1,
             text);
    shell->config->on_report(shell->config->context, &report, kith_node_stats(shell->node));
}

/* -- links ----------------------------------------------------------------------------------- */

static void on_link_up(void *context, kith_link link, const struct kith_id *peer,
                       const struct kith_addr *addr, bool dialed, uint64_t number)
{
    struct kith_event event = {
        .kind = KITH_EVENT_LINK_UP,
        .link_up = {.link = link, .peer = *peer, .addr = *addr, .dialed = dialed, .number = number},
    };
    feed(context, &event);
}

static void on_link_down(void *context, kith_link link, int err)
{
    struct kith_event event = {
        .kind = KITH_EVENT_LINK_DOWN,
        .link_down = {.link = link, .err = err},
    };
    feed(context, &event);
}

static void on_dial_failed(void *context, uint64_t number, int err)
{
    struct kith_event event = {
        .kind = KITH_EVENT_DIAL_FAILED,
        .dial_failed = {.number = number, .err = err},
    };
    feed(context, &event);
}

static void on_message(void *context, kith_link link, struct kith_bytes message)
{
    struct kith_event event = {
        .kind = KITH_EVENT_MESSAGE,
        .message = {.link = link, .bytes = message},
    };
    feed(context, &event);
}

static void on_net_log(void *context, const char *line)
{
    warn(context, line);
}

/* -- the DHT ---------------------------------------------------------------------------------- */

static void on_dht_value(void *context, uint64_t number, struct kith_bytes value)
{
    struct kith_event event = {
        .kind = KITH_EVENT_DHT_VALUE,
        .dht = {.number = number, .value = value},
    };
    feed(context, &event);
}

static void on_dht_done(void *context, uint64_t number, int err)
{
    struct kith_event event = {
        .kind = KITH_EVENT_DHT_DONE,
        .dht = {.number = number, .err = err},
    };
    feed(context, &event);
}

static void on_dht_state(void *context, enum kith_dht_state state, const char *text)
{
    if (state != KITH_DHT_UP) warn(context, text);
}

/* -- work -------------------------------------------------------------------------------------- */

static void run_job(void *item)
{
    kith_job_run(item);
}

static void on_trained(void *context, void *item)
{
    struct kith_event event = {.kind = KITH_EVENT_COMPUTED, .computed = {.job = item}};
    feed(context, &event);
}

static void run_store(void *data)
{
    struct store_item *item = data;
    item->err =
        kith_store_replace(item->store, item->key, (struct kith_bytes){item->bytes, item->len});
}

static void on_store_done(void *context, void *data)
{
    struct store_item *item = data;
    struct kith_event event = {
        .kind = KITH_EVENT_STORED,
        .stored = {.key = item->key, .err = item->err},
    };
    free(item);
    feed(context, &event);
}

/* There is no memory to store with: the node hears of it in the loop's next turn. */
static void lose_store(struct shell *shell, enum kith_store_key key)
{
    kith_assert(shell->lost_stores < LOST_STORES_MAX); /* the node has a few under way at most */
    shell->lost_store[shell->lost_stores++] = (uint8_t)key;
    uv_async_send(&shell->again);
}

static void submit_store(struct shell *shell, enum kith_store_key key, struct kith_bytes bytes)
{
    struct store_item *item = malloc(sizeof *item + bytes.len);
    if (!item) {
        lose_store(shell, key);
        return;
    }
    *item = (struct store_item){.store = shell->config->store, .key = key, .len = bytes.len};
    memcpy(item->bytes, bytes.at, bytes.len);
    if (kith_worker_submit(shell->storer, item) == 0) return;
    free(item);
    lose_store(shell, key);
}

/* Stores without a store are done at once, but never inside the step. */
static void run_nothing(void *item)
{
    (void)item;
}

static void lend(struct shell *shell, struct kith_job *job)
{
    int err = kith_worker_submit(shell->trainer, job);
    kith_assert(err == 0); /* one at a time, for which there is always room */
}

/* A link that is gone is no news. A full one is: whoever waits for that message waits in vain. */
static void on_unsent(struct shell *shell)
{
    uint64_t dropped = kith_net_counters(shell->net)->bulk_dropped;
    uint64_t now_ms = uv_now(&shell->loop);
    if (dropped == shell->unsent) return;
    if (shell->unsent > 0 && now_ms < shell->unsent_ms + UNSENT_EVERY_MS) return;
    char text[96];
    snprintf(text, sizeof text, "a peer takes blocks too slowly: %llu dropped since the start",
             (unsigned long long)dropped);
    warn(shell, text);
    shell->unsent = dropped;
    shell->unsent_ms = now_ms;
}

static void apply(struct shell *shell, const struct kith_effect *effect)
{
    switch (effect->kind) {
    case KITH_EFFECT_DIAL:
        kith_net_dial(shell->net, effect->dial.number, &effect->dial.addr, &effect->dial.expect);
        return;
    case KITH_EFFECT_SEND:
        if (!kith_net_send(shell->net, effect->send.link, effect->send.send_class,
                           effect->send.head, effect->send.body))
            on_unsent(shell);
        return;
    case KITH_EFFECT_HANG_UP:
        kith_net_hang_up(shell->net, effect->hang_up.link, effect->hang_up.reason);
        return;
    case KITH_EFFECT_DHT_PUT:
    case KITH_EFFECT_DHT_GET:
        if (!shell->dht) {
            if (shell->lost_ops < LOST_OPS_MAX)
                shell->lost_op[shell->lost_ops++] = effect->dht.number;
            uv_async_send(&shell->again);
        } else if (effect->kind == KITH_EFFECT_DHT_PUT) {
            kith_dht_pipe_put(shell->dht, effect->dht.number, effect->dht.key, effect->dht.value);
        } else {
            kith_dht_pipe_get(shell->dht, effect->dht.number, effect->dht.key);
        }
        return;
    case KITH_EFFECT_DHT_PING:
        if (shell->dht) kith_dht_pipe_ping(shell->dht, &effect->dht_ping.addr);
        return;
    case KITH_EFFECT_COMPUTE:
        lend(shell, effect->compute.job);
        return;
    case KITH_EFFECT_STORE:
        submit_store(shell, effect->store.key, effect->store.bytes);
        return;
    case KITH_EFFECT_REPORT:
        shell->config->on_report(shell->config->context, effect->report.report,
                                 kith_node_stats(shell->node));
        return;
    case KITH_EFFECT_STOPPED:
        close_all(shell);
        return;
    }
}

static void stop(struct shell *shell)
{
    struct kith_event event = {.kind = KITH_EVENT_STOP};
    shell->stop_asked = true;
    if (shell->started)
        feed(shell, &event);
    else
        close_all(shell);
}

static void on_again(uv_async_t *again)
{
    struct shell *shell = again->data;
    while (shell->lost_ops > 0) {
        struct kith_event event = {
            .kind = KITH_EVENT_DHT_DONE,
            .dht = {.number = shell->lost_op[--shell->lost_ops], .err = KITH_ERR_CLOSED},
        };
        feed(shell, &event);
    }
    while (shell->lost_stores > 0) {
        struct kith_event event = {
            .kind = KITH_EVENT_STORED,
            .stored = {.key = (enum kith_store_key)shell->lost_store[--shell->lost_stores],
                       .err = KITH_ERR_NOMEM},
        };
        feed(shell, &event);
    }
    if (!kith_id_is_zero(&shell->ask)) {
        struct kith_event event = {
            .kind = KITH_EVENT_ASK_STATUS,
            .ask_status = {.peer = shell->ask},
        };
        shell->ask = (struct kith_id){{0}};
        feed(shell, &event);
    }
    if (shell->stop_asked) stop(shell);
}

/* -- the supervisor ---------------------------------------------------------------------------- */

static void on_supervisor_gone(void *context)
{
    struct shell *shell = context;
    warn(shell, "the supervisor is gone: ending");
    if (!shell->stop_asked) stop(shell);
}

static size_t write_pulse(void *context, char ret[static KITH_PULSE_MAX])
{
    struct shell *shell = context;
    struct kith_stats stats = *kith_node_stats(shell->node);
    count_traffic(shell);
    kith_stats_take_traffic(&stats, &shell->traffic);
    return shell->config->on_pulse(shell->config->context, &stats, ret);
}

static int start_lifeline(struct shell *shell)
{
    struct kith_lifeline_config lifeline = {
        .loop = &shell->loop,
        .fd = STDIN_FILENO,
        .context = shell,
        .on_gone = on_supervisor_gone,
        .write = write_pulse,
    };
    if (!shell->config->supervised) return 0;
    int err = kith_lifeline_new(&lifeline, &shell->lifeline);
    if (err == KITH_ERR_TYPE)
        snprintf(shell->error, KITH_SHELL_ERROR_MAX,
                 "--supervised: standard input is no socket of a supervisor");
    return err;
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct shell *shell = signal->data;
    if (shell->stop_asked) _exit(128 + number);
    stop(shell);
}

/* -- start and end ----------------------------------------------------------------------------- */

static void close_all(struct shell *shell)
{
    if (shell->closing) return;
    shell->closing = true;
    int err = kith_node_error(shell->node);
    if (err) {
        shell->status = 1;
        if (err == KITH_ERR_IN_USE)
            snprintf(shell->error, KITH_SHELL_ERROR_MAX,
                     "another node runs with this hotkey: stop it, or use another key");
        else
            snprintf(shell->error, KITH_SHELL_ERROR_MAX, "%s: %s",
                     kith_store_path(shell->config->store, KITH_STORE_CHECKPOINT),
                     kith_err_text(err));
    }
    if (shell->lifeline) kith_lifeline_pulse(shell->lifeline);
    kith_lifeline_close(shell->lifeline);
    if (shell->dht) kith_dht_pipe_close(shell->dht, NULL, NULL);
    if (shell->net) kith_net_close(shell->net, NULL, NULL);
    kith_worker_close(shell->trainer);
    kith_worker_close(shell->storer);
    uv_close((uv_handle_t *)&shell->timer, NULL);
    uv_close((uv_handle_t *)&shell->again, NULL);
    for (int i = 0; i < SIGNALS && shell->config->signals; i++)
        uv_close((uv_handle_t *)&shell->signal[i], NULL);
}

static void start_dht(struct shell *shell, const struct kith_addr *seeds, uint32_t count)
{
    const struct kith_shell_config *config = shell->config;
    if (!config->node->peers || !config->node->dht || config->node->observer) return;
    struct kith_id swarm = kith_rules_id(&config->node->rules);
    struct kith_dht_pipe_config pipe = {
        .loop = &shell->loop,
        .helper_path = config->dht_helper,
        .port = kith_net_port(shell->net),
        .loopback_only =
            kith_addr_kind(&(struct kith_addr){.family = config->bind.family,
                                               .ip = {config->bind.ip[0], config->bind.ip[1],
                                                      config->bind.ip[2], config->bind.ip[3]},
                                               .port = 1}) == KITH_ADDR_LOOPBACK,
        .seeds = seeds,
        .seed_count = count < KITH_DHT_SEEDS_MAX ? count : KITH_DHT_SEEDS_MAX,
        .context = shell,
        .on_value = on_dht_value,
        .on_done = on_dht_done,
        .on_state = on_dht_state,
    };
    for (int i = 3; i >= 0; i--)
        pipe.net32 = pipe.net32 << 8 | swarm.bytes[i];
    int err = kith_dht_pipe_new(&pipe, &shell->dht);
    if (err == 0) return;
    shell->dht = NULL;
    char text[128];
    snprintf(text, sizeof text, "the DHT helper kith-dht does not start (%s): going on without it",
             kith_err_text(err));
    warn(shell, text);
}

static bool any_loopback(const struct kith_addr *addrs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (kith_addr_kind(&addrs[i]) == KITH_ADDR_LOOPBACK) return true;
    return false;
}

static void start_node(struct shell *shell, const struct kith_addr *bootstrap, uint32_t count)
{
    const struct kith_shell_config *config = shell->config;
    struct kith_addr own[KITH_RECORD_ADDRS_MAX];
    uint8_t *stored[KITH_STORE_KEYS] = {NULL};
    struct kith_bytes views[KITH_STORE_KEYS] = {{NULL, 0}};
    struct kith_event event = {
        .kind = KITH_EVENT_START,
        .start = {.stored = views, .own = own, .bootstrap = bootstrap, .bootstrap_count = count},
    };
    for (uint32_t i = 0; i < config->address_count && i < KITH_RECORD_ADDRS_MAX; i++)
        own[event.start.own_count++] = config->address[i];
    if (shell->net && config->address_count == 0 && kith_net_port(shell->net))
        event.start.own_count = kith_local_addrs(
            &config->bind, kith_net_port(shell->net), any_loopback(bootstrap, count),
            config->bootstrap_count == 0, own, KITH_RECORD_ADDRS_MAX);
    for (int key = 0; key < KITH_STORE_KEYS && config->store && !shell->status; key++) {
        size_t len;
        int err = kith_store_load(config->store, (enum kith_store_key)key, &stored[key], &len,
                                  shell->error);
        if (err && key != KITH_STORE_CHECKPOINT)
            warn(shell, shell->error); /* only a help: it is written anew */
        else if (err)
            shell->status = 1;
        views[key] = (struct kith_bytes){stored[key], len};
    }
    if (shell->status) {
        close_all(shell);
    } else {
        start_dht(shell, bootstrap, count);
        shell->started = true;
        feed(shell, &event);
    }
    for (int key = 0; key < KITH_STORE_KEYS; key++)
        free(stored[key]);
}

static void on_resolve_failed(void *context, const char *text)
{
    char line[KITH_RESOLVE_TEXT_MAX + 64];
    snprintf(line, sizeof line, "bootstrap %s cannot be resolved; going on without it", text);
    warn(context, line);
}

static void on_resolved(void *context, const struct kith_addr *addrs, uint32_t count)
{
    struct shell *shell = context;
    if (!shell->closing) start_node(shell, addrs, count);
}

static int start_net(struct shell *shell)
{
    const struct kith_shell_config *config = shell->config;
    if (!config->node->peers) return 0;
    struct kith_net_config net = {
        .loop = &shell->loop,
        .keypair = &config->node->keypair,
        .scheme = config->node->scheme,
        .swarm = kith_rules_id(&config->node->rules),
        .bind = config->bind,
        .links_max = config->node->links_max,
        .limits = {.bulk_max = BULK_QUEUE_MAX},
        .context = shell,
        .on_link_up = on_link_up,
        .on_link_down = on_link_down,
        .on_dial_failed = on_dial_failed,
        .on_message = on_message,
        .on_log = on_net_log,
    };
    int err = kith_net_new(&net, &shell->net);
    if (err == 0) return 0;
    char text[KITH_ADDR_TEXT_MAX];
    kith_addr_format(&config->bind, text);
    snprintf(shell->error, KITH_SHELL_ERROR_MAX, "port %u: %s%s", (unsigned)config->bind.port,
             err == KITH_ERR_IN_USE ? "in use by another program" : kith_err_text(err),
             err == KITH_ERR_IN_USE ? "; choose another with --port" : "");
    return err;
}

static int start_workers(struct shell *shell)
{
    struct kith_worker_config trainer = {
        .loop = &shell->loop,
        .nice = TRAINING_NICE,
        .context = shell,
        .run = run_job,
        .done = on_trained,
    };
    struct kith_worker_config storer = {
        .loop = &shell->loop,
        .context = shell,
        .run = shell->config->store ? run_store : run_nothing,
        .done = on_store_done,
    };
    int err = kith_worker_new(&trainer, &shell->trainer);
    return err ? err : kith_worker_new(&storer, &shell->storer);
}

static void start_signals(struct shell *shell)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM};
    if (!shell->config->signals) return;
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&shell->loop, &shell->signal[i]);
        shell->signal[i].data = shell;
        uv_signal_start(&shell->signal[i], on_signal, numbers[i]);
    }
}

static int start_all(struct shell *shell)
{
    const struct kith_shell_config *config = shell->config;
    uv_timer_init(&shell->loop, &shell->timer);
    uv_async_init(&shell->loop, &shell->again, on_again);
    shell->timer.data = shell->again.data = shell;
    start_signals(shell);
    int err = start_net(shell);
    if (err) return err;
    err = start_workers(shell);
    if (err) return err;
    if (config->on_started)
        config->on_started(config->context, shell->net ? kith_net_port(shell->net) : 0);
    err = start_lifeline(shell);
    if (err) return err;
    uint32_t count = config->node->peers ? config->bootstrap_count : 0;
    return kith_resolve_start(&shell->loop, config->bootstrap, count, KITH_RESOLVE_MS, shell,
                              on_resolve_failed, on_resolved);
}

int kith_shell_run(const struct kith_shell_config *config,
                   char ret_error[static KITH_SHELL_ERROR_MAX])
{
    struct shell *shell = calloc(1, sizeof *shell);
    uint8_t seed[KITH_SEED_LEN];
    if (!shell) {
        snprintf(ret_error, KITH_SHELL_ERROR_MAX, "out of memory");
        return 1;
    }
    ret_error[0] = '\0';
    shell->config = config;
    shell->error = ret_error;
    signal(SIGPIPE, SIG_IGN);
    randombytes_buf(seed, sizeof seed);
    shell->node = kith_node_new(config->node, seed);
    int no_room = kith_outbox_init(&shell->outbox, KITH_STEP_EFFECTS_MAX, KITH_STEP_BYTES_MAX);
    bool has_loop = shell->node && !no_room && uv_loop_init(&shell->loop) == 0;
    if (!has_loop) {
        snprintf(ret_error, KITH_SHELL_ERROR_MAX, "not enough memory for this model");
        kith_node_free(shell->node);
        kith_outbox_release(&shell->outbox);
        free(shell);
        return 1;
    }
    int err = start_all(shell);
    if (err && ret_error[0] == '\0')
        snprintf(ret_error, KITH_SHELL_ERROR_MAX, "cannot start: %s", kith_err_text(err));
    if (err) close_all(shell);
    uv_run(&shell->loop, UV_RUN_DEFAULT);
    int status = err ? 1 : shell->status;
    uv_loop_close(&shell->loop);
    kith_node_free(shell->node);
    kith_outbox_release(&shell->outbox);
    free(shell);
    return status;
}
