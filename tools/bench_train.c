#include "tools/bench_train.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "host/spin_pool.h"
#include "tools/bench_accuracy.h"
#include "tools/bench_report.h"
#include "tools/bench_serve.h"
#include "training/kernels.h"

enum {
    INPUTS = 784,
    CLASSES = 10,
    IMAGES = 60000,
    BATCH_MAX = 4096,
    PARAMS_MAX = 1 << 26,
    ARGS_MAX = 64,
    IDLE_S = 3,
};

static const char core_variable[] = "OPENBLAS_CORETYPE";

struct options {
    bool json;
    bool one_cell;
    bool serve;
    struct kith_arch arch;
    uint32_t batch;
    uint32_t reps;
    uint32_t slice_ms;
    uint32_t threads;
    const char *core;
    struct kith_accuracy accuracy;
};

static int refuse(const char *option, const char *value, const char *allowed)
{
    (void)fprintf(stderr, "kith bench train: %s %s: must be %s\n", option, value, allowed);
    return 2;
}

static bool cell_parse(const char *text, struct options *options)
{
    char arch[KITH_ARCH_TEXT_MAX], *end;
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof arch) return false;
    memcpy(arch, text, (size_t)(slash - text));
    arch[slash - text] = '\0';
    unsigned long batch = strtoul(slash + 1, &end, 10);
    if (*end != '\0' || batch < 1 || batch > BATCH_MAX) return false;
    options->one_cell = true;
    options->batch = (uint32_t)batch;
    if (kith_arch_parse(arch, INPUTS, CLASSES, PARAMS_MAX, &options->arch) != 0) return false;
    return options->arch.convs == 0; /* the products of a convolution are not measured */
}

static bool flag_set(struct options *options, const char *name)
{
    if (strcmp(name, "--json") == 0) return options->json = true;
    if (strcmp(name, "--serve") == 0) return options->serve = true;
    return false;
}

/* One option with its value, whose range has been checked; 0, or the exit status. */
static int option_set(struct options *options, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint32_t *number;
        const char **text;
    } known[] = {
        {"--reps", &options->reps, NULL},
        {"--slice-ms", &options->slice_ms, NULL},
        {"--threads", &options->threads, NULL},
        {"--epochs", &options->accuracy.epochs, NULL},
        {"--seed", &options->accuracy.seed, NULL},
        {"--openblas-core", NULL, &options->core},
        {"--data", NULL, &options->accuracy.directory},
    };
    if (strcmp(name, "--cell") == 0)
        return cell_parse(value, options) ? 0
                                          : refuse(name, value, "ARCH/BATCH, as mlp:256,128/32");
    if (strcmp(name, "--rate") == 0) {
        options->accuracy.rate = strtof(value, NULL);
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) != 0) continue;
        if (known[i].number) *known[i].number = (uint32_t)strtoul(value, NULL, 10);
        if (known[i].text) *known[i].text = value;
        return 0;
    }
    return refuse(name, value, "one of the options of kith bench train --help");
}

static int options_parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (flag_set(options, argv[i])) continue;
        if (i + 1 == argc) return refuse(argv[i], "", "followed by a value");
        int status = option_set(options, argv[i], argv[i + 1]);
        if (status) return status;
        i++;
    }
    if (options->accuracy.epochs > 0 && !options->one_cell)
        return refuse("--epochs", "without --cell", "given with a cell to train");
    return 0;
}

static bool has_avx2(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    return kith_exact_paths(paths) > 1;
}

/* OpenBLAS chooses its kernels when it is loaded, from this variable, and Debian's chooses slower
 * ones than it could where it sees AVX-512: start again with the variable set. */
