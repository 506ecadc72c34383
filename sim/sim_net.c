#include "sim/sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "sim/sim_pool.h"
#include "training/explog.h"

enum {
    RESENT_MAX = 6,
    RESEND_US_MIN = 200 * 1000,
    RETRY_US_MAX = 5 * 1000 * 1000, /* between two looks at a closed way */
    SLOT_BITS = 24,
    DIALS_FIRST = 64,
};

enum item {
    ITEM_SYN,         /* a dial reaches the far end's machine */
    ITEM_PROVED,      /* the far end knows who dialed */
    ITEM_DIAL_FAILED, /* the dialer hears that it failed */
    ITEM_UP,          /* the dialer knows that the link is up */
    ITEM_QUEUE,       /* the first message of a queue arrives */
    ITEM_DOWN,        /* an end hears that its link is gone */
    ITEM_CUT,         /* the network breaks a link */
};

struct message {
    struct message *next;
    uint64_t arrive_us;
    uint32_t size;
    int8_t err;       /* not 0: no message but the end of the link */
    bool is_taken_in; /* its time on the receiver's way in has been counted */
    _Alignas(16) uint8_t bytes[];
};

/* What is under way to one end, of one class. While it is not empty one item stands in the heap. */
struct queue {
    struct message *first;
    struct message *last;
    uint64_t blocked_us; /* since when nothing gets through, 0: not so */
    uint32_t bytes;
};

struct end {
    uint32_t node;
    uint32_t prev; /* of the node's ends: slot << 1 | end, or NONE */
    uint32_t next;
    bool is_open; /* may send and receive */
    bool is_told; /* the node knows the link and has not heard its LINK_DOWN */
    struct queue queue[2];
};

struct link {
    struct end end[2]; /* the dialer's, the other's */
    uint32_t generation;
    uint32_t latency_us;
    uint32_t pending; /* items in the heap that name this slot, cuts left out */
    uint32_t next_free;
};

struct dial {
    uint64_t number;
    struct kith_id expect;
    uint32_t from;
    uint32_t incarnation; /* of the dialer */
    uint32_t to;
    uint32_t slot; /* of the link, from ITEM_PROVED on */
    uint32_t next_free;
    int err;
};

struct station {
    struct kith_id hotkey;
    uint32_t incarnation;
    uint32_t first_end;
    uint32_t links;
    uint32_t links_max;
    uint32_t dials;
    uint8_t group;
    bool is_up;
    bool is_silent;
    bool is_walled;
    uint64_t bytes_per_s;
    uint64_t out_free_us[2]; /* when its way out is free for control, for bulk */
    uint64_t in_free_us[2];
};

struct kith_sim_net {
    struct kith_sim_net_config config;
    struct kith_sim_net_counters counters;
    struct kith_sim_pool pool;
    struct kith_rng rng;
    uint64_t latency_key;
    struct station *stations;
    struct link *links;
    struct dial *dials;
    uint32_t links_used; /* slots ever in use: [0, links_used) */
    uint32_t links_free;
    uint32_t dials_used;
    uint32_t dials_size;
    uint32_t dials_free;
    uint64_t closed[KITH_SIM_GROUPS_MAX]; /* bit t of closed[f]: no way from f to t */
};

#define NONE UINT32_MAX

int kith_sim_net_new(const struct kith_sim_net_config *config,
                     const uint8_t seed[static KITH_SEED_LEN], struct kith_sim_net **ret_net)
{
    if (config->nodes < 1 || config->nodes > KITH_SIM_NET_NODES_MAX) return KITH_ERR_RANGE;
    if (config->links_max < 1 || config->links_max > 1u << (SLOT_BITS - 1)) return KITH_ERR_RANGE;
    if (!(config->loss >= 0 && config->loss < 1)) return KITH_ERR_RANGE;
    struct kith_sim_net *net = calloc(1, sizeof *net);
    if (!net) return KITH_ERR_NOMEM;
    net->config = *config;
    net->links_free = NONE;
    net->dials_free = NONE;
    kith_rng_split(&net->rng, seed, "sim_net", 0);
    net->latency_key = kith_rng_u64(&net->rng);
    kith_sim_pool_init(&net->pool, config->flight_max);
    net->stations = calloc(config->nodes, sizeof *net->stations);
    net->links = malloc(config->links_max * sizeof *net->links);
    if (!net->stations || !net->links) {
        kith_sim_net_free(net);
        return KITH_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < config->nodes; i++) {
        net->stations[i].first_end = NONE;
        net->stations[i].bytes_per_s = config->bytes_per_s;
    }
    *ret_net = net;
    return 0;
}

