/* sim/sim_fault.h: what can be done to a world, as plain data that the world applies when its time
 * has come (kith_world_at). */
#ifndef KITH_SIM_SIM_FAULT_H
#define KITH_SIM_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum kith_fault_kind {
    KITH_FAULT_START,   /* the node starts, from what it stored; nothing if it is up */
    KITH_FAULT_KILL,    /* kill -9: memory gone, what it stored stays; with `flag`, but for the last
                         * stored value of each key */
    KITH_FAULT_CUT_OFF, /* as KILL, but its machine is gone too: nobody is told */
    KITH_FAULT_STOP,    /* SIGTERM */
    KITH_FAULT_GROUP,   /* the node moves to group `a` of the network */
    KITH_FAULT_CLOSE,   /* nothing gets from group `a` to group `b`, for a symmetric cut say both */
    KITH_FAULT_OPEN,    /* undone */
    KITH_FAULT_DISK,    /* the node's disk is `a`: enum kith_sim_disk */
    KITH_FAULT_DHT,     /* the node's DHT is `a`: enum kith_sim_dht_mode */
    KITH_FAULT_SKEW,    /* the node's wall clock is `skew_ms` ahead */
    KITH_FAULT_SPEED,   /* the node trains at `a` thousandths of its own speed, > 0 */
    KITH_FAULT_WALL,    /* the node can no more be dialled; with `flag` it can again */
    KITH_FAULT_BANDWIDTH, /* the node's link takes `a` bytes a second each way, 0: no limit */
    KITH_FAULT_PAUSE,     /* the process stands still for `a` ms, then has all that came at once */
    KITH_FAULT_LOSS,      /* `a` thousandths of all messages are lost on the way, < 1000 */
};

struct kith_fault {
    enum kith_fault_kind kind;
    uint32_t node;
    uint32_t a;
    uint32_t b;
    bool flag;
    int64_t skew_ms;
};

#endif
