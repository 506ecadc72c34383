#include "overlay/overlay_msg.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/pack.h"

enum { RECORD_MIN = 64, WANT_LEN = 16, FILTER_SALT_LEN = 8, BLOCKS_MAX = 1 << 20 };

static const uint64_t wall_ms_max = UINT64_C(1) << 48; /* as in records */

static const char *const names[KITH_MSG_TYPES] = {
    [KITH_MSG_HELLO] = "HELLO",         [KITH_MSG_PING] = "PING",
    [KITH_MSG_PONG] = "PONG",           [KITH_MSG_PEERS] = "PEERS",
    [KITH_MSG_HEAD_WANT] = "HEAD_WANT", [KITH_MSG_HEAD] = "HEAD",
    [KITH_MSG_WANT] = "WANT",           [KITH_MSG_BLOCK] = "BLOCK",
    [KITH_MSG_NOPE] = "NOPE",           [KITH_MSG_STATUS_WANT] = "STATUS_WANT",
    [KITH_MSG_STATUS] = "STATUS",
};

/* Elements of the array, the type included. */
static const uint8_t arity[KITH_MSG_TYPES] = {
    [KITH_MSG_HELLO] = 3,       [KITH_MSG_PING] = 2,      [KITH_MSG_PONG] = 3,
    [KITH_MSG_PEERS] = 5,       [KITH_MSG_HEAD_WANT] = 3, [KITH_MSG_HEAD] = 4,
    [KITH_MSG_WANT] = 4,        [KITH_MSG_BLOCK] = 5,     [KITH_MSG_NOPE] = 2,
    [KITH_MSG_STATUS_WANT] = 1, [KITH_MSG_STATUS] = 3,
};

const char *kith_msg_name(uint32_t type)
{
    return type < KITH_MSG_TYPES && names[type] ? names[type] : "?";
}

bool kith_msg_is_bulk(enum kith_msg_type type)
{
    return type == KITH_MSG_BLOCK;
}

enum kith_purpose kith_msg_purpose(struct kith_bytes head, uint8_t *ret_kind,
                                   struct kith_id *ret_object)
{
    enum { TYPE_AT = 1, FIELD_AT = 2, BIN8 = 0xc4, ID_AT = 4 };
    *ret_kind = 0;
    if (head.len <= TYPE_AT) return KITH_PURPOSE_OTHER;
    uint8_t type = head.at[TYPE_AT];
    if (type >= KITH_MSG_HELLO && type <= KITH_MSG_PEERS) return KITH_PURPOSE_GOSSIP;
    if ((type == KITH_MSG_HEAD_WANT || type == KITH_MSG_HEAD) && head.len > FIELD_AT) {
        *ret_kind = head.at[FIELD_AT];
        return KITH_PURPOSE_PULL;
    }
    bool has_object = type == KITH_MSG_WANT || type == KITH_MSG_BLOCK || type == KITH_MSG_NOPE;
    if (!has_object || head.len < ID_AT + KITH_ID_LEN) return KITH_PURPOSE_OTHER;
    if (head.at[FIELD_AT] != BIN8 || head.at[FIELD_AT + 1] != KITH_ID_LEN)
        return KITH_PURPOSE_OTHER;
    memcpy(ret_object->bytes, head.at + ID_AT, KITH_ID_LEN);
    return KITH_PURPOSE_PULL;
}

static void read_id(struct kith_unpack *unpack, struct kith_id *ret)
{
    struct kith_bytes bytes = kith_unpack_bin(unpack, KITH_ID_LEN, KITH_ID_LEN);
    if (bytes.len == KITH_ID_LEN) memcpy(ret->bytes, bytes.at, KITH_ID_LEN);
}

