/* identity/record: peer records and manifests. The checks run after a mutation re-sign the bytes,
 * so that it is the field that is refused and not the signature. */
#include "base/bytes.h"
#include "base/err.h"
#include "identity/record.h"
#include "tests/test.h"

static struct kith_keypair pair;
static const struct kith_id swarm = {{7, 1, 2, 3, 4, 5, 6, 7, 8, 9, [31] = 3}};

static struct kith_peer_record sample_record(uint32_t addrs)
{
    struct kith_peer_record record = {
        .hotkey = pair.hotkey,
        .seq = 1791295336000,
        .valid_from_s = 1791295336,
        .valid_until_s = 1791295336 + 900,
        .flags = KITH_PEER_CONTACT,
        .version_min = 1,
        .version_max = 3,
        .depth = 5,
        .state = KITH_PEER_TRAINING,
        .share = 3,
        .round = 77,
        .started_ms = 1791295330000,
        .class_id = {1, 2, 3, 4, 5, 6, 7, 8},
        .model = "mlp:256,128",
        .addr_count = addrs,
    };
    static const char *const texts[] = {"127.0.0.1:8120", "[2001:db8::1]:1", "10.0.0.1:65535",
                                        "8.8.8.8:80"};
    for (uint32_t i = 0; i < addrs; i++)
        kith_addr_parse(texts[i], &record.addr[i]);
    return record;
}

static struct kith_manifest sample_manifest(void)
{
    return (struct kith_manifest){
        .kind = KITH_MANIFEST_WEIGHTS,
        .author = pair.hotkey,
        .round = 12,
        .created_ms = 1791295336000,
        .class_id = {1, 2, 3, 4, 5, 6, 7, 8},
        .wire = 2,
        .length = 941000,
        .object = {{9, [31] = 1}},
    };
}

static struct kith_bytes seal_record(uint32_t addrs, uint8_t *buffer)
{
    struct kith_peer_record record = sample_record(addrs);
    return kith_record_seal(&record, &swarm, &pair, &kith_ed25519, buffer);
}

static struct kith_bytes seal_manifest(uint8_t *buffer)
{
    struct kith_manifest manifest = sample_manifest();
    return kith_manifest_seal(&manifest, &swarm, &pair, &kith_ed25519, buffer);
}

static int open_and_verify_record(struct kith_bytes bytes, const struct kith_id *of)
{
    struct kith_peer_record record;
    int err = kith_record_open(bytes, of, &record);
    return err ? err : kith_record_verify(bytes, of, &record.hotkey, &kith_ed25519);
}

static int open_and_verify_manifest(struct kith_bytes bytes, const struct kith_id *of)
{
    struct kith_manifest manifest;
    int err = kith_manifest_open(bytes, of, &manifest);
    return err ? err : kith_manifest_verify(bytes, of, &manifest.author, &kith_ed25519);
}

static void record_round_trip(void)
{
    for (uint32_t addrs = 0; addrs <= KITH_RECORD_ADDRS_MAX; addrs++) {
        uint8_t buffer[KITH_RECORD_MAX];
        struct kith_peer_record record = sample_record(addrs), back;
        struct kith_bytes bytes = seal_record(addrs, buffer);
        check_int(bytes.len, 193 + 19 * addrs);
        check_int(open_and_verify_record(bytes, &swarm), 0);
        check_int(kith_record_open(bytes, &swarm, &back), 0);
        check(kith_id_eq(&back.hotkey, &record.hotkey));
        check_int(back.seq, record.seq);
        check_int(back.started_ms, record.started_ms);
        check_int(back.valid_from_s, record.valid_from_s);
        check_int(back.valid_until_s, record.valid_until_s);
        check_int(back.flags, record.flags);
        check_int(back.version_min, 1);
        check_int(back.version_max, 3);
        check_int(back.depth, 5);
        check_int(back.state, KITH_PEER_TRAINING);
        check_int(back.share, 3);
        check_int(back.round, 77);
        check(memcmp(back.class_id, record.class_id, KITH_CLASS_LEN) == 0);
        check_str(back.model, "mlp:256,128");
        check_int(back.addr_count, addrs);
        for (uint32_t i = 0; i < addrs; i++)
            check(kith_addr_eq(&back.addr[i], &record.addr[i]));
    }
}

/* The bytes of the format are fixed: another program, or another version of this one, reads them.
 */
