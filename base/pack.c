#include "base/pack.h"

#include <string.h>

#include <msgpack.h>

#include "base/err.h"

/* msgpack-c's packer asks for a sink that may fail; ours never lets it see a failure, the writer
 * remembers it. */
static int sink(void *data, const char *bytes, size_t len)
{
    kith_write_raw(data, bytes, len);
    return 0;
}

static msgpack_packer packer_of(struct kith_pack *pack)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, &pack->out, sink);
    return packer;
}

struct kith_pack kith_pack_into(void *buffer, size_t size)
{
    return (struct kith_pack){.out = kith_writer_into(buffer, size)};
}

void kith_pack_array(struct kith_pack *pack, uint32_t count)
{
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_array(&packer, count);
}

void kith_pack_uint(struct kith_pack *pack, uint64_t value)
{
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_uint64(&packer, value);
}

void kith_pack_bin_head(struct kith_pack *pack, size_t len)
{
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_bin(&packer, len);
}

void kith_pack_bin(struct kith_pack *pack, struct kith_bytes bytes)
{
    kith_pack_bin_head(pack, bytes.len);
    kith_write_raw(&pack->out, bytes.at, bytes.len);
}

void kith_pack_str(struct kith_pack *pack, const char *text)
{
    msgpack_packer packer = packer_of(pack);
    size_t len = strlen(text);
    msgpack_pack_str(&packer, len);
    msgpack_pack_str_body(&packer, text, len);
}

void kith_pack_bool(struct kith_pack *pack, bool value)
{
    msgpack_packer packer = packer_of(pack);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

struct kith_bytes kith_packed(const struct kith_pack *pack)
{
    return kith_written(&pack->out);
}

struct kith_unpack kith_unpack_of(struct kith_bytes bytes)
{
    return (struct kith_unpack){.in = kith_reader_of(bytes), .err = 0};
}

static void fail(struct kith_unpack *unpack, int err)
{
    if (unpack->err == 0) unpack->err = err;
}

/* The next `len` bytes as one big-endian number: msgpack's order. */
static uint64_t read_big(struct kith_unpack *unpack, size_t len)
{
    struct kith_bytes view = kith_read_view(&unpack->in, len);
    if (unpack->in.failed) fail(unpack, KITH_ERR_TRUNCATED);
    uint64_t value = 0;
    for (size_t i = 0; i < view.len; i++)
        value = value << 8 | view.at[i];
    return unpack->err ? 0 : value;
}

uint32_t kith_unpack_array(struct kith_unpack *unpack, uint32_t min, uint32_t max)
{
    if (unpack->err) return 0;
    uint64_t tag = read_big(unpack, 1);
    uint64_t count = 0;
    if (unpack->err) return 0;
    if ((tag & 0xf0) == 0x90)
        count = tag & 0x0f;
    else if (tag == 0xdc)
        count = read_big(unpack, 2);
    else if (tag == 0xdd)
        count = read_big(unpack, 4);
    else
        fail(unpack, KITH_ERR_TYPE);
    if (!unpack->err && count > unpack->in.left) fail(unpack, KITH_ERR_TRUNCATED);
    if (!unpack->err && (count < min || count > max)) fail(unpack, KITH_ERR_RANGE);
    return unpack->err ? 0 : (uint32_t)count;
}

uint64_t kith_unpack_uint(struct kith_unpack *unpack, uint64_t max)
{
    if (unpack->err) return 0;
    uint64_t tag = read_big(unpack, 1);
    uint64_t value = 0;
    if (unpack->err) return 0;
    if (tag < 0x80)
        value = tag;
    else if (tag >= 0xcc && tag <= 0xcf)
        value = read_big(unpack, (size_t)1 << (tag - 0xcc));
    else
        fail(unpack, KITH_ERR_TYPE);
    if (!unpack->err && value > max) fail(unpack, KITH_ERR_RANGE);
    return unpack->err ? 0 : value;
}

/* The length of a string whose 8-, 16- and 32-bit tags follow `first`. */
static size_t read_long_len(struct kith_unpack *unpack, uint64_t tag, uint64_t first)
{
    if (tag < first || tag > first + 2) {
        fail(unpack, KITH_ERR_TYPE);
        return 0;
    }
    return (size_t)read_big(unpack, (size_t)1 << (tag - first));
}

static struct kith_bytes read_body(struct kith_unpack *unpack, size_t len, size_t min, size_t max)
{
    if (!unpack->err && (len < min || len > max)) fail(unpack, KITH_ERR_RANGE);
    if (unpack->err) return (struct kith_bytes){NULL, 0};
    struct kith_bytes body = kith_read_view(&unpack->in, len);
    if (unpack->in.failed) fail(unpack, KITH_ERR_TRUNCATED);
    return body;
}

struct kith_bytes kith_unpack_bin(struct kith_unpack *unpack, size_t min, size_t max)
{
    if (unpack->err) return (struct kith_bytes){NULL, 0};
    uint64_t tag = read_big(unpack, 1);
    size_t len = unpack->err ? 0 : read_long_len(unpack, tag, 0xc4);
    return read_body(unpack, len, min, max);
}

void kith_unpack_str(struct kith_unpack *unpack, char *ret, size_t size)
{
    memset(ret, 0, size);
    if (unpack->err) return;
    uint64_t tag = read_big(unpack, 1);
    if (unpack->err) return;
    size_t len = (tag & 0xe0) == 0xa0 ? (size_t)(tag & 0x1f) : read_long_len(unpack, tag, 0xd9);
    struct kith_bytes body = read_body(unpack, len, 0, size - 1);
    for (size_t i = 0; i < body.len; i++)
        if (body.at[i] < 0x20 || body.at[i] > 0x7e) fail(unpack, KITH_ERR_INVALID);
    if (!unpack->err && body.len) memcpy(ret, body.at, body.len);
}

bool kith_unpack_bool(struct kith_unpack *unpack)
{
    if (unpack->err) return false;
    uint64_t tag = read_big(unpack, 1);
    if (!unpack->err && tag != 0xc2 && tag != 0xc3) fail(unpack, KITH_ERR_TYPE);
    return !unpack->err && tag == 0xc3;
}

int kith_unpack_end(const struct kith_unpack *unpack)
{
    if (unpack->err) return unpack->err;
    return unpack->in.left == 0 ? 0 : KITH_ERR_TRAILING;
}
