/* What comes over the socket between node and helper, in two pieces: what is read must be written
 * back as the same bytes. */
#include <string.h>

#include "base/assert.h"
#include "host/dht_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct kith_dht_stream *stream, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t room;
        uint8_t *at = kith_dht_stream_room(stream, &room);
        size_t len = size < room ? size : room;
        memcpy(at, data, len);
        kith_dht_stream_filled(stream, len);
        data += len;
        size -= len;

        struct kith_dht_message message;
        uint8_t frame[KITH_DHT_FRAME_MAX];
        int got;
        for (;;) {
            const uint8_t *start = stream->bytes + stream->start;
            got = kith_dht_stream_next(stream, &message);
            if (got != 1) break;
            size_t again = kith_dht_wire_encode(&message, frame);
            kith_assert(start + again == stream->bytes + stream->start);
            kith_assert(memcmp(start, frame, again) == 0);
        }
        if (got < 0) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kith_dht_stream stream;
    stream.start = stream.len = 0;
    size_t half = size / 2;
    feed(&stream, data, half);
    feed(&stream, data + half, size - half);
    return 0;
}
