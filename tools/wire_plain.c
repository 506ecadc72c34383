/* The wire bench over a plain libuv stream: the same frames, but their bodies go as they are,
 * straight from the sender's memory, and come out of the receive buffer: no cipher and no copy. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "tools/wire_end.h"

enum { LENGTH_LEN = 4, HEAD_MAX = 16, BATCH = 4, RECEIVE_SIZE = 320 * 1024 };

struct kith_wire_plain_link {
    uv_tcp_t tcp;
    uv_tcp_t listener;
    uint32_t handles; /* open ones of these two */
    uv_connect_t connect;
    uv_write_t write;
    bool is_writing;
    bool has_word;  /* a control message waits */
    uint32_t count; /* frames gathered for the next write */
    uv_buf_t buffers[2 * BATCH];
    uint8_t frames[BATCH][LENGTH_LEN + HEAD_MAX + KITH_WIRE_FRAME]; /* or their heads alone */
    size_t start, end; /* of what was received and not taken */
    uint8_t in[RECEIVE_SIZE];
};

static void on_written(uv_write_t *write, int status)
{
    struct kith_wire_end *end = write->handle->data;
    if (status == UV_ECANCELED) return;
    if (status != 0) {
        kith_wire_fail(end, KITH_ERR_IO);
        return;
    }
    end->plain->is_writing = false;
    end->plain->count = 0;
    kith_wire_room(end);
}

static void plain_flush(struct kith_wire_end *end)
{
    struct kith_wire_plain_link *link = end->plain;
    if (link->is_writing || link->count == 0) return;
    link->is_writing = true;
    if (uv_write(&link->write, (uv_stream_t *)&link->tcp, link->buffers, 2 * link->count,
                 on_written) != 0)
        kith_wire_fail(end, KITH_ERR_IO);
}

struct word {
    uv_write_t write;
    uint8_t bytes[LENGTH_LEN + 1];
};

static void on_word_written(uv_write_t *write, int status)
{
    (void)status; /* reading tells when the connection is gone */
    free(write->data);
}

static void send_word(struct kith_wire_end *end, uint8_t value)
{
    struct word *word = calloc(1, sizeof *word);
    kith_assert(word);
    struct kith_writer writer = kith_writer_into(word->bytes, sizeof word->bytes);
    kith_write_u32(&writer, 1);
    kith_write_u8(&writer, value);
    word->write.data = word;
    uv_buf_t buffer = uv_buf_init((char *)word->bytes, sizeof word->bytes);
    plain_flush(end);
    if (uv_write(&word->write, (uv_stream_t *)&end->plain->tcp, &buffer, 1, on_word_written) == 0)
        return;
    free(word);
    kith_wire_fail(end, KITH_ERR_IO);
}

static size_t plain_room(struct kith_wire_end *end)
{
    struct kith_wire_plain_link *link = end->plain;
    return link->is_writing ? 0 : (size_t)(BATCH - link->count);
}

static void plain_send(struct kith_wire_end *end, struct kith_bytes head, struct kith_bytes body)
{
    struct kith_wire_plain_link *link = end->plain;
    if (body.len == 0) {
        send_word(end, head.at[0]);
        return;
    }
    uint8_t *frame = link->frames[link->count];
    uv_buf_t *buffers = &link->buffers[2 * link->count];
    struct kith_writer writer = kith_writer_into(frame, sizeof link->frames[0]);
    kith_write_u32(&writer, (uint32_t)(head.len + body.len));
    kith_write_raw(&writer, head.at, head.len);
    buffers[1] = uv_buf_init((char *)(uintptr_t)body.at, (unsigned)body.len);
    if (end->plan->copied) {
        buffers[1] = uv_buf_init((char *)frame + writer.len, (unsigned)body.len);
        kith_write_raw(&writer, body.at, body.len);
    }
    buffers[0] = uv_buf_init((char *)frame, LENGTH_LEN + (unsigned)head.len);
    link->count++;
    if (link->count == BATCH) plain_flush(end);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct kith_wire_end *end = handle->data;
    struct kith_wire_plain_link *link = end->plain;
    (void)suggested;
    *ret_buffer =
        uv_buf_init((char *)link->in + link->end, (unsigned)(sizeof link->in - link->end));
}

