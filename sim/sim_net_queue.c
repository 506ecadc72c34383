/* Messages under way: each end of a link has a queue of each class. */
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "sim/sim_net_inside.h"

enum { RETRY_US_MAX = 5 * 1000 * 1000 }; /* between two looks at a closed way */

static uint64_t queue_argument(const struct kith_sim_net *net, const struct kith_net_link *link,
                               int to, unsigned class)
{
    return (uint64_t)(link - net->links) << 2 | (uint64_t)to << 1 | (uint64_t) class;
}

static void append(struct kith_sim_net *net, struct kith_net_link *link, int to,
                   enum kith_send_class class, struct kith_net_message *message)
{
    struct kith_net_queue *queue = &link->end[to].queue[class];
    message->next = NULL;
    queue->bytes += message->size;
    if (queue->first) { /* its turn comes when those before it have gone */
        queue->last->next = message;
        queue->last = message;
        return;
    }
    queue->first = queue->last = message;
    link->pending++;
    kith_net_push(net, message->arrive_us, KITH_NET_QUEUE, queue_argument(net, link, to, class));
}

static void drop_queue(struct kith_sim_net *net, struct kith_net_queue *queue)
{
    while (queue->first) {
        struct kith_net_message *message = queue->first;
        queue->first = message->next;
        kith_sim_pool_give(&net->pool, message, sizeof *message + message->size);
    }
    memset(queue, 0, sizeof *queue);
}

void kith_net_push_down(struct kith_sim_net *net, struct kith_net_link *link, int end, int err,
                        uint64_t at_us)
{
    link->pending++;
    uint64_t argument = (uint64_t)(link - net->links) << 9 | (uint64_t)end << 8 | (uint8_t)-err;
    kith_net_push(net, at_us, KITH_NET_DOWN, argument);
}

/* Tell the far end, behind what is already under way in its control queue, that the link ends. */
void kith_net_append_end(struct kith_sim_net *net, struct kith_net_link *link, int to, int err,
                         uint64_t now_us)
{
    struct kith_net_message *message = kith_sim_pool_take(&net->pool, sizeof *message);
    if (!message) {
        kith_net_push_down(net, link, to, err, now_us + link->latency_us);
        return;
    }
    memset(message, 0, sizeof *message);
    message->err = (int8_t)err;
    message->is_taken_in = true;
    message->arrive_us = now_us + link->latency_us;
    append(net, link, to, KITH_SEND_CONTROL, message);
}

void kith_net_close_end(struct kith_sim_net *net, struct kith_net_link *link, int which,
                        int own_err, int far_err, uint64_t now_us)
{
    link->end[which].is_open = false;
    kith_net_push_down(net, link, which, own_err, now_us + 1);
    kith_net_append_end(net, link, 1 - which, far_err, now_us);
}

bool kith_sim_net_send(struct kith_sim_net *net, uint32_t node, kith_link number,
                       enum kith_send_class class, struct kith_bytes head, struct kith_bytes body,
                       uint64_t now_us)
{
    int which;
    struct kith_net_link *link = kith_net_find_link(net, node, number, &which);
    if (!link || !link->end[which].is_open) {
        net->counters.no_link++;
        return false;
    }
    size_t size = head.len + body.len;
    kith_assert(size >= 1);
    kith_assert(size <= KITH_MESSAGE_MAX);
    struct kith_net_queue *queue = &link->end[1 - which].queue[class];
    size_t room = class == KITH_SEND_CONTROL ? KITH_SIM_CONTROL_MAX : KITH_SIM_BULK_MAX;
    struct kith_net_message *message = NULL;
    if (queue->bytes + size <= room)
        message = kith_sim_pool_take(&net->pool, sizeof *message + size);
    if (!message && class == KITH_SEND_BULK) {
        net->counters.bulk_dropped++;
        return false;
    }
    if (!message) {
        net->counters.overrun++;
        kith_net_close_end(net, link, which, KITH_ERR_FULL, KITH_ERR_TRUNCATED, now_us);
        return false;
    }
    memset(message, 0, sizeof *message);
    message->size = (uint32_t)size;
    message->arrive_us = kith_net_arrival(net, link, node, class, message->size, now_us);
    memcpy(message->bytes, head.at, head.len);
    if (body.len > 0) memcpy(message->bytes + head.len, body.at, body.len);
    net->counters.copied += size;
    append(net, link, 1 - which, class, message);
    return true;
}

