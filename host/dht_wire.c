#include "host/dht_wire.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"

enum { LENGTH_FIELD = 2 };

static bool read_addr(struct kith_reader *reader, struct kith_addr *ret)
{
    ret->family = kith_read_u8(reader);
    kith_read_raw(reader, ret->ip, sizeof ret->ip);
    ret->port = kith_read_u16(reader);
    return kith_addr_kind(ret) != KITH_ADDR_BAD;
}

static void write_addr(struct kith_writer *writer, const struct kith_addr *addr)
{
    kith_write_u8(writer, addr->family);
    kith_write_raw(writer, addr->ip, sizeof addr->ip);
    kith_write_u16(writer, addr->port);
}

static int read_start(struct kith_reader *reader, struct kith_dht_message *ret)
{
    ret->start.net32 = kith_read_u32(reader);
    ret->start.port = kith_read_u16(reader);
    ret->start.flags = kith_read_u8(reader);
    ret->start.seed_count = kith_read_u8(reader);
    if (reader->failed) return KITH_ERR_TRUNCATED;
    if (ret->start.port == 0) return KITH_ERR_RANGE;
    if (ret->start.flags & ~(KITH_DHT_LOOPBACK_ONLY | KITH_DHT_SHIELD_OFF)) return KITH_ERR_RANGE;
    if (ret->start.seed_count > KITH_DHT_WIRE_SEEDS_MAX) return KITH_ERR_RANGE;
    for (uint32_t i = 0; i < ret->start.seed_count; i++) {
        bool good = read_addr(reader, &ret->start.seeds[i]);
        if (reader->failed) return KITH_ERR_TRUNCATED;
        if (!good) return KITH_ERR_INVALID;
    }
    return 0;
}

static int read_value(struct kith_reader *reader, struct kith_bytes *ret)
{
    if (reader->failed || reader->left == 0) return KITH_ERR_TRUNCATED;
    if (reader->left > KITH_DHT_VALUE_MAX) return KITH_ERR_RANGE;
    *ret = kith_read_view(reader, reader->left);
    return 0;
}

static int read_put(struct kith_reader *reader, struct kith_dht_message *ret)
{
    ret->put.number = kith_read_u64(reader);
    kith_read_raw(reader, ret->put.key, sizeof ret->put.key);
    return read_value(reader, &ret->put.value);
}

static int read_get(struct kith_reader *reader, struct kith_dht_message *ret)
{
    ret->get.number = kith_read_u64(reader);
    kith_read_raw(reader, ret->get.key, sizeof ret->get.key);
    ret->get.values_max = kith_read_u8(reader);
    if (reader->failed) return KITH_ERR_TRUNCATED;
    bool in_range = ret->get.values_max > 0 && ret->get.values_max <= KITH_DHT_VALUES_MAX;
    return in_range ? 0 : KITH_ERR_RANGE;
}

static int read_ping(struct kith_reader *reader, struct kith_dht_message *ret)
{
    bool good = read_addr(reader, &ret->ping.addr);
    if (reader->failed) return KITH_ERR_TRUNCATED;
    return good ? 0 : KITH_ERR_INVALID;
}

static int read_err(struct kith_reader *reader, int *ret)
{
    uint8_t magnitude = kith_read_u8(reader);
    if (reader->failed) return KITH_ERR_TRUNCATED;
    if (magnitude >= KITH_ERR_COUNT) return KITH_ERR_RANGE;
    *ret = -(int)magnitude;
    return 0;
}

static int read_stats(struct kith_reader *reader, struct kith_dht_message *ret)
{
    ret->stats.traffic.datagrams = kith_read_u64(reader);
    ret->stats.traffic.dropped = kith_read_u64(reader);
    ret->stats.traffic.bytes = kith_read_u64(reader);
    ret->stats.traffic.datagrams_out = kith_read_u64(reader);
    ret->stats.traffic.bytes_out = kith_read_u64(reader);
    ret->stats.pings_answered = kith_read_u64(reader);
    ret->stats.open = kith_read_u32(reader);
    return reader->failed ? KITH_ERR_TRUNCATED : 0;
}

static int read_body(struct kith_reader *reader, uint8_t kind, struct kith_dht_message *ret)
{
    switch (kind) {
    case KITH_DHT_START:
        return read_start(reader, ret);
    case KITH_DHT_PUT:
        return read_put(reader, ret);
    case KITH_DHT_GET:
        return read_get(reader, ret);
    case KITH_DHT_PING:
        return read_ping(reader, ret);
    case KITH_DHT_ASK_STATS:
        return 0;
    case KITH_DHT_STARTED:
        ret->started.port = kith_read_u16(reader);
        return read_err(reader, &ret->started.err);
    case KITH_DHT_VALUE:
        ret->value.number = kith_read_u64(reader);
        return read_value(reader, &ret->value.value);
    case KITH_DHT_DONE:
        ret->done.number = kith_read_u64(reader);
        return read_err(reader, &ret->done.err);
    case KITH_DHT_STATS:
        return read_stats(reader, ret);
    default:
        return KITH_ERR_TYPE;
    }
}

