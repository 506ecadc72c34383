/* Snapshots from node to node and both ways, sealed, beside what they are made of, in turns within
 * one run. What counts is CPU seconds: those of other programs do not disturb them much. Yet two
 * threads that wake each other cost more while others hold the cores, and caches are shared: when
 * enough turns came while others used little of the machine, those alone are judged. */
#include "tools/bench_wire.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "host/frame.h"
#include "tools/wire_run.h"

enum { REPS_MAX = 101, SIZES = 2, BATCH = 4, ALIGN = 64, QUIET_MIN = 3 };
enum { SMALL_LEN = 64, SMALL_COUNT = 100000, SMALL_LONE_COUNT = 10000 };

/* Others may use this share of the machine during a turn that counts as quiet. */
static const double quiet_share = 0.2;

static const size_t sizes[SIZES] = {10000000, 100000000};

enum contestant {
    SEALED,         /* a snapshot, stored, over a link */
    PLAIN,          /* the same over a plain libuv stream */
    STREAM,         /* over a link, but dropped where it arrives */
    PLAIN_STREAM,   /* the same over a plain libuv stream, copied into frames */
    EXCHANGE,       /* both ways over a link, averaged with the own one */
    PLAIN_EXCHANGE, /* both ways over a plain libuv stream, dropped */
    SEAL,           /* the cipher alone */
    OPEN,
    COPY,    /* memcpy alone */
    AVERAGE, /* averaging alone */
    CONTESTANTS,
};

static const char *const names[CONTESTANTS] = {
    [SEALED] = "snapshot, sealed link",
    [PLAIN] = "snapshot, plain stream",
    [STREAM] = "stream, sealed, dropped",
    [PLAIN_STREAM] = "stream, plain, dropped",
    [EXCHANGE] = "exchange, sealed, averaged",
    [PLAIN_EXCHANGE] = "exchange, plain, dropped",
    [SEAL] = "sealing alone",
    [OPEN] = "opening alone",
    [COPY] = "memcpy alone",
    [AVERAGE] = "averaging alone",
};

static const char *const json_names[CONTESTANTS] = {
    [SEALED] = "sealed",     [PLAIN] = "plain",
    [STREAM] = "stream",     [PLAIN_STREAM] = "plain_stream",
    [EXCHANGE] = "exchange", [PLAIN_EXCHANGE] = "plain_exchange",
    [SEAL] = "seal",         [OPEN] = "open",
    [COPY] = "memcpy",       [AVERAGE] = "average",
};

struct samples {
    double of[REPS_MAX];
    uint32_t count;
};

struct quartiles {
    double low, median, high;
};

/* Of one size: seconds per GB of CPU time, of the slower side where there are two, and by the
 * clock; and the two ratios. */
struct cell {
    struct samples cpu[CONTESTANTS];
    struct samples wall[CONTESTANTS];
    struct samples t9;
    struct samples stored; /* the same of whole snapshots, where the plain stream never copies */
    struct samples t10;
    struct samples others; /* share of the machine that others used */
};

struct bench {
    uint32_t reps;
    uint32_t size_count;
    bool json;
    float *own[2];
    float *arrived[2];
    struct cell cells[SIZES];
    struct samples small[2]; /* messages of 64 bytes per CPU-second: gathered, in turns */
    struct samples t19;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct quartiles quartiles_of(const struct samples *samples)
{
    double sorted[REPS_MAX];
    uint32_t count = samples->count;
    if (count == 0) return (struct quartiles){0};
    memcpy(sorted, samples->of, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], compare);
    return (struct quartiles){sorted[count / 4], sorted[count / 2], sorted[count * 3 / 4]};
}

/* The samples of turns in which others left the machine alone, all of them if those are too few. */
static struct samples quiet_of(const struct cell *cell, const struct samples *samples)
{
    struct samples quiet = {.count = 0};
    for (uint32_t i = 0; i < samples->count && i < cell->others.count; i++)
        if (cell->others.of[i] < quiet_share) quiet.of[quiet.count++] = samples->of[i];
    return quiet.count >= QUIET_MIN ? quiet : *samples;
}

static bool is_quiet(const struct cell *cell)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < cell->others.count; i++)
        count += cell->others.of[i] < quiet_share;
    return count >= QUIET_MIN;
}

