#include "identity/record.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"

/* docs/PROTOCOL.md shows both layouts field by field. */
enum {
    FORMAT_VERSION = 1,
    MAGIC_LEN = 4,
    SWARM_LEN = 8, /* the first bytes of the swarm id; the signature covers all of it */
    AUTHOR_AT = 14,
    FLAGS_AT = 5,
    SEQ_AT = 46,
    STARTED_AT = 71,
    ADDR_LEN = 19,
    STAMP_LEN = 9, /* reserved for a proof of work: nonce u64, difficulty u8; zero */
    RECORD_HEAD_LEN = 129,
    RECORD_MIN = RECORD_HEAD_LEN + KITH_SIGNATURE_LEN,
    MANIFEST_LEN = 111 + KITH_SIGNATURE_LEN,
    FLAGS_ALL = KITH_PEER_LEAVING | KITH_PEER_CONTACT | KITH_PEER_OBSERVER,
    SHARE_ALL = 3,
    VERSION_MAX = 254, /* 0 and 255 are no versions */
};

static const uint64_t number_max = UINT64_C(1) << 48; /* of a time in ms, of a round */

_Static_assert(RECORD_MIN + KITH_RECORD_ADDRS_MAX * ADDR_LEN == KITH_RECORD_LEN_MAX, "record fits");
_Static_assert((size_t)MANIFEST_LEN <= KITH_MANIFEST_MAX, "manifest fits");

struct format {
    const char *magic;
    const char *domain;
    size_t domain_len; /* with its NUL */
};

static const struct format record_format = {"KTR1", "kith/rec/1", sizeof "kith/rec/1"};
static const struct format manifest_format = {"KTM1", "kith/man/1", sizeof "kith/man/1"};

/* What is signed: the domain, the whole swarm id, and the bytes before the signature. */
struct signed_text {
    uint8_t bytes[16 + KITH_ID_LEN + KITH_RECORD_MAX];
    size_t len;
};

static void signed_text_of(const struct format *format, const struct kith_id *swarm,
                           struct kith_bytes body, struct signed_text *ret)
{
    struct kith_writer writer = kith_writer_into(ret->bytes, sizeof ret->bytes);
    kith_write_raw(&writer, format->domain, format->domain_len);
    kith_write_raw(&writer, swarm->bytes, KITH_ID_LEN);
    kith_write_raw(&writer, body.at, body.len);
    kith_assert(!writer.failed);
    ret->len = writer.len;
}

static void write_signature(struct kith_writer *writer, const struct format *format,
                            const struct kith_id *swarm, const struct kith_keypair *keypair,
                            const struct kith_scheme *scheme)
{
    struct signed_text text;
    uint8_t signature[KITH_SIGNATURE_LEN];
    signed_text_of(format, swarm, kith_written(writer), &text);
    scheme->sign(keypair, text.bytes, text.len, signature);
    kith_write_raw(writer, signature, sizeof signature);
}

static int check_signature(struct kith_bytes bytes, const struct format *format,
                           const struct kith_id *swarm, const struct kith_id *author,
                           const struct kith_scheme *scheme)
{
    struct signed_text text;
    if (bytes.len < AUTHOR_AT + KITH_ID_LEN + KITH_SIGNATURE_LEN || bytes.len > KITH_RECORD_MAX)
        return KITH_ERR_SIGNATURE;
    if (memcmp(bytes.at + AUTHOR_AT, author->bytes, KITH_ID_LEN) != 0) return KITH_ERR_SIGNATURE;
    struct kith_bytes body = {bytes.at, bytes.len - KITH_SIGNATURE_LEN};
    signed_text_of(format, swarm, body, &text);
    bool good = scheme->verify(author, text.bytes, text.len, bytes.at + body.len);
    return good ? 0 : KITH_ERR_SIGNATURE;
}

/* Both kinds begin alike: magic, version, a byte of their own, the swarm, who signed. */
static void write_head(struct kith_writer *writer, const struct format *format, uint8_t own,
                       const struct kith_id *swarm, const struct kith_id *author)
{
    kith_write_raw(writer, format->magic, MAGIC_LEN);
    kith_write_u8(writer, FORMAT_VERSION);
    kith_write_u8(writer, own);
    kith_write_raw(writer, swarm->bytes, SWARM_LEN);
    kith_write_raw(writer, author->bytes, KITH_ID_LEN);
}

