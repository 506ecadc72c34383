/* A start of 8 nodes in random order within one second, all through one seed that is itself the
 * last to come: each puts a record under one key, as a node does 0, 5 and 20 seconds after its
 * start, and reads the key once a second, until it has seen all 8 in one answer. With more runs
 * than one (third argument) it is the measurement: `e2e_dht_startup KITH_DHT first|last RUNS
 * [NODES]`. */
#include <signal.h>

#include "base/err.h"
#include "base/rng.h"
#include "host/dht_pipe.h"
#include "tests/contract/dht_swarm.h"
#include "tests/test.h"

enum { NODES_MAX = 64, LIMIT_MS = 60 * 1000, WANTED_MS = 20 * 1000, READ_MS = 1000 };

static const uint64_t put_at_ms[] = {0, 5000, 20000};
static const uint8_t key[KITH_DHT_KEY_LEN] = {8, 8, 8};

struct starter {
    uint32_t index;
    struct kith_dht_pipe *pipe;
    uv_timer_t timer;
    uint16_t port;
    uint64_t start_ms; /* planned, from the run's start */
    uint64_t read_ms;  /* next */
    uint32_t puts;     /* begun */
    bool is_reading;
    uint64_t number;   /* of the last operation; a get's is odd */
    uint64_t seen;     /* one bit a record, in the get under way */
    uint64_t whole_ms; /* when all had been seen, from the run's start; 0: not yet */
    bool is_closed;
};

static const char *helper_path;
static bool seed_is_last;
static uint32_t runs = 1;
static uint32_t nodes = 8;
static struct starter starters[NODES_MAX];
static uint64_t run_start_ms;
static struct kith_rng rng;

static uint64_t now_ms(void)
{
    return uv_now(uv_default_loop()) - run_start_ms;
}

static void on_value(void *context, uint64_t number, struct kith_bytes value)
{
    struct starter *starter = context;
    (void)number;
    if (value.len == 200 && value.at[0] < nodes) starter->seen |= 1ull << value.at[0];
}

static void on_done(void *context, uint64_t number, int err)
{
    struct starter *starter = context;
    if (number % 2 == 0) return;
    (void)err;
    starter->is_reading = false;
    uint64_t all = nodes == 64 ? UINT64_MAX : (1ull << nodes) - 1;
    if (starter->seen == all && starter->whole_ms == 0) starter->whole_ms = now_ms();
}

static void start(struct starter *starter)
{
    struct kith_addr seed = swarm_addr(starters[0].port);
    struct kith_dht_pipe_config config = {
        .loop = uv_default_loop(),
        .helper_path = helper_path,
        .port = starter->port,
        .loopback_only = true,
        .net32 = 0x6b697468,
        .seeds = &seed,
        .seed_count = starter->index > 0,
        .context = starter,
        .on_value = on_value,
        .on_done = on_done,
    };
    if (kith_dht_pipe_new(&config, &starter->pipe)) abort();
}

static void put(struct starter *starter)
{
    uint8_t record[200] = {(uint8_t)starter->index}; /* the same each time, so seen once */
    starter->number += 2 - starter->number % 2;
    starter->puts++;
    kith_dht_pipe_put(starter->pipe, starter->number, key,
                      (struct kith_bytes){record, sizeof record});
}

static void read_all(struct starter *starter)
{
    starter->number += 1 + starter->number % 2;
    starter->seen = 0;
    starter->is_reading = true;
    kith_dht_pipe_get(starter->pipe, starter->number, key);
}

static void on_tick(uv_timer_t *timer)
{
    struct starter *starter = timer->data;
    if (now_ms() < starter->start_ms) return;
    if (!starter->pipe) start(starter);
    uint64_t age_ms = now_ms() - starter->start_ms;
    if (starter->puts < 3 && age_ms >= put_at_ms[starter->puts]) put(starter);
    if (starter->whole_ms > 0 || starter->is_reading || age_ms < starter->read_ms) return;
    starter->read_ms = age_ms + READ_MS;
    read_all(starter);
}

static void on_closed(void *context)
{
    ((struct starter *)context)->is_closed = true;
}

static bool all_whole(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < nodes; i++)
        if (starters[i].whole_ms == 0) return false;
    return true;
}

static bool all_closed(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < nodes; i++)
        if (!starters[i].is_closed) return false;
    return true;
}

static void plan(void)
{
    for (uint32_t i = 0; i < nodes; i++) {
        struct starter *starter = &starters[i];
        *starter = (struct starter){.index = i, .port = swarm_free_port()};
        starter->start_ms = kith_rng_below(&rng, 1000);
        if (i == 0) starter->start_ms = seed_is_last ? 1000 : 0;
        starter->timer.data = starter;
        uv_timer_init(uv_default_loop(), &starter->timer);
        uv_timer_start(&starter->timer, on_tick, 0, 20);
    }
}

/* The slowest node's time, or LIMIT_MS. */
static uint64_t run_once(uint64_t *ret_median_ms)
{
    uint64_t times[NODES_MAX], worst = 0;
    uv_update_time(uv_default_loop());
    run_start_ms = uv_now(uv_default_loop());
    plan();
    bool is_whole = swarm_until(all_whole, NULL, LIMIT_MS);
    for (uint32_t i = 0; i < nodes; i++) {
        uv_close((uv_handle_t *)&starters[i].timer, NULL);
        kith_dht_pipe_close(starters[i].pipe, on_closed, &starters[i]);
        times[i] = starters[i].whole_ms > 0 ? starters[i].whole_ms : LIMIT_MS;
        for (uint32_t j = i; j > 0 && times[j] < times[j - 1]; j--) {
            uint64_t swap = times[j];
            times[j] = times[j - 1];
            times[j - 1] = swap;
        }
    }
    swarm_until(all_closed, NULL, LIMIT_MS);
    worst = times[nodes - 1];
    *ret_median_ms = times[nodes / 2];
    return is_whole ? worst : LIMIT_MS;
}

static void all_nodes_see_all_records_in_time(void)
{
    for (uint32_t i = 0; i < runs; i++) {
        uint64_t median_ms;
        uint64_t worst_ms = run_once(&median_ms);
        printf("# run %u: seed %s, %u nodes: all records seen by half of them after %.1f s, by all "
               "after %.1f s\n",
               i + 1, seed_is_last ? "last" : "first", nodes, (double)median_ms / 1000,
               (double)worst_ms / 1000);
        fflush(stdout);
        check(worst_ms <= WANTED_MS);
    }
}

int main(int argc, char **argv)
{
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    signal(SIGPIPE, SIG_IGN); /* a helper may die while it is written to */
    helper_path = argc > 1 ? argv[1] : NULL;
    seed_is_last = argc > 2 ? strcmp(argv[2], "last") == 0 : true;
    if (argc > 3) runs = (uint32_t)strtoul(argv[3], NULL, 10);
    if (argc > 4) nodes = (uint32_t)strtoul(argv[4], NULL, 10);
    if (nodes < 2 || nodes > NODES_MAX) return 2;
    kith_rng_init(&rng, seed);
    run(all_nodes_see_all_records_in_time);
    return test_end();
}