static double judged(const struct cell *cell, const struct samples *samples)
{
    struct samples quiet = quiet_of(cell, samples);
    return quartiles_of(&quiet).median;
}

static void sample_add(struct samples *samples, double value)
{
    if (samples->count < REPS_MAX) samples->of[samples->count++] = value;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Jiffies that all programs have used, and this one, and how many there were. */
struct load {
    double busy, own, total;
};

static struct load load_now(void)
{
    struct load load = {0};
    struct timespec own;
    double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return load;
    if (fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait, &irq,
               &softirq) == 7) {
        double per_s = (double)sysconf(_SC_CLK_TCK);
        load.busy = (user + nice + system + irq + softirq) / per_s;
        load.total = load.busy + (idle + wait) / per_s;
    }
    (void)fclose(file);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    load.own = (double)own.tv_sec + (double)own.tv_nsec * 1e-9;
    return load;
}

static int run_wire(struct bench *bench, uint32_t size, enum contestant who, bool sealed,
                    bool both_ways, enum kith_wire_use use)
{
    struct kith_wire_plan plan = {
        .sealed = sealed,
        .copied = who == PLAIN_STREAM,
        .both_ways = both_ways,
        .use = use,
        .bytes = sizes[size],
        .own = {bench->own[0], bench->own[1]},
        .arrived = {bench->arrived[0], bench->arrived[1]},
    };
    struct kith_wire_cost cost;
    int err = kith_wire_run(&plan, &cost);
    if (err != 0) {
        (void)fprintf(stderr, "kith bench wire: %s: %s\n", names[who], kith_err_text(err));
        return err;
    }
    double gigabytes = (double)sizes[size] * 1e-9;
    sample_add(&bench->cells[size].cpu[who], larger(cost.cpu_s[0], cost.cpu_s[1]) / gigabytes);
    sample_add(&bench->cells[size].wall[who], cost.wall_s / gigabytes);
    return 0;
}

static void sample_alone(struct bench *bench, uint32_t size, enum contestant who, double cpu_s)
{
    sample_add(&bench->cells[size].cpu[who], cpu_s / ((double)sizes[size] * 1e-9));
}

/* Small messages over a link, both ways: in one write what one turn of the loop gave, or each sent
 * when the one before was answered. */
static int run_small(struct bench *bench)
{
    double per_s[2];
    for (int lone = 0; lone < 2; lone++) {
        size_t count = lone ? SMALL_LONE_COUNT : SMALL_COUNT;
        struct kith_wire_plan plan = {
            .sealed = true,
            .use = KITH_WIRE_DROP,
            .frame = SMALL_LEN,
            .both_ways = true,
            .in_turns = lone,
            .bytes = count * SMALL_LEN,
            .own = {bench->own[0], bench->own[1]},
            .arrived = {bench->arrived[0], bench->arrived[1]},
        };
        struct kith_wire_cost cost;
        int err = kith_wire_run(&plan, &cost);
        if (err != 0) {
            (void)fprintf(stderr, "kith bench wire: small messages: %s\n", kith_err_text(err));
            return err;
        }
        per_s[lone] = (double)count / larger(cost.cpu_s[0], cost.cpu_s[1]);
        sample_add(&bench->small[lone], per_s[lone]);
    }
    sample_add(&bench->t19, per_s[0] / per_s[1]);
    return 0;
}