void kith_sim_net_free(struct kith_sim_net *net)
{
    if (!net) return;
    kith_sim_pool_release(&net->pool);
    free(net->stations);
    free(net->links);
    free(net->dials);
    free(net);
}

struct kith_addr kith_sim_net_addr(uint32_t node)
{
    uint32_t host = node + 1;
    struct kith_addr addr = {
        .family = 4,
        .ip = {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host},
        .port = KITH_SIM_PORT,
    };
    return addr;
}

uint32_t kith_sim_net_at(const struct kith_sim_net *net, const struct kith_addr *addr)
{
    if (addr->family != 4 || addr->ip[0] != 10) return NONE;
    uint32_t host = (uint32_t)addr->ip[1] << 16 | (uint32_t)addr->ip[2] << 8 | addr->ip[3];
    return host >= 1 && host <= net->config.nodes ? host - 1 : NONE;
}

uint32_t kith_sim_net_latency_us(const struct kith_sim_net *net, uint32_t a, uint32_t b)
{
    uint64_t pair = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
    double unit = (double)(kith_rng_at(net->latency_key, pair) >> 11) * 0x1p-53;
    double mean = net->config.latency_us;
    switch (net->config.latency) {
    case KITH_SIM_LATENCY_CONSTANT:
        break;
    case KITH_SIM_LATENCY_UNIFORM:
        mean *= 0.5 + unit;
        break;
    case KITH_SIM_LATENCY_TAILED:
        mean *= 0.5 - 0.5 * (double)kith_log((float)(1.0 - unit) + 0x1p-24f);
        break;
    }
    return mean < 1 ? 1 : (uint32_t)mean;
}

static void push(struct kith_sim_net *net, uint64_t at_us, enum item item, uint64_t argument)
{
    uint64_t payload = net->config.tag | (uint64_t)item << 52 | argument;
    bool pushed = kith_heap_push(net->config.heap, at_us, payload);
    kith_assert(pushed);
}

static bool is_lost(struct kith_sim_net *net)
{
    return net->config.loss > 0 && kith_rng_unit(&net->rng) < net->config.loss;
}

static bool is_reachable(const struct kith_sim_net *net, uint32_t from, uint32_t to)
{
    const struct station *a = &net->stations[from], *b = &net->stations[to];
    if (a->is_silent || b->is_silent) return false;
    return !(net->closed[a->group] >> b->group & 1);
}

/* --- messages under way --- */

/* When `size` bytes have passed a way, and the way's new free times. Control goes first; the bulk
 * that waits is moved back by what overtakes it. */
static uint64_t pass(uint64_t free_us[static 2], uint64_t bytes_per_s, enum kith_send_class class,
                     uint64_t size, uint64_t from_us)
{
    uint64_t cost = size * 1000000 / bytes_per_s;
    uint64_t start = free_us[class] > from_us ? free_us[class] : from_us;
    if (class == KITH_SEND_CONTROL) {
        uint64_t bulk = free_us[KITH_SEND_BULK];
        free_us[KITH_SEND_BULK] = (bulk > from_us ? bulk : from_us) + cost;
    }
    free_us[class] = start + cost;
    return free_us[class];
}

