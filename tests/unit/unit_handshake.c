/* identity/handshake: two machines face to face, and everything that can stand between them. */
#include "base/err.h"
#include "identity/handshake.h"
#include "tests/test.h"

/* Two ends with keys of their own; `end[0]` dials. */
struct scene {
    struct kith_keypair pair[2];
    struct kith_handshake_config config[2];
    struct kith_handshake end[2];
};

struct message {
    uint8_t bytes[KITH_HANDSHAKE_MESSAGE_MAX];
    size_t len;
};

static const uint8_t hello_of[2][5] = {"dial", "wait"};

static void scene_reset(struct scene *scene, uint8_t run)
{
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t secret[KITH_SEED_LEN] = {1, i}, ephemeral[KITH_SEED_LEN] = {2, i, run};
        scene->config[i].keypair = &scene->pair[i];
        kith_handshake_init(&scene->end[i], &scene->config[i], secret, ephemeral);
    }
}

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t seed[KITH_SEED_LEN] = {3, i};
        kith_keypair_from_seed(&scene->pair[i], seed);
        scene->config[i] = (struct kith_handshake_config){
            .role = i == 0 ? KITH_HANDSHAKE_DIALLER : KITH_HANDSHAKE_LISTENER,
            .swarm = {{42}},
            .scheme = &kith_ed25519,
            .version_min = 1,
            .version_max = 1,
            .hello = {hello_of[i], 4},
        };
    }
    scene_reset(scene, 0);
}

static int write_message(struct kith_handshake *from, struct message *ret)
{
    return kith_handshake_write(from, ret->bytes, sizeof ret->bytes, &ret->len);
}

static int read_message(struct kith_handshake *to, const struct message *message)
{
    return kith_handshake_read(to, (struct kith_bytes){message->bytes, message->len});
}

/* Messages [0, count), all well; false if one is not taken. */
static bool run_until(struct scene *scene, int count, struct message *ret)
{
    for (int i = 0; i < count; i++) {
        if (write_message(&scene->end[i % 2], &ret[i]) != 0) return false;
        if (read_message(&scene->end[(i + 1) % 2], &ret[i]) != 0) return false;
    }
    return true;
}

/* Run to the end; the first error, of whichever end. */
static int run_all(struct scene *scene)
{
    for (int i = 0; i < 3; i++) {
        struct message message;
        int err = write_message(&scene->end[i % 2], &message);
        if (!err) err = read_message(&scene->end[(i + 1) % 2], &message);
        if (err) return err;
    }
    return 0;
}

static bool is_wiped(const struct kith_handshake *end)
{
    struct kith_handshake wiped;
    memset(&wiped, 0, sizeof wiped);
    wiped.step = KITH_HANDSHAKE_FAILED;
    return memcmp(end, &wiped, sizeof wiped) == 0;
}

static void full_run(void)
{
    struct scene scene;
    struct message message[3];
    scene_init(&scene);
    check(kith_handshake_may_write(&scene.end[0]) && !kith_handshake_may_read(&scene.end[0]));
    check(!kith_handshake_may_write(&scene.end[1]) && kith_handshake_may_read(&scene.end[1]));
    check_int(kith_handshake_read_max(&scene.end[0]), 0);
    check_int(kith_handshake_read_max(&scene.end[1]), 64);
    check(run_until(&scene, 1, message));
    check_int(kith_handshake_read_max(&scene.end[0]), 512);
    scene_reset(&scene, 0);
    check(run_until(&scene, 3, message));
    check_int(message[0].len, 35);
    check_int(message[1].len, 32 + 48 + 3 + 96 + 5 + 16);
    check_int(message[2].len, 48 + 96 + 8 + 5 + 16);
    for (int i = 0; i < 2; i++) {
        const struct kith_handshake *end = &scene.end[i], *far = &scene.end[1 - i];
        check(kith_handshake_done(end));
        check(!kith_handshake_may_write(end) && !kith_handshake_may_read(end));
        check(kith_id_eq(kith_handshake_peer(end), &scene.pair[1 - i].hotkey));
        check_int(kith_handshake_peer_hello(end).len, 4);
        check(memcmp(kith_handshake_peer_hello(end).at, hello_of[1 - i], 4) == 0);
        check_int(kith_handshake_version(end), 1);
        check(memcmp(kith_handshake_send_key(end), kith_handshake_receive_key(far), 32) == 0);
    }
    check(memcmp(kith_handshake_hash(&scene.end[0]), kith_handshake_hash(&scene.end[1]), 64) == 0);
    check(memcmp(kith_handshake_send_key(&scene.end[0]), kith_handshake_send_key(&scene.end[1]),
                 32) != 0);
}

