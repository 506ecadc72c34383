/* Two ends with a mutator between them. The input says how the ends are set up and what happens to
 * each message. Whatever that is: an end is done only if it took the far end's true messages, and
 * then both have the same transcript and each other's keys. */
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "identity/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum change {
    PASS,    /* as it is */
    FLIP,    /* bits of one byte */
    CUT,     /* shorter */
    EXTEND,  /* longer, by bytes of the input */
    RAW,     /* bytes of the input instead */
    REFLECT, /* back to its writer as well, before the reader has it */
    TWICE,   /* the same again after it */
    FORGE,   /* written by a proven peer whose payload is bytes of the input */
    CHANGES,
};

struct message {
    uint8_t bytes[KITH_HANDSHAKE_MESSAGE_MAX + 64];
    size_t len;
};

/* With this in place of Ed25519 the bytes behind a signature are read too. */
static bool believe(const struct kith_id *hotkey, const void *bytes, size_t len,
                    const uint8_t signature[static KITH_SIGNATURE_LEN])
{
    (void)hotkey, (void)bytes, (void)len, (void)signature;
    return true;
}

static void init_ends(struct kith_reader *script, const struct kith_keypair pair[static 2],
                      const struct kith_scheme *scheme, struct kith_handshake end[static 2])
{
    uint8_t flags = kith_read_u8(script);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t secret[KITH_SEED_LEN] = {1, i}, ephemeral[KITH_SEED_LEN] = {2, i};
        uint8_t range = kith_read_u8(script);
        struct kith_handshake_config config = {
            .role = i == 0 ? KITH_HANDSHAKE_DIALLER : KITH_HANDSHAKE_LISTENER,
            .swarm = {{1}},
            .keypair = &pair[i],
            .scheme = scheme,
            .version_min = (uint8_t)(1 + (range & 3)),
            .version_max = (uint8_t)(1 + (range & 3) + (range >> 2 & 3)),
            .hello = kith_read_view(script, script->left ? *script->at % 65 : 0),
        };
        if (flags & 1 << i) config.expect = pair[1 - i].hotkey;
        if (flags & 4 << i) config.expect.bytes[0] ^= 1;
        kith_handshake_init(&end[i], &config, secret, ephemeral);
    }
}

static void forge(struct kith_handshake *from, struct kith_reader *script, struct message *ret)
{
    uint8_t len = kith_read_u8(script);
    struct kith_bytes payload = kith_read_view(script, len < script->left ? len : script->left);
    struct kith_writer writer = kith_writer_into(ret->bytes, sizeof ret->bytes);
    if (kith_noise_write_keys(&from->noise, &writer) == 0)
        kith_noise_write_payload(&from->noise, payload, &writer);
    ret->len = writer.len;
    kith_handshake_wipe(from);
}

static void change_message(struct kith_reader *script, enum change change, struct message *message)
{
    uint16_t at = kith_read_u16(script);
    uint8_t what = kith_read_u8(script);
    size_t take = what < script->left ? what : script->left;
    if (change == FLIP && message->len) message->bytes[at % message->len] ^= what;
    if (change == CUT) message->len = at % (message->len + 1);
    if (change == RAW) message->len = 0;
    if (change != EXTEND && change != RAW) return;
    if (take > sizeof message->bytes - message->len) take = sizeof message->bytes - message->len;
    kith_read_raw(script, message->bytes + message->len, take);
    message->len += take;
}

static int deliver(struct kith_handshake *end, const struct message *message)
{
    int err = kith_handshake_read(end, (struct kith_bytes){message->bytes, message->len});
    kith_assert(err == 0 || !kith_handshake_may_read(end));
    return err;
}

/* One message; false if the reader did not take it or got another one than was written. */
static bool exchange(struct kith_handshake *writer, struct kith_handshake *reader,
                     struct kith_reader *script)
{
    struct message message, sent;
    uint8_t choice = kith_read_u8(script);
    enum change change = (enum change)(choice < 128 ? PASS : choice % CHANGES);
    if (!kith_handshake_may_write(writer)) return false;
    if (change == FORGE)
        forge(writer, script, &message);
    else if (kith_handshake_write(writer, message.bytes, sizeof message.bytes, &message.len) != 0)
        return false;
    sent = message;
    if (change != PASS) change_message(script, change, &message);
    bool same = sent.len == message.len && memcmp(sent.bytes, message.bytes, sent.len) == 0;
    if (change == REFLECT && !kith_handshake_done(writer))
        kith_assert(deliver(writer, &message) != 0);
    int err = deliver(reader, &message);
    if (change == TWICE) kith_assert(deliver(reader, &message) != 0);
    return err == 0 && same && change != FORGE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kith_keypair pair[2];
    static const struct kith_scheme trusting = {"trusting", NULL, believe};
    struct kith_scheme scheme = kith_ed25519;
    struct kith_reader script = kith_reader_of((struct kith_bytes){data, size});
    struct kith_handshake end[2];
    if (kith_id_is_zero(&pair[0].hotkey))
        for (uint8_t i = 0; i < 2; i++)
            kith_keypair_from_seed(&pair[i], (const uint8_t[KITH_SEED_LEN]){3, i});
    bool trusts = kith_read_u8(&script) & 1;
    if (trusts) scheme.verify = trusting.verify;
    init_ends(&script, pair, &scheme, end);

    bool whole[3];
    for (int i = 0; i < 3; i++)
        whole[i] = exchange(&end[i % 2], &end[(i + 1) % 2], &script);
    if (!trusts) kith_assert(!kith_handshake_done(&end[0]) || (whole[0] && whole[1]));
    if (!kith_handshake_done(&end[1])) return 0;
    if (trusts && !kith_handshake_done(&end[0])) return 0; /* a forger's own link */
    kith_assert(whole[0] && whole[1] && whole[2]);
    kith_assert(kith_handshake_done(&end[0]));
    kith_assert(memcmp(kith_handshake_hash(&end[0]), kith_handshake_hash(&end[1]), 64) == 0);
    for (int i = 0; i < 2; i++) {
        kith_assert(memcmp(kith_handshake_send_key(&end[i]),
                           kith_handshake_receive_key(&end[1 - i]), KITH_LINK_KEY_LEN) == 0);
        kith_assert(kith_id_eq(kith_handshake_peer(&end[i]), &pair[1 - i].hotkey));
    }
    return 0;
}
