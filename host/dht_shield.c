#include "host/dht_shield.h"

#include <string.h>

#include "base/outbox.h"

enum { NODE4_LEN = 26, NODE6_LEN = 38 };

enum type { TYPE_UINT, TYPE_INT, TYPE_BOOL, TYPE_STR, TYPE_BIN, TYPE_ARRAY, TYPE_MAP };

/* One object's head: a leaf's content, or how many elements (of a map: pairs) follow. */
struct token {
    enum type type;
    uint64_t number;
    uint32_t count;
    struct kith_bytes content;
};

static uint64_t read_big(struct kith_reader *reader, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | kith_read_u8(reader);
    return value;
}

static void token_content(struct kith_reader *reader, enum type type, size_t len, struct token *ret)
{
    ret->type = type;
    ret->content = kith_read_view(reader, len);
}

static void token_number(enum type type, uint64_t number, struct token *ret)
{
    ret->type = type;
    ret->number = number;
}

static void token_container(enum type type, uint64_t count, struct token *ret)
{
    ret->type = type;
    ret->count = (uint32_t)count;
}

/* The one-byte forms. */
static void token_fix(struct kith_reader *reader, uint8_t head, struct token *ret)
{
    if (head <= 0x7f) {
        token_number(TYPE_UINT, head, ret);
    } else if (head <= 0x8f) {
        token_container(TYPE_MAP, head & 0x0f, ret);
    } else if (head <= 0x9f) {
        token_container(TYPE_ARRAY, head & 0x0f, ret);
    } else if (head <= 0xbf) {
        token_content(reader, TYPE_STR, head & 0x1f, ret);
    } else {
        token_number(TYPE_INT, 0, ret);
    }
}

static enum kith_dht_verdict read_token(struct kith_reader *reader, struct token *ret)
{
    *ret = (struct token){0};
    uint8_t head = kith_read_u8(reader);
    if (head <= 0xbf || head >= 0xe0) {
        token_fix(reader, head, ret);
    } else if (head == 0xc2 || head == 0xc3) {
        token_number(TYPE_BOOL, head & 1, ret);
    } else if (head == 0xc4 || head == 0xc5) {
        token_content(reader, TYPE_BIN, read_big(reader, 1u << (head - 0xc4)), ret);
    } else if (head >= 0xcc && head <= 0xcf) {
        token_number(TYPE_UINT, read_big(reader, 1u << (head - 0xcc)), ret);
    } else if (head >= 0xd0 && head <= 0xd3) {
        (void)read_big(reader, 1u << (head - 0xd0));
        token_number(TYPE_INT, 0, ret);
    } else if (head == 0xd9 || head == 0xda) {
        token_content(reader, TYPE_STR, read_big(reader, 1u << (head - 0xd9)), ret);
    } else if (head == 0xdc) {
        token_container(TYPE_ARRAY, read_big(reader, 2), ret);
    } else if (head == 0xde) {
        token_container(TYPE_MAP, read_big(reader, 2), ret);
    } else {
        return KITH_DHT_DROP_TYPE;
    }
    return reader->failed ? KITH_DHT_DROP_MALFORMED : KITH_DHT_PASS;
}

static uint32_t children(const struct token *token)
{
    if (token->type == TYPE_MAP) return token->count * 2;
    return token->type == TYPE_ARRAY ? token->count : 0;
}

/* Past one object of any kind. */
static enum kith_dht_verdict skip(struct kith_reader *reader)
{
    uint32_t open[KITH_DHT_SHIELD_DEPTH_MAX]; /* elements still to come, per level */
    unsigned depth = 0;
    for (uint32_t objects = 0; objects < KITH_DHT_SHIELD_OBJECTS_MAX; objects++) {
        struct token token;
        enum kith_dht_verdict verdict = read_token(reader, &token);
        if (verdict != KITH_DHT_PASS) return verdict;
        if (depth > 0) open[depth - 1]--;
        if (children(&token) > reader->left) return KITH_DHT_DROP_MALFORMED;
        if (children(&token) > 0) {
            if (depth == KITH_DHT_SHIELD_DEPTH_MAX) return KITH_DHT_DROP_LIMIT;
            open[depth++] = children(&token);
        }
        while (depth > 0 && open[depth - 1] == 0)
            depth--;
        if (depth == 0) return KITH_DHT_PASS;
    }
    return KITH_DHT_DROP_LIMIT;
}

