/* What people type and files hold: addresses, hexadecimal, hotkeys. What is taken is written back
 * as a text that is taken as the same. */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "identity/ss58.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_addr(const char *text)
{
    struct kith_addr addr, again;
    char written[KITH_ADDR_TEXT_MAX];
    if (!kith_addr_parse(text, &addr)) return;
    kith_assert(addr.family == 4 || addr.family == 6);
    kith_assert(addr.port > 0);
    kith_addr_kind(&addr);
    kith_addr_format(&addr, written);
    kith_assert(kith_addr_parse(written, &again));
    kith_assert(kith_addr_eq(&addr, &again));
}

static void try_hex(const char *text)
{
    uint8_t bytes[32], again[32];
    char written[65];
    for (size_t len = 0; len <= sizeof bytes; len++) {
        if (!kith_hex_decode(text, bytes, len)) continue;
        kith_assert(strlen(text) == 2 * len);
        kith_hex_encode(bytes, len, written);
        kith_assert(kith_hex_decode(written, again, len));
        kith_assert(memcmp(bytes, again, len) == 0);
    }
}

static void try_ss58(const char *text)
{
    struct kith_id hotkey;
    char written[KITH_SS58_MAX];
    if (kith_ss58_decode(text, &hotkey) != 0) return;
    kith_ss58_encode(&hotkey, written);
    kith_assert(strcmp(text, written) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    try_addr(text);
    try_hex(text);
    try_ss58(text);
    free(text);
    return 0;
}
