#include "sim/sim_storms.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"

enum { BAR_WIDTH = 30, PATH_MAX_LEN = 512 };

/* A run in its process. */
struct slot {
    pid_t pid; /* 0: none */
    int pipe;
    uint64_t seed;
    size_t got; /* bytes of the result so far */
    struct kith_storm_result result;
};

struct storms {
    const struct kith_storms_config *config;
    FILE *out;
    FILE *err;
    struct slot slot[KITH_STORMS_AT_ONCE_MAX];
    uint32_t begun;
    uint32_t ended;
    uint32_t failed;
    uint32_t traced;
    /* for the summary */
    uint32_t runs_with[KITH_STORM_KINDS];
    uint64_t faults;
    uint64_t lies;
    uint64_t steps;
    uint64_t gossip_peak;
    uint64_t bytes_peak;
    double virtual_s;
    double together_sum_s;
    double together_most_s;
    uint32_t compared;
    double points_least; /* accuracy over that without faults */
    double wall_from_s;
};

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t kith_storms_seed(uint64_t seed, uint32_t i)
{
    struct kith_hash hash;
    uint64_t ret;
    kith_hash_init(&hash);
    kith_hash_add(&hash, "kith/sim/storms", 16);
    kith_hash_add_u64(&hash, seed);
    kith_hash_add_u64(&hash, i);
    memcpy(&ret, kith_hash_end(&hash).bytes, sizeof ret);
    return ret >> 16; /* short enough to be typed */
}

/* --- one run --- */

/* In the child. */
static void run_one(const struct storms *storms, uint64_t seed, int pipe)
{
    struct kith_storm_result result;
    struct kith_storm_config config = storms->config->run;
    config.seed = seed;
    alarm(KITH_STORMS_LIMIT_S);
    int err = kith_storm_run(&config, &result);
    if (err) {
        result.is_good = false;
        snprintf(result.failure, sizeof result.failure, "%s", kith_err_text(err));
    }
    const char *at = (const char *)&result;
    for (size_t done = 0; done < sizeof result;) {
        ssize_t count = write(pipe, at + done, sizeof result - done);
        if (count < 0) _exit(1);
        done += (size_t)count;
    }
}

/* False: no process could be made. */
static bool begin(struct storms *storms, struct slot *slot)
{
    int ends[2];
    if (pipe(ends)) return false;
    memset(slot, 0, sizeof *slot);
    slot->seed = kith_storms_seed(storms->config->seed, storms->begun);
    slot->pipe = ends[0];
    fflush(NULL);
    slot->pid = fork();
    if (slot->pid == 0) {
        close(ends[0]);
        run_one(storms, slot->seed, ends[1]);
        exit(0); /* and not _exit: leaks are looked for at the end */
    }
    close(ends[1]);
    if (slot->pid < 0) {
        close(ends[0]);
        slot->pid = 0;
        return false;
    }
    storms->begun++;
    return true;
}

