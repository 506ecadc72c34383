/* An address book from a file: whoever it names is somebody to dial and nobody who lives, and what
 * was kept of it is written again as a book that keeps the same. A node that has room for few
 * forgets some and no more. */
#include <string.h>

#include "base/assert.h"
#include "overlay/overlay.h"

enum { ROOM = 320, SMALL_ROOM = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
    struct kith_overlay overlay;
    struct kith_outbox out;
    struct kith_stats stats;
    struct kith_rng rng;
};

static void reader_init(struct reader *reader, uint32_t peers_max)
{
    static const struct kith_keypair self = {.hotkey = {{'m', 'e'}}};
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    struct kith_overlay_config config = {
        .keypair = &self,
        .scheme = &kith_ed25519,
        .swarm = {{1}},
        .active = true,
        .peers_max = peers_max,
        .links_max = 1,
        .links_wanted = 1,
        .big_objects = 1,
        .big_len = 1,
        .small_objects = 1,
        .small_len = 1,
    };
    memset(reader, 0, sizeof *reader);
    int err = kith_overlay_init(&reader->overlay, &config);
    kith_assert(!err);
    err = kith_outbox_init(&reader->out, 4, 64);
    kith_assert(!err);
    kith_rng_init(&reader->rng, seed);
}

static void reader_release(struct reader *reader)
{
    kith_overlay_release(&reader->overlay);
    kith_outbox_release(&reader->out);
}

static void check_addr(const struct kith_addr *addr)
{
    char text[KITH_ADDR_TEXT_MAX];
    struct kith_addr again;
    kith_assert(kith_addr_kind(addr) != KITH_ADDR_BAD);
    kith_addr_format(addr, text);
    kith_assert(kith_addr_parse(text, &again));
    kith_assert(kith_addr_eq(addr, &again));
}

static void check_peers(struct kith_overlay *overlay)
{
    const struct kith_id *before = NULL;
    for (uint32_t i = 0; i < overlay->peers.count; i++) {
        const struct kith_peer *peer = kith_peers_nth(&overlay->peers, i);
        kith_assert(!before || kith_id_cmp(before, &peer->id) < 0);
        before = &peer->id;
        kith_assert(!kith_id_eq(&peer->id, &overlay->config.keypair->hotkey));
        kith_assert(peer->addr_count > 0 && peer->addr_count <= KITH_RECORD_ADDRS_MAX);
        for (uint32_t a = 0; a < peer->addr_count; a++)
            check_addr(&peer->more->addr[a]);
    }
}

static void restore(struct reader *reader, struct kith_bytes book)
{
    struct kith_turn turn = {.now_us = KITH_SECOND_US,
                             .wall_ms = 1000,
                             .rng = &reader->rng,
                             .out = &reader->out,
                             .stats = &reader->stats};
    kith_overlay_restore_book(&reader->overlay, book, &turn);
    kith_assert(reader->overlay.peers.count <= KITH_BOOK_MAX);
    kith_assert(reader->overlay.peers.count <= reader->overlay.config.peers_max);
    kith_assert(kith_peers_live(&reader->overlay.peers, turn.wall_ms) == 0);
    kith_assert(reader->out.count == 0);
    check_peers(&reader->overlay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[KITH_BOOK_LEN_MAX], second[KITH_BOOK_LEN_MAX];
    static struct reader from, to, small;
    struct kith_bytes book = {data, size};
    reader_init(&from, ROOM);
    restore(&from, book);
    size_t len = kith_overlay_book(&from.overlay, first, sizeof first);

    reader_init(&to, ROOM);
    restore(&to, (struct kith_bytes){first, len});
    kith_assert(to.overlay.peers.count == from.overlay.peers.count);
    kith_assert(kith_overlay_book(&to.overlay, second, sizeof second) == len);
    kith_assert(memcmp(first, second, len) == 0);

    reader_init(&small, SMALL_ROOM);
    restore(&small, book);
    reader_release(&small);
    reader_release(&to);
    reader_release(&from);
    return 0;
}
