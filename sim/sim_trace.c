#include "sim/sim_trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { PEERS_MAX = 4096 };

struct kith_sim_trace {
    struct kith_world *world;
    uint32_t nodes;
    uint32_t kinds;
    void *context;
    void (*line)(void *context, const char *text);
    struct kith_stats *stats; /* [nodes] as after the last step */
    uint8_t *lists;           /* [nodes][nodes] bits: whom a node lists */
    size_t list_size;         /* bytes of one node's */
};

struct kith_sim_trace *kith_sim_trace_new(struct kith_world *world, uint32_t nodes, uint32_t kinds,
                                          void *context,
                                          void (*line)(void *context, const char *text))
{
    struct kith_sim_trace *trace = calloc(1, sizeof *trace);
    if (!trace) return NULL;
    *trace = (struct kith_sim_trace){
        .world = world,
        .nodes = nodes,
        .kinds = kinds,
        .context = context,
        .line = line,
        .list_size = (nodes + 7) / 8,
    };
    trace->stats = calloc(nodes, sizeof *trace->stats);
    trace->lists = calloc(nodes, trace->list_size);
    if (trace->stats && trace->lists) return trace;
    kith_sim_trace_free(trace);
    return NULL;
}

void kith_sim_trace_free(struct kith_sim_trace *trace)
{
    if (!trace) return;
    free(trace->stats);
    free(trace->lists);
    free(trace);
}

__attribute__((format(printf, 4, 5))) static void say(struct kith_sim_trace *trace, uint32_t kind,
                                                      uint32_t node, const char *form, ...)
{
    char text[KITH_SIM_TRACE_LINE_MAX];
    if (!(trace->kinds & kind)) return;
    int used = snprintf(text, sizeof text, "%.3f n%u ",
                        (double)kith_world_now_us(trace->world) / 1e6, node);
    va_list list;
    va_start(list, form);
    vsnprintf(text + used, sizeof text - (size_t)used, form, list);
    va_end(list);
    trace->line(trace->context, text);
}

static void say_event(struct kith_sim_trace *trace, uint32_t node, const struct kith_event *event)
{
    struct kith_sim_net *net = kith_world_net(trace->world);
    switch (event->kind) {
    case KITH_EVENT_START:
        say(trace, KITH_SIM_TRACE_LIFE, node, "start");
        return;
    case KITH_EVENT_LINK_UP:
        say(trace, KITH_SIM_TRACE_LINKS, node, "up n%u%s",
            kith_world_find(trace->world, &event->link_up.peer),
            event->link_up.dialed ? " dialed" : "");
        return;
    case KITH_EVENT_LINK_DOWN:
        say(trace, KITH_SIM_TRACE_LINKS, node, "down n%u %s",
            kith_sim_net_far(net, node, event->link_down.link),
            kith_err_name(event->link_down.err));
        return;
    case KITH_EVENT_DIAL_FAILED:
        say(trace, KITH_SIM_TRACE_LINKS, node, "dial failed %s",
            kith_err_name(event->dial_failed.err));
        return;
    case KITH_EVENT_MESSAGE:
        say(trace, KITH_SIM_TRACE_MESSAGES, node, "got %zu bytes from n%u",
            event->message.bytes.len, kith_sim_net_far(net, node, event->message.link));
        return;
    case KITH_EVENT_DHT_VALUE:
        say(trace, KITH_SIM_TRACE_DHT, node, "dht value of %zu bytes", event->dht.value.len);
        return;
    case KITH_EVENT_DHT_DONE:
        say(trace, KITH_SIM_TRACE_DHT, node, "dht done %s", kith_err_name(event->dht.err));
        return;
    case KITH_EVENT_STORED:
        if (event->stored.err)
            say(trace, KITH_SIM_TRACE_LIFE, node, "store failed %s",
                kith_err_name(event->stored.err));
        return;
    case KITH_EVENT_STOP:
        say(trace, KITH_SIM_TRACE_LIFE, node, "stop");
        return;
    case KITH_EVENT_DEADLINE:
    case KITH_EVENT_COMPUTED:
    case KITH_EVENT_ASK_STATUS:
        return;
    }
}

static void say_report(struct kith_sim_trace *trace, uint32_t node,
                       const struct kith_report *report)
{
    switch (report->kind) {
    case KITH_REPORT_TRAIN:
        say(trace, KITH_SIM_TRACE_LOSSES, node, "train epoch %u [%u/%u] %.6f %.6f %.6f %u|%u",
            report->train.epoch, report->train.seen, report->train.samples,
            (double)report->train.local_loss, (double)report->train.target_loss,
            (double)report->train.distillation_loss, report->train.peers, report->train.models);
        return;
    case KITH_REPORT_TEST:
        say(trace, KITH_SIM_TRACE_LOSSES, node, "test epoch %u loss %.6f accuracy %u/%u",
            report->test.epoch, (double)report->test.loss, report->test.correct,
            report->test.samples);
        return;
    case KITH_REPORT_TEXT:
        say(trace, KITH_SIM_TRACE_SAYS, node, "says %s", report->text.text);
        return;
    }
}