static void record_layout(void)
{
    uint8_t buffer[KITH_RECORD_MAX];
    char hex[2 * KITH_RECORD_MAX + 1], hotkey[65], wanted[2 * KITH_RECORD_MAX + 1];
    struct kith_bytes bytes = seal_record(1, buffer);
    kith_hex_encode(bytes.at, bytes.len - KITH_SIGNATURE_LEN, hex);
    kith_hex_encode(pair.hotkey.bytes, KITH_ID_LEN, hotkey);
    snprintf(wanted, sizeof wanted, "%s%s%s", "4b54523101020701020304050607", hotkey,
             "40ae8511a101000068ffc46aec02c56a05010301034d000000d0968511a1010000"
             "0102030405060708000000000000000000"
             "6d6c703a3235362c313238000000000000000000000000000000000000000000"
             "01047f000001000000000000000000000000b81f");
    check_str(hex, wanted);
}

static void manifest_layout(void)
{
    uint8_t buffer[KITH_MANIFEST_MAX];
    char hex[2 * KITH_MANIFEST_MAX + 1], hotkey[65], wanted[2 * KITH_MANIFEST_MAX + 1];
    struct kith_bytes bytes = seal_manifest(buffer);
    kith_hex_encode(bytes.at, bytes.len - KITH_SIGNATURE_LEN, hex);
    kith_hex_encode(pair.hotkey.bytes, KITH_ID_LEN, hotkey);
    snprintf(wanted, sizeof wanted, "%s%s%s", "4b544d3101010701020304050607", hotkey,
             "0c0000000000000040ae8511a1010000010203040506070802c85b0e000000000009000000000000"
             "00000000000000000000000000000000000000000000000001");
    check_str(hex, wanted);
    check_int(open_and_verify_manifest(bytes, &swarm), 0);
}

static void nothing_but_the_text_leaves(void)
{
    uint8_t a[KITH_RECORD_MAX], b[KITH_RECORD_MAX];
    struct kith_peer_record record = sample_record(1);
    struct kith_bytes first = kith_record_seal(&record, &swarm, &pair, &kith_ed25519, a);
    memset(record.model + strlen("mlp:256,128") + 1, 'x', 8);
    struct kith_bytes second = kith_record_seal(&record, &swarm, &pair, &kith_ed25519, b);
    check_int(first.len, second.len);
    check(memcmp(a, b, first.len) == 0);
}

static void every_flipped_bit_of_a_record_is_refused(void)
{
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_bytes bytes = seal_record(2, buffer);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check(open_and_verify_record(bytes, &swarm) != 0);
        buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    check_int(open_and_verify_record(bytes, &swarm), 0);
}

static void every_flipped_bit_of_a_manifest_is_refused(void)
{
    uint8_t buffer[KITH_MANIFEST_MAX];
    struct kith_bytes bytes = seal_manifest(buffer);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check(open_and_verify_manifest(bytes, &swarm) != 0);
        buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    check_int(open_and_verify_manifest(bytes, &swarm), 0);
}

/* Each truncation lives in a block of its own size, so that a sanitizer sees a read past it. */
static void every_other_length_is_refused(void)
{
    uint8_t buffer[KITH_RECORD_MAX], other[KITH_MANIFEST_MAX];
    struct kith_bytes record = seal_record(4, buffer), manifest = seal_manifest(other);
    for (size_t len = 0; len < record.len; len++) {
        uint8_t *copy = malloc(len + 1);
        check(copy);
        memcpy(copy, buffer, len);
        int err = open_and_verify_record((struct kith_bytes){copy, len}, &swarm);
        int other_err = open_and_verify_manifest((struct kith_bytes){copy, len}, &swarm);
        free(copy);
        check(err == KITH_ERR_TRUNCATED);
        check(other_err != 0);
    }
    for (size_t len = 0; len < manifest.len; len++) {
        uint8_t *copy = malloc(len + 1);
        check(copy);
        memcpy(copy, other, len);
        int err = open_and_verify_manifest((struct kith_bytes){copy, len}, &swarm);
        free(copy);
        check_int(err, KITH_ERR_TRUNCATED);
    }
    record.len++;
    manifest.len++;
    check_int(open_and_verify_record(record, &swarm), KITH_ERR_TRAILING);
    check_int(open_and_verify_manifest(manifest, &swarm), KITH_ERR_TRAILING);
}

struct bad_bytes {
    const char *name;
    size_t at;
    uint8_t bytes[8];
    size_t len;
    int err;
};