/* Nothing from `from` reaches the other end. */
static void fire_blocked(struct kith_sim_net *net, struct kith_net_link *link, int to,
                         unsigned class, uint64_t now_us)
{
    struct kith_net_queue *queue = &link->end[to].queue[class];
    int from = 1 - to;
    if (queue->blocked_us == 0) queue->blocked_us = now_us;
    uint64_t waited = now_us - queue->blocked_us;
    if (waited < KITH_SIM_STALL_US) {
        uint64_t pause = waited / 2;
        if (pause < KITH_NET_RESEND_US_MIN) pause = KITH_NET_RESEND_US_MIN;
        if (pause > RETRY_US_MAX) pause = RETRY_US_MAX;
        kith_net_push(net, now_us + pause, KITH_NET_QUEUE, queue_argument(net, link, to, class));
        return;
    }
    drop_queue(net, queue);
    link->pending--;
    bool is_sending = link->end[from].is_open;
    if (!is_sending) {
        kith_net_release_if_gone(net, link);
        return;
    }
    net->counters.stalled++;
    link->end[from].is_open = false;
    kith_net_deliver_down(net, link, from, KITH_ERR_TIMEOUT);
}

/* A message comes to an end that is closed: its machine answers with a reset. */
static void fire_at_closed(struct kith_sim_net *net, struct kith_net_link *link, int to,
                           unsigned class, uint64_t now_us)
{
    int from = 1 - to;
    drop_queue(net, &link->end[to].queue[class]);
    link->pending--;
    if (link->end[from].is_open)
        kith_net_push_down(net, link, from, KITH_ERR_TRUNCATED, now_us + link->latency_us);
    kith_net_release_if_gone(net, link);
}

/* True if the first message waits for its turn on the receiver's way in. */
static bool waits_for_way_in(struct kith_sim_net *net, struct kith_net_link *link, int to,
                             unsigned class, uint64_t now_us)
{
    struct kith_net_message *message = link->end[to].queue[class].first;
    if (message->is_taken_in) return false;
    message->is_taken_in = true;
    uint64_t done_us = kith_net_taken_in(net, link->end[to].node, (enum kith_send_class) class,
                                         message->size, now_us);
    if (done_us <= now_us) return false;
    kith_net_push(net, done_us, KITH_NET_QUEUE, queue_argument(net, link, to, class));
    return true;
}

void kith_net_fire_queue(struct kith_sim_net *net, uint64_t argument, uint64_t now_us)
{
    struct kith_net_link *link = &net->links[argument >> 2];
    int to = argument >> 1 & 1;
    unsigned class = argument & 1;
    struct kith_net_end *end = &link->end[to];
    struct kith_net_queue *queue = &end->queue[class];
    if (!kith_net_is_reachable(net, link->end[1 - to].node, end->node)) {
        fire_blocked(net, link, to, class, now_us);
        return;
    }
    queue->blocked_us = 0;
    if (!end->is_open) {
        fire_at_closed(net, link, to, class, now_us);
        return;
    }
    if (waits_for_way_in(net, link, to, class, now_us)) return;
    struct kith_net_message *message = queue->first;
    queue->first = message->next;
    queue->bytes -= message->size;
    if (queue->first) {
        uint64_t next_us = queue->first->arrive_us > now_us ? queue->first->arrive_us : now_us;
        kith_net_push(net, next_us, KITH_NET_QUEUE, argument);
    } else {
        link->pending--;
    }
    if (message->err) {
        int err = message->err;
        kith_sim_pool_give(&net->pool, message, sizeof *message);
        kith_net_deliver_down(net, link, to, err);
        return;
    }
    net->counters.messages++;
    net->counters.bytes += message->size;
    struct kith_event event = {
        .kind = KITH_EVENT_MESSAGE,
        .message = {.link = kith_net_number_of(net, link, to),
                    .bytes = {message->bytes, message->size}},
    };
    net->config.deliver(net->config.context, end->node, &event);
    kith_sim_pool_give(&net->pool, message, sizeof *message + message->size);
}

void kith_net_fire_down(struct kith_sim_net *net, uint64_t argument)
{
    struct kith_net_link *link = &net->links[argument >> 9];
    int which = argument >> 8 & 1;
    link->pending--;
    if (link->end[which].is_told)
        kith_net_deliver_down(net, link, which, -(int)(argument & 255));
    else
        kith_net_release_if_gone(net, link);
}
