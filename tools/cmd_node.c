/* kith node: from the command line to a running node. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "host/entropy.h"
#include "host/key_file.h"
#include "host/log.h"
#include "host/shell.h"
#include "identity/ss58.h"
#include "tools/dispatch.h"
#include "tools/learning.h"
#include "tools/pulse.h"
#include "tools/state_dir.h"
#include "tools/values.h"
#include "training/partition.h"

/* All that a node needs while it runs. */
struct setup {
    const struct kith_args *args;
    struct kith_config config;
    struct kith_shell_config shell;
    struct kith_task task;
    uint32_t images;  /* of the whole training set */
    uint32_t *owners; /* [train.count] */
    uint32_t *rows;   /* [train.count]: the public ones, those for audits, this node's */
    struct kith_addr address[KITH_OPTION_REPEATS_MAX];
    const char *bootstrap[KITH_OPTION_REPEATS_MAX];
    struct kith_store *store;
    struct kith_log log;
    struct kith_pulse pulse;
    char state[KITH_PATH_MAX];
    char error[KITH_PATH_MAX];
};

_Static_assert((int)KITH_OPTION_REPEATS_MAX <= (int)KITH_SHELL_BOOTSTRAP_MAX, "all are taken");
_Static_assert((int)KITH_LEARNING_ERROR_MAX <= (int)KITH_PATH_MAX, "one buffer for all errors");
_Static_assert((int)KITH_STORE_ERROR_MAX <= (int)KITH_PATH_MAX, "one buffer for all errors");
_Static_assert((int)KITH_KEY_FILE_ERROR_MAX <= (int)KITH_PATH_MAX, "one buffer for all errors");
_Static_assert((int)KITH_SHELL_ERROR_MAX <= (int)KITH_PATH_MAX, "one buffer for all errors");

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

__attribute__((format(printf, 2, 3))) static void say(struct setup *setup, const char *form, ...)
{
    struct kith_report report = {.kind = KITH_REPORT_TEXT, .text = {.level = KITH_LEVEL_INFO}};
    va_list list;
    va_start(list, form);
    vsnprintf(report.text.text, sizeof report.text.text, form, list);
    va_end(list);
    kith_log_write(&setup->log, &report, wall_ms());
}

static void start_log(struct setup *setup)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    const char *wanted = kith_args_text(setup->args, "log-level");
    bool json = strcmp(kith_args_text(setup->args, "log"), "json") == 0;
    enum kith_level level = KITH_LEVEL_INFO;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], wanted) == 0) level = (enum kith_level)i;
    kith_log_init(&setup->log, stdout, json ? KITH_LOG_JSON : KITH_LOG_TEXT, level);
}

/* The directory of --state, or the first default one that no other node uses. */
static int open_state(struct setup *setup)
{
    const char *given = kith_args_text(setup->args, "state");
    if (given) {
        if (strlen(given) >= sizeof setup->state)
            return kith_fail(setup->args, "--state: the path is too long");
        strcpy(setup->state, given);
        if (kith_store_open(given, &setup->store, setup->error) == 0) return 0;
        return kith_fail(setup->args, "%s", setup->error);
    }
    for (uint32_t number = 1; number <= KITH_STATE_DIRS_MAX; number++) {
        if (kith_state_dir_default(number, setup->state, setup->error) != 0) break;
        int err = kith_store_open(setup->state, &setup->store, setup->error);
        if (err == 0) return 0;
        if (err != KITH_ERR_IN_USE) break;
    }
    return kith_fail(setup->args, "%s", setup->error);
}

/* The key of --key, or the state directory's, which is made the first time. */
static int load_key(struct setup *setup)
{
    char path[KITH_PATH_MAX];
    const char *given = kith_args_text(setup->args, "key");
    struct kith_keypair *pair = &setup->config.keypair;
    if (!given && kith_state_dir_key(setup->state, path, setup->error) != 0)
        return kith_fail(setup->args, "%s", setup->error);
    int err = kith_key_file_load(given ? given : path, pair, setup->error);
    if (err == KITH_ERR_NOT_FOUND && !given) {
        uint8_t seed[KITH_SEED_LEN];
        kith_entropy_fill(seed, sizeof seed);
        err = kith_key_file_create(path, seed, setup->error);
        if (!err) kith_keypair_from_seed(pair, seed);
        kith_entropy_wipe(seed, sizeof seed);
    }
    return err ? kith_fail(setup->args, "%s", setup->error) : 0;
}