static uint64_t arrival(struct kith_sim_net *net, const struct link *link, uint32_t from,
                        enum kith_send_class class, uint32_t size, uint64_t now_us)
{
    struct station *station = &net->stations[from];
    uint64_t at = now_us;
    if (station->bytes_per_s)
        at = pass(station->out_free_us, station->bytes_per_s, class, size, at);
    uint64_t again_us = 4 * (uint64_t)link->latency_us;
    if (again_us < RESEND_US_MIN) again_us = RESEND_US_MIN;
    for (int i = 0; i < RESENT_MAX && is_lost(net); i++) {
        net->counters.resent++;
        at += again_us;
    }
    return at + link->latency_us;
}

static uint64_t queue_argument(const struct kith_sim_net *net, const struct link *link, int to,
                               unsigned class)
{
    return (uint64_t)(link - net->links) << 2 | (uint64_t)to << 1 | (uint64_t) class;
}

static void append(struct kith_sim_net *net, struct link *link, int to, enum kith_send_class class,
                   struct message *message)
{
    struct queue *queue = &link->end[to].queue[class];
    message->next = NULL;
    queue->bytes += message->size;
    if (queue->first) { /* its turn comes when those before it have gone */
        queue->last->next = message;
        queue->last = message;
        return;
    }
    queue->first = queue->last = message;
    link->pending++;
    push(net, message->arrive_us, ITEM_QUEUE, queue_argument(net, link, to, class));
}

static void drop_queue(struct kith_sim_net *net, struct queue *queue)
{
    while (queue->first) {
        struct message *message = queue->first;
        queue->first = message->next;
        kith_sim_pool_give(&net->pool, message, sizeof *message + message->size);
    }
    memset(queue, 0, sizeof *queue);
}

static void push_down(struct kith_sim_net *net, struct link *link, int end, int err, uint64_t at_us)
{
    link->pending++;
    uint64_t argument = (uint64_t)(link - net->links) << 9 | (uint64_t)end << 8 | (uint8_t)-err;
    push(net, at_us, ITEM_DOWN, argument);
}

/* Tell the far end, behind what is already under way in its control queue, that the link ends. */
static void append_end(struct kith_sim_net *net, struct link *link, int to, int err,
                       uint64_t now_us)
{
    struct message *message = kith_sim_pool_take(&net->pool, sizeof *message);
    if (!message) {
        push_down(net, link, to, err, now_us + link->latency_us);
        return;
    }
    memset(message, 0, sizeof *message);
    message->err = (int8_t)err;
    message->is_taken_in = true;
    message->arrive_us = now_us + link->latency_us;
    append(net, link, to, KITH_SEND_CONTROL, message);
}

/* --- links --- */

static void list_end(struct kith_sim_net *net, struct link *link, int which)
{
    struct end *end = &link->end[which];
    struct station *station = &net->stations[end->node];
    uint32_t name = (uint32_t)(link - net->links) << 1 | (uint32_t)which;
    end->prev = NONE;
    end->next = station->first_end;
    if (end->next != NONE) net->links[end->next >> 1].end[end->next & 1].prev = name;
    station->first_end = name;
    station->links++;
    end->is_told = true;
    end->is_open = true;
}

static void unlist_end(struct kith_sim_net *net, struct end *end)
{
    struct station *station = &net->stations[end->node];
    if (end->prev != NONE)
        net->links[end->prev >> 1].end[end->prev & 1].next = end->next;
    else
        station->first_end = end->next;
    if (end->next != NONE) net->links[end->next >> 1].end[end->next & 1].prev = end->prev;
    station->links--;
    end->is_told = false;
    end->is_open = false;
}

static struct link *new_link(struct kith_sim_net *net)
{
    struct link *link;
    uint32_t generation = 0;
    if (net->links_free != NONE) {
        link = &net->links[net->links_free];
        net->links_free = link->next_free;
        generation = link->generation + 1;
    } else {
        if (net->links_used == net->config.links_max) return NULL;
        link = &net->links[net->links_used++];
    }
    memset(link, 0, sizeof *link);
    link->generation = generation;
    net->counters.links++;
    net->counters.links_made++;
    return link;
}

static void release_if_gone(struct kith_sim_net *net, struct link *link)
{
    if (link->end[0].is_told || link->end[1].is_told || link->pending > 0) return;
    link->next_free = net->links_free;
    net->links_free = (uint32_t)(link - net->links);
    net->counters.links--;
}