static void fresh_ephemerals_give_fresh_keys(void)
{
    struct scene scene;
    struct message message[3];
    uint8_t key[KITH_LINK_KEY_LEN], hash[KITH_NOISE_HASH_LEN];
    scene_init(&scene);
    check(run_until(&scene, 3, message));
    memcpy(key, kith_handshake_send_key(&scene.end[0]), sizeof key);
    memcpy(hash, kith_handshake_hash(&scene.end[0]), sizeof hash);
    scene_reset(&scene, 1);
    check(run_until(&scene, 3, message));
    check(memcmp(key, kith_handshake_send_key(&scene.end[0]), sizeof key) != 0);
    check(memcmp(hash, kith_handshake_hash(&scene.end[0]), sizeof hash) != 0);
}

static void hellos_of_every_length(void)
{
    uint8_t hello[KITH_HANDSHAKE_HELLO_MAX];
    memset(hello, 'h', sizeof hello);
    for (size_t len = 0; len <= sizeof hello; len++) {
        struct scene scene;
        scene_init(&scene);
        scene.config[0].hello = (struct kith_bytes){hello, len};
        scene.config[1].hello = (struct kith_bytes){hello, sizeof hello - len};
        scene_reset(&scene, 0);
        check_int(run_all(&scene), 0);
        check_int(kith_handshake_peer_hello(&scene.end[1]).len, len);
        check_int(kith_handshake_peer_hello(&scene.end[0]).len, sizeof hello - len);
    }
}

/* The largest messages, for the caps. */
static void caps_hold_the_largest(void)
{
    struct scene scene;
    struct message message[3];
    uint8_t hello[KITH_HANDSHAKE_HELLO_MAX] = {0};
    scene_init(&scene);
    scene.config[0].hello = scene.config[1].hello = (struct kith_bytes){hello, sizeof hello};
    scene_reset(&scene, 0);
    check(run_until(&scene, 3, message));
    check(message[0].len <= KITH_HANDSHAKE_FIRST_MAX);
    check_int(message[1].len, 260);
    check_int(message[2].len, 233);
}

/* What the reader of message `number` says to it after `change`. When it takes the message (a
 * changed message 1 only fails where its hash is used), go on: someone must refuse. */
static int outcome(struct scene *scene, int number, const struct message *changed)
{
    int err = read_message(&scene->end[(number + 1) % 2], changed);
    for (int i = number + 1; i < 3 && !err; i++) {
        struct message next;
        err = write_message(&scene->end[i % 2], &next);
        if (!err) err = read_message(&scene->end[(i + 1) % 2], &next);
    }
    return err;
}

static void every_flipped_bit_ends_it(void)
{
    for (int number = 0; number < 3; number++) {
        struct scene scene;
        struct message message[3];
        scene_init(&scene);
        check(run_until(&scene, number, message));
        check_int(write_message(&scene.end[number % 2], &message[number]), 0);
        struct scene before = scene;
        for (size_t bit = 0; bit < 8 * message[number].len; bit++) {
            struct message changed = message[number];
            scene = before;
            changed.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            check(outcome(&scene, number, &changed) != 0);
            check(!kith_handshake_done(&scene.end[(number + 1) % 2]));
            if (number > 0) check(is_wiped(&scene.end[(number + 1) % 2]));
        }
    }
}

