/* sim/sim_net_inside.h: what the files of the simulated network share; for sim/sim_net*.c alone. */
#ifndef KITH_SIM_SIM_NET_INSIDE_H
#define KITH_SIM_SIM_NET_INSIDE_H

#include "sim/sim_net.h"
#include "sim/sim_pool.h"

#define KITH_NET_NONE UINT32_MAX

enum {
    KITH_NET_SLOT_BITS = 24, /* of a link's place in an item's argument */
    KITH_NET_RESEND_US_MIN = 200 * 1000,
};

enum kith_net_item {
    KITH_NET_SYN,         /* a dial reaches the far end's machine */
    KITH_NET_PROVED,      /* the far end knows who dialed */
    KITH_NET_DIAL_FAILED, /* the dialer hears that it failed */
    KITH_NET_UP,          /* the dialer knows that the link is up */
    KITH_NET_QUEUE,       /* the first message of a queue arrives */
    KITH_NET_DOWN,        /* an end hears that its link is gone */
    KITH_NET_CUT,         /* the network breaks a link */
};

struct kith_net_message {
    struct kith_net_message *next;
    uint64_t arrive_us;
    uint32_t size;
    int8_t err;       /* not 0: no message but the end of the link */
    bool is_taken_in; /* its time on the receiver's way in has been counted */
    _Alignas(16) uint8_t bytes[];
};

/* What is under way to one end, of one class. While it is not empty one item stands in the
 * calendar. */
struct kith_net_queue {
    struct kith_net_message *first;
    struct kith_net_message *last;
    uint64_t blocked_us; /* since when nothing gets through, 0: not so */
    uint32_t bytes;
};

struct kith_net_end {
    uint32_t node;
    uint32_t prev; /* of the node's ends: slot << 1 | end, or KITH_NET_NONE */
    uint32_t next;
    bool is_open; /* may send and receive */
    bool is_told; /* the node knows the link and has not heard its LINK_DOWN */
    struct kith_net_queue queue[2];
};

struct kith_net_link {
    struct kith_net_end end[2]; /* the dialer's, the other's */
    uint32_t generation;
    uint32_t latency_us;
    uint32_t pending; /* items in the calendar that name this slot, cuts left out */
    uint32_t next_free;
};

struct kith_net_dial {
    uint64_t number;
    struct kith_id expect;
    uint32_t from;
    uint32_t incarnation; /* of the dialer */
    uint32_t to;
    uint32_t slot; /* of the link, from KITH_NET_PROVED on */
    uint32_t next_free;
    int err;
};

struct kith_net_station {
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
    uint8_t nat;    /* enum kith_sim_nat */
    uint8_t region; /* + 1; 0: none */
    uint64_t paused_until_us;
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
    struct kith_net_station *stations;
    struct kith_net_link *links; /* [links_size]: moves when a link is added */
    uint32_t links_size;
    struct kith_net_dial *dials;
    uint32_t links_used; /* slots ever in use: [0, links_used) */
    uint32_t links_free;
    uint32_t dials_used;
    uint32_t dials_size;
    uint32_t dials_free;
    const uint32_t *region_us; /* [regions][regions], NULL: none */
    uint32_t regions;
    uint64_t closed[KITH_SIM_GROUPS_MAX]; /* bit t of closed[f]: no way from f to t */
};

/* --- sim_net.c: links and the calendar --- */

void kith_net_push(struct kith_sim_net *net, uint64_t at_us, enum kith_net_item item,
                   uint64_t argument);
/* A slot, cleared, or NULL: there are too many links. */
struct kith_net_link *kith_net_new_link(struct kith_sim_net *net);
/* Give the slot back if neither end knows the link and no item names it. */
void kith_net_release_if_gone(struct kith_sim_net *net, struct kith_net_link *link);
/* The end's node knows the link from now on. */
void kith_net_list_end(struct kith_sim_net *net, struct kith_net_link *link, int which);
kith_link kith_net_number_of(const struct kith_sim_net *net, const struct kith_net_link *link,
                             int end);
/* The link of that number and which end of it is the node's, or NULL. */
struct kith_net_link *kith_net_find_link(const struct kith_sim_net *net, uint32_t node,
                                         kith_link number, int *ret_end);
/* The end's node hears that the link is gone. */
void kith_net_deliver_down(struct kith_sim_net *net, struct kith_net_link *link, int which,
                           int err);
/* When the network will break this new link by itself, if ever. */
void kith_net_schedule_cut(struct kith_sim_net *net, const struct kith_net_link *link,
                           uint64_t now_us);

/* --- sim_net_way.c: the way from one node to another --- */

bool kith_net_is_lost(struct kith_sim_net *net);
bool kith_net_is_reachable(const struct kith_sim_net *net, uint32_t from, uint32_t to);
/* When a message sent now is at the far end's machine; it takes its part of the way out. */
uint64_t kith_net_arrival(struct kith_sim_net *net, const struct kith_net_link *link, uint32_t from,
                          enum kith_send_class class, uint32_t size, uint64_t now_us);
/* When a message that is at the node's machine has come in; it takes its part of the way in. */
uint64_t kith_net_taken_in(struct kith_sim_net *net, uint32_t to, enum kith_send_class class,
                           uint32_t size, uint64_t now_us);

/* --- sim_net_queue.c: messages under way --- */

/* The end will hear at that time that its link is gone. */
void kith_net_push_down(struct kith_sim_net *net, struct kith_net_link *link, int end, int err,
                        uint64_t at_us);
/* Tell the end, behind what is already under way to it, that the link is gone. */
void kith_net_append_end(struct kith_sim_net *net, struct kith_net_link *link, int to, int err,
                         uint64_t now_us);
/* One end closes: it hears own_err at once, the other far_err. */
void kith_net_close_end(struct kith_sim_net *net, struct kith_net_link *link, int which,
                        int own_err, int far_err, uint64_t now_us);
void kith_net_fire_queue(struct kith_sim_net *net, uint64_t argument, uint64_t now_us);
void kith_net_fire_down(struct kith_sim_net *net, uint64_t argument);

/* --- sim_net_dial.c --- */

void kith_net_fire_syn(struct kith_sim_net *net, uint32_t index, uint64_t now_us);
void kith_net_fire_proved(struct kith_sim_net *net, uint32_t index, uint64_t now_us);
void kith_net_fire_up(struct kith_sim_net *net, uint32_t index, uint64_t now_us);
void kith_net_fire_dial_failed(struct kith_sim_net *net, uint32_t index);

#endif
