#include "sim/sim_work.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum state { IDLE, WAITING, RUNNING, DONE };

struct place {
    struct kith_job *job; /* the node's own */
    struct kith_job *run; /* what is run: a copy that nobody cancels; kept for the next */
    enum state state;
    uint32_t prev; /* of the nodes that wait */
    uint32_t next;
};

#define NONE UINT32_MAX

struct kith_sim_work {
    struct place *places; /* [nodes] */
    uint32_t nodes;
    uint32_t first; /* of those that wait, in the order of lending */
    uint32_t last;
    uint64_t count;
    bool is_closing;
    uint32_t threads; /* started */
    pthread_t *thread;
    pthread_mutex_t mutex;
    pthread_cond_t waiting; /* for workers: there is a job, or we close */
    pthread_cond_t done;    /* for the owner: some job is done */
};

/* A node's job leaves the queue. */
static void unlink_node(struct kith_sim_work *work, uint32_t node)
{
    struct place *place = &work->places[node];
    if (place->prev != NONE)
        work->places[place->prev].next = place->next;
    else
        work->first = place->next;
    if (place->next != NONE)
        work->places[place->next].prev = place->prev;
    else
        work->last = place->prev;
}

static void *work_on(void *context)
{
    struct kith_sim_work *work = context;
    pthread_mutex_lock(&work->mutex);
    while (!work->is_closing) {
        if (work->first == NONE) {
            pthread_cond_wait(&work->waiting, &work->mutex);
            continue;
        }
        struct place *place = &work->places[work->first];
        unlink_node(work, work->first);
        place->state = RUNNING;
        pthread_mutex_unlock(&work->mutex);
        kith_job_run(place->run);
        pthread_mutex_lock(&work->mutex);
        place->state = DONE;
        work->count++;
        pthread_cond_signal(&work->done);
    }
    pthread_mutex_unlock(&work->mutex);
    return NULL;
}

static int start_threads(struct kith_sim_work *work, uint32_t count)
{
    work->thread = calloc(count > 0 ? count : 1, sizeof *work->thread);
    if (!work->thread) return KITH_ERR_NOMEM;
    while (work->threads < count) {
        if (pthread_create(&work->thread[work->threads], NULL, work_on, work)) return KITH_ERR_IO;
        work->threads++;
    }
    return 0;
}

int kith_sim_work_new(uint32_t nodes, uint32_t threads, struct kith_sim_work **ret_work)
{
    kith_assert(threads >= 1);
    struct kith_sim_work *work = calloc(1, sizeof *work);
    if (!work) return KITH_ERR_NOMEM;
    work->first = work->last = NONE;
    pthread_mutex_init(&work->mutex, NULL);
    pthread_cond_init(&work->waiting, NULL);
    pthread_cond_init(&work->done, NULL);
    work->places = calloc(nodes, sizeof *work->places);
    work->nodes = nodes;
    int err = work->places ? start_threads(work, threads - 1) : KITH_ERR_NOMEM;
    if (err) {
        kith_sim_work_free(work);
        return err;
    }
    *ret_work = work;
    return 0;
}

void kith_sim_work_free(struct kith_sim_work *work)
{
    if (!work) return;
    pthread_mutex_lock(&work->mutex);
    work->is_closing = true;
    pthread_cond_broadcast(&work->waiting);
    pthread_mutex_unlock(&work->mutex);
    for (uint32_t i = 0; i < work->threads; i++)
        pthread_join(work->thread[i], NULL);
    pthread_cond_destroy(&work->waiting);
    pthread_cond_destroy(&work->done);
    pthread_mutex_destroy(&work->mutex);
    free(work->thread);
    for (uint32_t i = 0; work->places && i < work->nodes; i++)
        free(work->places[i].run);
    free(work->places);
    free(work);
}

bool kith_sim_work_lend(struct kith_sim_work *work, uint32_t node, struct kith_job *job)
{
    struct place *place = &work->places[node];
    kith_assert(!place->job);
    if (!place->run) place->run = malloc(sizeof *place->run);
    if (!place->run) return false;
    memcpy(place->run, job, sizeof *job);
    atomic_store(&place->run->cancel, false);
    pthread_mutex_lock(&work->mutex);
    place->job = job;
    place->state = WAITING;
    place->prev = work->last;
    place->next = NONE;
    if (work->last == NONE)
        work->first = node;
    else
        work->places[work->last].next = node;
    work->last = node;
    pthread_cond_signal(&work->waiting);
    pthread_mutex_unlock(&work->mutex);
    return true;
}

/* Run the node's job now if nobody has; when this returns it is done. */
static void finish(struct kith_sim_work *work, uint32_t node)
{
    struct place *place = &work->places[node];
    pthread_mutex_lock(&work->mutex);
    if (place->state == WAITING) {
        unlink_node(work, node);
        place->state = RUNNING;
        pthread_mutex_unlock(&work->mutex);
        kith_job_run(place->run);
        pthread_mutex_lock(&work->mutex);
        place->state = DONE;
        work->count++;
    }
    while (place->state != DONE)
        pthread_cond_wait(&work->done, &work->mutex);
    pthread_mutex_unlock(&work->mutex);
}

struct kith_job *kith_sim_work_lent(const struct kith_sim_work *work, uint32_t node)
{
    return work->places[node].job;
}

struct kith_job *kith_sim_work_take(struct kith_sim_work *work, uint32_t node)
{
    struct kith_job *job = work->places[node].job;
    kith_assert(job);
    finish(work, node);
    bool cancel = atomic_load(&job->cancel);
    memcpy(job, work->places[node].run, sizeof *job);
    atomic_store(&job->cancel, cancel);
    work->places[node].job = NULL;
    return job;
}

void kith_sim_work_abandon(struct kith_sim_work *work, uint32_t node)
{
    if (!work->places[node].job) return;
    atomic_store(&work->places[node].run->cancel, true);
    finish(work, node);
    work->places[node].job = NULL;
}

uint64_t kith_sim_work_count(const struct kith_sim_work *work)
{
    return work->count;
}
