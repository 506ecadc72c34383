#include "host/fleet.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <uv.h>

#include "base/assert.h"
#include "base/err.h"
#include "host/restart.h"
#include "host/ward.h"

enum { SIGNALS = 3, USAGE = 2, SECOND_MS = 1000 };

struct fleet;

struct one {
    struct fleet *fleet;
    struct kith_ward *ward; /* NULL while there is none */
    struct kith_fleet_one seen;
    struct kith_restart restart;
    uint64_t begun_ms; /* this life, by the loop's clock */
    uint64_t start_ms; /* when to start it, in WAITING and PAUSING */
};

struct fleet {
    const struct kith_fleet_config *config;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signal[SIGNALS];
    struct one *all; /* [config->count] */
    bool is_stopping;
    uint64_t kill_ms; /* while stopping */
    uint64_t second_ms;
};

static void tend(struct fleet *fleet);

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now_ms(struct fleet *fleet)
{
    uv_update_time(&fleet->loop);
    return uv_now(&fleet->loop);
}

static uint32_t index_of(const struct one *one)
{
    return (uint32_t)(one - one->fleet->all);
}

static void change(struct one *one, enum kith_fleet_state state)
{
    const struct kith_fleet_config *config = one->fleet->config;
    if (one->seen.state == state) return;
    one->seen.state = state;
    config->on_change(config->context, index_of(one), &one->seen);
}

/* The first one listens now, or takes too long: the others may start, one after the other. */
static void release_others(struct fleet *fleet)
{
    uint64_t at = now_ms(fleet);
    for (uint32_t i = 1; i < fleet->config->count; i++) {
        struct one *one = &fleet->all[i];
        at += KITH_FLEET_STEP_MS;
        if (one->seen.state == KITH_FLEET_WAITING && at < one->start_ms) one->start_ms = at;
    }
}

static void on_line(void *context, const char *line, size_t len)
{
    struct one *one = context;
    const struct kith_fleet_config *config = one->fleet->config;
    config->on_line(config->context, index_of(one), line, len);
}

static void on_pulse(void *context, const char *line, size_t len)
{
    struct one *one = context;
    struct fleet *fleet = one->fleet;
    fleet->config->on_pulse(fleet->config->context, index_of(one), line, len);
    if (one->seen.state != KITH_FLEET_STARTING) return;
    change(one, KITH_FLEET_RUNNING);
    if (one == fleet->all && one->seen.starts == 1 && !fleet->is_stopping) {
        release_others(fleet);
        tend(fleet);
    }
}

static void after_death(struct one *one, uint64_t now)
{
    bool is_final = !one->fleet->config->restart || one->seen.status == USAGE;
    if (is_final ||
        !kith_restart_died(&one->restart, now, now - one->begun_ms, &one->seen.pause_ms)) {
        change(one, KITH_FLEET_FAILED);
        return;
    }
    one->start_ms = now + one->seen.pause_ms;
    change(one, KITH_FLEET_PAUSING);
}

static void on_end(void *context, int64_t status, int signal)
{
    struct one *one = context;
    struct fleet *fleet = one->fleet;
    one->ward = NULL;
    one->seen.pid = 0;
    one->seen.status = status;
    one->seen.signal = signal;
    if (fleet->is_stopping)
        change(one, KITH_FLEET_STOPPED);
    else if (status == 0 && signal == 0)
        change(one, KITH_FLEET_DONE);
    else
        after_death(one, now_ms(fleet));
    tend(fleet);
}

static void start_one(struct one *one)
{
    struct fleet *fleet = one->fleet;
    const struct kith_fleet_config *config = fleet->config;
    struct kith_ward_config ward = {
        .loop = &fleet->loop,
        .program = config->program,
        .words = config->words(config->context, index_of(one)),
        .context = one,
        .on_line = on_line,
        .on_pulse = on_pulse,
        .on_end = on_end,
    };
    one->begun_ms = now_ms(fleet);
    one->seen.started_ms = wall_ms();
    one->seen.starts++;
    if (kith_ward_new(&ward, &one->ward) != 0) {
        one->seen.status = 1;
        one->seen.signal = 0;
        after_death(one, one->begun_ms);
        return;
    }
    one->seen.pid = kith_ward_pid(one->ward);
    change(one, KITH_FLEET_STARTING);
}

