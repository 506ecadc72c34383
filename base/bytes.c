#include "base/bytes.h"

#include <string.h>

struct kith_reader kith_reader_of(struct kith_bytes bytes)
{
    return (struct kith_reader){.at = bytes.at, .left = bytes.len, .failed = false};
}

static inline bool reader_take(struct kith_reader *reader, size_t len, const uint8_t **ret)
{
    if (reader->failed || reader->left < len) {
        reader->failed = true;
        return false;
    }
    *ret = reader->at;
    if (len) reader->at += len;
    reader->left -= len;
    return true;
}

/* Where the length is a constant, one load. */
__attribute__((always_inline)) static inline uint64_t read_little(struct kith_reader *reader,
                                                                  size_t len)
{
    const uint8_t *at;
    if (!reader_take(reader, len, &at)) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

uint8_t kith_read_u8(struct kith_reader *reader)
{
    return (uint8_t)read_little(reader, 1);
}

uint16_t kith_read_u16(struct kith_reader *reader)
{
    return (uint16_t)read_little(reader, 2);
}

uint32_t kith_read_u32(struct kith_reader *reader)
{
    return (uint32_t)read_little(reader, 4);
}

uint64_t kith_read_u64(struct kith_reader *reader)
{
    return read_little(reader, 8);
}

float kith_read_f32(struct kith_reader *reader)
{
    uint32_t bits = kith_read_u32(reader);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void kith_read_raw(struct kith_reader *reader, void *ret, size_t len)
{
    const uint8_t *at;
    if (len == 0) return;
    if (reader_take(reader, len, &at))
        memcpy(ret, at, len);
    else
        memset(ret, 0, len);
}

struct kith_bytes kith_read_view(struct kith_reader *reader, size_t len)
{
    const uint8_t *at;
    if (!reader_take(reader, len, &at)) return (struct kith_bytes){NULL, 0};
    return (struct kith_bytes){at, len};
}

bool kith_reader_done(const struct kith_reader *reader)
{
    return !reader->failed && reader->left == 0;
}

struct kith_writer kith_writer_into(void *buffer, size_t size)
{
    return (struct kith_writer){.start = buffer, .len = 0, .size = size, .failed = false};
}

void kith_write_raw(struct kith_writer *writer, const void *bytes, size_t len)
{
    if (writer->failed || writer->size - writer->len < len) {
        writer->failed = true;
        return;
    }
    if (len) memcpy(writer->start + writer->len, bytes, len);
    writer->len += len;
}

__attribute__((always_inline)) static inline void write_little(struct kith_writer *writer,
                                                               uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    kith_write_raw(writer, bytes, len);
}

void kith_write_u8(struct kith_writer *writer, uint8_t value)
{
    write_little(writer, value, 1);
}

void kith_write_u16(struct kith_writer *writer, uint16_t value)
{
    write_little(writer, value, 2);
}

void kith_write_u32(struct kith_writer *writer, uint32_t value)
{
    write_little(writer, value, 4);
}

void kith_write_u64(struct kith_writer *writer, uint64_t value)
{
    write_little(writer, value, 8);
}

void kith_write_f32(struct kith_writer *writer, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    kith_write_u32(writer, bits);
}

struct kith_bytes kith_written(const struct kith_writer *writer)
{
    if (writer->failed) return (struct kith_bytes){NULL, 0};
    return (struct kith_bytes){writer->start, writer->len};
}

void kith_hex_encode(const uint8_t *bytes, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool kith_hex_decode(const char *text, uint8_t *ret, size_t len)
{
    if (strnlen(text, 2 * len + 1) != 2 * len) return false;
    for (size_t i = 0; i < 2 * len; i++)
        if (hex_digit(text[i]) < 0) return false;
    for (size_t i = 0; i < len; i++)
        ret[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return true;
}
