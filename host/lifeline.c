#include "host/lifeline.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/err.h"

struct kith_lifeline {
    struct kith_lifeline_config config;
    uv_pipe_t stream;
    uv_timer_t timer;
    unsigned handles; /* not closed yet */
    bool is_torn;     /* the last line was written in part */
    char unread[64];  /* what the far end says, which is nothing */
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct kith_lifeline *lifeline = handle->data;
    if (--lifeline->handles == 0) free(lifeline);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct kith_lifeline *lifeline = handle->data;
    (void)suggested;
    *ret = uv_buf_init(lifeline->unread, sizeof lifeline->unread);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct kith_lifeline *lifeline = stream->data;
    (void)buffer;
    if (len >= 0) return;
    uv_read_stop(stream);
    lifeline->config.on_gone(lifeline->config.context);
}

void kith_lifeline_pulse(struct kith_lifeline *lifeline)
{
    char text[KITH_PULSE_MAX + 2];
    size_t len = 0;
    if (lifeline->is_torn) text[len++] = '\n';
    size_t written = lifeline->config.write(lifeline->config.context, text + len);
    kith_assert(written < KITH_PULSE_MAX);
    len += written;
    text[len++] = '\n';
    uv_buf_t buffer = uv_buf_init(text, (unsigned)len);
    int sent = uv_try_write((uv_stream_t *)&lifeline->stream, &buffer, 1);
    if (sent > 0) lifeline->is_torn = (size_t)sent < len;
}

static void on_timer(uv_timer_t *timer)
{
    kith_lifeline_pulse(timer->data);
}

static bool is_stream_socket(int fd)
{
    int type;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

int kith_lifeline_new(const struct kith_lifeline_config *config, struct kith_lifeline **ret)
{
    if (!is_stream_socket(config->fd)) return KITH_ERR_TYPE;
    struct kith_lifeline *lifeline = calloc(1, sizeof *lifeline);
    if (!lifeline) return KITH_ERR_NOMEM;
    lifeline->config = *config;
    lifeline->handles = 2;
    uv_pipe_init(config->loop, &lifeline->stream, 0);
    uv_timer_init(config->loop, &lifeline->timer);
    lifeline->stream.data = lifeline->timer.data = lifeline;
    int err = uv_pipe_open(&lifeline->stream, config->fd);
    if (!err) err = uv_read_start((uv_stream_t *)&lifeline->stream, on_alloc, on_read);
    if (!err) err = uv_timer_start(&lifeline->timer, on_timer, 0, KITH_PULSE_MS);
    if (err) {
        kith_lifeline_close(lifeline);
        return KITH_ERR_IO;
    }
    *ret = lifeline;
    return 0;
}

void kith_lifeline_close(struct kith_lifeline *lifeline)
{
    if (!lifeline) return;
    uv_close((uv_handle_t *)&lifeline->timer, on_handle_closed);
    uv_close((uv_handle_t *)&lifeline->stream, on_handle_closed);
}
