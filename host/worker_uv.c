#include "host/worker_uv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

struct entry {
    struct entry *next;
    void *item;
};

struct queue {
    struct entry *first;
    struct entry **last;
};

struct kith_worker {
    struct kith_worker_config config;
    uv_async_t wake; /* the loop: something is done */
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t more; /* the thread: something is queued, or closing */
    struct queue todo;
    struct queue done;
    struct entry spare; /* for one item when there is no memory */
    bool spare_used;
    bool closing;
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_push(struct queue *queue, struct entry *entry)
{
    entry->next = NULL;
    *queue->last = entry;
    queue->last = &entry->next;
}

static struct entry *queue_pop(struct queue *queue)
{
    struct entry *entry = queue->first;
    if (!entry) return NULL;
    queue->first = entry->next;
    if (!queue->first) queue->last = &queue->first;
    return entry;
}

static struct entry *next_todo(struct kith_worker *worker)
{
    uv_mutex_lock(&worker->mutex);
    while (!worker->todo.first && !worker->closing)
        uv_cond_wait(&worker->more, &worker->mutex);
    struct entry *entry = queue_pop(&worker->todo);
    uv_mutex_unlock(&worker->mutex);
    return entry;
}

static void thread_main(void *data)
{
    struct kith_worker *worker = data;
    struct entry *entry;
    if (worker->config.nice)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), worker->config.nice);
    while ((entry = next_todo(worker)) != NULL) {
        worker->config.run(entry->item);
        uv_mutex_lock(&worker->mutex);
        queue_push(&worker->done, entry);
        uv_mutex_unlock(&worker->mutex);
        uv_async_send(&worker->wake);
    }
}

static void drop(struct kith_worker *worker, struct entry *entry)
{
    if (entry == &worker->spare)
        worker->spare_used = false;
    else
        free(entry);
}

/* Wake-ups coalesce: hand back all that is done. */
static void on_wake(uv_async_t *wake)
{
    struct kith_worker *worker = wake->data;
    for (;;) {
        uv_mutex_lock(&worker->mutex);
        struct entry *entry = worker->closing ? NULL : queue_pop(&worker->done);
        uv_mutex_unlock(&worker->mutex);
        if (!entry) return;
        void *item = entry->item;
        drop(worker, entry);
        worker->config.done(worker->config.context, item);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct kith_worker *worker = handle->data;
    struct entry *entry;
    while ((entry = queue_pop(&worker->done)) != NULL)
        drop(worker, entry);
    uv_cond_destroy(&worker->more);
    uv_mutex_destroy(&worker->mutex);
    free(worker);
}

int kith_worker_new(const struct kith_worker_config *config, struct kith_worker **ret)
{
    struct kith_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return KITH_ERR_NOMEM;
    worker->config = *config;
    queue_init(&worker->todo);
    queue_init(&worker->done);
    if (uv_async_init(config->loop, &worker->wake, on_wake) != 0) {
        free(worker);
        return KITH_ERR_IO;
    }
    worker->wake.data = worker;
    uv_mutex_init(&worker->mutex);
    uv_cond_init(&worker->more);
    if (uv_thread_create(&worker->thread, thread_main, worker) != 0) {
        uv_close((uv_handle_t *)&worker->wake, on_closed);
        return KITH_ERR_IO;
    }
    *ret = worker;
    return 0;
}

int kith_worker_submit(struct kith_worker *worker, void *item)
{
    struct entry *entry = malloc(sizeof *entry);
    if (!entry && worker->spare_used) return KITH_ERR_NOMEM;
    if (!entry) {
        entry = &worker->spare;
        worker->spare_used = true;
    }
    entry->item = item;
    uv_mutex_lock(&worker->mutex);
    queue_push(&worker->todo, entry);
    uv_cond_signal(&worker->more);
    uv_mutex_unlock(&worker->mutex);
    return 0;
}

void kith_worker_close(struct kith_worker *worker)
{
    if (!worker) return;
    uv_mutex_lock(&worker->mutex);
    worker->closing = true;
    uv_cond_signal(&worker->more);
    uv_mutex_unlock(&worker->mutex);
    uv_thread_join(&worker->thread);
    uv_close((uv_handle_t *)&worker->wake, on_closed);
}