static int read_head(struct kith_reader *reader, const struct format *format, uint8_t *ret_own,
                     const struct kith_id *swarm, struct kith_id *ret_author)
{
    uint8_t magic[MAGIC_LEN], swarm_start[SWARM_LEN];
    kith_read_raw(reader, magic, MAGIC_LEN);
    uint8_t version = kith_read_u8(reader);
    *ret_own = kith_read_u8(reader);
    kith_read_raw(reader, swarm_start, SWARM_LEN);
    kith_read_raw(reader, ret_author->bytes, KITH_ID_LEN);
    if (reader->failed) return KITH_ERR_TRUNCATED;
    if (memcmp(magic, format->magic, MAGIC_LEN) != 0) return KITH_ERR_INVALID;
    if (version != FORMAT_VERSION) return KITH_ERR_VERSION;
    if (memcmp(swarm_start, swarm->bytes, SWARM_LEN) != 0) return KITH_ERR_SWARM;
    return kith_id_is_zero(ret_author) ? KITH_ERR_INVALID : 0;
}

static void write_addr(struct kith_writer *writer, const struct kith_addr *addr)
{
    kith_write_u8(writer, addr->family);
    kith_write_raw(writer, addr->ip, sizeof addr->ip);
    kith_write_u16(writer, addr->port);
}

struct kith_bytes kith_record_seal(const struct kith_peer_record *record,
                                   const struct kith_id *swarm, const struct kith_keypair *keypair,
                                   const struct kith_scheme *scheme,
                                   uint8_t buffer[static KITH_RECORD_LEN_MAX])
{
    static const uint8_t stamp[STAMP_LEN];
    struct kith_writer writer = kith_writer_into(buffer, KITH_RECORD_LEN_MAX);
    kith_assert(kith_id_eq(&record->hotkey, &keypair->hotkey));
    kith_assert(record->addr_count <= KITH_RECORD_ADDRS_MAX);
    write_head(&writer, &record_format, record->flags, swarm, &record->hotkey);
    kith_write_u64(&writer, record->seq);
    kith_write_u32(&writer, record->valid_from_s);
    kith_write_u32(&writer, record->valid_until_s);
    kith_write_u8(&writer, record->depth);
    kith_write_u8(&writer, record->version_min);
    kith_write_u8(&writer, record->version_max);
    kith_write_u8(&writer, record->state);
    kith_write_u8(&writer, record->share);
    kith_write_u32(&writer, record->round);
    kith_write_u64(&writer, record->started_ms);
    kith_write_raw(&writer, record->class_id, KITH_CLASS_LEN);
    kith_write_raw(&writer, stamp, sizeof stamp);
    /* Zeros after the text, whatever was in the array, so that one record has one encoding. */
    char model[KITH_MODEL_TEXT_MAX] = {0};
    memcpy(model, record->model, strnlen(record->model, KITH_MODEL_TEXT_MAX - 1));
    kith_write_raw(&writer, model, sizeof model);
    kith_write_u8(&writer, (uint8_t)record->addr_count);
    for (uint32_t i = 0; i < record->addr_count; i++)
        write_addr(&writer, &record->addr[i]);
    write_signature(&writer, &record_format, swarm, keypair, scheme);

    struct kith_peer_record check;
    kith_assert(kith_record_open(kith_written(&writer), swarm, &check) == 0);
    return kith_written(&writer);
}

static int check_times(const struct kith_peer_record *record)
{
    if (record->seq > number_max || record->started_ms > number_max) return KITH_ERR_RANGE;
    if (record->valid_until_s < record->valid_from_s) return KITH_ERR_RANGE;
    uint32_t lifetime_s = record->valid_until_s - record->valid_from_s;
    return lifetime_s > KITH_RECORD_LIFETIME_MAX_S ? KITH_ERR_RANGE : 0;
}