static void read_network(struct setup *setup)
{
    const struct kith_args *args = setup->args;
    const char *address[KITH_OPTION_REPEATS_MAX];
    struct kith_shell_config *shell = &setup->shell;
    setup->config.peers = !kith_args_has(args, "no-peers");
    setup->config.dht = !kith_args_has(args, "no-dht");
    setup->config.peers_max = (uint32_t)kith_args_int(args, "view");
    kith_ip_parse(kith_args_text(args, "bind"), &shell->bind);
    if (kith_args_has(args, "port")) shell->bind.port = (uint16_t)kith_args_int(args, "port");
    shell->address_count = kith_args_all(args, "address", address);
    for (uint32_t i = 0; i < shell->address_count; i++)
        kith_addr_parse(address[i], &setup->address[i]);
    shell->address = setup->address;
    shell->bootstrap_count = kith_args_all(args, "bootstrap", setup->bootstrap);
    shell->bootstrap = setup->bootstrap;
}

static void read_seed(struct setup *setup)
{
    uint8_t *seed = setup->config.learner.seed;
    kith_entropy_fill(seed, KITH_SEED_LEN);
    if (!kith_args_has(setup->args, "seed")) return;
    struct kith_writer writer = kith_writer_into(seed, KITH_SEED_LEN);
    memset(seed, 0, KITH_SEED_LEN);
    kith_write_u64(&writer, kith_args_int(setup->args, "seed"));
}

static int read_config(struct setup *setup)
{
    const struct kith_args *args = setup->args;
    struct kith_config *config = &setup->config;
    kith_config_default(config);
    int status = kith_learning_rules(args, &config->rules, setup->error);
    if (status == 0)
        status = kith_learning_model(
            args, kith_args_has(args, "model") ? kith_args_text(args, "model") : NULL,
            &config->rules, &config->learner.arch, setup->error);
    if (status) {
        fprintf(stderr, "%s\n", setup->error);
        return status;
    }
    kith_learning_settings(args, config);
    config->epochs_max = (uint32_t)kith_args_int(args, "epochs");
    config->rounds_max = kith_args_int(args, "rounds");
    config->round_min_us = (uint64_t)(kith_args_real(args, "round-time") * 1e6);
    config->stay = kith_args_has(args, "stay");
    config->learner.init_seed = config->rules.seed;
    read_seed(setup);
    read_network(setup);
    return 0;
}

static int refuse_split(struct setup *setup, const char *name, const char *allowed)
{
    kith_args_refuse(setup->args, name, allowed, setup->error);
    fprintf(stderr, "%s\n", setup->error);
    return KITH_EXIT_USAGE;
}

/* Which rows are public and which are this node's. */
static int split_data(struct setup *setup)
{
    struct kith_config *config = &setup->config;
    const struct kith_dataset *train = &setup->task.train;
    const char *classes = kith_args_text(setup->args, "classes");
    struct kith_class_set set;
    struct kith_split_config split = {
        .seed = config->rules.seed,
        .public_count = config->rules.public_count,
        .audit_count = config->rules.audit_count,
    };
    uint32_t index = 0;
    kith_partition_parse(kith_args_text(setup->args, "partition"), &split.partition);
    kith_shard_parse(kith_args_text(setup->args, "shard"), &index, &split.nodes);
    if (classes && kith_classes_parse(classes, config->rules.classes, &set) != 0)
        return refuse_split(setup, "classes", "a set of the swarm's classes");
    setup->owners = malloc(train->count * sizeof *setup->owners);
    setup->rows = malloc(train->count * sizeof *setup->rows);
    int err = !setup->owners || !setup->rows ? KITH_ERR_NOMEM
                                             : kith_split_owners(&split, train, setup->owners);
    if (err == KITH_ERR_RANGE)
        return kith_fail(
            setup->args,
            "the swarm %s takes %u public images, %u for audits and %u nodes, too many "
            "for the %u images there are",
            config->rules.name, split.public_count, split.audit_count, split.nodes, train->count);
    if (err) return kith_fail(setup->args, "%s", kith_err_text(err));
    setup->task.public_count =
        kith_split_rows(train, setup->owners, KITH_OWNER_PUBLIC, NULL, setup->rows);
    setup->task.public_indices = setup->rows;
    uint32_t *audit = setup->rows + setup->task.public_count;
    setup->task.audit_count = kith_split_rows(train, setup->owners, KITH_OWNER_AUDIT, NULL, audit);
    setup->task.audit_indices = audit;
    uint32_t *own = audit + setup->task.audit_count;
    config->learner.shard = own;
    config->learner.shard_count =
        kith_split_rows(train, setup->owners, index, classes ? &set : NULL, NULL);
    if (config->learner.shard_count == 0)
        return refuse_split(setup, classes ? "classes" : "shard", "a part that has any images");
    kith_split_rows(train, setup->owners, index, classes ? &set : NULL, own);
    return 0;
}