static void decode_peers(struct kith_unpack *unpack, struct kith_msg *ret)
{
    ret->peers.count = kith_unpack_array(unpack, 0, KITH_PEERS_PER_MSG);
    for (uint32_t i = 0; i < ret->peers.count; i++)
        ret->peers.record[i] = kith_unpack_bin(unpack, RECORD_MIN, KITH_RECORD_MAX);
    struct kith_bytes wants = kith_unpack_bin(unpack, 0, (size_t)KITH_WANTS_MAX * WANT_LEN);
    ret->peers.set = kith_unpack_uint(unpack, UINT64_MAX);
    ret->peers.filter = kith_unpack_bin(unpack, 0, KITH_FILTER_MAX);
    bool is_short = ret->peers.filter.len > 0 && ret->peers.filter.len <= FILTER_SALT_LEN;
    if (unpack->err == 0 && (wants.len % WANT_LEN || is_short)) unpack->err = KITH_ERR_INVALID;
    if (unpack->err) return;
    struct kith_reader reader = kith_reader_of(wants);
    ret->peers.want_count = (uint32_t)(wants.len / WANT_LEN);
    for (uint32_t i = 0; i < ret->peers.want_count; i++) {
        ret->peers.want[i].prefix = kith_read_u64(&reader);
        ret->peers.want[i].seq = kith_read_u64(&reader);
    }
}

static void decode_head(struct kith_unpack *unpack, struct kith_msg *ret)
{
    uint64_t kind = kith_unpack_uint(unpack, KITH_MANIFEST_LABELS);
    if (unpack->err == 0 && kind < KITH_MANIFEST_WEIGHTS) unpack->err = KITH_ERR_RANGE;
    ret->head.kind = (enum kith_manifest_kind)kind;
    read_id(unpack, &ret->head.author);
    if (ret->type == KITH_MSG_HEAD)
        ret->head.manifest = kith_unpack_bin(unpack, 0, KITH_MANIFEST_MAX);
}

static void decode_piece(struct kith_unpack *unpack, struct kith_msg *ret)
{
    read_id(unpack, &ret->piece.object);
    if (ret->type == KITH_MSG_NOPE) return;
    ret->piece.piece = (enum kith_piece)kith_unpack_uint(unpack, KITH_PIECE_BLOCK);
    ret->piece.number = (uint32_t)kith_unpack_uint(unpack, BLOCKS_MAX);
    if (ret->type == KITH_MSG_BLOCK) ret->piece.data = kith_unpack_bin(unpack, 1, KITH_BLOCK_MAX);
}

static void decode_status(struct kith_unpack *unpack, struct kith_msg *ret)
{
    kith_unpack_str(unpack, ret->status.version, sizeof ret->status.version);
    ret->status.count = kith_unpack_array(unpack, 0, KITH_STATUS_MAX);
    for (uint32_t i = 0; i < ret->status.count; i++)
        ret->status.value[i] = kith_unpack_uint(unpack, UINT64_MAX);
}

static void decode_fields(struct kith_unpack *unpack, struct kith_msg *ret)
{
    switch (ret->type) {
    case KITH_MSG_HELLO:
        ret->hello.record = kith_unpack_bin(unpack, RECORD_MIN, KITH_RECORD_MAX);
        ret->hello.wall_ms = kith_unpack_uint(unpack, wall_ms_max);
        return;
    case KITH_MSG_PING:
    case KITH_MSG_PONG:
        ret->ping.number = kith_unpack_uint(unpack, UINT64_MAX);
        if (ret->type == KITH_MSG_PONG) ret->ping.wall_ms = kith_unpack_uint(unpack, wall_ms_max);
        return;
    case KITH_MSG_PEERS:
        decode_peers(unpack, ret);
        return;
    case KITH_MSG_HEAD_WANT:
    case KITH_MSG_HEAD:
        decode_head(unpack, ret);
        return;
    case KITH_MSG_WANT:
    case KITH_MSG_BLOCK:
    case KITH_MSG_NOPE:
        decode_piece(unpack, ret);
        return;
    case KITH_MSG_STATUS_WANT:
        return;
    case KITH_MSG_STATUS:
        decode_status(unpack, ret);
        return;
    }
}

