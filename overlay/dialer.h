/* overlay/dialer.h: whom to call: bootstrap addresses until somebody answers, then known peers
 * until there are links enough, and now and then one that was given up, so that healed partitions
 * grow together. Pure. */
#ifndef KITH_OVERLAY_DIALER_H
#define KITH_OVERLAY_DIALER_H

#include "base/turn.h"
#include "overlay/links.h"
#include "overlay/peers.h"

enum {
    KITH_BOOTSTRAP_MAX = 32,
    KITH_OWN_ADDRS_MAX = KITH_RECORD_ADDRS_MAX,
    KITH_DIALS_MAX = 8, /* under way at once */
    KITH_DIAL_FIRST_US = 1000 * 1000,
    KITH_DIAL_LAST_US = 60 * 1000 * 1000, /* back-off doubles from the first to the last */
    KITH_FEELER_US = 15 * 1000 * 1000,    /* between dials of peers that were given up */
};

struct kith_bootstrap {
    struct kith_addr addr;
    uint64_t number; /* of the dial under way, 0: none */
    uint64_t next_us;
    uint32_t failures;
    kith_link link;      /* 0: none */
    struct kith_id peer; /* who answered last */
    bool failed_untold;  /* its first failure has not been told to a person yet */
    bool told;
};

struct kith_dialer {
    struct kith_peers *peers;
    struct kith_links *links;
    uint32_t wanted;
    struct kith_addr own[KITH_OWN_ADDRS_MAX];
    uint32_t own_count;
    struct kith_bootstrap *bootstrap; /* [bootstrap_count] */
    uint32_t bootstrap_count;
    uint64_t next_number;
    uint32_t under_way;
    uint64_t feeler_us;
    uint64_t deadline_us;
};

void kith_dialer_init(struct kith_dialer *dialer, struct kith_peers *peers,
                      struct kith_links *links, uint32_t wanted);
void kith_dialer_release(struct kith_dialer *dialer);
size_t kith_dialer_memory(const struct kith_dialer *dialer);
/* Begin: who we are and whom to ask first. Extra entries beyond the maxima are left out.
 * 0 or KITH_ERR_NOMEM. */
int kith_dialer_start(struct kith_dialer *dialer, const struct kith_addr *own, uint32_t own_count,
                      const struct kith_addr *bootstrap, uint32_t bootstrap_count,
                      const struct kith_turn *turn);
/* Look for somebody to dial at the next deadline: now. To be called every second. */
void kith_dialer_hurry(struct kith_dialer *dialer, const struct kith_turn *turn);
/* Dial this peer now unless it is linked, being dialled, banned or has no usable address. True if a
 * link exists or may come. */
bool kith_dialer_want(struct kith_dialer *dialer, struct kith_peer *peer,
                      const struct kith_turn *turn);
void kith_dialer_on_up(struct kith_dialer *dialer, uint64_t number, kith_link link,
                       const struct kith_id *peer, const struct kith_turn *turn);
void kith_dialer_on_down(struct kith_dialer *dialer, kith_link link, const struct kith_turn *turn);
/* Returns the peer whose dial failed, NULL for a bootstrap address or an unknown number. */
struct kith_peer *kith_dialer_on_failed(struct kith_dialer *dialer, uint64_t number, int err,
                                        const struct kith_turn *turn);
void kith_dialer_on_deadline(struct kith_dialer *dialer, const struct kith_turn *turn);
uint64_t kith_dialer_deadline_us(const struct kith_dialer *dialer);
/* The next bootstrap address that did not answer and of which nobody has been told; NULL: none. */
const struct kith_addr *kith_dialer_next_silent(struct kith_dialer *dialer);

#endif