/* Many nodes of one host need not each hold what is others'. */
static void forget_others_data(struct setup *setup)
{
    struct kith_dataset *train = &setup->task.train;
    uint32_t used =
        setup->task.public_count + setup->task.audit_count + setup->config.learner.shard_count;
    kith_dataset_keep(train, setup->rows, used, setup->owners);
    uint8_t *images = realloc(train->images, (size_t)train->count * train->inputs);
    uint8_t *labels = realloc(train->labels, train->count);
    uint32_t *rows = realloc(setup->rows, used * sizeof *rows);
    if (images) train->images = images;
    if (labels) train->labels = labels;
    /* The rows are borrowed in three places: should they move, all follow. */
    if (rows) setup->rows = rows;
    setup->task.public_indices = setup->rows;
    setup->task.audit_indices = setup->rows + setup->task.public_count;
    setup->config.learner.shard = setup->task.audit_indices + setup->task.audit_count;
    free(setup->owners);
    setup->owners = NULL;
}

static int load_data(struct setup *setup)
{
    struct kith_config *config = &setup->config;
    struct kith_task *task = &setup->task;
    int status =
        kith_learning_data(setup->args, &config->rules, &task->train, &task->test, setup->error);
    if (status) {
        fprintf(stderr, "%s\n", setup->error);
        return status;
    }
    task->swarm = kith_rules_id(&config->rules);
    config->learner.task = task;
    setup->images = task->train.count;
    status = split_data(setup);
    if (status == 0) forget_others_data(setup);
    return status;
}

static void on_started(void *context, uint16_t port)
{
    struct setup *setup = context;
    const struct kith_config *config = &setup->config;
    const struct kith_learner_config *learner = &config->learner;
    char address[KITH_SS58_MAX];
    char hex[17];
    struct kith_addr bind = setup->shell.bind;
    char place[KITH_ADDR_TEXT_MAX];
    kith_ss58_encode(&config->keypair.hotkey, address);
    kith_hex_encode(setup->task.swarm.bytes, 8, hex);
    bind.port = port;
    setup->pulse.port = port;
    memcpy(setup->pulse.hotkey, address, sizeof address);
    kith_addr_format(&bind, place);
    say(setup, "hotkey %s", address);
    say(setup, "swarm %s %s", config->rules.name, hex);
    say(setup, "model %u inputs, %s, %u classes: %zu parameters; kernels %s; rule %s",
        config->rules.inputs, learner->arch.text, config->rules.classes, learner->arch.params,
        kith_kernels_name(learner->kernels), kith_rule_name(learner->rule));
    say(setup, "data %s: %u of %u images, %u public",
        kith_args_has(setup->args, "synthetic") ? "synthetic" : kith_args_text(setup->args, "data"),
        learner->shard_count, setup->images, setup->task.public_count);
    say(setup, "state %s", setup->state);
    if (config->peers)
        say(setup, "listening on %s", place);
    else
        say(setup, "learning alone");
}

static void on_report(void *context, const struct kith_report *report,
                      const struct kith_stats *stats)
{
    struct setup *setup = context;
    uint64_t now = wall_ms();
    kith_pulse_take(&setup->pulse, report);
    kith_log_write(&setup->log, report, now);
    kith_log_counters(&setup->log, stats, now);
}

static size_t on_pulse(void *context, const struct kith_stats *stats,
                       char ret[static KITH_PULSE_MAX])
{
    const struct setup *setup = context;
    return kith_pulse_write(&setup->pulse, stats, ret);
}

static int run_node(struct setup *setup)
{
    const char *field;
    if (kith_config_check(&setup->config, &field) != 0)
        return kith_fail(setup->args, "%s: not allowed in the swarm %s", field,
                         setup->config.rules.name);
    setup->shell.node = &setup->config;
    setup->shell.store = setup->store;
    setup->shell.signals = true;
    setup->shell.context = setup;
    setup->shell.on_started = on_started;
    setup->shell.on_report = on_report;
    setup->shell.on_pulse = on_pulse;
    setup->shell.supervised = kith_args_has(setup->args, "supervised");
    int status = kith_shell_run(&setup->shell, setup->error);
    kith_log_end(&setup->log, wall_ms());
    return status ? kith_fail(setup->args, "%s", setup->error) : 0;
}

static int set_up_and_run(struct setup *setup)
{
    int status = read_config(setup);
    if (status == 0) status = open_state(setup);
    if (status == 0) status = load_key(setup);
    if (status == 0) status = load_data(setup);
    return status ? status : run_node(setup);
}

int kith_cmd_node(const struct kith_args *args)
{
    struct setup *setup = calloc(1, sizeof *setup);
    if (!setup) return kith_fail(args, "out of memory");
    setup->args = args;
    start_log(setup);
    int status = set_up_and_run(setup);
    kith_store_close(setup->store);
    kith_keypair_wipe(&setup->config.keypair);
    kith_dataset_release(&setup->task.train);
    kith_dataset_release(&setup->task.test);
    free(setup->owners);
    free(setup->rows);
    free(setup);
    return status;
}