int kith_dht_wire_decode(struct kith_bytes frame, struct kith_dht_message *ret)
{
    struct kith_reader reader = kith_reader_of(frame);
    struct kith_dht_message message = {0};
    uint8_t kind = kith_read_u8(&reader);
    if (reader.failed) return KITH_ERR_TRUNCATED;
    int err = read_body(&reader, kind, &message);
    if (err) return err;
    if (!kith_reader_done(&reader)) return KITH_ERR_TRAILING;
    message.kind = (enum kith_dht_kind)kind;
    *ret = message;
    return 0;
}

static void write_body(struct kith_writer *writer, const struct kith_dht_message *message)
{
    switch (message->kind) {
    case KITH_DHT_START:
        kith_write_u32(writer, message->start.net32);
        kith_write_u16(writer, message->start.port);
        kith_write_u8(writer, message->start.flags);
        kith_write_u8(writer, message->start.seed_count);
        for (uint32_t i = 0; i < message->start.seed_count; i++)
            write_addr(writer, &message->start.seeds[i]);
        return;
    case KITH_DHT_PUT:
        kith_write_u64(writer, message->put.number);
        kith_write_raw(writer, message->put.key, sizeof message->put.key);
        kith_write_raw(writer, message->put.value.at, message->put.value.len);
        return;
    case KITH_DHT_GET:
        kith_write_u64(writer, message->get.number);
        kith_write_raw(writer, message->get.key, sizeof message->get.key);
        kith_write_u8(writer, message->get.values_max);
        return;
    case KITH_DHT_PING:
        write_addr(writer, &message->ping.addr);
        return;
    case KITH_DHT_ASK_STATS:
        return;
    case KITH_DHT_STARTED:
        kith_write_u16(writer, message->started.port);
        kith_write_u8(writer, (uint8_t)-message->started.err);
        return;
    case KITH_DHT_VALUE:
        kith_write_u64(writer, message->value.number);
        kith_write_raw(writer, message->value.value.at, message->value.value.len);
        return;
    case KITH_DHT_DONE:
        kith_write_u64(writer, message->done.number);
        kith_write_u8(writer, (uint8_t)-message->done.err);
        return;
    case KITH_DHT_STATS:
        kith_write_u64(writer, message->stats.traffic.datagrams);
        kith_write_u64(writer, message->stats.traffic.dropped);
        kith_write_u64(writer, message->stats.traffic.bytes);
        kith_write_u64(writer, message->stats.traffic.datagrams_out);
        kith_write_u64(writer, message->stats.traffic.bytes_out);
        kith_write_u64(writer, message->stats.pings_answered);
        kith_write_u32(writer, message->stats.open);
        return;
    }
}

size_t kith_dht_wire_encode(const struct kith_dht_message *message,
                            uint8_t ret[static KITH_DHT_FRAME_MAX])
{
    struct kith_writer body =
        kith_writer_into(ret + LENGTH_FIELD, KITH_DHT_FRAME_MAX - LENGTH_FIELD);
    kith_write_u8(&body, (uint8_t)message->kind);
    write_body(&body, message);
    kith_assert(!body.failed);
    struct kith_writer head = kith_writer_into(ret, LENGTH_FIELD);
    kith_write_u16(&head, (uint16_t)body.len);
    return LENGTH_FIELD + body.len;
}

uint8_t *kith_dht_stream_room(struct kith_dht_stream *stream, size_t *ret_size)
{
    if (stream->start > 0) {
        stream->len -= stream->start;
        memmove(stream->bytes, stream->bytes + stream->start, stream->len);
        stream->start = 0;
    }
    *ret_size = sizeof stream->bytes - stream->len;
    return stream->bytes + stream->len;
}

void kith_dht_stream_filled(struct kith_dht_stream *stream, size_t len)
{
    kith_assert(len <= sizeof stream->bytes - stream->len);
    stream->len += len;
}

int kith_dht_stream_next(struct kith_dht_stream *stream, struct kith_dht_message *ret)
{
    size_t left = stream->len - stream->start;
    if (left < LENGTH_FIELD) return 0;
    const uint8_t *at = stream->bytes + stream->start;
    size_t len = (size_t)at[0] | (size_t)at[1] << 8;
    if (len > KITH_DHT_FRAME_MAX - LENGTH_FIELD) return KITH_ERR_RANGE;
    if (left - LENGTH_FIELD < len) return 0;
    int err = kith_dht_wire_decode((struct kith_bytes){at + LENGTH_FIELD, len}, ret);
    if (err) return err;
    stream->start += LENGTH_FIELD + len;
    return 1;
}
