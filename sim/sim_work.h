/* sim/sim_work.h: the jobs of a world's nodes, run for real, on as many threads as given. A job's
 * result depends on its inputs alone, so it may run at any time between the moment it was lent and
 * the virtual moment at which it comes back: threads change how long a run takes and nothing else.
 * All calls come from one thread. */
#ifndef KITH_SIM_SIM_WORK_H
#define KITH_SIM_SIM_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "training/job.h"

struct kith_sim_work;

/* `threads` >= 1, the caller's own included; at most one job a node is lent at a time. 0, NOMEM, or
 * IO: no thread could be started. */
int kith_sim_work_new(uint32_t nodes, uint32_t threads, struct kith_sim_work **ret_work);
/* No job may be lent. */
void kith_sim_work_free(struct kith_sim_work *work);
/* A node lends a job. What runs is a copy: if the node cancels its job in virtual time, the result
 * is still that of the whole round, so that it does not depend on when a thread came to it.
 * False: no memory. */
bool kith_sim_work_lend(struct kith_sim_work *work, uint32_t node, struct kith_job *job);
/* The node's lent job, or NULL. */
struct kith_job *kith_sim_work_lent(const struct kith_sim_work *work, uint32_t node);
/* The lent job, run, to be given back to its node. */
struct kith_job *kith_sim_work_take(struct kith_sim_work *work, uint32_t node);
/* The node is gone: when this returns nobody touches its job, if it had one. */
void kith_sim_work_abandon(struct kith_sim_work *work, uint32_t node);
/* Jobs run so far. */
uint64_t kith_sim_work_count(const struct kith_sim_work *work);

#endif
