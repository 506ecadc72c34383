/* sim/world_inside.h: what a world consists of; for sim/world*.c alone. */
#ifndef KITH_SIM_WORLD_INSIDE_H
#define KITH_SIM_WORLD_INSIDE_H

#include "sim/calendar.h"
#include "sim/sim_hash.h"
#include "sim/sim_pool.h"
#include "sim/sim_store.h"
#include "sim/sim_work.h"
#include "sim/world.h"

enum {
    KITH_WORLD_ARMED_MAX = 4,
    KITH_WORLD_NODE_BITS = 16,
};

/* The 8 highest bits of an item's payload say whose it is. */
enum kith_world_tag {
    KITH_WORLD_NET,
    KITH_WORLD_DEADLINE, /* node */
    KITH_WORLD_DHT,      /* index of an operation */
    KITH_WORLD_COMPUTED, /* job number << 16 | node */
    KITH_WORLD_STORED,   /* life << 24 | key << 16 | node */
    KITH_WORLD_FAULT,    /* index of a fault */
    KITH_WORLD_WAKE,     /* life << 16 | node */
};

/* The machine that a node runs on. */
struct kith_world_host {
    struct kith_node *node;
    enum kith_world_state state;
    uint32_t life; /* how often it was started */
    uint32_t unchecked_steps;
    uint32_t armed_count;
    uint64_t clock_us; /* its monotonic clock runs ahead of the world's by this */
    int64_t skew_ms;
    uint64_t paused_until_us; /* of the world's clock */
    /* Times at which a DEADLINE item stands in the calendar, the earliest last. A deadline that
     * moves back costs nothing: the item comes up and is put in again. */
    uint64_t armed_us[KITH_WORLD_ARMED_MAX];
    struct kith_id hotkey;
    double speed; /* of its training, 1: as configured */
    double pace;  /* times this, by a fault */
    struct kith_world_compute compute;
    bool is_job_failing; /* the one that is lent */
    uint32_t peers_max;
    uint64_t job_number; /* of the job it lent last */
    uint64_t down_since_us;
};

/* A DHT operation under way. Its values stand in `block`: length (2 bytes) and bytes of each. */
struct kith_world_operation {
    uint64_t number;
    uint8_t *block;
    uint32_t block_size;
    uint32_t count;
    uint32_t node;
    uint32_t life;
    uint32_t next_free;
    int err;
};

struct kith_world_fault_place {
    struct kith_fault fault;
    uint32_t next_free;
};

struct kith_world {
    struct kith_world_config config;
    struct kith_calendar calendar;
    struct kith_outbox outbox; /* lent to every step */
    uint64_t now_us;
    struct kith_world_host *hosts;
    uint32_t *by_hotkey; /* [nodes], sorted */
    uint64_t *marks;     /* [nodes] number of the check that saw the node last */
    struct kith_sim_net *net;
    struct kith_sim_dht *dht;
    struct kith_sim_store *store;
    struct kith_sim_work *work;
    struct kith_sim_pool pool; /* of the DHT's answers */
    struct kith_world_operation *operations;
    uint32_t operations_used, operations_size, operations_free;
    struct kith_world_fault_place *faults;
    uint32_t faults_used, faults_size, faults_free;
    struct kith_sim_hash trace;
    struct kith_world_counters counters;
    bool has_failed;
    char failure[KITH_WORLD_TEXT_MAX];
};

void kith_world_push(struct kith_world *world, uint64_t at_us, enum kith_world_tag tag,
                     uint64_t argument);
/* Feed the event, whose times are filled in here, if the node is up; apply what it wants; arm. */
void kith_world_feed(struct kith_world *world, uint32_t node, struct kith_event *event);
/* Carry out one effect of a step. Never feeds. */
void kith_world_apply(struct kith_world *world, uint32_t node, const struct kith_effect *effect);
/* A DHT operation ends. */
void kith_world_fire_dht(struct kith_world *world, uint32_t index);
/* The memory of a node that is killed or starts anew; on_gone hears of it first. */
void kith_world_free_node(struct kith_world *world, uint32_t node);
void kith_world_start(struct kith_world *world, uint32_t node);
void kith_world_apply_fault(struct kith_world *world, const struct kith_fault *fault);

#endif
