#include "host/dht_child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

enum { UNSENT_MAX = 256 * 1024 };

struct kith_dht_child {
    struct kith_dht_child_config config;
    uv_process_t process;
    uv_pipe_t stream;
    unsigned handles; /* not closed yet */
    bool lives;
    bool is_hung_up;
    struct kith_dht_death death;
    struct kith_dht_stream in;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct kith_dht_child *child = handle->data;
    if (--child->handles > 0) return;
    child->config.on_death(child->config.context, &child->death);
    free(child);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) uv_close(handle, on_handle_closed);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
    struct kith_dht_child *child = process->data;
    child->lives = false;
    child->death.status = status;
    child->death.signal = signal;
    close_handle((uv_handle_t *)&child->process);
    close_handle((uv_handle_t *)&child->stream);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct kith_dht_child *child = handle->data;
    size_t room;
    (void)suggested;
    uint8_t *at = kith_dht_stream_room(&child->in, &room);
    *ret = uv_buf_init((char *)at, (unsigned)room);
}

static void take_messages(struct kith_dht_child *child)
{
    struct kith_dht_message message;
    int got = 0;
    /* A callback may hang up. */
    while (!child->is_hung_up && (got = kith_dht_stream_next(&child->in, &message)) == 1) {
        if (child->config.on_message(child->config.context, &message)) continue;
        got = KITH_ERR_TYPE;
        break;
    }
    if (got < 0) kith_dht_child_kill(child);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct kith_dht_child *child = stream->data;
    (void)buffer;
    if (len < 0) {
        /* Its last words were read before this; without a socket it is of no use. */
        uv_read_stop(stream);
        kith_dht_child_kill(child);
        return;
    }
    kith_dht_stream_filled(&child->in, (size_t)len);
    take_messages(child);
}

static int spawn(struct kith_dht_child *child)
{
    char name[] = "kith-dht";
    char *arguments[] = {name, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE),
         .data.stream = (uv_stream_t *)&child->stream},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .file = child->config.path,
        .args = arguments,
        .stdio_count = 3,
        .stdio = stdio,
    };
    int err = uv_spawn(child->config.loop, &child->process, &options);
    if (err) return err;
    child->lives = true;
    return uv_read_start((uv_stream_t *)&child->stream, on_alloc, on_read);
}

int kith_dht_child_new(const struct kith_dht_child_config *config, struct kith_dht_child **ret)
{
    struct kith_dht_child *child = calloc(1, sizeof *child);
    if (!child) return KITH_ERR_NOMEM;
    child->config = *config;
    child->handles = 2;
    uv_pipe_init(config->loop, &child->stream, 0);
    child->stream.data = child;
    child->process.data = child;
    int err = spawn(child);
    if (err && child->lives) kith_dht_child_kill(child);
    if (err && !child->lives) {
        child->death.spawn_err = err;
        close_handle((uv_handle_t *)&child->process);
        close_handle((uv_handle_t *)&child->stream);
    }
    *ret = child;
    return 0;
}

struct unsent {
    uv_write_t request;
    uint8_t bytes[KITH_DHT_FRAME_MAX];
};

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a broken socket shows as the helper's death */
    free(request->data);
}

int kith_dht_child_send(struct kith_dht_child *child, const struct kith_dht_message *message)
{
    if (!child->lives || child->is_hung_up) return KITH_ERR_CLOSED;
    if (child->stream.write_queue_size > UNSENT_MAX) return KITH_ERR_NOMEM;
    struct unsent *unsent = malloc(sizeof *unsent);
    if (!unsent) return KITH_ERR_NOMEM;
    size_t len = kith_dht_wire_encode(message, unsent->bytes);
    uv_buf_t buffer = uv_buf_init((char *)unsent->bytes, (unsigned)len);
    unsent->request.data = unsent;
    int err = uv_write(&unsent->request, (uv_stream_t *)&child->stream, &buffer, 1, on_written);
    if (!err) return 0;
    free(unsent);
    return KITH_ERR_CLOSED;
}

void kith_dht_child_hang_up(struct kith_dht_child *child)
{
    child->is_hung_up = true;
    close_handle((uv_handle_t *)&child->stream);
}

void kith_dht_child_kill(struct kith_dht_child *child)
{
    /* It may be gone already: then its exit is on the way. */
    if (child->lives) (void)uv_process_kill(&child->process, SIGKILL);
}

pid_t kith_dht_child_pid(const struct kith_dht_child *child)
{
    return child->lives ? (pid_t)uv_process_get_pid(&child->process) : 0;
}

static bool is_program(const char *directory, const char *file,
                       char ret_path[static KITH_DHT_PATH_MAX])
{
    int len = snprintf(ret_path, KITH_DHT_PATH_MAX, "%s/%s", directory, file);
    return len > 0 && len < KITH_DHT_PATH_MAX && access(ret_path, X_OK) == 0;
}

int kith_dht_child_find(char ret_path[static KITH_DHT_PATH_MAX])
{
    static const char *const beside[] = {"kith-dht", "../host/kith-dht", "../../host/kith-dht",
                                         "../libexec/kith/kith-dht"};
    char own[KITH_DHT_PATH_MAX];
    size_t len = sizeof own;
    if (uv_exepath(own, &len) == 0) {
        char *slash = strrchr(own, '/');
        if (slash) *slash = '\0';
        for (size_t i = 0; slash && i < sizeof beside / sizeof beside[0]; i++)
            if (is_program(own, beside[i], ret_path)) return 0;
    }
    return is_program(KITH_LIBEXEC, "kith-dht", ret_path) ? 0 : KITH_ERR_NOT_FOUND;
}
