/* dht-cli peers: who is there. */
#include "identity/ss58.h"
#include "tools/observe.h"
#include "tools/verbs.h"

enum { QUIET_MS = 700 }; /* so long nothing new, and the list is taken to be whole */

struct watch {
    uint64_t mark; /* changes with any record */
    uint64_t changed_ms;
};

static bool look(void *context, struct kith_node *node, const struct kith_observed *seen,
                 struct kith_id *ret_ask)
{
    struct watch *watch = context;
    uint64_t mark = seen->count + 1;
    (void)node;
    (void)ret_ask;
    for (uint32_t i = 0; i < seen->count; i++)
        mark = mark * 31 + seen->view[i].record.seq;
    if (mark != watch->mark || seen->links == 0) {
        watch->mark = mark;
        watch->changed_ms = seen->spent_ms;
    }
    return seen->spent_ms - watch->changed_ms < QUIET_MS;
}

static void print_row(const struct kith_peer_view *view, uint64_t now_ms)
{
    const struct kith_peer_record *record = &view->record;
    char hotkey[KITH_SS58_MAX];
    char address[KITH_ADDR_TEXT_MAX] = "-";
    kith_ss58_encode(&record->hotkey, hotkey);
    if (record->addr_count > 0) kith_addr_format(&record->addr[0], address);
    printf("%-48s  %-21s  %-15s  %4llu s ago  %7u  %s\n", hotkey, address, record->model,
           (unsigned long long)kith_peer_age_s(view, now_ms), record->round,
           kith_state_name(record->state));
}

int kith_verb_peers(const struct kith_args *args)
{
    static struct kith_observer observer;
    struct watch watch = {0};
    observer.args = args;
    observer.context = &watch;
    observer.look = look;
    int status = kith_observe(&observer);
    if (status) return status;
    const struct kith_observed *seen = &observer.seen;
    bool json = kith_args_has(args, "json");
    json_t *list = json_array();
    if (!json)
        printf("%-48s  %-21s  %-15s  %10s  %7s  %s\n", "HOTKEY", "ADDRESS", "MODEL", "LAST SEEN",
               "ROUND", "STATE");
    for (uint32_t i = 0; i < seen->count; i++) {
        if (!seen->view[i].live) continue;
        if (json)
            json_array_append_new(list, kith_peer_json(&seen->view[i], seen->now_ms));
        else
            print_row(&seen->view[i], seen->now_ms);
    }
    if (json) return kith_print_json(list);
    json_decref(list);
    return 0;
}
