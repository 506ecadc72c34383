#include "host/ward.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

enum { STREAMS = 2 };

/* One of the two streams from the process. */
struct stream {
    uv_pipe_t pipe;
    void (*on_line)(void *context, const char *line, size_t len);
    size_t len;
    char bytes[KITH_WARD_LINE_MAX];
};

struct kith_ward {
    struct kith_ward_config config;
    uv_process_t process;
    struct stream output;
    struct stream lifeline;
    unsigned handles; /* not closed yet */
    bool has_process;
    bool lives;
    int64_t status;
    int signal;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct kith_ward *ward = handle->data;
    if (--ward->handles > 0) return;
    if (ward->config.on_end) ward->config.on_end(ward->config.context, ward->status, ward->signal);
    free(ward);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) uv_close(handle, on_handle_closed);
}

/* Hand up whole lines, and what fills the buffer without one; at the end, the rest too. */
static void take_lines(struct kith_ward *ward, struct stream *stream, bool is_end)
{
    size_t start = 0;
    while (start < stream->len) {
        char *at = stream->bytes + start;
        char *end = memchr(at, '\n', stream->len - start);
        size_t len = end ? (size_t)(end - at) : stream->len - start;
        if (!end && !is_end && len < sizeof stream->bytes) break;
        stream->on_line(ward->config.context, at, len);
        start += len + (end != NULL);
    }
    stream->len -= start;
    memmove(stream->bytes, stream->bytes + start, stream->len);
}

static struct stream *stream_of(struct kith_ward *ward, const void *handle)
{
    return handle == &ward->output.pipe ? &ward->output : &ward->lifeline;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct stream *stream = stream_of(handle->data, handle);
    (void)suggested;
    *ret = uv_buf_init(stream->bytes + stream->len, (unsigned)(sizeof stream->bytes - stream->len));
}

static void on_read(uv_stream_t *handle, ssize_t len, const uv_buf_t *buffer)
{
    struct kith_ward *ward = handle->data;
    struct stream *stream = stream_of(ward, handle);
    (void)buffer;
    if (len < 0) {
        uv_read_stop(handle); /* its end is told by the process's */
        return;
    }
    stream->len += (size_t)len;
    take_lines(ward, stream, false);
}

/* What it said last is still on the way when its end is told. */
static void drain(struct kith_ward *ward, struct stream *stream)
{
    int fd;
    ssize_t len = 0;
    if (uv_fileno((uv_handle_t *)&stream->pipe, &fd) != 0) return;
    do {
        stream->len += (size_t)len;
        take_lines(ward, stream, false);
        len = read(fd, stream->bytes + stream->len, sizeof stream->bytes - stream->len);
    } while (len > 0);
    take_lines(ward, stream, true);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal)
{
    struct kith_ward *ward = process->data;
    ward->lives = false;
    ward->status = status;
    ward->signal = signal;
    drain(ward, &ward->output);
    drain(ward, &ward->lifeline);
    close_handle((uv_handle_t *)&ward->process);
    close_handle((uv_handle_t *)&ward->output.pipe);
    close_handle((uv_handle_t *)&ward->lifeline.pipe);
}

static int spawn(struct kith_ward *ward, int output)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE),
         .data.stream = (uv_stream_t *)&ward->lifeline.pipe},
        {.flags = UV_INHERIT_FD, .data.fd = output},
        {.flags = UV_INHERIT_FD, .data.fd = output},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_,
        .file = ward->config.program,
        .args = ward->config.words,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };
    ward->has_process = true;
    ward->handles++;
    return uv_spawn(ward->config.loop, &ward->process, &options);
}

static int start(struct kith_ward *ward)
{
    uv_file ends[2];
    if (uv_pipe(ends, UV_NONBLOCK_PIPE, 0) != 0) return KITH_ERR_IO;
    int err = uv_pipe_open(&ward->output.pipe, ends[0]);
    if (err)
        close(ends[0]);
    else
        err = spawn(ward, ends[1]);
    close(ends[1]);
    if (err) return KITH_ERR_IO;
    ward->lives = true;
    /* Should these fail, it is heard at its end. */
    (void)uv_read_start((uv_stream_t *)&ward->output.pipe, on_alloc, on_read);
    (void)uv_read_start((uv_stream_t *)&ward->lifeline.pipe, on_alloc, on_read);
    return 0;
}

int kith_ward_new(const struct kith_ward_config *config, struct kith_ward **ret)
{
    struct kith_ward *ward = calloc(1, sizeof *ward);
    if (!ward) return KITH_ERR_NOMEM;
    ward->config = *config;
    ward->handles = STREAMS;
    ward->output.on_line = config->on_line;
    ward->lifeline.on_line = config->on_pulse;
    uv_pipe_init(config->loop, &ward->output.pipe, 0);
    uv_pipe_init(config->loop, &ward->lifeline.pipe, 0);
    ward->process.data = ward->output.pipe.data = ward->lifeline.pipe.data = ward;
    int err = start(ward);
    ward->config.words = NULL; /* only borrowed */
    if (err) {
        ward->config.on_end = NULL;
        if (ward->has_process) close_handle((uv_handle_t *)&ward->process);
        close_handle((uv_handle_t *)&ward->output.pipe);
        close_handle((uv_handle_t *)&ward->lifeline.pipe);
        return err;
    }
    *ret = ward;
    return 0;
}

pid_t kith_ward_pid(const struct kith_ward *ward)
{
    return ward->lives ? (pid_t)uv_process_get_pid(&ward->process) : 0;
}

void kith_ward_signal(struct kith_ward *ward, int signal)
{
    if (ward->lives) (void)uv_process_kill(&ward->process, signal);
}