static kith_link number_of(const struct kith_sim_net *net, const struct link *link, int end)
{
    uint64_t name = (uint64_t)link->generation << SLOT_BITS | (uint64_t)(link - net->links);
    return (name << 1 | (uint64_t)end) + 1;
}

/* The link of that number and which end of it is the node's, or NULL. */
static struct link *find_link(const struct kith_sim_net *net, uint32_t node, kith_link number,
                              int *ret_end)
{
    if (number == 0) return NULL;
    uint64_t name = (number - 1) >> 1;
    uint32_t slot = name & ((1u << SLOT_BITS) - 1);
    if (slot >= net->links_used) return NULL;
    struct link *link = &net->links[slot];
    int end = (number - 1) & 1;
    if (link->generation != name >> SLOT_BITS || !link->end[end].is_told) return NULL;
    if (link->end[end].node != node) return NULL;
    *ret_end = end;
    return link;
}

uint32_t kith_sim_net_far(const struct kith_sim_net *net, uint32_t node, kith_link number)
{
    if (number == 0) return NONE;
    uint64_t name = (number - 1) >> 1;
    uint32_t slot = name & ((1u << SLOT_BITS) - 1);
    const struct link *link = &net->links[slot];
    if (slot >= net->links_used || link->generation != name >> SLOT_BITS) return NONE;
    int end = (number - 1) & 1;
    return link->end[end].node == node ? link->end[1 - end].node : NONE;
}

/* The end's node hears that the link is gone. */
static void deliver_down(struct kith_sim_net *net, struct link *link, int which, int err)
{
    struct end *end = &link->end[which];
    uint32_t node = end->node;
    struct kith_event event = {
        .kind = KITH_EVENT_LINK_DOWN,
        .link_down = {.link = number_of(net, link, which), .err = err},
    };
    unlist_end(net, end);
    release_if_gone(net, link);
    net->config.deliver(net->config.context, node, &event);
}

void kith_sim_net_up(struct kith_sim_net *net, uint32_t node, const struct kith_id *hotkey,
                     uint32_t links_max)
{
    struct station *station = &net->stations[node];
    kith_assert(!station->is_up);
    station->is_up = true;
    station->is_silent = false;
    station->hotkey = *hotkey;
    station->links_max = links_max;
}

void kith_sim_net_down(struct kith_sim_net *net, uint32_t node, bool silent, uint64_t now_us)
{
    struct station *station = &net->stations[node];
    station->is_up = false;
    station->is_silent = silent;
    station->incarnation++;
    station->dials = 0;
    while (station->first_end != NONE) {
        struct link *link = &net->links[station->first_end >> 1];
        int which = station->first_end & 1;
        bool was_open = link->end[which].is_open;
        unlist_end(net, &link->end[which]);
        if (was_open && !silent) append_end(net, link, 1 - which, KITH_ERR_TRUNCATED, now_us);
        release_if_gone(net, link);
    }
}

static void close_end(struct kith_sim_net *net, struct link *link, int which, int own_err,
                      int far_err, uint64_t now_us)
{
    link->end[which].is_open = false;
    push_down(net, link, which, own_err, now_us + 1);
    append_end(net, link, 1 - which, far_err, now_us);
}

void kith_sim_net_hang_up(struct kith_sim_net *net, uint32_t node, kith_link number,
                          uint64_t now_us)
{
    int which;
    struct link *link = find_link(net, node, number, &which);
    if (!link || !link->end[which].is_open) return;
    close_end(net, link, which, KITH_ERR_CLOSED, KITH_ERR_CLOSED, now_us);
}