static void say_effect(struct kith_sim_trace *trace, uint32_t node,
                       const struct kith_effect *effect)
{
    struct kith_sim_net *net = kith_world_net(trace->world);
    switch (effect->kind) {
    case KITH_EFFECT_SEND:
        say(trace, KITH_SIM_TRACE_MESSAGES, node, "sends %zu bytes to n%u",
            effect->send.head.len + effect->send.body.len,
            kith_sim_net_far(net, node, effect->send.link));
        return;
    case KITH_EFFECT_DHT_PUT:
        say(trace, KITH_SIM_TRACE_DHT, node, "dht put of %zu bytes", effect->dht.value.len);
        return;
    case KITH_EFFECT_DHT_GET:
        say(trace, KITH_SIM_TRACE_DHT, node, "dht get");
        return;
    case KITH_EFFECT_REPORT:
        say_report(trace, node, effect->report.report);
        return;
    case KITH_EFFECT_STOPPED:
        say(trace, KITH_SIM_TRACE_LIFE, node, "stopped");
        return;
    case KITH_EFFECT_DIAL:
    case KITH_EFFECT_HANG_UP:
    case KITH_EFFECT_DHT_PING:
    case KITH_EFFECT_COMPUTE:
    case KITH_EFFECT_STORE:
        return;
    }
}

static bool has_bit(const uint8_t *bits, uint32_t index)
{
    return bits[index / 8] >> index % 8 & 1;
}

/* In the order of the nodes: first who is forgotten, then who is new. */
static void say_list(struct kith_sim_trace *trace, uint32_t node, const struct kith_node *core)
{
    struct kith_id peers[PEERS_MAX];
    uint8_t *old = trace->lists + node * trace->list_size;
    uint8_t new[(KITH_SIM_NET_NODES_MAX + 7) / 8] = {0};
    uint32_t count = core ? kith_node_peers(core, peers, PEERS_MAX) : 0;
    for (uint32_t i = 0; i < count && i < PEERS_MAX; i++) {
        uint32_t peer = kith_world_find(trace->world, &peers[i]);
        if (peer < trace->nodes) new[peer / 8] |= (uint8_t)(1 << peer % 8);
    }
    if (memcmp(old, new, trace->list_size) == 0) return;
    for (uint32_t i = 0; i < trace->nodes; i++)
        if (has_bit(old, i) && !has_bit(new, i))
            say(trace, KITH_SIM_TRACE_LISTS, node, "forgets n%u", i);
    for (uint32_t i = 0; i < trace->nodes; i++)
        if (!has_bit(old, i) && has_bit(new, i))
            say(trace, KITH_SIM_TRACE_LISTS, node, "lists n%u", i);
    memcpy(old, new, trace->list_size);
}

/* Counters that tell a story each time they move; the others move with every message. */
static bool is_told(const char *name)
{
    static const char *const told[] = {"mixed",         "taught",         "pulls_failed",
                                       "equivocations", "store_failures", "effects_dropped"};
    if (strncmp(name, "drop_", 5) == 0) return true;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(name, told[i]) == 0) return true;
    return false;
}

static void say_counters(struct kith_sim_trace *trace, uint32_t node,
                         const struct kith_stats *stats)
{
    const struct kith_stats *old = &trace->stats[node];
#define X(name, text)                                                                              \
    if (stats->name > old->name && is_told(#name))                                                 \
        say(trace, KITH_SIM_TRACE_COUNTERS, node, "%s +%llu", #name,                               \
            (unsigned long long)(stats->name - old->name));
    KITH_STATS_MAP(X)
#undef X
    if (stats->round != old->round)
        say(trace, KITH_SIM_TRACE_ROUNDS, node, "round %llu", (unsigned long long)stats->round);
    trace->stats[node] = *stats;
}

void kith_sim_trace_step(struct kith_sim_trace *trace, uint32_t node,
                         const struct kith_event *event, const struct kith_effects *effects)
{
    const struct kith_node *core = kith_world_node(trace->world, node);
    if (event->kind == KITH_EVENT_START) {
        memset(&trace->stats[node], 0, sizeof trace->stats[node]);
        memset(trace->lists + node * trace->list_size, 0, trace->list_size);
    }
    say_event(trace, node, event);
    if (trace->kinds & (KITH_SIM_TRACE_COUNTERS | KITH_SIM_TRACE_ROUNDS))
        say_counters(trace, node, kith_node_stats(core));
    if (trace->kinds & KITH_SIM_TRACE_LISTS) say_list(trace, node, core);
    for (size_t i = 0; i < effects->count; i++)
        say_effect(trace, node, &effects->at[i]);
}

void kith_sim_trace_fault(struct kith_sim_trace *trace, const struct kith_fault *fault)
{
    switch (fault->kind) {
    case KITH_FAULT_KILL:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "killed");
        return;
    case KITH_FAULT_CUT_OFF:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "cut off");
        return;
    case KITH_FAULT_GROUP:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "moves to group %u", fault->a);
        return;
    case KITH_FAULT_CLOSE:
    case KITH_FAULT_OPEN:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "way from group %u to %u %s", fault->a,
            fault->b, fault->kind == KITH_FAULT_CLOSE ? "closed" : "open");
        return;
    case KITH_FAULT_DISK:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "disk %u", fault->a);
        return;
    case KITH_FAULT_DHT:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "dht %u", fault->a);
        return;
    case KITH_FAULT_SKEW:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "clock %+lld ms", (long long)fault->skew_ms);
        return;
    case KITH_FAULT_PAUSE:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "paused for %u ms", fault->a);
        return;
    case KITH_FAULT_SPEED:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "speed %u/1000", fault->a);
        return;
    case KITH_FAULT_WALL:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, fault->flag ? "open to dials" : "walled");
        return;
    case KITH_FAULT_BANDWIDTH:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "bandwidth %u bytes/s", fault->a);
        return;
    case KITH_FAULT_LOSS:
        say(trace, KITH_SIM_TRACE_LIFE, fault->node, "loss everywhere %u/1000", fault->a);
        return;
    case KITH_FAULT_START:
    case KITH_FAULT_STOP:
        return; /* the node's own events tell it */
    }
}