static void every_other_length_ends_it(void)
{
    for (int number = 0; number < 3; number++) {
        struct scene scene;
        struct message message[3];
        scene_init(&scene);
        check(run_until(&scene, number, message));
        check_int(write_message(&scene.end[number % 2], &message[number]), 0);
        size_t max = number == 0 ? KITH_HANDSHAKE_FIRST_MAX : KITH_HANDSHAKE_MESSAGE_MAX;
        struct scene before = scene;
        for (size_t len = 0; len <= max + 1; len++) {
            if (len == message[number].len) continue;
            uint8_t *copy = calloc(1, len + 1);
            check(copy);
            size_t take = len < message[number].len ? len : message[number].len;
            memcpy(copy, message[number].bytes, take);
            scene = before;
            int err =
                kith_handshake_read(&scene.end[(number + 1) % 2], (struct kith_bytes){copy, len});
            free(copy);
            check(err != 0);
            check(is_wiped(&scene.end[(number + 1) % 2]));
            if (len > max) check_int(err, KITH_ERR_RANGE);
        }
    }
}

static void noise_of_other_programs_ends_it(void)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct scene scene;
        scene_init(&scene);
        struct kith_bytes bytes = {(const uint8_t *)texts[i], strlen(texts[i])};
        check_int(kith_handshake_read(&scene.end[1], bytes), KITH_ERR_TRUNCATED);
        check(is_wiped(&scene.end[1]));
        check_int(kith_handshake_read(&scene.end[1], bytes), KITH_ERR_CLOSED);
    }
}

/* Zero, one, p, and a key with the top bit: the answer is the same for all of them. */
static void small_order_points_end_it(void)
{
    static const uint8_t points[][2] = {{0, 0}, {1, 0}, {0xed, 0x7f}, {9, 0x80}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        struct scene scene;
        struct message first, second;
        scene_init(&scene);
        check_int(write_message(&scene.end[0], &first), 0);
        memset(first.bytes, points[i][1] == 0x7f ? 0xff : 0, 32);
        first.bytes[0] = points[i][0];
        first.bytes[31] = points[i][1];
        int err = read_message(&scene.end[1], &first);
        if (!err) err = write_message(&scene.end[1], &second);
        check_int(err, KITH_ERR_CRYPTO);
        check(is_wiped(&scene.end[1]));
    }
}

/* Whoever replays the dialler's side gets an answer that only the dialler can use, and no link. */
static void replays_end_it(void)
{
    struct scene scene;
    struct message message[3], again;
    scene_init(&scene);
    check(run_until(&scene, 3, message));
    scene_reset(&scene, 1);
    check_int(read_message(&scene.end[1], &message[0]), 0);
    check_int(write_message(&scene.end[1], &again), 0);
    check(memcmp(again.bytes, message[1].bytes, again.len) != 0);
    check_int(read_message(&scene.end[1], &message[2]), KITH_ERR_CRYPTO);
    check(is_wiped(&scene.end[1]));

    scene_reset(&scene, 2);
    check_int(write_message(&scene.end[0], &again), 0);
    check_int(read_message(&scene.end[0], &message[1]), KITH_ERR_CRYPTO);
}

static void messages_out_of_turn_end_it(void)
{
    struct scene scene;
    struct message first;
    scene_init(&scene);
    check_int(write_message(&scene.end[0], &first), 0);
    check_int(read_message(&scene.end[1], &first), 0);
    check_int(read_message(&scene.end[1], &first), KITH_ERR_REPLAY);
    check(is_wiped(&scene.end[1]));
    /* Reflected: message 1 comes back to the dialler. */
    check(read_message(&scene.end[0], &first) != 0);
    check(is_wiped(&scene.end[0]));

    scene_reset(&scene, 1);
    check_int(run_all(&scene), 0);
    check_int(read_message(&scene.end[1], &first), KITH_ERR_CLOSED);
    check(kith_handshake_done(&scene.end[1]));
}