/* Sealing from the snapshot and opening in place, a few frames at a time, as a link does it. */
static int run_cipher(struct bench *bench, uint32_t size)
{
    static uint8_t frames[BATCH][KITH_FRAME_MAX];
    static const uint8_t secret[KITH_FRAME_KEY_LEN] = {1};
    struct kith_frame_key seal, open;
    double seal_s = 0, open_s = 0;
    if (kith_frame_key_init(&seal, secret, true) != 0) return KITH_ERR_NOMEM;
    if (kith_frame_key_init(&open, secret, false) != 0) {
        kith_frame_key_release(&seal);
        return KITH_ERR_NOMEM;
    }
    const uint8_t *from = (const uint8_t *)bench->own[0];
    for (size_t at = 0; at < sizes[size];) {
        size_t lens[BATCH], count = 0;
        double began_s = kith_wire_cpu_s();
        for (; count < BATCH && at < sizes[size]; count++) {
            size_t left = sizes[size] - at, len = left < KITH_WIRE_FRAME ? left : KITH_WIRE_FRAME;
            lens[count] = kith_frame_seal(&seal, KITH_FRAME_MESSAGE, (struct kith_bytes){0},
                                          (struct kith_bytes){from + at, len}, frames[count]);
            at += len;
        }
        double sealed_s = kith_wire_cpu_s();
        for (size_t i = 0; i < count; i++) {
            uint8_t type;
            struct kith_bytes body;
            if (kith_frame_open(&open, frames[i], lens[i], &type, &body) != 0) abort();
        }
        seal_s += sealed_s - began_s;
        open_s += kith_wire_cpu_s() - sealed_s;
    }
    kith_frame_key_release(&seal);
    kith_frame_key_release(&open);
    sample_alone(bench, size, SEAL, seal_s);
    sample_alone(bench, size, OPEN, open_s);
    return 0;
}

static void run_memory(struct bench *bench, uint32_t size)
{
    static uint8_t frame[KITH_WIRE_FRAME];
    size_t floats = KITH_WIRE_FRAME / sizeof(float), whole = sizes[size] / KITH_WIRE_FRAME;
    double began_s = kith_wire_cpu_s();
    memcpy(bench->arrived[0], bench->own[0], sizes[size]);
    sample_alone(bench, size, COPY, kith_wire_cpu_s() - began_s);
    began_s = kith_wire_cpu_s();
    for (size_t i = 0; i < whole; i++)
        kith_wire_average(bench->arrived[0] + i * floats, frame, floats);
    sample_alone(bench, size, AVERAGE, kith_wire_cpu_s() - began_s);
}

static double last(const struct cell *cell, enum contestant who)
{
    return cell->cpu[who].of[cell->cpu[who].count - 1];
}

/* Every contestant once, and what they give together. */
static int run_all(struct bench *bench, uint32_t size)
{
    struct cell *cell = &bench->cells[size];
    struct load before = load_now();
    int err = run_wire(bench, size, SEALED, true, false, KITH_WIRE_STORE);
    if (err == 0) err = run_wire(bench, size, PLAIN, false, false, KITH_WIRE_STORE);
    if (err == 0) err = run_wire(bench, size, STREAM, true, false, KITH_WIRE_DROP);
    if (err == 0) err = run_wire(bench, size, PLAIN_STREAM, false, false, KITH_WIRE_DROP);
    if (err == 0) err = run_wire(bench, size, EXCHANGE, true, true, KITH_WIRE_AVERAGE);
    if (err == 0) err = run_wire(bench, size, PLAIN_EXCHANGE, false, true, KITH_WIRE_DROP);
    if (err == 0) err = run_cipher(bench, size);
    if (err != 0) return err;
    run_memory(bench, size);
    struct load after = load_now();
    double total_s = after.total - before.total;
    double others_s = after.busy - before.busy - (after.own - before.own);
    sample_add(&cell->others, total_s > 0 ? larger(others_s / total_s, 0) : 1);
    sample_add(&cell->t9, last(cell, PLAIN_STREAM) / last(cell, STREAM));
    sample_add(&cell->stored, last(cell, PLAIN) / last(cell, SEALED));
    sample_add(&cell->t10, (last(cell, PLAIN_EXCHANGE) + last(cell, SEAL) + last(cell, OPEN) +
                            last(cell, AVERAGE)) /
                               last(cell, EXCHANGE));
    return 0;
}

/* What is aimed at. */
struct target {
    const char *id, *what;
    double goal, got;
    bool at_most;
    bool is_gate;     /* else information */
    bool needs_quiet; /* two threads that wait for each other, or the clock: others disturb it */
    bool is_quiet;
};

enum { TARGETS = 4 };

