/* overlay_msg: every message survives a round trip; every cut, every wrong type is refused. */
#include "base/err.h"
#include "base/pack.h"
#include "overlay/overlay_msg.h"
#include "tests/test.h"

static uint8_t buffer[KITH_MESSAGE_MAX];
static const uint8_t record[200] = {1, 2, 3};

static struct kith_msg sample(enum kith_msg_type type)
{
    struct kith_msg msg = {.type = type};
    switch (type) {
    case KITH_MSG_HELLO:
        msg.hello.record = (struct kith_bytes){record, sizeof record};
        msg.hello.wall_ms = UINT64_C(1) << 48;
        break;
    case KITH_MSG_PING:
    case KITH_MSG_PONG:
        msg.ping.number = UINT64_MAX;
        if (type == KITH_MSG_PONG) msg.ping.wall_ms = 1;
        break;
    case KITH_MSG_PEERS:
        msg.peers.count = 2;
        msg.peers.record[0] = (struct kith_bytes){record, 64};
        msg.peers.record[1] = (struct kith_bytes){record, sizeof record};
        msg.peers.want_count = 2;
        msg.peers.want[0] = (struct kith_want){5, 6};
        msg.peers.want[1] = (struct kith_want){UINT64_MAX, 8};
        msg.peers.set = UINT64_MAX;
        msg.peers.filter = (struct kith_bytes){record, 9};
        break;
    case KITH_MSG_HEAD_WANT:
    case KITH_MSG_HEAD:
        msg.head.kind = KITH_MANIFEST_LABELS;
        msg.head.author.bytes[3] = 3;
        if (type == KITH_MSG_HEAD) msg.head.manifest = (struct kith_bytes){record, 150};
        break;
    case KITH_MSG_WANT:
    case KITH_MSG_BLOCK:
    case KITH_MSG_NOPE:
        msg.piece.object.bytes[31] = 1;
        if (type == KITH_MSG_NOPE) break;
        msg.piece.piece = KITH_PIECE_BLOCK;
        msg.piece.number = 77;
        if (type == KITH_MSG_BLOCK) msg.piece.data = (struct kith_bytes){record, 100};
        break;
    case KITH_MSG_STATUS_WANT:
        break;
    case KITH_MSG_STATUS:
        strcpy(msg.status.version, "1.2.3");
        msg.status.count = 2;
        msg.status.value[1] = 12345;
        break;
    }
    return msg;
}

static struct kith_bytes encoded(enum kith_msg_type type)
{
    struct kith_msg msg = sample(type);
    if (type != KITH_MSG_BLOCK) return kith_msg_encode(&msg, buffer, sizeof buffer);
    struct kith_bytes head = kith_msg_encode_block_head(&msg, buffer, sizeof buffer);
    memcpy(buffer + head.len, msg.piece.data.at, msg.piece.data.len);
    return (struct kith_bytes){buffer, head.len + msg.piece.data.len};
}

static void every_message_survives(void)
{
    for (int type = KITH_MSG_HELLO; type < KITH_MSG_TYPES; type++) {
        struct kith_bytes first = encoded((enum kith_msg_type)type);
        static uint8_t kept[1024];
        struct kith_msg msg;
        check(first.len > 0 && first.len <= sizeof kept);
        memcpy(kept, first.at, first.len);
        check_int(kith_msg_decode((struct kith_bytes){kept, first.len}, &msg), 0);
        check_int(msg.type, type);
        if (type == KITH_MSG_BLOCK) continue;
        struct kith_bytes second = kith_msg_encode(&msg, buffer, sizeof buffer);
        check_int(second.len, first.len);
        check(memcmp(second.at, kept, second.len) == 0);
    }
}

static void every_cut_is_refused(void)
{
    for (int type = KITH_MSG_HELLO; type < KITH_MSG_TYPES; type++) {
        struct kith_bytes whole = encoded((enum kith_msg_type)type);
        struct kith_msg msg;
        for (size_t len = 0; len < whole.len; len++)
            check(kith_msg_decode((struct kith_bytes){whole.at, len}, &msg) != 0);
        buffer[whole.len] = 0;
        check_int(kith_msg_decode((struct kith_bytes){whole.at, whole.len + 1}, &msg),
                  KITH_ERR_TRAILING);
    }
}

static int decode_of(struct kith_pack *pack)
{
    struct kith_msg msg;
    return kith_msg_decode(kith_packed(pack), &msg);
}

