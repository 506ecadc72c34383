/* overlay/overlay.h: membership and transport of one node put together: who is there, which links
 * exist, what is published and pulled. Takes what the node passes on from its events, leaves
 * effects in the turn's outbox and facts to be drained. Pure. */
#ifndef KITH_OVERLAY_OVERLAY_H
#define KITH_OVERLAY_OVERLAY_H

#include "base/turn.h"
#include "overlay/clock.h"
#include "overlay/dialer.h"
#include "overlay/links.h"
#include "overlay/objects.h"
#include "overlay/partial.h"
#include "overlay/peers.h"
#include "overlay/pull.h"
#include "overlay/serve.h"
#include "overlay/spread.h"

enum {
    KITH_TICK_US = 1000 * 1000, /* between two messages of gossip */
    KITH_RENEWALS_PER_S = 4,    /* of all nodes of a swarm together: one is due every n / 4 s ... */
    KITH_RENEWAL_LEAST_S = 15,  /* ... but no sooner ... */
    KITH_RENEWAL_MOST_S = 300,  /* ... nor later, as also when the view is full */
    KITH_LIFE_LEAST_S = 45,     /* signed lifetime of a record: 2.25 renewals, at least this */
    KITH_LINK_GOOD_US = 10 * 1000 * 1000, /* a link that lasted so long resets the back-off */
    KITH_LINKS_SPARE = 24,                /* links above the wanted ones that may idle */
    KITH_OVERLAY_FACTS_MAX = 64,
    KITH_BOOK_MAX = 256, /* peers remembered across restarts */
};

struct kith_overlay_config {
    const struct kith_keypair *keypair; /* outlives the overlay */
    const struct kith_scheme *scheme;
    struct kith_id swarm;
    bool active;   /* false: no peers at all */
    bool observer; /* sees all, is counted nowhere */
    uint32_t peers_max;
    uint32_t links_max;
    uint32_t links_wanted;
    uint32_t big_objects; /* slots of big_len bytes: snapshots */
    uint64_t big_len;
    uint32_t small_objects; /* slots of small_len bytes: soft labels */
    uint64_t small_len;
};

enum kith_overlay_fact_kind {
    KITH_FACT_JOINED,           /* id is live now */
    KITH_FACT_LEFT,             /* id is not live any more */
    KITH_FACT_BOOTSTRAP_SILENT, /* addr does not answer */
    KITH_FACT_SAME_HOTKEY,      /* somebody who began at started_ms signs with our hotkey */
    KITH_FACT_STATUS,           /* id's counters came, in status (observers) */
    KITH_FACT_CLOCK,            /* what the overlay's clock says has news */
};

struct kith_overlay_fact {
    enum kith_overlay_fact_kind kind;
    struct kith_id id;
    struct kith_addr addr;
    uint64_t started_ms;
    enum kith_clock_news clock;
};

struct kith_overlay {
    struct kith_overlay_config config;
    struct kith_clock clock;
    struct kith_peers peers;
    struct kith_links links;
    struct kith_dialer dialer;
    struct kith_spread spread;
    struct kith_objects objects;
    struct kith_object *published[2]; /* our newest weights and labels, pinned; NULL: none */
    struct kith_serve serve;
    struct kith_partials partials;
    struct kith_pulls pulls;
    struct kith_peer_record own; /* what the next own record will say */
    uint8_t own_bytes[KITH_RECORD_LEN_MAX];
    size_t own_len;
    uint64_t own_at_us;     /* when to sign the next */
    uint64_t created_ms[2]; /* of the newest own manifests of weights and labels */
    uint64_t tick_at_us;
    bool urgent;             /* the next own record is news */
    int64_t clock_ms;        /* wall clock less monotonic clock, at the last tick */
    struct kith_msg *status; /* the last STATUS that came; NULL: none, or we are no observer */
    struct kith_id status_from;
    struct kith_id status_wanted; /* zero: nobody's */
    uint32_t fact_count;
    struct kith_overlay_fact *facts; /* [KITH_OVERLAY_FACTS_MAX]; NULL while there are none */
};