/* From here on the datagram is known to be well-formed, so reads cannot fail. */

static struct token next_token(struct kith_reader *reader)
{
    struct token token;
    (void)read_token(reader, &token);
    return token;
}

/* The next object as a range of its own. */
static struct kith_reader next_object(struct kith_reader *reader)
{
    const uint8_t *start = reader->at;
    (void)skip(reader);
    return kith_reader_of((struct kith_bytes){start, (size_t)(reader->at - start)});
}

static bool is_text(const struct token *token, const char *text)
{
    return token->type == TYPE_STR && token->content.len == strlen(text) &&
           memcmp(token->content.at, text, token->content.len) == 0;
}

static bool opens(struct kith_reader object, enum type type, struct token *ret)
{
    *ret = next_token(&object);
    return ret->type == type;
}

/* {"data": bytes, "type": 0} */
static bool is_plain_body(struct kith_reader body)
{
    struct token head = next_token(&body);
    if (head.type != TYPE_MAP || head.count != 2) return false;
    bool has_data = false, has_type = false;
    for (uint32_t i = 0; i < 2; i++) {
        struct token key = next_token(&body);
        struct kith_reader object = next_object(&body);
        struct token token = next_token(&object);
        if (is_text(&key, "data")) {
            has_data = token.type == TYPE_BIN && token.content.len <= KITH_DHT_VALUE_MAX;
        } else if (is_text(&key, "type")) {
            has_type = token.type == TYPE_UINT && token.number == 0;
        }
    }
    return has_data && has_type;
}

/* {"body": plain body} */
static bool is_plain_content(struct kith_reader content)
{
    struct token head = next_token(&content);
    if (head.type != TYPE_MAP || head.count != 1) return false;
    struct token key = next_token(&content);
    return is_text(&key, "body") && is_plain_body(content);
}

/* {"id": number, "dat": plain content}: what OpenDHT makes of an unsigned, unencrypted value. */
static bool is_plain_value(struct kith_reader value)
{
    struct token head = next_token(&value);
    if (head.type != TYPE_MAP || head.count != 2) return false;
    bool has_id = false, has_content = false;
    for (uint32_t i = 0; i < 2; i++) {
        struct token key = next_token(&value);
        struct kith_reader object = next_object(&value);
        struct token token;
        if (is_text(&key, "id")) {
            has_id = opens(object, TYPE_UINT, &token);
        } else if (is_text(&key, "dat")) {
            has_content = is_plain_content(object);
        }
    }
    return has_id && has_content;
}

static enum kith_dht_verdict check_values(struct kith_reader values)
{
    struct token head = next_token(&values);
    if (head.type != TYPE_ARRAY) return KITH_DHT_DROP_SHAPE;
    for (uint32_t i = 0; i < head.count; i++) {
        struct kith_reader value = next_object(&values);
        struct token token;
        /* A number announces a value in parts. */
        if (opens(value, TYPE_UINT, &token)) return KITH_DHT_DROP_UNWANTED;
        if (!is_plain_value(value)) return KITH_DHT_DROP_VALUE;
    }
    return KITH_DHT_PASS;
}

/* {"f": which fields, "v": their values, one after the other}: OpenDHT divides by the first's
 * length.
 * ("fileds" is how it spells the name of this map.) */
static enum kith_dht_verdict check_fields(struct kith_reader fields)
{
    struct token head = next_token(&fields);
    if (head.type != TYPE_MAP || head.count != 2) return KITH_DHT_DROP_SHAPE;
    bool has_selection = false, has_values = false;
    for (uint32_t i = 0; i < 2; i++) {
        struct token key = next_token(&fields);
        struct kith_reader object = next_object(&fields);
        struct token token;
        if (!opens(object, TYPE_ARRAY, &token)) return KITH_DHT_DROP_SHAPE;
        if (is_text(&key, "f")) has_selection = token.count > 0;
        if (is_text(&key, "v")) has_values = true;
    }
    return has_selection && has_values ? KITH_DHT_PASS : KITH_DHT_DROP_SHAPE;
}