bool kith_sim_net_send(struct kith_sim_net *net, uint32_t node, kith_link number,
                       enum kith_send_class class, struct kith_bytes head, struct kith_bytes body,
                       uint64_t now_us)
{
    int which;
    struct link *link = find_link(net, node, number, &which);
    if (!link || !link->end[which].is_open) {
        net->counters.no_link++;
        return false;
    }
    size_t size = head.len + body.len;
    kith_assert(size >= 1);
    kith_assert(size <= KITH_MESSAGE_MAX);
    struct queue *queue = &link->end[1 - which].queue[class];
    size_t room = class == KITH_SEND_CONTROL ? KITH_SIM_CONTROL_MAX : KITH_SIM_BULK_MAX;
    struct message *message = NULL;
    if (queue->bytes + size <= room)
        message = kith_sim_pool_take(&net->pool, sizeof *message + size);
    if (!message && class == KITH_SEND_BULK) {
        net->counters.bulk_dropped++;
        return false;
    }
    if (!message) {
        net->counters.overrun++;
        close_end(net, link, which, KITH_ERR_FULL, KITH_ERR_TRUNCATED, now_us);
        return false;
    }
    memset(message, 0, sizeof *message);
    message->size = (uint32_t)size;
    message->arrive_us = arrival(net, link, node, class, message->size, now_us);
    memcpy(message->bytes, head.at, head.len);
    if (body.len > 0) memcpy(message->bytes + head.len, body.at, body.len);
    net->counters.copied += size;
    append(net, link, 1 - which, class, message);
    return true;
}

/* Nothing from `from` reaches the other end. */
static void fire_blocked(struct kith_sim_net *net, struct link *link, int to, unsigned class,
                         uint64_t now_us)
{
    struct queue *queue = &link->end[to].queue[class];
    int from = 1 - to;
    if (queue->blocked_us == 0) queue->blocked_us = now_us;
    uint64_t waited = now_us - queue->blocked_us;
    if (waited < KITH_SIM_STALL_US) {
        uint64_t pause = waited / 2;
        if (pause < RESEND_US_MIN) pause = RESEND_US_MIN;
        if (pause > RETRY_US_MAX) pause = RETRY_US_MAX;
        push(net, now_us + pause, ITEM_QUEUE, queue_argument(net, link, to, class));
        return;
    }
    drop_queue(net, queue);
    link->pending--;
    bool is_sending = link->end[from].is_open;
    if (!is_sending) {
        release_if_gone(net, link);
        return;
    }
    net->counters.stalled++;
    link->end[from].is_open = false;
    deliver_down(net, link, from, KITH_ERR_TIMEOUT);
}

/* A message comes to an end that is closed: its machine answers with a reset. */
static void fire_at_closed(struct kith_sim_net *net, struct link *link, int to, unsigned class,
                           uint64_t now_us)
{
    int from = 1 - to;
    drop_queue(net, &link->end[to].queue[class]);
    link->pending--;
    if (link->end[from].is_open)
        push_down(net, link, from, KITH_ERR_TRUNCATED, now_us + link->latency_us);
    release_if_gone(net, link);
}

/* True if the first message waits for its turn on the receiver's way in. */
static bool waits_for_way_in(struct kith_sim_net *net, struct link *link, int to, unsigned class,
                             uint64_t now_us)
{
    struct station *station = &net->stations[link->end[to].node];
    struct message *message = link->end[to].queue[class].first;
    if (station->bytes_per_s == 0 || message->is_taken_in) return false;
    message->is_taken_in = true;
    uint64_t cost = message->size * UINT64_C(1000000) / station->bytes_per_s;
    /* The bytes came in while they were being sent: only what others fill delays them. */
    uint64_t from_us = now_us > cost ? now_us - cost : 0;
    uint64_t done = pass(station->in_free_us, station->bytes_per_s, (enum kith_send_class) class,
                         message->size, from_us);
    if (done <= now_us) return false;
    push(net, done, ITEM_QUEUE, queue_argument(net, link, to, class));
    return true;
}