int kith_msg_decode(struct kith_bytes bytes, struct kith_msg *ret)
{
    struct kith_unpack unpack = kith_unpack_of(bytes);
    uint32_t count = kith_unpack_array(&unpack, 1, 8);
    uint64_t type = kith_unpack_uint(&unpack, KITH_MSG_TYPES - 1);
    if (unpack.err) return unpack.err;
    if (type == 0 || count != arity[type]) return KITH_ERR_TYPE;
    if (type != KITH_MSG_BLOCK && bytes.len > KITH_CONTROL_MAX) return KITH_ERR_RANGE;
    ret->type = (enum kith_msg_type)type;
    decode_fields(&unpack, ret);
    return kith_unpack_end(&unpack);
}

static void pack_id(struct kith_pack *pack, const struct kith_id *id)
{
    kith_pack_bin(pack, (struct kith_bytes){id->bytes, KITH_ID_LEN});
}

static void encode_peers(struct kith_pack *pack, const struct kith_msg *msg)
{
    kith_pack_array(pack, msg->peers.count);
    for (uint32_t i = 0; i < msg->peers.count; i++)
        kith_pack_bin(pack, msg->peers.record[i]);
    kith_pack_bin_head(pack, (size_t)msg->peers.want_count * WANT_LEN);
    for (uint32_t i = 0; i < msg->peers.want_count; i++) {
        kith_write_u64(&pack->out, msg->peers.want[i].prefix);
        kith_write_u64(&pack->out, msg->peers.want[i].seq);
    }
    kith_pack_uint(pack, msg->peers.set);
    kith_pack_bin(pack, msg->peers.filter);
}

static void encode_piece(struct kith_pack *pack, const struct kith_msg *msg)
{
    pack_id(pack, &msg->piece.object);
    if (msg->type == KITH_MSG_NOPE) return;
    kith_pack_uint(pack, msg->piece.piece);
    kith_pack_uint(pack, msg->piece.number);
    if (msg->type == KITH_MSG_BLOCK) kith_pack_bin_head(pack, msg->piece.data.len);
}

static void encode_status(struct kith_pack *pack, const struct kith_msg *msg)
{
    kith_pack_str(pack, msg->status.version);
    kith_pack_array(pack, msg->status.count);
    for (uint32_t i = 0; i < msg->status.count; i++)
        kith_pack_uint(pack, msg->status.value[i]);
}

static void encode_fields(struct kith_pack *pack, const struct kith_msg *msg)
{
    switch (msg->type) {
    case KITH_MSG_HELLO:
        kith_pack_bin(pack, msg->hello.record);
        kith_pack_uint(pack, msg->hello.wall_ms);
        return;
    case KITH_MSG_PING:
    case KITH_MSG_PONG:
        kith_pack_uint(pack, msg->ping.number);
        if (msg->type == KITH_MSG_PONG) kith_pack_uint(pack, msg->ping.wall_ms);
        return;
    case KITH_MSG_PEERS:
        encode_peers(pack, msg);
        return;
    case KITH_MSG_HEAD_WANT:
    case KITH_MSG_HEAD:
        kith_pack_uint(pack, msg->head.kind);
        pack_id(pack, &msg->head.author);
        if (msg->type == KITH_MSG_HEAD) kith_pack_bin(pack, msg->head.manifest);
        return;
    case KITH_MSG_WANT:
    case KITH_MSG_BLOCK:
    case KITH_MSG_NOPE:
        encode_piece(pack, msg);
        return;
    case KITH_MSG_STATUS_WANT:
        return;
    case KITH_MSG_STATUS:
        encode_status(pack, msg);
        return;
    }
}

static struct kith_bytes encode(const struct kith_msg *msg, void *buffer, size_t size)
{
    struct kith_pack pack = kith_pack_into(buffer, size);
    kith_pack_array(&pack, arity[msg->type]);
    kith_pack_uint(&pack, msg->type);
    encode_fields(&pack, msg);
    return kith_packed(&pack);
}

struct kith_bytes kith_msg_encode(const struct kith_msg *msg, void *buffer, size_t size)
{
    kith_assert(msg->type != KITH_MSG_BLOCK);
    return encode(msg, buffer, size);
}

struct kith_bytes kith_msg_encode_block_head(const struct kith_msg *msg, void *buffer, size_t size)
{
    kith_assert(msg->type == KITH_MSG_BLOCK);
    return encode(msg, buffer, size);
}
