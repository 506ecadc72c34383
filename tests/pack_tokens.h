/* tests/pack_tokens.h: the same bytes read by kith's bounded reader and by msgpack-c, each as a
 * flat list of tokens, so that one can be held against the other. */
#ifndef KITH_TESTS_PACK_TOKENS_H
#define KITH_TESTS_PACK_TOKENS_H

#include <msgpack.h>

#include "base/pack.h"

enum { TOKENS_MAX = 2048, TOKEN_DEPTH_MAX = 32, TOKEN_TEXT_MAX = 256 };

struct token {
    enum { TOKEN_ARRAY, TOKEN_UINT, TOKEN_BOOL, TOKEN_BIN, TOKEN_STR } type;
    uint64_t value;    /* the number; of arrays the count, of the last two the length */
    const uint8_t *at; /* of a BIN: its bytes */
    char text[TOKEN_TEXT_MAX];
};

struct tokens {
    struct token at[TOKENS_MAX];
    size_t count;
    bool beyond; /* too many or too deep to be compared, or of a type that kith does not speak */
};

static inline struct token *token_add(struct tokens *tokens)
{
    if (tokens->count == TOKENS_MAX) {
        tokens->beyond = true;
        return NULL;
    }
    struct token *token = &tokens->at[tokens->count++];
    memset(token, 0, sizeof *token);
    return token;
}

static inline uint32_t kith_token(struct kith_unpack *unpack, struct token *ret)
{
    uint8_t tag = unpack->in.left ? *unpack->in.at : 0;
    if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
        ret->type = TOKEN_ARRAY;
        ret->value = kith_unpack_array(unpack, 0, UINT32_MAX);
        return (uint32_t)ret->value;
    }
    if ((tag & 0xe0) == 0xa0 || (tag >= 0xd9 && tag <= 0xdb)) {
        ret->type = TOKEN_STR;
        kith_unpack_str(unpack, ret->text, sizeof ret->text);
        ret->value = strlen(ret->text);
        return 0;
    }
    if (tag >= 0xc4 && tag <= 0xc6) {
        struct kith_bytes bytes = kith_unpack_bin(unpack, 0, SIZE_MAX);
        ret->type = TOKEN_BIN;
        ret->value = bytes.len;
        ret->at = bytes.at;
        return 0;
    }
    ret->type = tag == 0xc2 || tag == 0xc3 ? TOKEN_BOOL : TOKEN_UINT;
    ret->value =
        ret->type == TOKEN_BOOL ? kith_unpack_bool(unpack) : kith_unpack_uint(unpack, UINT64_MAX);
    return 0;
}

/* One whole object. 0 or the reader's error; *ret_used its bytes. */
static inline int kith_tokens(struct kith_bytes bytes, struct tokens *ret, size_t *ret_used)
{
    struct kith_unpack unpack = kith_unpack_of(bytes);
    uint32_t open[TOKEN_DEPTH_MAX + 1] = {1}, depth = 0;
    ret->count = 0;
    ret->beyond = false;
    for (;;) {
        while (open[depth] == 0) {
            if (depth-- == 0) {
                *ret_used = bytes.len - unpack.in.left;
                return unpack.err;
            }
        }
        open[depth]--;
        struct token *token = token_add(ret);
        if (!token) return 0;
        bool is_signed = unpack.in.left && (*unpack.in.at & 0xfc) == 0xd0;
        uint32_t inside = kith_token(&unpack, token);
        /* A signed integer that is not negative is an unsigned one to msgpack-c; kith has none. */
        ret->beyond = is_signed;
        if (unpack.err) return unpack.err;
        if (inside == 0) continue;
        if (depth == TOKEN_DEPTH_MAX) {
            ret->beyond = true;
            return 0;
        }
        open[++depth] = inside;
    }
}

static inline bool is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e) return false;
    return true;
}

static inline void msgpack_token(const msgpack_object *object, struct tokens *ret)
{
    struct token *token = ret->beyond ? NULL : token_add(ret);
    if (!token) return;
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        token->type = TOKEN_ARRAY;
        token->value = object->via.array.size;
        for (uint32_t i = 0; i < object->via.array.size; i++)
            msgpack_token(&object->via.array.ptr[i], ret);
    } else if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        token->type = TOKEN_UINT;
        token->value = object->via.u64;
    } else if (object->type == MSGPACK_OBJECT_BOOLEAN) {
        token->type = TOKEN_BOOL;
        token->value = object->via.boolean;
    } else if (object->type == MSGPACK_OBJECT_BIN) {
        token->type = TOKEN_BIN;
        token->value = object->via.bin.size;
        token->at = (const uint8_t *)object->via.bin.ptr;
    } else if (object->type == MSGPACK_OBJECT_STR && object->via.str.size < TOKEN_TEXT_MAX &&
               is_printable(object->via.str.ptr, object->via.str.size)) {
        token->type = TOKEN_STR;
        token->value = object->via.str.size;
        if (token->value) memcpy(token->text, object->via.str.ptr, token->value);
    } else {
        ret->beyond = true;
    }
}

static inline bool tokens_equal(const struct tokens *a, const struct tokens *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct token *x = &a->at[i], *y = &b->at[i];
        if (x->type != y->type || x->value != y->value) return false;
        if (x->type == TOKEN_STR && memcmp(x->text, y->text, TOKEN_TEXT_MAX) != 0) return false;
        if (x->type == TOKEN_BIN && x->value && memcmp(x->at, y->at, x->value) != 0) return false;
    }
    return true;
}

/* msgpack-c believes the counts of 32-bit arrays and maps and asks for the memory: such bytes are
 * kept from it unless kith has read them. */
static inline bool has_large_count(struct kith_bytes bytes)
{
    for (size_t i = 0; i + 2 < bytes.len; i++)
        if ((bytes.at[i] == 0xdd || bytes.at[i] == 0xdf) && (bytes.at[i + 1] || bytes.at[i + 2]))
            return true;
    return false;
}

/* True if both readers say the same: what kith takes, msgpack-c reads as the same tokens from the
 * same bytes; what msgpack-c reads and kith speaks, kith takes. `*ret_taken`: both took it. */
static inline bool readers_agree(struct kith_bytes bytes, bool *ret_taken)
{
    static struct tokens ours, theirs;
    size_t used = 0, offset = 0;
    *ret_taken = false;
    int err = kith_tokens(bytes, &ours, &used);
    if (ours.beyond || (err && has_large_count(bytes))) return true;

    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    msgpack_unpack_return got =
        msgpack_unpack_next(&result, (const char *)bytes.at, bytes.len, &offset);
    bool read = got == MSGPACK_UNPACK_SUCCESS || got == MSGPACK_UNPACK_EXTRA_BYTES;
    theirs.count = 0;
    theirs.beyond = false;
    if (read) msgpack_token(&result.data, &theirs);
    bool agree = !err ? read && !theirs.beyond && used == offset && tokens_equal(&ours, &theirs)
                      : !read || theirs.beyond;
    msgpack_unpacked_destroy(&result);
    *ret_taken = !err && agree;
    return agree;
}

#endif