static void fire_queue(struct kith_sim_net *net, uint64_t argument, uint64_t now_us)
{
    struct link *link = &net->links[argument >> 2];
    int to = argument >> 1 & 1;
    unsigned class = argument & 1;
    struct end *end = &link->end[to];
    struct queue *queue = &end->queue[class];
    if (!is_reachable(net, link->end[1 - to].node, end->node)) {
        fire_blocked(net, link, to, class, now_us);
        return;
    }
    queue->blocked_us = 0;
    if (!end->is_open) {
        fire_at_closed(net, link, to, class, now_us);
        return;
    }
    if (waits_for_way_in(net, link, to, class, now_us)) return;
    struct message *message = queue->first;
    queue->first = message->next;
    queue->bytes -= message->size;
    if (queue->first) {
        uint64_t next_us = queue->first->arrive_us > now_us ? queue->first->arrive_us : now_us;
        push(net, next_us, ITEM_QUEUE, argument);
    } else {
        link->pending--;
    }
    if (message->err) {
        int err = message->err;
        kith_sim_pool_give(&net->pool, message, sizeof *message);
        deliver_down(net, link, to, err);
        return;
    }
    net->counters.messages++;
    net->counters.bytes += message->size;
    struct kith_event event = {
        .kind = KITH_EVENT_MESSAGE,
        .message = {.link = number_of(net, link, to), .bytes = {message->bytes, message->size}},
    };
    net->config.deliver(net->config.context, end->node, &event);
    kith_sim_pool_give(&net->pool, message, sizeof *message + message->size);
}

static void fire_down(struct kith_sim_net *net, uint64_t argument)
{
    struct link *link = &net->links[argument >> 9];
    int which = argument >> 8 & 1;
    link->pending--;
    if (link->end[which].is_told)
        deliver_down(net, link, which, -(int)(argument & 255));
    else
        release_if_gone(net, link);
}

static void fire_cut(struct kith_sim_net *net, uint64_t argument, uint64_t now_us)
{
    struct link *link = &net->links[argument & ((1u << SLOT_BITS) - 1)];
    uint32_t generation = (uint32_t)(argument >> SLOT_BITS);
    if ((link->generation & ((1u << SLOT_BITS) - 1)) != generation) return;
    if (!link->end[0].is_open || !link->end[1].is_open) return;
    net->counters.cut++;
    for (int which = 0; which < 2; which++) {
        link->end[which].is_open = false;
        push_down(net, link, which, KITH_ERR_TRUNCATED, now_us + 1);
    }
}

/* --- dials --- */

static uint32_t new_dial(struct kith_sim_net *net)
{
    if (net->dials_free != NONE) {
        uint32_t index = net->dials_free;
        net->dials_free = net->dials[index].next_free;
        return index;
    }
    if (net->dials_used == net->dials_size) {
        uint32_t size = net->dials_size ? 2 * net->dials_size : DIALS_FIRST;
        struct dial *dials = realloc(net->dials, size * sizeof *dials);
        if (!dials) return NONE;
        net->dials = dials;
        net->dials_size = size;
    }
    return net->dials_used++;
}

static void fail_dial(struct kith_sim_net *net, struct dial *dial, int err, uint64_t at_us)
{
    dial->err = err;
    push(net, at_us, ITEM_DIAL_FAILED, (uint64_t)(dial - net->dials));
}

void kith_sim_net_dial(struct kith_sim_net *net, uint32_t node, uint64_t number,
                       const struct kith_addr *addr, const struct kith_id *expect, uint64_t now_us)
{
    struct station *station = &net->stations[node];
    uint32_t index = new_dial(net);
    kith_assert(index != NONE);
    struct dial *dial = &net->dials[index];
    memset(dial, 0, sizeof *dial);
    dial->number = number;
    dial->expect = *expect;
    dial->from = node;
    dial->incarnation = station->incarnation;
    dial->to = kith_sim_net_at(net, addr);
    net->counters.dials++;
    if (kith_addr_kind(addr) == KITH_ADDR_BAD)
        fail_dial(net, dial, KITH_ERR_INVALID, now_us + 1);
    else if (dial->to == node)
        fail_dial(net, dial, KITH_ERR_SELF, now_us + 1);
    else if (station->dials >= KITH_SIM_DIALS_MAX)
        fail_dial(net, dial, KITH_ERR_FULL, now_us + 1);
    else if (dial->to == NONE || is_lost(net))
        fail_dial(net, dial, KITH_ERR_TIMEOUT, now_us + KITH_SIM_CONNECT_US);
    else if (addr->port != KITH_SIM_PORT)
        fail_dial(net, dial, KITH_ERR_REFUSED,
                  now_us + 2 * (uint64_t)kith_sim_net_latency_us(net, node, dial->to));
    else
        push(net, now_us + kith_sim_net_latency_us(net, node, dial->to), ITEM_SYN, index);
    station->dials++;
}