/* In a record with one address; offsets as in docs/PROTOCOL.md. */
static const struct bad_bytes bad_records[] = {
    {"magic", 0, "KTM1", 4, KITH_ERR_INVALID},
    {"version 0", 4, {0}, 1, KITH_ERR_VERSION},
    {"version 2", 4, {2}, 1, KITH_ERR_VERSION},
    {"unknown flag", 5, {8}, 1, KITH_ERR_INVALID},
    {"all flags", 5, {0xff}, 1, KITH_ERR_INVALID},
    {"swarm", 6, {8}, 1, KITH_ERR_SWARM},
    {"seq over 2^48", 46, {1, 0, 0, 0, 0, 0, 1, 0}, 8, KITH_ERR_RANGE},
    {"seq 2^64-1", 46, {255, 255, 255, 255, 255, 255, 255, 255}, 8, KITH_ERR_RANGE},
    {"ends before it begins", 58, {0xe7, 0x5b, 0xc5, 0x6a}, 4, KITH_ERR_RANGE},
    {"lifetime of 901 s", 58, {0x6d, 0x5f, 0xc5, 0x6a}, 4, KITH_ERR_RANGE},
    {"lifetime without end", 58, {255, 255, 255, 255}, 4, KITH_ERR_RANGE},
    {"ends 11 s later, past 2^32", 54, {255, 255, 255, 255, 10, 0, 0, 0}, 8, KITH_ERR_RANGE},
    {"depth 33", 62, {33}, 1, KITH_ERR_RANGE},
    {"version 0 spoken", 63, {0}, 1, KITH_ERR_RANGE},
    {"version_min over version_max", 63, {4}, 1, KITH_ERR_RANGE},
    {"version 255 spoken", 64, {255}, 1, KITH_ERR_RANGE},
    {"state 4", 65, {4}, 1, KITH_ERR_RANGE},
    {"unknown share", 66, {4}, 1, KITH_ERR_INVALID},
    {"started over 2^48", 71, {1, 0, 0, 0, 0, 0, 1, 0}, 8, KITH_ERR_RANGE},
    {"stamp nonce", 87, {0, 0, 0, 0, 0, 0, 0, 1}, 8, KITH_ERR_INVALID},
    {"stamp difficulty", 95, {1}, 1, KITH_ERR_INVALID},
    {"newline in model", 96, "\n", 1, KITH_ERR_INVALID},
    {"escape in model", 98, "\x1b", 1, KITH_ERR_INVALID},
    {"delete in model", 98, "\x7f", 1, KITH_ERR_INVALID},
    {"byte past ASCII in model", 98, {0x80}, 1, KITH_ERR_INVALID},
    {"bytes after the model's NUL", 127, {'x'}, 1, KITH_ERR_INVALID},
    {"five addresses", 128, {5}, 1, KITH_ERR_RANGE},
    {"255 addresses", 128, {255}, 1, KITH_ERR_RANGE},
    {"an address short", 128, {2}, 1, KITH_ERR_TRUNCATED},
    {"an address long", 128, {0}, 1, KITH_ERR_TRAILING},
    {"family 0", 129, {0}, 1, KITH_ERR_INVALID},
    {"family 5", 129, {5}, 1, KITH_ERR_INVALID},
    {"address 0.0.0.0", 130, {0, 0, 0, 0}, 4, KITH_ERR_INVALID},
    {"multicast", 130, {224, 0, 0, 1}, 4, KITH_ERR_INVALID},
    {"broadcast", 130, {255, 255, 255, 255}, 4, KITH_ERR_INVALID},
    {"bytes after an IPv4 address", 134, {1}, 1, KITH_ERR_INVALID},
    {"last byte after an IPv4 address", 145, {1}, 1, KITH_ERR_INVALID},
    {"v6 unspecified", 129, {6, 0, 0, 0, 0}, 5, KITH_ERR_INVALID},
    {"port 0", 146, {0, 0}, 2, KITH_ERR_INVALID},
};

static const struct bad_bytes bad_manifests[] = {
    {"magic", 0, "KTR1", 4, KITH_ERR_INVALID},
    {"version 0", 4, {0}, 1, KITH_ERR_VERSION},
    {"version 255", 4, {255}, 1, KITH_ERR_VERSION},
    {"kind 0", 5, {0}, 1, KITH_ERR_RANGE},
    {"kind 3", 5, {3}, 1, KITH_ERR_RANGE},
    {"swarm", 13, {9}, 1, KITH_ERR_SWARM},
    {"round over 2^48", 46, {1, 0, 0, 0, 0, 0, 1, 0}, 8, KITH_ERR_RANGE},
    {"created 2^63", 54, {0, 0, 0, 0, 0, 0, 0, 128}, 8, KITH_ERR_RANGE},
    {"wire 4", 70, {4}, 1, KITH_ERR_RANGE},
    {"length 0", 71, {0, 0, 0, 0, 0, 0, 0, 0}, 8, KITH_ERR_RANGE},
    {"length 2^30 + 1", 71, {1, 0, 0, 64, 0, 0, 0, 0}, 8, KITH_ERR_RANGE},
    {"length 2^63", 71, {0, 0, 0, 0, 0, 0, 0, 128}, 8, KITH_ERR_RANGE},
};

