/* identity/ss58: known addresses, and what a typing error gives. */
#include "base/bytes.h"
#include "base/err.h"
#include "identity/ss58.h"
#include "tests/test.h"

static const struct {
    const char *key, *text;
} vectors[] = {
    {"d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d",
     "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"},
    {"88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee",
     "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"},
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
     "5Gw54ghuAHodDGAS91DUxqvKa6PeT9bhDdns3ztBupY8pSyn"},
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "5HrN7fHLXWcFiXPwwtq2EkSGns9eMt5P7SpeTPewumZy6ftb"},
};
enum { VECTORS = sizeof vectors / sizeof *vectors };

static void known_addresses(void)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct kith_id key, back;
        char text[KITH_SS58_MAX];
        check(kith_hex_decode(vectors[i].key, key.bytes, KITH_ID_LEN));
        kith_ss58_encode(&key, text);
        check_str(text, vectors[i].text);
        check_int(kith_ss58_decode(text, &back), 0);
        check(kith_id_eq(&key, &back));
    }
}

/* Two bytes of checksum let one error in 65,536 through; none of these. */
static void one_wrong_character_is_refused(void)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    for (size_t i = 0; i < VECTORS; i++)
        for (size_t at = 0; at < KITH_SS58_MAX - 1; at++)
            for (const char *c = alphabet; *c; c++) {
                char text[KITH_SS58_MAX];
                struct kith_id key;
                memcpy(text, vectors[i].text, sizeof text);
                if (text[at] == *c) continue;
                text[at] = *c;
                int err = kith_ss58_decode(text, &key);
                check(err == KITH_ERR_HASH || err == KITH_ERR_RANGE);
            }
}

static void other_texts_are_refused(void)
{
    static const struct {
        const char *text;
        int err;
    } rows[] = {
        {"", KITH_ERR_RANGE},
        {"5", KITH_ERR_RANGE},
        {"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQ", KITH_ERR_RANGE},
        {"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQYY", KITH_ERR_RANGE},
        {" 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQ", KITH_ERR_INVALID},
        {"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKut0Y", KITH_ERR_INVALID},
        {"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutlY", KITH_ERR_INVALID},
        {"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKut\xc3\xa4", KITH_ERR_INVALID},
        {"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", KITH_ERR_RANGE},
        {"111111111111111111111111111111111111111111111111", KITH_ERR_RANGE},
        /* The first address plus 2^280: the same 35 bytes, were the rest cut off. */
        {"WpPp6YqTUURf17pk29pVUubDXKpAHLV4fSX8hNFTLBV9xbk4", KITH_ERR_RANGE},
        /* Of the same key, under prefix 0 (Polkadot), filled up to 48 characters. */
        {"115oF4uVJwmo4hdGXQoBfAkJhCRNRSzRPEmLaUdC9Rz6NfvT", KITH_ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kith_id key = {{0x55}};
        check_int(kith_ss58_decode(rows[i].text, &key), rows[i].err);
        check_int(key.bytes[0], 0x55);
    }
}

int main(void)
{
    run(known_addresses);
    run(one_wrong_character_is_refused);
    run(other_texts_are_refused);
    return test_end();
}
