/* base/bytes.h: borrowed byte ranges, and cursors that read and write fixed binary within bounds.
 * All integers are little-endian. Pure. */
#ifndef KITH_BASE_BYTES_H
#define KITH_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed range; at may be NULL only when len is 0. */
struct kith_bytes {
    const uint8_t *at;
    size_t len;
};

/* Reads from the front of a range. After the first read past the end `failed` is set, every further
 * read gives zeros, and nothing outside the range is ever touched: check `failed` once at the end.
 */
struct kith_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

struct kith_reader kith_reader_of(struct kith_bytes bytes);
uint8_t kith_read_u8(struct kith_reader *reader);
uint16_t kith_read_u16(struct kith_reader *reader);
uint32_t kith_read_u32(struct kith_reader *reader);
uint64_t kith_read_u64(struct kith_reader *reader);
float kith_read_f32(struct kith_reader *reader);
/* Copy `len` bytes out; zeros if fewer are left. */
void kith_read_raw(struct kith_reader *reader, void *ret, size_t len);
/* Borrow `len` bytes in place; an empty range if fewer are left. */
struct kith_bytes kith_read_view(struct kith_reader *reader, size_t len);
/* True if every read succeeded and nothing is left over. */
bool kith_reader_done(const struct kith_reader *reader);

/* Writes into a buffer of fixed size. A write that does not fit sets `failed` and writes nothing.
 */
struct kith_writer {
    uint8_t *start;
    size_t len; /* written so far */
    size_t size;
    bool failed;
};

struct kith_writer kith_writer_into(void *buffer, size_t size);
void kith_write_u8(struct kith_writer *writer, uint8_t value);
void kith_write_u16(struct kith_writer *writer, uint16_t value);
void kith_write_u32(struct kith_writer *writer, uint32_t value);
void kith_write_u64(struct kith_writer *writer, uint64_t value);
void kith_write_f32(struct kith_writer *writer, float value);
void kith_write_raw(struct kith_writer *writer, const void *bytes, size_t len);
/* What was written; an empty range if a write failed. */
struct kith_bytes kith_written(const struct kith_writer *writer);

/* Lower-case hexadecimal, NUL-terminated: `ret` holds 2 * len + 1 characters. */
void kith_hex_encode(const uint8_t *bytes, size_t len, char *ret);
/* Exactly 2 * len hexadecimal digits of either case, then NUL. False, and nothing written,
 * otherwise. */
bool kith_hex_decode(const char *text, uint8_t *ret, size_t len);

#endif