static void wrong_shapes_are_refused(void)
{
    struct kith_pack pack = kith_pack_into(buffer, sizeof buffer);
    kith_pack_array(&pack, 2);
    kith_pack_uint(&pack, KITH_MSG_TYPES);
    kith_pack_uint(&pack, 0);
    check_int(decode_of(&pack), KITH_ERR_RANGE);

    pack = kith_pack_into(buffer, sizeof buffer);
    kith_pack_array(&pack, 3);
    kith_pack_uint(&pack, KITH_MSG_PING);
    kith_pack_uint(&pack, 0);
    kith_pack_uint(&pack, 0);
    check_int(decode_of(&pack), KITH_ERR_TYPE);
}

/* A PEERS message with these lengths of its wants and of its filter. */
static int decode_peers(uint32_t records, size_t wants, size_t filter)
{
    struct kith_pack pack = kith_pack_into(buffer, sizeof buffer);
    static const uint8_t bytes[KITH_FILTER_MAX + 1];
    kith_pack_array(&pack, 5);
    kith_pack_uint(&pack, KITH_MSG_PEERS);
    kith_pack_array(&pack, records);
    for (uint32_t i = 0; i < records; i++)
        kith_pack_bin(&pack, (struct kith_bytes){record, 64});
    kith_pack_bin(&pack, (struct kith_bytes){bytes, wants});
    kith_pack_uint(&pack, 0);
    kith_pack_bin(&pack, (struct kith_bytes){bytes, filter});
    return decode_of(&pack);
}

static void peers_have_limits(void)
{
    check_int(decode_peers(0, 0, 0), 0);
    check_int(decode_peers(KITH_PEERS_PER_MSG, 16 * KITH_WANTS_MAX, KITH_FILTER_MAX), 0);
    check_int(decode_peers(KITH_PEERS_PER_MSG + 1, 0, 0), KITH_ERR_RANGE);
    check_int(decode_peers(0, 15, 0), KITH_ERR_INVALID);
    check_int(decode_peers(0, 17, 0), KITH_ERR_INVALID);
    check_int(decode_peers(0, 16 * KITH_WANTS_MAX + 16, 0), KITH_ERR_RANGE);
    check_int(decode_peers(0, 0, 8), KITH_ERR_INVALID); /* a salt and no bits */
    check_int(decode_peers(0, 0, 9), 0);
    check_int(decode_peers(0, 0, KITH_FILTER_MAX + 1), KITH_ERR_RANGE);
}

static void control_has_a_limit(void)
{
    struct kith_pack pack = kith_pack_into(buffer, sizeof buffer);
    static const uint8_t big[KITH_CONTROL_MAX];
    kith_pack_array(&pack, 3);
    kith_pack_uint(&pack, KITH_MSG_HELLO);
    kith_pack_bin(&pack, (struct kith_bytes){big, sizeof big});
    kith_pack_uint(&pack, 0);
    check_int(decode_of(&pack), KITH_ERR_RANGE);
}

static void purposes_are_told_without_decoding(void)
{
    for (int type = KITH_MSG_HELLO; type < KITH_MSG_TYPES; type++) {
        bool is_gossip = type <= KITH_MSG_PEERS;
        bool has_kind = type == KITH_MSG_HEAD_WANT || type == KITH_MSG_HEAD;
        bool has_object = type >= KITH_MSG_WANT && type <= KITH_MSG_NOPE;
        struct kith_msg msg = sample((enum kith_msg_type)type);
        struct kith_bytes bytes = encoded((enum kith_msg_type)type);
        struct kith_id object = {{0}};
        uint8_t kind;
        enum kith_purpose purpose = kith_msg_purpose(bytes, &kind, &object);
        check_int(purpose, is_gossip                ? KITH_PURPOSE_GOSSIP
                           : has_kind || has_object ? KITH_PURPOSE_PULL
                                                    : KITH_PURPOSE_OTHER);
        check_int(kind, has_kind ? KITH_MANIFEST_LABELS : 0);
        if (has_object) check(kith_id_eq(&object, &msg.piece.object));
        for (size_t len = 0; len < 36 && len < bytes.len; len++) {
            purpose = kith_msg_purpose((struct kith_bytes){bytes.at, len}, &kind, &object);
            check(!has_object || purpose == KITH_PURPOSE_OTHER);
            check(len > 1 || purpose == KITH_PURPOSE_OTHER);
        }
    }
}

int main(void)
{
    run(every_message_survives);
    run(every_cut_is_refused);
    run(wrong_shapes_are_refused);
    run(peers_have_limits);
    run(control_has_a_limit);
    run(purposes_are_told_without_decoding);
    return test_end();
}
