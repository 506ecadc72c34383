/* Manifests from anyone: as with records, what open takes has one encoding. */
#include "tests/fuzz/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kith_manifest manifest;
    struct kith_keypair pair = {0};
    uint8_t again[KITH_MANIFEST_MAX];
    struct kith_bytes bytes = {data, size};
    if (kith_manifest_open(bytes, &swarm, &manifest) != 0) return 0;
    kith_manifest_verify(bytes, &swarm, &manifest.author, &kith_ed25519);

    pair.hotkey = manifest.author;
    must_be_same(kith_manifest_seal(&manifest, &swarm, &pair, &nothing, again), bytes);
    return 0;
}