static bool dials_both_ways(const struct kith_sim_net *net, const struct dial *dial)
{
    return is_reachable(net, dial->from, dial->to) && is_reachable(net, dial->to, dial->from);
}

/* One latency after the dial. */
static void fire_syn(struct kith_sim_net *net, uint32_t index, uint64_t now_us)
{
    struct dial *dial = &net->dials[index];
    const struct station *far = &net->stations[dial->to];
    uint64_t latency_us = kith_sim_net_latency_us(net, dial->from, dial->to);
    if (!dials_both_ways(net, dial) || far->is_walled)
        fail_dial(net, dial, KITH_ERR_TIMEOUT, now_us - latency_us + KITH_SIM_CONNECT_US);
    else if (!far->is_up)
        fail_dial(net, dial, KITH_ERR_REFUSED, now_us + latency_us);
    else if (!kith_id_is_zero(&dial->expect) && !kith_id_eq(&dial->expect, &far->hotkey))
        fail_dial(net, dial, KITH_ERR_SIGNATURE, now_us + 3 * latency_us);
    else
        push(net, now_us + 4 * latency_us, ITEM_PROVED, index);
}

static void schedule_cut(struct kith_sim_net *net, const struct link *link, uint64_t now_us)
{
    if (net->config.cuts_per_hour <= 0) return;
    float unit = (float)(1.0 - kith_rng_unit(&net->rng)) + 0x1p-24f;
    double hours = -(double)kith_log(unit) / net->config.cuts_per_hour;
    if (hours > 1e4) return;
    uint64_t generation = link->generation & ((1u << SLOT_BITS) - 1);
    push(net, now_us + 1 + (uint64_t)(hours * 3.6e9), ITEM_CUT,
         generation << SLOT_BITS | (uint64_t)(link - net->links));
}

static void deliver_up(struct kith_sim_net *net, struct link *link, int which,
                       const struct dial *dial)
{
    uint32_t node = link->end[which].node, far = link->end[1 - which].node;
    struct kith_event event = {
        .kind = KITH_EVENT_LINK_UP,
        .link_up = {.link = number_of(net, link, which),
                    .peer = net->stations[far].hotkey,
                    .addr = kith_sim_net_addr(far),
                    .dialed = which == 0,
                    .number = which == 0 ? dial->number : 0},
    };
    /* Who is dialed sees a port that nobody listens on. */
    if (which == 1) event.link_up.addr.port = (uint16_t)(32768 + dial->number % 28000);
    list_end(net, link, which);
    net->config.deliver(net->config.context, node, &event);
}

/* Five latencies after the dial: the far end has authenticated the dialer. */
static void fire_proved(struct kith_sim_net *net, uint32_t index, uint64_t now_us)
{
    struct dial *dial = &net->dials[index];
    struct station *far = &net->stations[dial->to];
    uint64_t latency_us = kith_sim_net_latency_us(net, dial->from, dial->to);
    bool is_dialing = net->stations[dial->from].incarnation == dial->incarnation;
    if (!dials_both_ways(net, dial)) {
        fail_dial(net, dial, KITH_ERR_TIMEOUT, now_us + KITH_SIM_CONNECT_US);
        return;
    }
    bool has_room = far->is_up && is_dialing && far->links < far->links_max;
    struct link *link = has_room ? new_link(net) : NULL;
    if (!link) {
        fail_dial(net, dial, KITH_ERR_CLOSED, now_us + latency_us);
        return;
    }
    link->latency_us = (uint32_t)latency_us;
    link->end[0].node = dial->from;
    link->end[1].node = dial->to;
    link->pending = 1;
    dial->slot = (uint32_t)(link - net->links);
    push(net, now_us + latency_us, ITEM_UP, index);
    schedule_cut(net, link, now_us);
    deliver_up(net, link, 1, dial);
}

