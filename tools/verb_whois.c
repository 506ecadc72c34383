/* dht-cli whois: one node and its counters. */
#include <string.h>

#include "identity/ss58.h"
#include "tools/dispatch.h"
#include "tools/observe.h"
#include "tools/verbs.h"

enum { ASK_EVERY_MS = 2000 };

struct watch {
    struct kith_id hotkey;
    uint64_t asked_ms; /* 0: not yet */
    bool known;
    struct kith_peer_view view;
    char version[32];
    uint32_t count; /* of counters; 0: it did not answer */
    uint64_t value[sizeof(struct kith_stats) / sizeof(uint64_t)];
};

enum { COUNTERS = sizeof(struct kith_stats) / sizeof(uint64_t) };

static const char *const names[COUNTERS] = {
#define X(name, text) #name,
    KITH_STATS_MAP(X)
#undef X
};

static const char *const texts[COUNTERS] = {
#define X(name, text) text,
    KITH_STATS_MAP(X)
#undef X
};

static bool look(void *context, struct kith_node *node, const struct kith_observed *seen,
                 struct kith_id *ret_ask)
{
    struct watch *watch = context;
    for (uint32_t i = 0; i < seen->count; i++) {
        if (!kith_id_eq(&seen->view[i].record.hotkey, &watch->hotkey)) continue;
        watch->known = seen->view[i].record.seq > 0;
        watch->view = seen->view[i];
    }
    watch->count = kith_node_status(node, &watch->hotkey, watch->version, watch->value, COUNTERS);
    if (watch->count > 0) return false;
    bool again = watch->asked_ms == 0 || seen->spent_ms >= watch->asked_ms + ASK_EVERY_MS;
    if (watch->known && again) {
        watch->asked_ms = seen->spent_ms + 1;
        *ret_ask = watch->hotkey;
    }
    return true;
}

static void print_text(const struct watch *watch, uint64_t now_ms)
{
    const struct kith_peer_record *record = &watch->view.record;
    char text[KITH_ADDR_TEXT_MAX];
    kith_ss58_encode(&record->hotkey, text);
    printf("hotkey      %s\n", text);
    for (uint32_t i = 0; i < record->addr_count; i++) {
        kith_addr_format(&record->addr[i], text);
        printf("address     %s\n", text);
    }
    printf("model       %s\nround       %u\nstate       %s\nlive        %s\n", record->model,
           record->round, kith_state_name(record->state), watch->view.live ? "yes" : "no");
    printf("last seen   %llu s ago\n", (unsigned long long)kith_peer_age_s(&watch->view, now_ms));
    if (watch->count == 0) return;
    printf("version     %s\n", watch->version);
    for (uint32_t i = 0; i < watch->count && i < COUNTERS; i++)
        printf("%12llu  %s\n", (unsigned long long)watch->value[i], texts[i]);
}

static int print_json(const struct watch *watch, uint64_t now_ms)
{
    json_t *object = kith_peer_json(&watch->view, now_ms);
    json_t *counters = watch->count ? json_object() : json_null();
    for (uint32_t i = 0; i < watch->count && i < COUNTERS; i++)
        json_object_set_new(counters, names[i], json_integer((json_int_t)watch->value[i]));
    if (watch->count) json_object_set_new(object, "version", json_string(watch->version));
    json_object_set_new(object, "counters", counters);
    return kith_print_json(object);
}

int kith_verb_whois(const struct kith_args *args)
{
    static struct kith_observer observer;
    static struct watch watch;
    const char *text = args->operand[0];
    char quoted[KITH_ARGS_ERROR_MAX / 4];
    if (kith_ss58_decode(text, &watch.hotkey) != 0) {
        kith_quote(text, quoted, sizeof quoted);
        kith_fail(args, "%s is not a hotkey's SS58 address (48 characters)", quoted);
        return KITH_EXIT_USAGE;
    }
    observer.args = args;
    observer.context = &watch;
    observer.look = look;
    int status = kith_observe(&observer);
    if (status) return status;
    if (!watch.known) return kith_fail(args, "%s: nobody knows this hotkey", text);
    status = 0;
    if (kith_args_has(args, "json"))
        status = print_json(&watch, observer.seen.now_ms);
    else
        print_text(&watch, observer.seen.now_ms);
    if (watch.count > 0) return status;
    kith_fail(args, "%s: does not answer", text);
    return KITH_EXIT_SILENT;
}