static void bad_fields_of_a_record(void)
{
    for (size_t i = 0; i < sizeof bad_records / sizeof *bad_records; i++) {
        const struct bad_bytes *bad = &bad_records[i];
        uint8_t buffer[KITH_RECORD_MAX];
        struct kith_peer_record record = {.round = 4711};
        struct kith_bytes bytes = seal_record(1, buffer);
        memcpy(buffer + bad->at, bad->bytes, bad->len);
        int err = kith_record_open(bytes, &swarm, &record);
        if (err != bad->err) printf("# %s\n", bad->name);
        check_int(err, bad->err);
        check_int(record.round, 4711);
    }
}

static void bad_fields_of_a_manifest(void)
{
    for (size_t i = 0; i < sizeof bad_manifests / sizeof *bad_manifests; i++) {
        const struct bad_bytes *bad = &bad_manifests[i];
        uint8_t buffer[KITH_MANIFEST_MAX];
        struct kith_manifest manifest = {.round = 4711};
        struct kith_bytes bytes = seal_manifest(buffer);
        memcpy(buffer + bad->at, bad->bytes, bad->len);
        int err = kith_manifest_open(bytes, &swarm, &manifest);
        if (err != bad->err) printf("# %s\n", bad->name);
        check_int(err, bad->err);
        check_int(manifest.round, 4711);
    }
}

static void ids_of_zeros(void)
{
    uint8_t buffer[KITH_RECORD_MAX], other[KITH_MANIFEST_MAX];
    struct kith_bytes record = seal_record(1, buffer), manifest = seal_manifest(other);
    memset(buffer + 14, 0, KITH_ID_LEN);
    check_int(open_and_verify_record(record, &swarm), KITH_ERR_INVALID);
    memset(other + 79, 0, KITH_ID_LEN);
    check_int(open_and_verify_manifest(manifest, &swarm), KITH_ERR_INVALID);
    manifest = seal_manifest(other);
    memset(other + 14, 0, KITH_ID_LEN);
    check_int(open_and_verify_manifest(manifest, &swarm), KITH_ERR_INVALID);
}

static void model_of_32_characters_without_a_nul(void)
{
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_bytes bytes = seal_record(0, buffer);
    memset(buffer + 96, 'x', KITH_MODEL_TEXT_MAX);
    check_int(open_and_verify_record(bytes, &swarm), KITH_ERR_INVALID);
    buffer[96 + KITH_MODEL_TEXT_MAX - 1] = '\0';
    struct kith_peer_record record;
    check_int(kith_record_open(bytes, &swarm, &record), 0);
}

/* Ids that agree in the 8 bytes of the record and differ later: only the signature tells. */
static void another_swarm(void)
{
    uint8_t buffer[KITH_RECORD_MAX], other[KITH_MANIFEST_MAX];
    struct kith_bytes record = seal_record(1, buffer), manifest = seal_manifest(other);
    struct kith_id far = swarm, near = swarm;
    far.bytes[0] ^= 1;
    near.bytes[31] ^= 1;
    check_int(open_and_verify_record(record, &far), KITH_ERR_SWARM);
    check_int(open_and_verify_record(record, &near), KITH_ERR_SIGNATURE);
    check_int(open_and_verify_manifest(manifest, &far), KITH_ERR_SWARM);
    check_int(open_and_verify_manifest(manifest, &near), KITH_ERR_SIGNATURE);
}

static void another_author(void)
{
    uint8_t seed[KITH_SEED_LEN] = {99}, buffer[KITH_RECORD_MAX], other[KITH_MANIFEST_MAX];
    struct kith_keypair stranger;
    kith_keypair_from_seed(&stranger, seed);
    struct kith_bytes record = seal_record(1, buffer), manifest = seal_manifest(other);
    check_int(kith_record_verify(record, &swarm, &stranger.hotkey, &kith_ed25519),
              KITH_ERR_SIGNATURE);
    check_int(kith_manifest_verify(manifest, &swarm, &stranger.hotkey, &kith_ed25519),
              KITH_ERR_SIGNATURE);
    memcpy(buffer + 14, stranger.hotkey.bytes, KITH_ID_LEN);
    check_int(open_and_verify_record(record, &swarm), KITH_ERR_SIGNATURE);
}

