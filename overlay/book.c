/* The address book: whom a node knew, across restarts. A hint, never evidence: every entry is
 * dialled before it counts. Layout: "KTBOOK1\0", then for each peer the hotkey, an address count
 * and the addresses (family, 16 bytes, port). */
#include <string.h>

#include "overlay/overlay.h"

static const char magic[8] = "KTBOOK1";

static void write_entry(struct kith_writer *writer, const struct kith_peer *peer)
{
    kith_write_raw(writer, peer->id.bytes, KITH_ID_LEN);
    kith_write_u8(writer, (uint8_t)peer->addr_count);
    for (uint32_t i = 0; i < peer->addr_count; i++) {
        kith_write_u8(writer, peer->more->addr[i].family);
        kith_write_raw(writer, peer->more->addr[i].ip, sizeof peer->more->addr[i].ip);
        kith_write_u16(writer, peer->more->addr[i].port);
    }
}

size_t kith_overlay_book(struct kith_overlay *overlay, uint8_t *ret, size_t size)
{
    struct kith_writer writer = kith_writer_into(ret, size);
    kith_write_raw(&writer, magic, sizeof magic);
    uint32_t entries = 0;
    /* Live peers first; then, as far as room goes, those that were. */
    for (int live = 1; live >= 0; live--) {
        for (uint32_t i = 0; i < overlay->peers.count && entries < KITH_BOOK_MAX; i++) {
            const struct kith_peer *peer = kith_peers_nth(&overlay->peers, i);
            if (peer->told != (live == 1) || peer->addr_count == 0) continue;
            write_entry(&writer, peer);
            entries++;
        }
    }
    return kith_written(&writer).len;
}

static bool read_entry(struct kith_reader *reader, struct kith_id *id,
                       struct kith_addr addr[static KITH_RECORD_ADDRS_MAX], uint32_t *ret_count)
{
    kith_read_raw(reader, id->bytes, KITH_ID_LEN);
    uint32_t count = kith_read_u8(reader);
    if (reader->failed || count == 0 || count > KITH_RECORD_ADDRS_MAX) return false;
    for (uint32_t i = 0; i < count; i++) {
        addr[i] = (struct kith_addr){.family = kith_read_u8(reader)};
        kith_read_raw(reader, addr[i].ip, sizeof addr[i].ip);
        addr[i].port = kith_read_u16(reader);
        if (kith_addr_kind(&addr[i]) == KITH_ADDR_BAD) return false;
    }
    *ret_count = count;
    return !reader->failed;
}

void kith_overlay_restore_book(struct kith_overlay *overlay, struct kith_bytes book,
                               const struct kith_turn *turn)
{
    struct kith_reader reader = kith_reader_of(book);
    struct kith_bytes head = kith_read_view(&reader, sizeof magic);
    if (head.len != sizeof magic || memcmp(head.at, magic, sizeof magic) != 0) return;
    for (uint32_t entries = 0; reader.left > 0 && entries < KITH_BOOK_MAX; entries++) {
        struct kith_id id;
        struct kith_addr addr[KITH_RECORD_ADDRS_MAX];
        uint32_t count = 0;
        if (!read_entry(&reader, &id, addr, &count)) return;
        kith_peers_contact(&overlay->peers, &id, addr, count, turn);
    }
}
