/* sim/sim_net.h: the links of a world. Authenticated by construction: whoever answers at a node's
 * address is that node. Nothing is kept for a pair of nodes without a link: a pair's latency is a
 * hash of the seed and the two. It behaves as host/net_uv does and the contract of links says:
 *
 * A dial takes three round trips, like TCP and the handshake. Messages of one class arrive in the
 * order they were sent; control overtakes bulk, within a link and on a node's way out and in. What
 * is lost on the way is sent again, which costs time. A node that was killed answers with a reset;
 * one that fell silent answers nothing, and the far end gives up after KITH_SIM_STALL_US. */
#ifndef KITH_SIM_SIM_NET_H
#define KITH_SIM_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/id.h"
#include "base/outbox.h"
#include "base/rng.h"
#include "node/event.h"
#include "sim/calendar.h"

enum {
    KITH_SIM_NET_NODES_MAX = 65536,
    KITH_SIM_GROUPS_MAX = 64,
    KITH_SIM_DIALS_MAX = 64, /* of one node, under way at once */
    KITH_SIM_PORT = 8120,
    KITH_SIM_CONNECT_US = 5 * 1000 * 1000, /* until a dial that nothing answers fails */
    KITH_SIM_STALL_US = 30 * 1000 * 1000,
    /* Bytes under way one way on a link, sockets included. */
    KITH_SIM_CONTROL_MAX = KITH_LINK_CONTROL_MAX + 256 * 1024,
    KITH_SIM_BULK_MAX = KITH_LINK_BULK_MAX + 256 * 1024,
};

enum kith_sim_latency {
    KITH_SIM_LATENCY_CONSTANT,  /* the mean */
    KITH_SIM_LATENCY_UNIFORM,   /* half to one and a half times the mean */
    KITH_SIM_LATENCY_TAILED,    /* exponential above half the mean: some pairs are far apart */
    KITH_SIM_LATENCY_LOGNORMAL, /* with latency_sigma of the logarithm */
};

/* What stands before a node's machine. Nothing is done today to get through one (no hole punching,
 * no relay): a node behind any of them can dial, and nobody can dial it, so two such never get a
 * link. They differ in how a dial fails, and in the DHT (kith_sim_dht_set_reachable). */
enum kith_sim_nat {
    KITH_SIM_NAT_PUBLIC,
    KITH_SIM_NAT_CONE,        /* dials are not answered; datagrams come through */
    KITH_SIM_NAT_SYMMETRIC,   /* dials are not answered, nor are datagrams */
    KITH_SIM_NAT_UNREACHABLE, /* dials are refused at once, datagrams lost */
};

struct kith_sim_net_config {
    uint32_t nodes;
    uint32_t links_max; /* in all, up to 2^23 */
    size_t flight_max;  /* bytes of messages under way, in all */
    enum kith_sim_latency latency;
    uint32_t latency_us;  /* one way, mean over pairs */
    double latency_sigma; /* of LOGNORMAL */
    uint64_t bytes_per_s; /* of each node, each way; 0: no limit. kith_sim_net_set_speed changes */
    double loss;          /* of a message or a dial's handshake, [0, 1) */
    double cuts_per_hour; /* how often a link breaks by itself */
    struct kith_calendar
        *calendar; /* the world's, shared; must have room for 4 items a link, 1 a dial */
    uint64_t tag;  /* the 8 highest bits of every payload pushed, already in place */
    void *context;
    /* LINK_UP, LINK_DOWN, DIAL_FAILED or MESSAGE for a node that is up; times are left 0. */
    void (*deliver)(void *context, uint32_t node, struct kith_event *event);
};

#define KITH_SIM_NET_COUNTERS_MAP(X)                                                               \
    X(messages, "messages delivered")                                                              \
    X(bytes, "bytes of them")                                                                      \
    X(copied, "bytes copied")                                                                      \
    X(dials, "dials")                                                                              \
    X(dials_failed, "of these, failed")                                                            \
    X(links, "links now")                                                                          \
    X(links_made, "links made")                                                                    \
    X(cut, "links cut by the network")                                                             \
    X(stalled, "links given up because nothing got through")                                       \
    X(resent, "messages lost and sent again")                                                      \
    X(bulk_dropped, "bulk messages dropped: the queue was full")                                   \
    X(overrun, "links closed: too many control messages under way")                                \
    X(no_link, "messages dropped: the link was gone")