static enum kith_dht_verdict check_nodes(struct kith_reader nodes, size_t node_len)
{
    struct token token = next_token(&nodes);
    bool whole = token.type == TYPE_BIN && token.content.len % node_len == 0;
    return whole ? KITH_DHT_PASS : KITH_DHT_DROP_SHAPE;
}

/* The arguments of a request or the content of a reply. */
static enum kith_dht_verdict check_body(struct kith_reader body)
{
    struct token head = next_token(&body);
    if (head.type != TYPE_MAP) return KITH_DHT_DROP_SHAPE;
    for (uint32_t i = 0; i < head.count; i++) {
        struct token key = {0};
        if (!opens(body, TYPE_STR, &key)) return KITH_DHT_DROP_SHAPE;
        (void)next_token(&body);
        struct kith_reader object = next_object(&body);
        enum kith_dht_verdict verdict = KITH_DHT_PASS;
        if (is_text(&key, "values")) verdict = check_values(object);
        if (is_text(&key, "fileds")) verdict = check_fields(object);
        if (is_text(&key, "n4")) verdict = check_nodes(object, NODE4_LEN);
        if (is_text(&key, "n6")) verdict = check_nodes(object, NODE6_LEN);
        if (verdict != KITH_DHT_PASS) return verdict;
    }
    return KITH_DHT_PASS;
}

static enum kith_dht_verdict check_error(struct kith_reader error)
{
    struct token head = next_token(&error);
    if (head.type != TYPE_ARRAY || head.count == 0) return KITH_DHT_DROP_SHAPE;
    struct token code = next_token(&error);
    return code.type == TYPE_UINT ? KITH_DHT_PASS : KITH_DHT_DROP_SHAPE;
}

static enum kith_dht_verdict check_request(struct kith_reader name)
{
    static const char *const wanted[] = {"ping", "find", "get", "put", "refresh"};
    struct token token = next_token(&name);
    if (token.type != TYPE_STR) return KITH_DHT_DROP_SHAPE;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (is_text(&token, wanted[i])) return KITH_DHT_PASS;
    return KITH_DHT_DROP_UNWANTED;
}

/* How often a message has each of its parts. */
struct parts {
    unsigned arguments;
    unsigned reply;
    unsigned error;
    unsigned request;
};

static enum kith_dht_verdict check_part(const struct token *key, struct kith_reader object,
                                        struct parts *parts)
{
    if (is_text(key, "a")) {
        parts->arguments++;
        return check_body(object);
    }
    if (is_text(key, "r")) {
        parts->reply++;
        return check_body(object);
    }
    if (is_text(key, "e")) {
        parts->error++;
        return check_error(object);
    }
    if (is_text(key, "q")) {
        parts->request++;
        return check_request(object);
    }
    /* What is pushed to a listener, and parts of values. */
    if (is_text(key, "u") || is_text(key, "p")) return KITH_DHT_DROP_UNWANTED;
    return KITH_DHT_PASS;
}

/* A request with its arguments, a reply, or a reply that reports an error. */
static bool parts_fit(const struct parts *parts)
{
    bool is_request = parts->request == 1 && parts->arguments == 1;
    bool is_reply = parts->request == 0 && parts->arguments == 0;
    if (is_request) return parts->reply == 0 && parts->error == 0;
    return is_reply && parts->reply == 1 && parts->error <= 1;
}

enum kith_dht_verdict kith_dht_shield(struct kith_bytes datagram)
{
    struct kith_reader reader = kith_reader_of(datagram);
    enum kith_dht_verdict verdict = skip(&reader);
    if (verdict != KITH_DHT_PASS) return verdict;
    if (!kith_reader_done(&reader)) return KITH_DHT_DROP_MALFORMED;

    reader = kith_reader_of(datagram);
    struct token head = next_token(&reader);
    if (head.type != TYPE_MAP) return KITH_DHT_DROP_MALFORMED;
    struct parts parts = {0};
    for (uint32_t i = 0; i < head.count; i++) {
        struct token key = {0};
        if (!opens(reader, TYPE_STR, &key)) return KITH_DHT_DROP_SHAPE;
        (void)next_token(&reader);
        verdict = check_part(&key, next_object(&reader), &parts);
        if (verdict != KITH_DHT_PASS) return verdict;
    }
    return parts_fit(&parts) ? KITH_DHT_PASS : KITH_DHT_DROP_SHAPE;
}
