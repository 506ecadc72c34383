#include "tools/observe.h"

#include <string.h>
#include <time.h>

#include "host/entropy.h"
#include "host/shell.h"
#include "identity/ss58.h"
#include "tools/dispatch.h"
#include "tools/learning.h"

enum { LINKS_WANTED = 4 };

struct watch {
    struct kith_observer *observer;
    uint64_t begun_ms;
    uint64_t limit_ms;
    bool answered; /* somebody did */
};

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool on_event(void *context, struct kith_node *node, struct kith_id *ret_ask)
{
    struct watch *watch = context;
    struct kith_observer *observer = watch->observer;
    struct kith_observed *seen = &observer->seen;
    seen->now_ms = clock_ms(CLOCK_REALTIME);
    seen->spent_ms = clock_ms(CLOCK_MONOTONIC) - watch->begun_ms;
    seen->links = kith_node_links(node, NULL, 0);
    seen->count = kith_node_view(node, seen->now_ms, seen->view, KITH_OBSERVE_PEERS_MAX);
    watch->answered = watch->answered || seen->links > 0;
    if (seen->spent_ms >= watch->limit_ms) return false;
    return observer->look(observer->context, node, seen, ret_ask);
}

static void on_report(void *context, const struct kith_report *report,
                      const struct kith_stats *stats)
{
    (void)context;
    (void)report;
    (void)stats;
}

static void make_key(struct kith_keypair *pair)
{
    uint8_t seed[KITH_SEED_LEN];
    kith_entropy_fill(seed, sizeof seed);
    kith_keypair_from_seed(pair, seed);
    kith_entropy_wipe(seed, sizeof seed);
}

static int fail_silent(const struct kith_args *args, const char *const *bootstrap, uint32_t count)
{
    kith_fail(args, "nobody answered at %s%s", bootstrap[0],
              count > 1 ? " or the other addresses" : "");
    return KITH_EXIT_SILENT;
}

int kith_observe(struct kith_observer *observer)
{
    const struct kith_args *args = observer->args;
    const char *bootstrap[KITH_OPTION_REPEATS_MAX] = {"127.0.0.1:8120"};
    uint32_t given = kith_args_all(args, "bootstrap", bootstrap);
    char error[KITH_LEARNING_ERROR_MAX];
    struct kith_config config;
    struct watch watch = {
        .observer = observer,
        .begun_ms = clock_ms(CLOCK_MONOTONIC),
        .limit_ms = (uint64_t)(kith_args_real(args, "timeout") * 1000),
    };
    kith_config_default(&config);
    int status = kith_learning_swarm(args, &config.rules, error);
    if (status) {
        fprintf(stderr, "%s\n", error);
        return status;
    }
    config.observer = true;
    config.peers_max = KITH_OBSERVE_PEERS_MAX;
    config.links_wanted = LINKS_WANTED;
    make_key(&config.keypair);
    struct kith_shell_config shell = {
        .node = &config,
        .bootstrap = bootstrap,
        .bootstrap_count = given ? given : 1,
        .signals = true,
        .context = &watch,
        .on_report = on_report,
        .on_event = on_event,
    };
    status = kith_shell_run(&shell, error);
    kith_keypair_wipe(&config.keypair);
    if (status) return kith_fail(args, "%s", error);
    return watch.answered ? 0 : fail_silent(args, bootstrap, shell.bootstrap_count);
}

const char *kith_state_name(uint8_t state)
{
    static const char *const names[] = {
        [KITH_PEER_STARTING] = "starting",
        [KITH_PEER_TRAINING] = "training",
        [KITH_PEER_WAITING] = "waiting",
        [KITH_PEER_DONE] = "done",
    };
    return state < sizeof names / sizeof *names ? names[state] : "?";
}

uint64_t kith_peer_age_s(const struct kith_peer_view *view, uint64_t now_ms)
{
    return now_ms > view->record.seq ? (now_ms - view->record.seq) / 1000 : 0;
}

json_t *kith_peer_json(const struct kith_peer_view *view, uint64_t now_ms)
{
    const struct kith_peer_record *record = &view->record;
    char hotkey[KITH_SS58_MAX];
    char address[KITH_ADDR_TEXT_MAX];
    json_t *addresses = json_array();
    kith_ss58_encode(&record->hotkey, hotkey);
    for (uint32_t i = 0; i < record->addr_count; i++) {
        kith_addr_format(&record->addr[i], address);
        json_array_append_new(addresses, json_string(address));
    }
    return json_pack("{s:s, s:o, s:s, s:I, s:I, s:s, s:b, s:b, s:b}", "hotkey", hotkey, "addresses",
                     addresses, "model", record->model, "last_seen_s",
                     (json_int_t)kith_peer_age_s(view, now_ms), "round", (json_int_t)record->round,
                     "state", kith_state_name(record->state), "live", (int)view->live, "weights",
                     (int)((record->share & KITH_SHARE_WEIGHTS) != 0), "labels",
                     (int)((record->share & KITH_SHARE_LABELS) != 0));
}

int kith_print_json(json_t *value)
{
    int status = value && json_dumpf(value, stdout, JSON_INDENT(2)) == 0 ? 0 : 1;
    fputc('\n', stdout);
    json_decref(value);
    return status;
}