static int check_bounds(const struct kith_peer_record *record)
{
    if (record->flags & ~FLAGS_ALL) return KITH_ERR_INVALID;
    if (record->share & ~SHARE_ALL) return KITH_ERR_INVALID;
    if (record->state > KITH_PEER_DONE) return KITH_ERR_RANGE;
    if (record->depth > KITH_RECORD_DEPTH_MAX) return KITH_ERR_RANGE;
    if (record->version_min == 0 || record->version_max > VERSION_MAX) return KITH_ERR_RANGE;
    return record->version_min > record->version_max ? KITH_ERR_RANGE : 0;
}

/* Printable text, then only NULs, at least one. */
static bool is_text(const char text[static KITH_MODEL_TEXT_MAX])
{
    size_t len = strnlen(text, KITH_MODEL_TEXT_MAX);
    if (len == KITH_MODEL_TEXT_MAX) return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e) return false;
    for (size_t i = len; i < KITH_MODEL_TEXT_MAX; i++)
        if (text[i] != '\0') return false;
    return true;
}

static bool is_stamp_empty(struct kith_bytes stamp)
{
    uint8_t all = 0;
    for (size_t i = 0; i < stamp.len; i++)
        all |= stamp.at[i];
    return all == 0;
}

static int read_addr(struct kith_reader *reader, struct kith_addr *ret)
{
    ret->family = kith_read_u8(reader);
    kith_read_raw(reader, ret->ip, sizeof ret->ip);
    ret->port = kith_read_u16(reader);
    return kith_addr_kind(ret) == KITH_ADDR_BAD ? KITH_ERR_INVALID : 0;
}

/* The addresses and the signature, which must be all that is left. */
static int read_tail(struct kith_reader *reader, struct kith_peer_record *record)
{
    if (record->addr_count > KITH_RECORD_ADDRS_MAX) return KITH_ERR_RANGE;
    size_t wanted = record->addr_count * (size_t)ADDR_LEN + KITH_SIGNATURE_LEN;
    if (reader->left < wanted) return KITH_ERR_TRUNCATED;
    if (reader->left > wanted) return KITH_ERR_TRAILING;
    for (uint32_t i = 0; i < record->addr_count; i++) {
        int err = read_addr(reader, &record->addr[i]);
        if (err) return err;
    }
    return 0;
}

int kith_record_open(struct kith_bytes bytes, const struct kith_id *swarm,
                     struct kith_peer_record *ret)
{
    struct kith_peer_record record = {0};
    struct kith_reader reader = kith_reader_of(bytes);
    if (bytes.len < RECORD_MIN) return KITH_ERR_TRUNCATED;
    int err = read_head(&reader, &record_format, &record.flags, swarm, &record.hotkey);
    if (err) return err;
    record.seq = kith_read_u64(&reader);
    record.valid_from_s = kith_read_u32(&reader);
    record.valid_until_s = kith_read_u32(&reader);
    record.depth = kith_read_u8(&reader);
    record.version_min = kith_read_u8(&reader);
    record.version_max = kith_read_u8(&reader);
    record.state = kith_read_u8(&reader);
    record.share = kith_read_u8(&reader);
    record.round = kith_read_u32(&reader);
    record.started_ms = kith_read_u64(&reader);
    kith_read_raw(&reader, record.class_id, KITH_CLASS_LEN);
    bool stamped = !is_stamp_empty(kith_read_view(&reader, STAMP_LEN));
    kith_read_raw(&reader, record.model, KITH_MODEL_TEXT_MAX);
    record.addr_count = kith_read_u8(&reader);
    kith_assert(!reader.failed);

    err = check_times(&record);
    if (!err) err = check_bounds(&record);
    if (!err && (stamped || !is_text(record.model))) err = KITH_ERR_INVALID;
    if (!err) err = read_tail(&reader, &record);
    if (!err) *ret = record;
    return err;
}

bool kith_record_peek(struct kith_bytes bytes, struct kith_record_claim *ret)
{
    if (bytes.len < RECORD_MIN || bytes.len > KITH_RECORD_LEN_MAX) return false;
    memcpy(ret->hotkey.bytes, bytes.at + AUTHOR_AT, KITH_ID_LEN);
    struct kith_reader times = kith_reader_of((struct kith_bytes){bytes.at + SEQ_AT, 12});
    struct kith_reader started = kith_reader_of((struct kith_bytes){bytes.at + STARTED_AT, 8});
    struct kith_reader end = kith_reader_of((struct kith_bytes){bytes.at + bytes.len - 8, 8});
    ret->seq = kith_read_u64(&times);
    ret->valid_from_s = kith_read_u32(&times);
    ret->started_ms = kith_read_u64(&started);
    ret->mark = kith_read_u64(&end);
    ret->flags = bytes.at[FLAGS_AT];
    return true;
}