static bool waits(const struct one *one)
{
    return one->seen.state == KITH_FLEET_WAITING || one->seen.state == KITH_FLEET_PAUSING;
}

static void signal_all(struct fleet *fleet, int number)
{
    for (uint32_t i = 0; i < fleet->config->count; i++)
        if (fleet->all[i].ward) kith_ward_signal(fleet->all[i].ward, number);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct fleet *fleet = handle->data;
    (void)number;
    if (fleet->is_stopping) {
        signal_all(fleet, SIGKILL);
        return;
    }
    fleet->is_stopping = true;
    fleet->kill_ms = now_ms(fleet) + KITH_FLEET_KILL_MS;
    for (uint32_t i = 0; i < fleet->config->count; i++)
        if (waits(&fleet->all[i])) change(&fleet->all[i], KITH_FLEET_STOPPED);
    signal_all(fleet, SIGTERM);
    tend(fleet);
}

static void close_all(struct fleet *fleet)
{
    uv_close((uv_handle_t *)&fleet->timer, NULL);
    for (int i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&fleet->signal[i], NULL);
}

static void on_timer(uv_timer_t *timer)
{
    tend(timer->data);
}

/* Do what is due, then sleep until the next thing is; with nothing left to run, end. */
static void tend(struct fleet *fleet)
{
    const struct kith_fleet_config *config = fleet->config;
    uint64_t now = now_ms(fleet);
    uint64_t next;
    bool is_over = true;
    if (uv_is_closing((uv_handle_t *)&fleet->timer)) return;
    if (now >= fleet->second_ms) {
        config->on_second(config->context);
        fleet->second_ms = now + SECOND_MS;
    }
    next = fleet->second_ms;
    if (fleet->is_stopping && now >= fleet->kill_ms) {
        signal_all(fleet, SIGKILL);
        fleet->kill_ms = UINT64_MAX;
    }
    if (fleet->is_stopping && fleet->kill_ms < next) next = fleet->kill_ms;
    for (uint32_t i = 0; i < config->count; i++) {
        struct one *one = &fleet->all[i];
        if (waits(one) && now >= one->start_ms) start_one(one);
        if (waits(one) && one->start_ms < next) next = one->start_ms;
        is_over = is_over && !one->ward && !waits(one);
    }
    if (is_over)
        close_all(fleet);
    else
        uv_timer_start(&fleet->timer, on_timer, next > now ? next - now : 0, 0);
}

static void start(struct fleet *fleet)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    uv_timer_init(&fleet->loop, &fleet->timer);
    fleet->timer.data = fleet;
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&fleet->loop, &fleet->signal[i]);
        fleet->signal[i].data = fleet;
        uv_signal_start(&fleet->signal[i], on_signal, numbers[i]);
    }
    for (uint32_t i = 0; i < fleet->config->count; i++) {
        struct one *one = &fleet->all[i];
        one->fleet = fleet;
        one->start_ms = now_ms(fleet);
        if (i > 0) one->start_ms += KITH_FLEET_FIRST_MS + i * KITH_FLEET_STEP_MS;
    }
    tend(fleet);
}

int kith_fleet_run(const struct kith_fleet_config *config,
                   char ret_error[static KITH_FLEET_ERROR_MAX])
{
    struct fleet fleet = {.config = config};
    kith_assert(config->count >= 1 && config->count <= KITH_FLEET_MAX);
    fleet.all = calloc(config->count, sizeof *fleet.all);
    int err = fleet.all ? uv_loop_init(&fleet.loop) : UV_ENOMEM;
    if (err) {
        snprintf(ret_error, KITH_FLEET_ERROR_MAX, "cannot start: %s", uv_strerror(err));
        free(fleet.all);
        return 1;
    }
    start(&fleet);
    uv_run(&fleet.loop, UV_RUN_DEFAULT);
    uv_loop_close(&fleet.loop);
    free(fleet.all);
    return 0;
}