static void core_choose(const char *core)
{
    if (!core) core = has_avx2() ? "Haswell" : "auto";
    if (strcmp(core, "auto") == 0 || getenv(core_variable)) return;
    FILE *file = fopen("/proc/self/cmdline", "r");
    if (!file) return;
    static char line[16384];
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    char *args[ARGS_MAX + 1] = {NULL};
    size_t at = 0;
    for (int i = 0; i < ARGS_MAX && at < len; i++, at += strlen(line + at) + 1)
        args[i] = line + at;
    if (at < len || setenv(core_variable, core, 1) != 0) return;
    (void)execv("/proc/self/exe", args);
    (void)fprintf(stderr, "kith bench train: cannot start again: %s\n", strerror(errno));
}

/* The share of a core that this process uses while it waits with a model, OpenBLAS and a pool of
 * threads ready. */
static double idle_share(void)
{
    struct kith_spin_pool *pool = kith_spin_pool_new(2);
    double cpu = kith_bench_cpu_s(), wall = kith_bench_wall_s();
    const struct timespec rest = {.tv_sec = IDLE_S};
    (void)nanosleep(&rest, NULL);
    double share = (kith_bench_cpu_s() - cpu) / (kith_bench_wall_s() - wall);
    kith_spin_pool_free(pool);
    return share;
}

static int cells_run(const struct options *options, const struct kith_bench_plan *plan,
                     struct kith_bench_report *report)
{
    static const char *const archs[] = {"mlp:256,128", "mlp:1024", "mlp:32"};
    report->count = options->one_cell ? 1 : KITH_BENCH_CELLS_MAX;
    for (uint32_t i = 0; i < report->count; i++) {
        struct kith_bench_cell *cell = &report->cells[i];
        cell->arch = options->arch;
        cell->batch = options->batch;
        if (!options->one_cell) {
            cell->batch = 32u << i % 3;
            int err = kith_arch_parse(archs[i / 3], INPUTS, CLASSES, PARAMS_MAX, &cell->arch);
            if (err) return err;
        }
        int err = kith_bench_cell_run(plan, cell);
        if (err) return err;
    }
    report->idle_s = IDLE_S;
    report->idle_share = options->one_cell ? -1 : idle_share();
    return 0;
}

static int speed_run(const struct options *options, const struct kith_dataset *data)
{
    static struct kith_bench_report report;
    struct kith_bench_plan plan = {
        .data = data,
        .reps = options->reps,
        .slice_ms = options->slice_ms,
        .pairs = options->threads == 2,
    };
    /* With a core of our own choice, OpenBLAS's own choice is measured too. */
    if (getenv(core_variable)) plan.rival = kith_rival_start();
    report.pairs = plan.pairs;
    report.rival = plan.rival ? kith_rival_name(plan.rival) : NULL;
    int err = cells_run(options, &plan, &report);
    if (!err && options->json) err = kith_bench_report_json(&report);
    if (!err && !options->json) kith_bench_report_table(&report);
    kith_rival_stop(plan.rival);
    return err;
}

static int synthetic_run(const struct options *options)
{
    const uint8_t seed[KITH_SEED_LEN] = {1};
    struct kith_dataset data;
    int err = kith_dataset_synthetic(seed, 0, IMAGES, INPUTS, CLASSES, &data);
    if (!err) {
        if (options->serve)
            kith_bench_serve(&data);
        else
            err = speed_run(options, &data);
        kith_dataset_release(&data);
    }
    if (err) (void)fprintf(stderr, "kith bench train: %s\n", kith_err_text(err));
    return err ? 1 : 0;
}

int kith_bench_train(int argc, char **argv)
{
    struct options options = {
        .reps = 9,
        .slice_ms = 40,
        .threads = 2,
        .accuracy = {.rate = 0.02f, .seed = 1},
    };
    int status = options_parse(argc, argv, &options);
    if (status) return status;
    core_choose(options.core);
    if (options.accuracy.epochs == 0) return synthetic_run(&options);
    options.accuracy.arch = options.arch;
    options.accuracy.batch = options.batch;
    return kith_accuracy_run(&options.accuracy) == 0 ? 0 : 1;
}