static void targets_of(const struct bench *bench, uint32_t size, struct target ret[static TARGETS])
{
    const struct cell *cell = &bench->cells[size];
    double megabytes = (double)sizes[size] * 1e-6;
    ret[0] = (struct target){
        .id = "T9",
        .what = "sealed to plain stream, GB per CPU-second of the slower side",
        .goal = 0.6,
        .got = judged(cell, &cell->t9),
        .is_gate = true,
        .needs_quiet = true,
    };
    ret[1] = (struct target){
        .id = "T9s",
        .what = "the same of snapshots stored, plain without a copy",
        .goal = 0.6,
        .got = judged(cell, &cell->stored),
        .needs_quiet = true,
    };
    ret[2] = (struct target){
        .id = "T10",
        .what = "exchange to TCP + seal + open + average, CPU time",
        .goal = 0.85,
        .got = judged(cell, &cell->t10),
        .is_gate = true,
    };
    ret[3] = (struct target){
        .id = "T12",
        .what = "exchange by the clock, seconds (two idle cores)",
        .goal = 0.0012 * megabytes,
        .got = judged(cell, &cell->wall[EXCHANGE]) * megabytes * 1e-3,
        .at_most = true,
        .needs_quiet = true,
    };
    for (int i = 0; i < TARGETS; i++)
        ret[i].is_quiet = is_quiet(cell);
}

static bool is_met(const struct target *target)
{
    return target->at_most ? target->got <= target->goal : target->got >= target->goal;
}

static const char *verdict(const struct target *target)
{
    if (target->needs_quiet && !target->is_quiet) return "no verdict: others were too busy";
    return is_met(target) ? "met" : "not met";
}

static void print_target(const struct target *target)
{
    printf("%-4s %-56s goal %s %-6.3g got %-6.3f %s%s\n", target->id, target->what,
           target->at_most ? "<=" : ">=", target->goal, target->got, verdict(target),
           target->is_gate ? "" : " (information)");
}

static void print_cell(const struct bench *bench, uint32_t size)
{
    const struct cell *cell = &bench->cells[size];
    printf(
        "\n%zu MB in frames of 64 KiB, %u times in turns; others used %.0f %% of the machine%s\n",
        sizes[size] / 1000000, bench->reps, quartiles_of(&cell->others).median * 100,
        is_quiet(cell) ? "" : ": too much to judge by the clock");
    printf("%-28s %10s  %-17s %10s %10s\n", "", "CPU-s/GB", "[quartiles]", "GB/CPU-s", "GB/s");
    for (int who = 0; who < CONTESTANTS; who++) {
        struct samples cpus = quiet_of(cell, &cell->cpu[who]);
        struct samples walls = quiet_of(cell, &cell->wall[who]);
        struct quartiles cpu = quartiles_of(&cpus), wall = quartiles_of(&walls);
        printf("%-28s %10.3f  [%6.3f, %6.3f] %10.2f", names[who], cpu.median, cpu.low, cpu.high,
               1 / cpu.median);
        if (wall.median > 0) printf(" %10.2f", 1 / wall.median);
        printf("\n");
    }
    struct target targets[TARGETS];
    targets_of(bench, size, targets);
    for (int i = 0; i < TARGETS; i++)
        print_target(&targets[i]);
}

static struct target target_small(const struct bench *bench)
{
    return (struct target){
        .id = "T19",
        .what = "small messages, gathered to one at a time",
        .goal = 20,
        .got = quartiles_of(&bench->t19).median,
    };
}

static void print_small(const struct bench *bench)
{
    struct target target = target_small(bench);
    printf("\nMessages of 64 bytes both ways over a link, thousands per CPU-second of an end: "
           "gathered "
           "%.0f, one at a time %.1f\n",
           quartiles_of(&bench->small[0]).median * 1e-3,
           quartiles_of(&bench->small[1]).median * 1e-3);
    print_target(&target);
}

static json_t *json_quartiles(const struct samples *samples)
{
    struct quartiles q = quartiles_of(samples);
    return json_pack("{s:f, s:f, s:f}", "low", q.low, "median", q.median, "high", q.high);
}

static json_t *json_target(const struct target *target)
{
    return json_pack("{s:s, s:s, s:f, s:f, s:b, s:s}", "id", target->id, "what", target->what,
                     "goal", target->goal, "got", target->got, "gate", target->is_gate, "verdict",
                     verdict(target));
}