/* The run again, with a trace, in a process of its own, for it may end as it did before. */
static bool leave_trace(struct storms *storms, uint64_t seed, char path[static PATH_MAX_LEN])
{
    const char *dir = storms->config->trace_dir;
    if (!dir || storms->traced == KITH_STORMS_TRACED_MAX) return false;
    snprintf(path, PATH_MAX_LEN, "%s/kith-sim-%llu.trace", dir, (unsigned long long)seed);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid == 0) {
        struct kith_storm_result result;
        struct kith_storm_config config = storms->config->run;
        config.seed = seed;
        config.trace = fopen(path, "w");
        if (!config.trace) _exit(1);
        setvbuf(config.trace, NULL, _IOLBF, 0);
        if (!freopen("/dev/null", "w", stderr)) _exit(1); /* it was said the first time */
        alarm(KITH_STORMS_LIMIT_S);
        kith_storm_run(&config, &result);
        _exit(fclose(config.trace) ? 1 : 0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    storms->traced++;
    return access(path, R_OK) == 0;
}

static void clear_bar(const struct storms *storms)
{
    if (storms->config->progress) fprintf(storms->err, "\r%*s\r", BAR_WIDTH + 60, "");
}

static void draw_bar(const struct storms *storms)
{
    char bar[BAR_WIDTH + 1];
    uint32_t runs = storms->config->runs;
    if (!storms->config->progress) return;
    for (uint32_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = (uint64_t)i * runs < (uint64_t)storms->ended * BAR_WIDTH ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    fprintf(storms->err, "\r[%s] %u of %u runs, %u failed, %.1f s ", bar, storms->ended, runs,
            storms->failed, wall_s() - storms->wall_from_s);
    fflush(storms->err);
}

/* One line: a command that replays the run, and why it failed as a comment of the shell. */
static void tell(struct storms *storms, const struct slot *slot)
{
    char path[PATH_MAX_LEN];
    bool is_traced = leave_trace(storms, slot->seed, path);
    clear_bar(storms);
    fprintf(storms->out, "kith sim replay --nodes %u --seed %llu --build %s  # failed %s%s%s\n",
            storms->config->run.nodes, (unsigned long long)slot->seed, storms->config->build,
            slot->result.failure, is_traced ? "; trace in " : "", is_traced ? path : "");
    fflush(storms->out);
}

static void add_up(struct storms *storms, const struct kith_storm_result *result)
{
    for (uint32_t kind = 0; kind < KITH_STORM_KINDS; kind++)
        storms->runs_with[kind] += result->kinds >> kind & 1;
    storms->faults += result->faults;
    storms->lies += result->lies;
    storms->steps += result->steps;
    storms->virtual_s += result->virtual_s;
    storms->together_sum_s += result->together_s;
    if (result->together_s > storms->together_most_s) storms->together_most_s = result->together_s;
    if (result->gossip_peak > storms->gossip_peak) storms->gossip_peak = result->gossip_peak;
    if (result->bytes_peak > storms->bytes_peak) storms->bytes_peak = result->bytes_peak;
    if (!result->is_compared) return;
    double points = result->accuracy - result->accuracy_calm;
    if (storms->compared == 0 || points < storms->points_least) storms->points_least = points;
    storms->compared++;
}

static void end(struct storms *storms, struct slot *slot)
{
    int status = 0;
    close(slot->pipe);
    while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    slot->pid = 0;
    struct kith_storm_result *result = &slot->result;
    bool is_told = slot->got == sizeof *result;
    if (!is_told || status) {
        const char *name = WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no result";
        if (!is_told) memset(result, 0, sizeof *result);
        result->is_good = false;
        snprintf(result->failure, sizeof result->failure, "its process ended: %s",
                 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it took too long" : name);
    }
    storms->ended++;
    storms->failed += !result->is_good;
    add_up(storms, result);
    if (!result->is_good) tell(storms, slot);
    draw_bar(storms);
}

/* --- all runs --- */

static bool begin_more(struct storms *storms)
{
    for (uint32_t i = 0; i < storms->config->at_once; i++) {
        bool is_free = storms->slot[i].pid == 0;
        if (is_free && storms->begun < storms->config->runs && !begin(storms, &storms->slot[i]))
            return false;
    }
    return true;
}

/* Wait for results. */
static void take_results(struct storms *storms)
{
    struct pollfd polled[KITH_STORMS_AT_ONCE_MAX];
    for (uint32_t i = 0; i < storms->config->at_once; i++)
        polled[i] = (struct pollfd){.fd = storms->slot[i].pid ? storms->slot[i].pipe : -1,
                                    .events = POLLIN};
    if (poll(polled, storms->config->at_once, -1) <= 0) return;
    for (uint32_t i = 0; i < storms->config->at_once; i++) {
        struct slot *slot = &storms->slot[i];
        char *at = (char *)&slot->result;
        if (!polled[i].revents) continue;
        ssize_t count = read(slot->pipe, at + slot->got, sizeof slot->result - slot->got);
        if (count > 0) slot->got += (size_t)count;
        if (count <= 0 || slot->got == sizeof slot->result) end(storms, slot);
    }
}

static void summarize(const struct storms *storms)
{
    FILE *out = storms->out;
    double wall = wall_s() - storms->wall_from_s;
    double runs = storms->ended > 0 ? storms->ended : 1;
    fprintf(out, "runs                %u of %u nodes, seed %llu: %u failed\n", storms->ended,
            storms->config->run.nodes, (unsigned long long)storms->config->seed, storms->failed);
    fprintf(out, "faults              %llu, and %llu lies told\n",
            (unsigned long long)storms->faults, (unsigned long long)storms->lies);
    for (uint32_t kind = 0; kind < KITH_STORM_KINDS; kind++)
        fprintf(out, "  %-12s %6u runs   %s\n", kith_storm_kind_name((enum kith_storm_kind)kind),
                storms->runs_with[kind], kith_storm_kind_text((enum kith_storm_kind)kind));
    fprintf(out, "together again      %.1f s after healing, at most %.1f s; allowed are %d s\n",
            storms->together_sum_s / runs, storms->together_most_s, KITH_STORM_TOGETHER_S);
    fprintf(out,
            "bytes a second      at most %llu on who is there, %llu in all; allowed are %d, %d\n",
            (unsigned long long)storms->gossip_peak, (unsigned long long)storms->bytes_peak,
            KITH_STORM_GOSSIP_CAP, KITH_STORM_BYTES_CAP);
    if (storms->compared > 0)
        fprintf(out,
                "accuracy            at least %+.2f points to the run without faults, %u runs\n",
                storms->points_least, storms->compared);
    fprintf(out, "time                %.0f virtual s   %.1f wall s   %llu steps\n",
            storms->virtual_s, wall, (unsigned long long)storms->steps);
}

int kith_storms_run(const struct kith_storms_config *config, FILE *out, FILE *err)
{
    struct storms *storms = calloc(1, sizeof *storms);
    if (!storms) return -1;
    *storms = (struct storms){.config = config, .out = out, .err = err, .wall_from_s = wall_s()};
    bool is_good = true;
    draw_bar(storms);
    while (storms->ended < config->runs) {
        if (is_good) is_good = begin_more(storms);
        if (!is_good && storms->ended == storms->begun) break;
        take_results(storms);
    }
    clear_bar(storms);
    summarize(storms);
    int failed = is_good ? (int)storms->failed : -1;
    free(storms);
    return failed;
}
