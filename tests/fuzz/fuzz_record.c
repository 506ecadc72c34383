/* Peer records from anyone: whatever open takes has one encoding, so sealing what was read gives
 * the bytes that were read, but for who signed. */
#include "tests/fuzz/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kith_peer_record record;
    struct kith_keypair pair = {0};
    uint8_t again[KITH_RECORD_MAX];
    struct kith_bytes bytes = {data, size};
    if (kith_record_open(bytes, &swarm, &record) != 0) return 0;
    kith_record_verify(bytes, &swarm, &record.hotkey, &kith_ed25519);
    kith_record_check_times(&record, record.seq);
    for (uint32_t i = 0; i < record.addr_count; i++) {
        struct kith_addr addr;
        char text[KITH_ADDR_TEXT_MAX];
        kith_addr_format(&record.addr[i], text);
        kith_assert(kith_addr_parse(text, &addr));
        kith_assert(kith_addr_eq(&addr, &record.addr[i]));
    }

    pair.hotkey = record.hotkey;
    must_be_same(kith_record_seal(&record, &swarm, &pair, &nothing, again), bytes);
    return 0;
}
