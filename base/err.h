/* base/err.h: the one list of error codes. Functions that can fail return 0 or one of these. Pure.
 */
#ifndef KITH_BASE_ERR_H
#define KITH_BASE_ERR_H

/* name, text for a person (no capital, no full stop: it stands after "path: ") */
#define KITH_ERR_MAP(X)                                                                            \
    X(NOMEM, "out of memory")                                                                      \
    X(INVALID, "invalid value")                                                                    \
    X(RANGE, "out of range")                                                                       \
    X(TRUNCATED, "ends too early")                                                                 \
    X(TRAILING, "has bytes after its end")                                                         \
    X(TYPE, "wrong type")                                                                          \
    X(SHAPE, "wrong shape")                                                                        \
    X(NOT_FINITE, "holds a NaN or an infinity")                                                    \
    X(SIGNATURE, "bad signature")                                                                  \
    X(VERSION, "unsupported version")                                                              \
    X(SWARM, "belongs to another swarm")                                                           \
    X(EXPIRED, "expired")                                                                          \
    X(FUTURE, "not valid yet")                                                                     \
    X(REPLAY, "replayed or out of sequence")                                                       \
    X(FULL, "no room left")                                                                        \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "exists already")                                                                    \
    X(PERMISSION, "permission denied")                                                             \
    X(IN_USE, "in use by another program")                                                         \
    X(IO, "input/output error")                                                                    \
    X(TIMEOUT, "timed out")                                                                        \
    X(REFUSED, "refused: nobody listens there")                                                    \
    X(CLOSED, "closed")                                                                            \
    X(CRYPTO, "cryptographic operation refused")                                                   \
    X(HASH, "content does not match its hash")                                                     \
    X(SELF, "has our own hotkey")                                                                  \
    X(IDENTITY, "has another hotkey than expected")

enum kith_err {
    KITH_ERR_NONE = 0,
#define X(name, text) KITH_ERR_MAGNITUDE_##name,
    KITH_ERR_MAP(X)
#undef X
        KITH_ERR_COUNT,
#define X(name, text) KITH_ERR_##name = -KITH_ERR_MAGNITUDE_##name,
    KITH_ERR_MAP(X)
#undef X
};

/* The code's short name ("NOMEM") and its text for a person. Any int is allowed:
 * what is no error code gives "UNKNOWN". The strings are static. */
const char *kith_err_name(int err);
const char *kith_err_text(int err);

#endif
