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
    case KITH_MSG_DIGEST:
        msg.digest.last = UINT64_MAX;
        msg.digest.count = 2;
        msg.digest.entry[0] = (struct kith_digest_entry){5, 6};
        msg.digest.entry[1] = (struct kith_digest_entry){7, 8};
        break;
    case KITH_MSG_PEERS:
        msg.peers.count = 2;
        msg.peers.record[0] = (struct kith_bytes){record, 64};
        msg.peers.record[1] = (struct kith_bytes){record, sizeof record};
        break;
    case KITH_MSG_WANT_PEERS:
        msg.want_peers.count = 1;
        msg.want_peers.prefix[0] = 9;
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

    pack = kith_pack_into(buffer, sizeof buffer);
    kith_pack_array(&pack, 2);
    kith_pack_uint(&pack, KITH_MSG_PEERS);
    kith_pack_array(&pack, KITH_PEERS_PER_MSG + 1);
    for (int i = 0; i <= KITH_PEERS_PER_MSG; i++)
        kith_pack_bin(&pack, (struct kith_bytes){record, 64});
    check_int(decode_of(&pack), KITH_ERR_RANGE);
}

static void digest_must_be_sorted_and_in_range(void)
{
    struct kith_msg msg = sample(KITH_MSG_DIGEST), decoded;
    msg.digest.entry[1].prefix = 4;
    struct kith_bytes bytes = kith_msg_encode(&msg, buffer, sizeof buffer);
    check_int(kith_msg_decode(bytes, &decoded), KITH_ERR_RANGE);
    msg = sample(KITH_MSG_DIGEST);
    msg.digest.last = 6;
    bytes = kith_msg_encode(&msg, buffer, sizeof buffer);
    check_int(kith_msg_decode(bytes, &decoded), KITH_ERR_RANGE);
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
        bool is_gossip = type <= KITH_MSG_WANT_PEERS;
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
    run(digest_must_be_sorted_and_in_range);
    run(control_has_a_limit);
    run(purposes_are_told_without_decoding);
    return test_end();
}