/* 0, NOMEM or RANGE. The overlay must not move afterwards. */
int kith_overlay_init(struct kith_overlay *overlay, const struct kith_overlay_config *config);
void kith_overlay_release(struct kith_overlay *overlay);
/* Bytes held besides the struct itself. */
size_t kith_overlay_memory(const struct kith_overlay *overlay);

/* `stored` is what an earlier life stored, [KITH_STORE_KEYS]: the book that kith_overlay_book gave
 * and downloads that were interrupted; anything malformed in it is ignored. 0 or
 * KITH_ERR_NOMEM. */
int kith_overlay_start(struct kith_overlay *overlay, const struct kith_addr *own,
                       uint32_t own_count, const struct kith_addr *bootstrap,
                       uint32_t bootstrap_count, const struct kith_bytes *stored,
                       const struct kith_turn *turn);
/* What the next own record says of our learning; a new state is signed and told within a second, a
 * new round with the next record that is due. */
void kith_overlay_describe(struct kith_overlay *overlay, enum kith_peer_state state, uint32_t round,
                           const struct kith_turn *turn);
/* Sign a goodbye and send it to every link. */
void kith_overlay_leave(struct kith_overlay *overlay, const struct kith_turn *turn);

void kith_overlay_on_link_up(struct kith_overlay *overlay, kith_link link,
                             const struct kith_id *peer, const struct kith_addr *addr, bool dialed,
                             uint64_t number, const struct kith_turn *turn);
void kith_overlay_on_link_down(struct kith_overlay *overlay, kith_link link,
                               const struct kith_turn *turn);
void kith_overlay_on_dial_failed(struct kith_overlay *overlay, uint64_t number, int err,
                                 const struct kith_turn *turn);
void kith_overlay_on_message(struct kith_overlay *overlay, kith_link link, struct kith_bytes bytes,
                             const struct kith_turn *turn);
/* Count the bytes of a message that a step sends, `head` being its first ones, by purpose. */
void kith_overlay_count_sent(struct kith_overlay *overlay, struct kith_bytes head, size_t len,
                             struct kith_stats *stats);
/* A record that the DHT gave: where somebody may be. */
void kith_overlay_on_contact(struct kith_overlay *overlay, struct kith_bytes record,
                             const struct kith_turn *turn);
void kith_overlay_on_deadline(struct kith_overlay *overlay, const struct kith_turn *turn);
uint64_t kith_overlay_deadline_us(const struct kith_overlay *overlay);

/* Ask a peer for its counters, over a link that is dialled if need be. The answer is a fact. */
void kith_overlay_ask_status(struct kith_overlay *overlay, const struct kith_id *peer,
                             const struct kith_turn *turn);
/* Publish bytes: cut, hash, sign, keep. 0 or FULL. */
int kith_overlay_publish(struct kith_overlay *overlay, enum kith_manifest_kind kind, uint64_t round,
                         uint8_t wire, struct kith_bytes bytes, const struct kith_turn *turn);
/* A record for the DHT: our addresses, for `lifetime_s`, no evidence of life. */
struct kith_bytes kith_overlay_contact(struct kith_overlay *overlay, uint8_t depth,
                                       uint32_t lifetime_s,
                                       uint8_t buffer[static KITH_RECORD_LEN_MAX],
                                       const struct kith_turn *turn);
/* Whom we know, to be stored: written into `ret`, at most `size` bytes; returns the length. */
size_t kith_overlay_book(struct kith_overlay *overlay, uint8_t *ret, size_t size);
/* Remember whom such a book names; what is malformed in it is ignored. */
void kith_overlay_restore_book(struct kith_overlay *overlay, struct kith_bytes book,
                               const struct kith_turn *turn);
enum { KITH_BOOK_ENTRY_LEN = KITH_ID_LEN + 1 + KITH_RECORD_ADDRS_MAX * 19 };
enum { KITH_BOOK_LEN_MAX = 16 + KITH_BOOK_MAX * KITH_BOOK_ENTRY_LEN };

/* Let those go whose records have ended; set the gauges. */
void kith_overlay_settle(struct kith_overlay *overlay, const struct kith_turn *turn);
bool kith_overlay_next_fact(struct kith_overlay *overlay, struct kith_overlay_fact *ret);

#endif