/* The author's own signature under a record that names somebody else. */
static void record_of_one_signed_by_another(void)
{
    uint8_t buffer[KITH_RECORD_MAX], text[1024];
    struct kith_bytes bytes = seal_record(0, buffer);
    size_t len = bytes.len - KITH_SIGNATURE_LEN;
    buffer[14] ^= 1;
    memcpy(text, "kith/rec/1", 11);
    memcpy(text + 11, swarm.bytes, KITH_ID_LEN);
    memcpy(text + 11 + KITH_ID_LEN, buffer, len);
    kith_ed25519.sign(&pair, text, 11 + KITH_ID_LEN + len, buffer + len);
    check_int(kith_record_verify(bytes, &swarm, &pair.hotkey, &kith_ed25519), KITH_ERR_SIGNATURE);
    /* The same bytes with the right name: it is the name alone that was refused. */
    buffer[14] ^= 1;
    memcpy(text + 11 + KITH_ID_LEN, buffer, len);
    kith_ed25519.sign(&pair, text, 11 + KITH_ID_LEN + len, buffer + len);
    check_int(kith_record_verify(bytes, &swarm, &pair.hotkey, &kith_ed25519), 0);
}

/* The kinds' domains differ: a record's signature can never stand under a manifest. */
static void signature_of_the_other_kind(void)
{
    uint8_t buffer[KITH_RECORD_MAX];
    struct kith_bytes bytes = seal_record(0, buffer);
    check_int(kith_manifest_verify(bytes, &swarm, &pair.hotkey, &kith_ed25519), KITH_ERR_SIGNATURE);
}

static void times(void)
{
    struct kith_peer_record record = sample_record(0);
    uint64_t from_ms = (uint64_t)record.valid_from_s * 1000;
    uint64_t until_ms = (uint64_t)record.valid_until_s * 1000;
    check_int(kith_record_check_times(&record, from_ms - 120001), KITH_ERR_FUTURE);
    check_int(kith_record_check_times(&record, from_ms - 120000), 0);
    check_int(kith_record_check_times(&record, from_ms), 0);
    check_int(kith_record_check_times(&record, until_ms + 999), 0);
    check_int(kith_record_check_times(&record, until_ms + 1000), KITH_ERR_EXPIRED);
    check_int(kith_record_check_times(&record, 0), KITH_ERR_FUTURE);
    check_int(kith_record_check_times(&record, UINT64_MAX), KITH_ERR_EXPIRED);
}

static void limits_are_allowed(void)
{
    uint8_t buffer[KITH_RECORD_MAX], other[KITH_MANIFEST_MAX];
    struct kith_peer_record record = sample_record(4);
    struct kith_manifest manifest = sample_manifest();
    record.seq = UINT64_C(1) << 48;
    record.flags = KITH_PEER_LEAVING | KITH_PEER_CONTACT | KITH_PEER_OBSERVER;
    record.valid_until_s = record.valid_from_s;
    record.depth = KITH_RECORD_DEPTH_MAX;
    record.state = KITH_PEER_DONE;
    record.round = UINT32_MAX;
    record.version_max = 254;
    memset(record.model, '~', KITH_MODEL_TEXT_MAX - 1);
    manifest.kind = KITH_MANIFEST_LABELS;
    manifest.length = KITH_OBJECT_MAX;
    manifest.round = manifest.created_ms = UINT64_C(1) << 48;
    struct kith_bytes bytes = kith_record_seal(&record, &swarm, &pair, &kith_ed25519, buffer);
    check_int(open_and_verify_record(bytes, &swarm), 0);
    bytes = kith_manifest_seal(&manifest, &swarm, &pair, &kith_ed25519, other);
    check_int(bytes.len, 175);
    check_int(open_and_verify_manifest(bytes, &swarm), 0);
}

int main(void)
{
    kith_keypair_from_seed(&pair, (const uint8_t[KITH_SEED_LEN]){1, 2, 3});
    run(record_round_trip);
    run(record_layout);
    run(manifest_layout);
    run(nothing_but_the_text_leaves);
    run(every_flipped_bit_of_a_record_is_refused);
    run(every_flipped_bit_of_a_manifest_is_refused);
    run(every_other_length_is_refused);
    run(bad_fields_of_a_record);
    run(bad_fields_of_a_manifest);
    run(ids_of_zeros);
    run(model_of_32_characters_without_a_nul);
    run(another_swarm);
    run(another_author);
    run(record_of_one_signed_by_another);
    run(signature_of_the_other_kind);
    run(times);
    run(limits_are_allowed);
    return test_end();
}