static json_t *json_cell(const struct bench *bench, uint32_t size)
{
    const struct cell *cell = &bench->cells[size];
    json_t *cpu = json_object(), *wall = json_object(), *all = json_array();
    for (int who = 0; who < CONTESTANTS; who++) {
        json_object_set_new(cpu, json_names[who], json_quartiles(&cell->cpu[who]));
        if (cell->wall[who].count > 0)
            json_object_set_new(wall, json_names[who], json_quartiles(&cell->wall[who]));
    }
    struct target targets[TARGETS];
    targets_of(bench, size, targets);
    for (int i = 0; i < TARGETS; i++)
        json_array_append_new(all, json_target(&targets[i]));
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "bytes",
                     (json_int_t)sizes[size], "cpu_s_per_gb", cpu, "wall_s_per_gb", wall, "t9",
                     json_quartiles(&cell->t9), "t9_stored", json_quartiles(&cell->stored), "t10",
                     json_quartiles(&cell->t10), "others", json_quartiles(&cell->others), "quiet",
                     is_quiet(cell), "targets", all);
}

static int report(const struct bench *bench)
{
    if (!bench->json) {
        for (uint32_t size = 0; size < bench->size_count; size++)
            print_cell(bench, size);
        print_small(bench);
        return 0;
    }
    json_t *cells = json_array();
    for (uint32_t size = 0; size < bench->size_count; size++)
        json_array_append_new(cells, json_cell(bench, size));
    struct target target = target_small(bench);
    json_t *small =
        json_pack("{s:o, s:o, s:o}", "gathered", json_quartiles(&bench->small[0]), "one_at_a_time",
                  json_quartiles(&bench->small[1]), "target", json_target(&target));
    json_t *all = json_pack("{s:i, s:i, s:o, s:o}", "reps", (int)bench->reps, "frame",
                            KITH_WIRE_FRAME, "sizes", cells, "small_messages_per_cpu_s", small);
    int err = all ? json_dumpf(all, stdout, JSON_INDENT(1)) : -1;
    json_decref(all);
    printf("\n");
    return err == 0 ? 0 : 1;
}

static int refuse(const char *option, const char *allowed)
{
    (void)fprintf(stderr, "kith bench wire: %s: %s\n", option, allowed);
    return 2;
}

static int parse(struct bench *bench, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            bench->json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            bench->size_count = 1;
            bench->reps = 3;
        } else if (strcmp(argv[i], "--reps") == 0 && i + 1 < argc) {
            char *end;
            errno = 0;
            unsigned long reps = strtoul(argv[++i], &end, 10);
            if (errno != 0 || *end != '\0' || reps < 3 || reps > REPS_MAX)
                return refuse("--reps", "must be a number from 3 to 101");
            bench->reps = (uint32_t)reps;
        } else {
            return refuse(argv[i], "no such option; allowed are --json, --quick and --reps N");
        }
    }
    return 0;
}

/* Touched, so that no run pays for its pages. */
static float *buffer_new(size_t bytes, uint8_t value)
{
    size_t size = (bytes > KITH_WIRE_WARM ? bytes : KITH_WIRE_WARM) + ALIGN;
    float *buffer = aligned_alloc(ALIGN, size / ALIGN * ALIGN);
    if (!buffer) return NULL;
    for (size_t i = 0; i < size / ALIGN * ALIGN / sizeof(float); i++)
        buffer[i] = (float)((i * 7 + value) % 1000) * 0.001f;
    return buffer;
}

static int run(struct bench *bench)
{
    size_t largest = sizes[bench->size_count - 1];
    for (uint8_t i = 0; i < 2; i++) {
        bench->own[i] = buffer_new(largest, i);
        bench->arrived[i] = buffer_new(largest, 0);
        if (!bench->own[i] || !bench->arrived[i]) {
            (void)fprintf(stderr, "kith bench wire: %s\n", kith_err_text(KITH_ERR_NOMEM));
            return 1;
        }
    }
    for (uint32_t rep = 0; rep < bench->reps; rep++) {
        for (uint32_t size = 0; size < bench->size_count; size++)
            if (run_all(bench, size) != 0) return 1;
        if (run_small(bench) != 0) return 1;
    }
    return report(bench);
}

int kith_bench_wire(int argc, char **argv)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (!bench) return 1;
    bench->reps = 9;
    bench->size_count = SIZES;
    int status = parse(bench, argc, argv);
    if (status == 0) status = run(bench);
    for (int i = 0; i < 2; i++) {
        free(bench->own[i]);
        free(bench->arrived[i]);
    }
    free(bench);
    return status;
}
