#include "tools/wire_run.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/err.h"
#include "tools/wire_end.h"

enum { HEAD_LEN = 8, ROUNDS = 2, LANES = 4, LIMIT_MS = 60000 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef float lanes_unaligned __attribute__((vector_size(LANES * sizeof(float)), aligned(1)));

double kith_wire_cpu_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void kith_wire_average(float *mean, const uint8_t *other, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        lanes_unaligned theirs =
            *(const lanes_unaligned *)(const void *)(other + i * sizeof(float));
        *(lanes *)(mean + i) = (*(lanes *)(mean + i) + theirs) * 0.5f;
    }
}

/* Small messages need no more to warm up than they are. */
static size_t round_bytes(const struct kith_wire_end *end)
{
    return end->round == 0 && end->plan->frame == 0 ? KITH_WIRE_WARM : end->plan->bytes;
}

static size_t bytes_to_send(const struct kith_wire_end *end)
{
    return end->index == 0 || end->plan->both_ways ? round_bytes(end) : 0;
}

static size_t bytes_to_receive(const struct kith_wire_end *end)
{
    return end->index == 1 || end->plan->both_ways ? round_bytes(end) : 0;
}

static void round_begin(struct kith_wire_end *end)
{
    end->sent = 0;
    end->received = 0;
    end->has_all = false;
    end->may_speak = end->index == 0;
    end->began_ns = uv_hrtime();
    end->began_cpu_s = kith_wire_cpu_s();
}

static void round_end(struct kith_wire_end *end)
{
    end->cost.cpu_s[0] = kith_wire_cpu_s() - end->began_cpu_s;
    end->cost.wall_s = (double)(uv_hrtime() - end->began_ns) * 1e-9;
}

static void finish(struct kith_wire_end *end)
{
    end->round = ROUNDS;
    uv_close((uv_handle_t *)&end->timer, NULL);
    end->kind->close(end);
}

/* Say that all has arrived; go on to the next round when both ends have said so. */
static void settle(struct kith_wire_end *end)
{
    if (!end->has_all && end->received == bytes_to_receive(end)) {
        uint8_t word = (uint8_t)end->round;
        end->has_all = true;
        end->kind->send(end, (struct kith_bytes){&word, 1}, (struct kith_bytes){0});
    }
    if (!end->has_all || !end->other_has_all) return;
    round_end(end);
    end->other_has_all = false;
    if (end->round + 1 == ROUNDS) {
        finish(end);
        return;
    }
    end->round++;
    round_begin(end);
    kith_wire_room(end);
    settle(end);
}

void kith_wire_up(struct kith_wire_end *end)
{
    round_begin(end);
    kith_wire_room(end);
    settle(end);
}

void kith_wire_room(struct kith_wire_end *end)
{
    size_t total = bytes_to_send(end);
    size_t frame = end->plan->frame ? end->plan->frame : KITH_WIRE_FRAME;
    if (end->round == ROUNDS) return;
    if (end->plan->in_turns && !end->may_speak) return;
    while (end->sent < total && end->kind->room(end) > 0) {
        uint8_t head[HEAD_LEN];
        struct kith_writer writer = kith_writer_into(head, sizeof head);
        kith_write_u64(&writer, end->sent);
        const uint8_t *own = (const uint8_t *)end->plan->own[end->index];
        size_t left = total - end->sent;
        size_t len = left < frame ? left : frame;
        struct kith_bytes body = {own + end->sent, len};
        end->sent += len;
        end->kind->send(end, kith_written(&writer), body);
        end->may_speak = false;
        if (end->plan->in_turns) break;
    }
    end->kind->flush(end);
}

static void take(struct kith_wire_end *end, size_t at, struct kith_bytes body)
{
    const struct kith_wire_plan *plan = end->plan;
    float *arrived = plan->arrived[end->index] + at / sizeof(float);
    switch (plan->use) {
    case KITH_WIRE_DROP:
        return;
    case KITH_WIRE_STORE:
        memcpy(arrived, body.at, body.len);
        return;
    case KITH_WIRE_AVERAGE:
        kith_wire_average(arrived, body.at, body.len / sizeof(float));
        return;
    }
}

void kith_wire_message(struct kith_wire_end *end, struct kith_bytes message)
{
    if (end->round == ROUNDS) return;
    if (message.len == 1) {
        end->other_has_all = true;
        settle(end);
        return;
    }
    struct kith_reader reader = kith_reader_of(message);
    size_t at = kith_read_u64(&reader);
    struct kith_bytes body = kith_read_view(&reader, reader.left);
    kith_assert(body.len % (LANES * sizeof(float)) == 0);
    kith_assert(at + body.len <= round_bytes(end));
    take(end, at, body);
    end->received += body.len;
    end->may_speak = true;
    if (end->plan->in_turns) kith_wire_room(end);
    settle(end);
}

void kith_wire_fail(struct kith_wire_end *end, int err)
{
    if (end->round == ROUNDS) return;
    end->err = err;
    finish(end);
}

static void on_limit(uv_timer_t *timer)
{
    kith_wire_fail(timer->data, KITH_ERR_TIMEOUT);
}

static void *end_thread(void *argument)
{
    struct kith_wire_end *end = argument;
    int err = uv_loop_init(&end->loop);
    kith_assert(err == 0);
    uv_timer_init(&end->loop, &end->timer);
    end->timer.data = end;
    uv_timer_start(&end->timer, on_limit, LIMIT_MS, 0);
    /* The listener first; the dialler then knows its port. */
    if (end->index == 1) end->err = end->kind->open(end);
    pthread_barrier_wait(end->listens);
    if (end->index == 0) end->err = end->other->err ? KITH_ERR_CLOSED : end->kind->open(end);
    if (end->err != 0) uv_close((uv_handle_t *)&end->timer, NULL);
    uv_run(&end->loop, UV_RUN_DEFAULT);
    err = uv_loop_close(&end->loop);
    kith_assert(err == 0);
    return NULL;
}

int kith_wire_run(const struct kith_wire_plan *plan, struct kith_wire_cost *ret_cost)
{
    static struct kith_wire_end ends[2];
    pthread_barrier_t listens;
    pthread_t thread;
    memset(ends, 0, sizeof ends);
    pthread_barrier_init(&listens, NULL, 2);
    for (uint32_t i = 0; i < 2; i++) {
        ends[i].plan = plan;
        ends[i].kind = plan->sealed ? &kith_wire_sealed : &kith_wire_plain;
        ends[i].index = i;
        ends[i].other = &ends[1 - i];
        ends[i].listens = &listens;
    }
    if (pthread_create(&thread, NULL, end_thread, &ends[1]) != 0) return KITH_ERR_NOMEM;
    end_thread(&ends[0]);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&listens);
    if (ends[0].err != 0) return ends[0].err;
    if (ends[1].err != 0) return ends[1].err;
    ret_cost->wall_s = ends[0].cost.wall_s;
    ret_cost->cpu_s[0] = ends[0].cost.cpu_s[0];
    ret_cost->cpu_s[1] = ends[1].cost.cpu_s[0];
    return 0;
}