static void take_frames(struct kith_wire_end *end)
{
    struct kith_wire_plain_link *link = end->plain;
    for (;;) {
        struct kith_reader reader =
            kith_reader_of((struct kith_bytes){link->in + link->start, link->end - link->start});
        size_t len = kith_read_u32(&reader);
        struct kith_bytes message = kith_read_view(&reader, len);
        if (reader.failed) break;
        link->start += LENGTH_LEN + len;
        kith_wire_message(end, message);
    }
    size_t left = link->end - link->start;
    if (left > 0 && sizeof link->in - link->end > 2 * KITH_WIRE_FRAME) return;
    memmove(link->in, link->in + link->start, left);
    link->start = 0;
    link->end = left;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct kith_wire_end *end = stream->data;
    (void)buffer;
    if (len < 0) {
        kith_wire_fail(end, KITH_ERR_IO);
        return;
    }
    end->plain->end += (size_t)len;
    take_frames(end);
}

static void plain_up(struct kith_wire_end *end)
{
    uv_tcp_nodelay(&end->plain->tcp, 1);
    if (uv_read_start((uv_stream_t *)&end->plain->tcp, on_alloc, on_read) != 0)
        kith_wire_fail(end, KITH_ERR_IO);
    else
        kith_wire_up(end);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct kith_wire_end *end = listener->data;
    if (status != 0 || uv_accept(listener, (uv_stream_t *)&end->plain->tcp) != 0)
        kith_wire_fail(end, KITH_ERR_IO);
    else
        plain_up(end);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct kith_wire_end *end = connect->handle->data;
    if (status == UV_ECANCELED) return;
    if (status != 0)
        kith_wire_fail(end, KITH_ERR_IO);
    else
        plain_up(end);
}

static int plain_listen(struct kith_wire_end *end)
{
    uv_tcp_t *listener = &end->plain->listener;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int len = sizeof addr;
    if (uv_tcp_bind(listener, (struct sockaddr *)&addr, 0) != 0) return KITH_ERR_IO;
    if (uv_listen((uv_stream_t *)listener, 1, on_connection) != 0) return KITH_ERR_IO;
    if (uv_tcp_getsockname(listener, (struct sockaddr *)&addr, &len) != 0) return KITH_ERR_IO;
    end->port = ntohs(addr.sin_port);
    return 0;
}

static int plain_dial(struct kith_wire_end *end)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(end->other->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int err = uv_tcp_connect(&end->plain->connect, &end->plain->tcp, (struct sockaddr *)&addr,
                             on_connected);
    return err == 0 ? 0 : KITH_ERR_IO;
}

static int plain_open(struct kith_wire_end *end)
{
    end->plain = calloc(1, sizeof *end->plain);
    if (!end->plain) return KITH_ERR_NOMEM;
    uv_tcp_init(&end->loop, &end->plain->tcp);
    uv_tcp_init(&end->loop, &end->plain->listener);
    end->plain->handles = 2;
    end->plain->tcp.data = end;
    end->plain->listener.data = end;
    return end->index == 1 ? plain_listen(end) : plain_dial(end);
}

static void on_closed(uv_handle_t *handle)
{
    struct kith_wire_end *end = handle->data;
    if (--end->plain->handles > 0) return;
    free(end->plain);
    end->plain = NULL;
}

static void close_handles(struct kith_wire_end *end)
{
    uv_close((uv_handle_t *)&end->plain->listener, on_closed);
    uv_close((uv_handle_t *)&end->plain->tcp, on_closed);
}

static void on_shut_down(uv_shutdown_t *shutdown, int status)
{
    struct kith_wire_end *end = shutdown->handle->data;
    (void)status;
    free(shutdown);
    close_handles(end);
}

/* After what is still to be written. */
static void plain_close(struct kith_wire_end *end)
{
    uv_shutdown_t *shutdown = calloc(1, sizeof *shutdown);
    kith_assert(shutdown);
    uv_read_stop((uv_stream_t *)&end->plain->tcp);
    if (uv_shutdown(shutdown, (uv_stream_t *)&end->plain->tcp, on_shut_down) == 0) return;
    free(shutdown);
    close_handles(end);
}

const struct kith_wire_kind kith_wire_plain = {.open = plain_open,
                                               .room = plain_room,
                                               .send = plain_send,
                                               .flush = plain_flush,
                                               .close = plain_close};