static void another_swarm_ends_it(void)
{
    for (size_t at = 0; at < KITH_ID_LEN; at++) {
        struct scene scene;
        scene_init(&scene);
        scene.config[1].swarm.bytes[at] ^= 1;
        scene_reset(&scene, 0);
        check_int(run_all(&scene), KITH_ERR_CRYPTO);
    }
}

struct ranges {
    uint8_t min[2], max[2];
    uint8_t version; /* 0: none */
};

static void highest_common_version_or_none(void)
{
    static const struct ranges rows[] = {
        {{1, 1}, {1, 1}, 1}, {{1, 1}, {3, 2}, 2},         {{1, 2}, {3, 9}, 3},
        {{3, 1}, {3, 3}, 3}, {{1, 2}, {1, 2}, 0},         {{4, 1}, {9, 3}, 0},
        {{1, 5}, {4, 5}, 0}, {{1, 254}, {254, 254}, 254}, {{2, 1}, {2, 1}, 0},
        {{1, 1}, {2, 9}, 2}, {{255, 1}, {255, 1}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene scene;
        scene_init(&scene);
        for (int end = 0; end < 2; end++) {
            scene.config[end].version_min = rows[i].min[end];
            scene.config[end].version_max = rows[i].max[end];
        }
        scene_reset(&scene, 0);
        check_int(run_all(&scene), rows[i].version ? 0 : KITH_ERR_VERSION);
        /* Without one it is the listener who ends it, before it writes a byte. */
        if (!rows[i].version) check(is_wiped(&scene.end[1]) && !is_wiped(&scene.end[0]));
        for (int end = 0; end < 2 && rows[i].version; end++)
            check_int(kith_handshake_version(&scene.end[end]), rows[i].version);
    }
}

/* Version 0, a range upside down, a flag nobody knows. */
static void nonsense_in_the_first_payload_ends_it(void)
{
    static const uint8_t rows[][3] = {{0, 1, 0}, {0, 0, 0}, {2, 1, 0}, {1, 1, 1}, {1, 1, 128}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene scene;
        struct message first;
        scene_init(&scene);
        check_int(write_message(&scene.end[0], &first), 0);
        memcpy(first.bytes + 32, rows[i], 3);
        check_int(read_message(&scene.end[1], &first), KITH_ERR_RANGE);
    }
}

/* On the way the dialler's range [1, 3] becomes [1, 2], which the listener takes: the transcripts
 * then differ, so the dialler cannot read the answer. */
static void downgrade_on_the_way_ends_it(void)
{
    struct scene scene;
    struct message message;
    scene_init(&scene);
    scene.config[0].version_max = scene.config[1].version_max = 3;
    scene_reset(&scene, 0);
    check_int(write_message(&scene.end[0], &message), 0);
    check_int(message.bytes[33], 3);
    message.bytes[33] = 2;
    check_int(read_message(&scene.end[1], &message), 0);
    check_int(write_message(&scene.end[1], &message), 0);
    check_int(read_message(&scene.end[0], &message), KITH_ERR_CRYPTO);
}

static void own_hotkey_ends_it(void)
{
    struct scene scene;
    scene_init(&scene);
    scene.pair[0] = scene.pair[1];
    scene_reset(&scene, 0);
    check_int(run_all(&scene), KITH_ERR_SELF);
    check(is_wiped(&scene.end[0]));
}

/* The listener finds out as well, when the dialler does not look. */
static void own_hotkey_of_the_dialler_ends_it(void)
{
    struct scene scene;
    struct message message[3];
    scene_init(&scene);
    check(run_until(&scene, 2, message));
    scene.pair[0] = scene.pair[1];
    check_int(write_message(&scene.end[0], &message[2]), 0);
    check_int(read_message(&scene.end[1], &message[2]), KITH_ERR_SELF);
}

static void another_hotkey_than_dialled_ends_it(void)
{
    struct scene scene;
    scene_init(&scene);
    scene.config[0].expect = scene.pair[1].hotkey;
    scene_reset(&scene, 0);
    check_int(run_all(&scene), 0);
    scene.config[0].expect.bytes[31] ^= 1;
    scene_reset(&scene, 0);
    check_int(run_all(&scene), KITH_ERR_IDENTITY);
    check(is_wiped(&scene.end[0]));
}

/* Someone with sound X25519 keys who claims a hotkey that is not his. */
static void claimed_hotkey_ends_it(void)
{
    for (int liar = 0; liar < 2; liar++) {
        struct scene scene;
        struct kith_keypair victim;
        uint8_t seed[KITH_SEED_LEN] = {77};
        scene_init(&scene);
        kith_keypair_from_seed(&victim, seed);
        scene.pair[liar].hotkey = victim.hotkey;
        scene_reset(&scene, 0);
        check_int(run_all(&scene), KITH_ERR_SIGNATURE);
        check(is_wiped(&scene.end[1 - liar]));
    }
}

/* Schemes of a man in the middle: he believes and keeps what he is shown, and shows it to others
 * as his own. */
static uint8_t stolen[KITH_SIGNATURE_LEN];

static bool steal(const struct kith_id *hotkey, const void *bytes, size_t len,
                  const uint8_t signature[static KITH_SIGNATURE_LEN])
{
    (void)hotkey, (void)bytes, (void)len;
    memcpy(stolen, signature, KITH_SIGNATURE_LEN);
    return true;
}

static void show_stolen(const struct kith_keypair *keypair, const void *bytes, size_t len,
                        uint8_t ret[static KITH_SIGNATURE_LEN])
{
    (void)keypair, (void)bytes, (void)len;
    memcpy(ret, stolen, KITH_SIGNATURE_LEN);
}

/* He dials the true listener, whose proof then stands in his own message 2 to the victim: it signs
 * another transcript. */
static void relayed_proof_ends_it(void)
{
    static const struct kith_scheme thief = {"thief", show_stolen, steal};
    struct scene near, far;
    struct message message[2];
    scene_init(&far);
    far.config[0].scheme = &thief;
    scene_reset(&far, 9);
    check(run_until(&far, 2, message));
    check(kith_id_eq(&far.end[0].peer, &far.pair[1].hotkey));

    scene_init(&near);
    near.config[0].expect = far.pair[1].hotkey;
    near.config[1].scheme = &thief;
    scene_reset(&near, 0);
    check_int(run_all(&near), KITH_ERR_SIGNATURE);
}

/* Signs with the byte at `wrong_at` changed: the domain is before, the role at 10, h after it. */
static size_t wrong_at;

static void sign_wrong(const struct kith_keypair *keypair, const void *bytes, size_t len,
                       uint8_t ret[static KITH_SIGNATURE_LEN])
{
    uint8_t text[128];
    memcpy(text, bytes, len);
    text[wrong_at] ^= 1;
    kith_ed25519.sign(keypair, text, len, ret);
}

static void domain_role_and_transcript_are_signed(void)
{
    struct kith_scheme wrong = {"wrong", sign_wrong, kith_ed25519.verify};
    for (int signer = 0; signer < 2; signer++)
        for (wrong_at = 0; wrong_at < 10 + 1 + KITH_NOISE_HASH_LEN; wrong_at++) {
            struct scene scene;
            scene_init(&scene);
            scene.config[signer].scheme = &wrong;
            scene_reset(&scene, 0);
            check_int(run_all(&scene), KITH_ERR_SIGNATURE);
        }
}

static uint8_t signed_role[2];

static void note_role(const struct kith_keypair *keypair, const void *bytes, size_t len,
                      uint8_t ret[static KITH_SIGNATURE_LEN])
{
    const uint8_t *text = bytes;
    signed_role[keypair->hotkey.bytes[0] & 1] = text[10];
    kith_ed25519.sign(keypair, bytes, len, ret);
}

/* One end's signature can never stand for the other's. */
static void ends_sign_different_roles(void)
{
    struct kith_scheme noting = {"noting", note_role, kith_ed25519.verify};
    struct scene scene;
    scene_init(&scene);
    check((scene.pair[0].hotkey.bytes[0] & 1) != (scene.pair[1].hotkey.bytes[0] & 1));
    scene.config[0].scheme = scene.config[1].scheme = &noting;
    scene_reset(&scene, 0);
    check_int(run_all(&scene), 0);
    check_int(signed_role[scene.pair[0].hotkey.bytes[0] & 1], 0);
    check_int(signed_role[scene.pair[1].hotkey.bytes[0] & 1], 1);
}

/* A far end that is who it says and proves it, but writes what it likes: `edit` bytes at `at` of a
 * payload with a hello of 4 bytes, which then is cut or filled with zeros to `len`. */
struct forgery {
    const char *name;
    size_t at, edit_len, len;
    uint8_t edit[3];
    int err;
};

static void forge(struct kith_handshake *from, const struct forgery *forgery, struct message *ret)
{
    uint8_t payload[KITH_NOISE_PAYLOAD_MAX] = {0}, text[75] = "kith/hs/1";
    struct kith_writer writer = kith_writer_into(ret->bytes, sizeof ret->bytes);
    bool second = from->step == KITH_HANDSHAKE_SECOND;
    size_t proof = second ? 3 : 0, hello = second ? 99 : 104;
    kith_noise_write_keys(&from->noise, &writer);
    text[10] = second;
    memcpy(text + 11, from->noise.state.hash, KITH_NOISE_HASH_LEN);
    if (second) memcpy(payload, "\1\3\3", 3);
    memcpy(payload + proof, from->keypair->hotkey.bytes, KITH_ID_LEN);
    kith_ed25519.sign(from->keypair, text, sizeof text, payload + proof + KITH_ID_LEN);
    payload[hello] = 4;
    memcpy(payload + forgery->at, forgery->edit, forgery->edit_len);
    kith_noise_write_payload(&from->noise, (struct kith_bytes){payload, forgery->len}, &writer);
    ret->len = writer.len;
}

static int read_forged(int number, const struct forgery *forgery)
{
    struct scene scene;
    struct message message[3];
    scene_init(&scene);
    scene.config[0].version_min = 2;
    scene.config[0].version_max = scene.config[1].version_max = 3;
    scene_reset(&scene, 0);
    if (!run_until(&scene, number, message)) return 1;
    forge(&scene.end[number % 2], forgery, &message[number]);
    return read_message(&scene.end[(number + 1) % 2], &message[number]);
}

static void nonsense_from_a_proven_listener_ends_it(void)
{
    static const struct forgery rows[] = {
        {"as it should be", 0, 0, 104, {0}, 0},
        {"version 0", 0, 1, 104, {0}, KITH_ERR_RANGE},
        {"range upside down", 0, 2, 104, {3, 2}, KITH_ERR_RANGE},
        {"range below the dialler's", 0, 3, 104, {1, 1, 1}, KITH_ERR_VERSION},
        {"range above the dialler's", 0, 3, 104, {4, 9, 3}, KITH_ERR_VERSION},
        {"choice below", 2, 1, 104, {2}, KITH_ERR_VERSION},
        {"choice above", 2, 1, 104, {4}, KITH_ERR_VERSION},
        {"choice 0", 2, 1, 104, {0}, KITH_ERR_VERSION},
        {"one byte more", 0, 0, 105, {0}, KITH_ERR_TRAILING},
        {"hello of 64", 99, 1, 164, {64}, 0},
        {"hello of 65", 99, 1, 165, {65}, KITH_ERR_RANGE},
        {"hello of 255", 99, 1, 355, {255}, KITH_ERR_RANGE},
        {"longest payload", 0, 0, 416, {0}, KITH_ERR_TRAILING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int err = read_forged(1, &rows[i]);
        if (err != rows[i].err) printf("# %s\n", rows[i].name);
        check_int(err, rows[i].err);
    }
}

static void nonsense_from_a_proven_dialler_ends_it(void)
{
    static const struct forgery rows[] = {
        {"as it should be", 0, 0, 109, {0}, 0},
        {"stamp, first byte", 96, 1, 109, {1}, KITH_ERR_RANGE},
        {"stamp, last byte", 103, 1, 109, {1}, KITH_ERR_RANGE},
        {"one byte more", 0, 0, 110, {0}, KITH_ERR_TRAILING},
        {"hello of 64", 104, 1, 169, {64}, 0},
        {"hello of 65", 104, 1, 170, {65}, KITH_ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int err = read_forged(2, &rows[i]);
        if (err != rows[i].err) printf("# %s\n", rows[i].name);
        check_int(err, rows[i].err);
    }
}

static void every_short_payload_ends_it(void)
{
    for (size_t len = 0; len < 104; len++)
        check_int(read_forged(1, &(struct forgery){.len = len}), KITH_ERR_TRUNCATED);
    for (size_t len = 0; len < 109; len++)
        check_int(read_forged(2, &(struct forgery){.len = len}), KITH_ERR_TRUNCATED);
}

static void small_buffer_ends_it(void)
{
    for (size_t size = 0; size < 35; size++) {
        struct scene scene;
        uint8_t buffer[64];
        size_t len = 4711;
        scene_init(&scene);
        check_int(kith_handshake_write(&scene.end[0], buffer, size, &len), KITH_ERR_FULL);
        check_int(len, 4711);
        check(is_wiped(&scene.end[0]));
    }
}

static void wipe_leaves_no_secret(void)
{
    struct scene scene;
    scene_init(&scene);
    check_int(run_all(&scene), 0);
    /* Done: the DH secrets are gone at once, the links' keys when the caller has taken them. */
    struct kith_noise zero;
    memset(&zero, 0, sizeof zero);
    check(memcmp(&scene.end[0].noise, &zero, sizeof zero) == 0);
    kith_handshake_wipe(&scene.end[0]);
    check(is_wiped(&scene.end[0]));
    check(!kith_handshake_done(&scene.end[0]));
}

int main(void)
{
    run(full_run);
    run(fresh_ephemerals_give_fresh_keys);
    run(hellos_of_every_length);
    run(caps_hold_the_largest);
    run(every_flipped_bit_ends_it);
    run(every_other_length_ends_it);
    run(noise_of_other_programs_ends_it);
    run(small_order_points_end_it);
    run(replays_end_it);
    run(messages_out_of_turn_end_it);
    run(another_swarm_ends_it);
    run(highest_common_version_or_none);
    run(nonsense_in_the_first_payload_ends_it);
    run(downgrade_on_the_way_ends_it);
    run(own_hotkey_ends_it);
    run(own_hotkey_of_the_dialler_ends_it);
    run(another_hotkey_than_dialled_ends_it);
    run(claimed_hotkey_ends_it);
    run(relayed_proof_ends_it);
    run(domain_role_and_transcript_are_signed);
    run(ends_sign_different_roles);
    run(nonsense_from_a_proven_listener_ends_it);
    run(nonsense_from_a_proven_dialler_ends_it);
    run(every_short_payload_ends_it);
    run(small_buffer_ends_it);
    run(wipe_leaves_no_secret);
    return test_end();
}