int kith_record_check_times(const struct kith_peer_record *record, uint64_t wall_ms)
{
    uint64_t now_s = wall_ms / 1000;
    uint64_t last_s = now_s + KITH_RECORD_FUTURE_MAX_S;
    if (last_s < record->valid_from_s || last_s < record->seq / 1000) return KITH_ERR_FUTURE;
    return now_s > record->valid_until_s ? KITH_ERR_EXPIRED : 0;
}

int kith_record_verify(struct kith_bytes bytes, const struct kith_id *swarm,
                       const struct kith_id *author, const struct kith_scheme *scheme)
{
    return check_signature(bytes, &record_format, swarm, author, scheme);
}

struct kith_bytes kith_manifest_seal(const struct kith_manifest *manifest,
                                     const struct kith_id *swarm,
                                     const struct kith_keypair *keypair,
                                     const struct kith_scheme *scheme,
                                     uint8_t buffer[static KITH_MANIFEST_MAX])
{
    struct kith_writer writer = kith_writer_into(buffer, KITH_MANIFEST_MAX);
    kith_assert(kith_id_eq(&manifest->author, &keypair->hotkey));
    write_head(&writer, &manifest_format, (uint8_t)manifest->kind, swarm, &manifest->author);
    kith_write_u64(&writer, manifest->round);
    kith_write_u64(&writer, manifest->created_ms);
    kith_write_raw(&writer, manifest->class_id, KITH_CLASS_LEN);
    kith_write_u8(&writer, manifest->wire);
    kith_write_u64(&writer, manifest->length);
    kith_write_raw(&writer, manifest->object.bytes, KITH_ID_LEN);
    write_signature(&writer, &manifest_format, swarm, keypair, scheme);

    struct kith_manifest check;
    kith_assert(kith_manifest_open(kith_written(&writer), swarm, &check) == 0);
    return kith_written(&writer);
}

static int check_manifest(const struct kith_manifest *manifest, uint8_t kind)
{
    if (kind != KITH_MANIFEST_WEIGHTS && kind != KITH_MANIFEST_LABELS) return KITH_ERR_RANGE;
    if (manifest->wire > KITH_MANIFEST_WIRE_MAX) return KITH_ERR_RANGE;
    if (manifest->round > number_max || manifest->created_ms > number_max) return KITH_ERR_RANGE;
    if (manifest->length == 0 || manifest->length > KITH_OBJECT_MAX) return KITH_ERR_RANGE;
    return kith_id_is_zero(&manifest->object) ? KITH_ERR_INVALID : 0;
}

int kith_manifest_open(struct kith_bytes bytes, const struct kith_id *swarm,
                       struct kith_manifest *ret)
{
    struct kith_manifest manifest = {0};
    struct kith_reader reader = kith_reader_of(bytes);
    uint8_t kind = 0;
    if (bytes.len < MANIFEST_LEN) return KITH_ERR_TRUNCATED;
    int err = read_head(&reader, &manifest_format, &kind, swarm, &manifest.author);
    if (err) return err;
    if (bytes.len > MANIFEST_LEN) return KITH_ERR_TRAILING;
    manifest.round = kith_read_u64(&reader);
    manifest.created_ms = kith_read_u64(&reader);
    kith_read_raw(&reader, manifest.class_id, KITH_CLASS_LEN);
    manifest.wire = kith_read_u8(&reader);
    manifest.length = kith_read_u64(&reader);
    kith_read_raw(&reader, manifest.object.bytes, KITH_ID_LEN);
    kith_assert(!reader.failed);

    err = check_manifest(&manifest, kind);
    if (err) return err;
    manifest.kind = (enum kith_manifest_kind)kind;
    *ret = manifest;
    return 0;
}

int kith_manifest_verify(struct kith_bytes bytes, const struct kith_id *swarm,
                         const struct kith_id *author, const struct kith_scheme *scheme)
{
    return check_signature(bytes, &manifest_format, swarm, author, scheme);
}