struct kith_sim_net_counters {
#define X(name, text) uint64_t name;
    KITH_SIM_NET_COUNTERS_MAP(X)
#undef X
};

struct kith_sim_net;

/* 0, RANGE or NOMEM. No node is up. */
int kith_sim_net_new(const struct kith_sim_net_config *config,
                     const uint8_t seed[static KITH_SEED_LEN], struct kith_sim_net **ret_net);
void kith_sim_net_free(struct kith_sim_net *net);

/* Where a node listens, and the node that listens there (UINT32_MAX: none). */
struct kith_addr kith_sim_net_addr(uint32_t node);
uint32_t kith_sim_net_at(const struct kith_sim_net *net, const struct kith_addr *addr);

/* A node comes up, with its hotkey and how many links it takes. */
void kith_sim_net_up(struct kith_sim_net *net, uint32_t node, const struct kith_id *hotkey,
                     uint32_t links_max);
/* It is gone: killed, or, if silent, cut off with its machine. */
void kith_sim_net_down(struct kith_sim_net *net, uint32_t node, bool silent, uint64_t now_us);

/* The effects of a node that is up. */
void kith_sim_net_dial(struct kith_sim_net *net, uint32_t node, uint64_t number,
                       const struct kith_addr *addr, const struct kith_id *expect, uint64_t now_us);
/* False if it was dropped: the link is gone, or the queue is full. */
bool kith_sim_net_send(struct kith_sim_net *net, uint32_t node, kith_link link,
                       enum kith_send_class send_class, struct kith_bytes head,
                       struct kith_bytes body, uint64_t now_us);
void kith_sim_net_hang_up(struct kith_sim_net *net, uint32_t node, kith_link link, uint64_t now_us);

/* This item will be due soon, or `is_next`: have its memory come. Of the next the node that it is
 * for, or UINT32_MAX. Changes nothing. */
uint32_t kith_sim_net_expect(const struct kith_sim_net *net, uint64_t payload, bool is_next);
/* One of the net's items has come up in the calendar. Calls deliver at most once. */
void kith_sim_net_fire(struct kith_sim_net *net, uint64_t payload, uint64_t now_us);

/* Partitions: each node is in one group, at first 0, and the way from one group to another may be
 * closed, one way or both. */
void kith_sim_net_set_group(struct kith_sim_net *net, uint32_t node, uint32_t group);
void kith_sim_net_set_closed(struct kith_sim_net *net, uint32_t from_group, uint32_t to_group,
                             bool closed);
/* The lowest group that the node's group reaches and is reached by: nodes of one island see each
 * other, if the cuts are symmetric. */
uint32_t kith_sim_net_island(const struct kith_sim_net *net, uint32_t node);
/* A node behind a wall: dials to it are not answered, its own go through. */
void kith_sim_net_set_walled(struct kith_sim_net *net, uint32_t node, bool walled);
void kith_sim_net_set_nat(struct kith_sim_net *net, uint32_t node, enum kith_sim_nat nat);
/* Its process stands still until then: what comes waits, dials to it get no answer. */
void kith_sim_net_set_paused(struct kith_sim_net *net, uint32_t node, uint64_t until_us);
/* The node is in that region, below `regions`; mean_us[a * regions + b], one way, takes the place
 * of latency_us between two nodes that are in regions. The matrix must outlive the net. */
void kith_sim_net_set_regions(struct kith_sim_net *net, const uint32_t *mean_us, uint32_t regions);
void kith_sim_net_set_region(struct kith_sim_net *net, uint32_t node, uint32_t region);
void kith_sim_net_set_loss(struct kith_sim_net *net, double loss);
void kith_sim_net_set_speed(struct kith_sim_net *net, uint32_t node, uint64_t bytes_per_s);

/* One way between two nodes. */
uint32_t kith_sim_net_latency_us(const struct kith_sim_net *net, uint32_t a, uint32_t b);
/* The node at the far end of a node's link, also just after its LINK_DOWN; UINT32_MAX: unknown. */
uint32_t kith_sim_net_far(const struct kith_sim_net *net, uint32_t node, kith_link link);
const struct kith_sim_net_counters *kith_sim_net_counters(const struct kith_sim_net *net);

#endif