static struct dial end_dial(struct kith_sim_net *net, uint32_t index, bool *ret_is_dialing)
{
    struct dial dial = net->dials[index];
    struct station *station = &net->stations[dial.from];
    *ret_is_dialing = station->incarnation == dial.incarnation && station->is_up;
    if (*ret_is_dialing) station->dials--;
    net->dials[index].next_free = net->dials_free;
    net->dials_free = index;
    return dial;
}

static void fire_up(struct kith_sim_net *net, uint32_t index, uint64_t now_us)
{
    bool is_dialing;
    struct dial dial = end_dial(net, index, &is_dialing);
    struct link *link = &net->links[dial.slot];
    if (is_dialing) {
        link->pending--;
        deliver_up(net, link, 0, &dial);
        return;
    }
    if (!net->stations[dial.from].is_silent) append_end(net, link, 1, KITH_ERR_TRUNCATED, now_us);
    link->pending--;
    release_if_gone(net, link);
}

static void fire_dial_failed(struct kith_sim_net *net, uint32_t index)
{
    bool is_dialing;
    struct dial dial = end_dial(net, index, &is_dialing);
    net->counters.dials_failed++;
    if (!is_dialing) return;
    struct kith_event event = {
        .kind = KITH_EVENT_DIAL_FAILED,
        .dial_failed = {.number = dial.number, .err = dial.err},
    };
    net->config.deliver(net->config.context, dial.from, &event);
}

void kith_sim_net_fire(struct kith_sim_net *net, uint64_t payload, uint64_t now_us)
{
    uint64_t argument = payload & ((UINT64_C(1) << 52) - 1);
    switch ((enum item)(payload >> 52 & 15)) {
    case ITEM_SYN:
        fire_syn(net, (uint32_t)argument, now_us);
        return;
    case ITEM_PROVED:
        fire_proved(net, (uint32_t)argument, now_us);
        return;
    case ITEM_DIAL_FAILED:
        fire_dial_failed(net, (uint32_t)argument);
        return;
    case ITEM_UP:
        fire_up(net, (uint32_t)argument, now_us);
        return;
    case ITEM_QUEUE:
        fire_queue(net, argument, now_us);
        return;
    case ITEM_DOWN:
        fire_down(net, argument);
        return;
    case ITEM_CUT:
        fire_cut(net, argument, now_us);
        return;
    }
}

/* --- the world's knobs --- */

void kith_sim_net_set_group(struct kith_sim_net *net, uint32_t node, uint32_t group)
{
    kith_assert(group < KITH_SIM_GROUPS_MAX);
    net->stations[node].group = (uint8_t)group;
}

void kith_sim_net_set_closed(struct kith_sim_net *net, uint32_t from_group, uint32_t to_group,
                             bool closed)
{
    kith_assert(from_group < KITH_SIM_GROUPS_MAX);
    kith_assert(to_group < KITH_SIM_GROUPS_MAX);
    uint64_t bit = UINT64_C(1) << to_group;
    if (closed)
        net->closed[from_group] |= bit;
    else
        net->closed[from_group] &= ~bit;
}

uint32_t kith_sim_net_island(const struct kith_sim_net *net, uint32_t node)
{
    uint32_t own = net->stations[node].group;
    for (uint32_t group = 0; group < own; group++) {
        bool is_there = !(net->closed[own] >> group & 1);
        bool is_back = !(net->closed[group] >> own & 1);
        if (is_there && is_back) return group;
    }
    return own;
}

void kith_sim_net_set_walled(struct kith_sim_net *net, uint32_t node, bool walled)
{
    net->stations[node].is_walled = walled;
}

void kith_sim_net_set_speed(struct kith_sim_net *net, uint32_t node, uint64_t bytes_per_s)
{
    net->stations[node].bytes_per_s = bytes_per_s;
}

const struct kith_sim_net_counters *kith_sim_net_counters(const struct kith_sim_net *net)
{
    return &net->counters;
}
