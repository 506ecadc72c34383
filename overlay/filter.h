/* overlay/filter.h: what hotkeys a node knows, in few bytes: a fingerprint of the set, which two
 * nodes compare, and a Bloom filter (Bloom 1970), by which one tells the other whom it need not be
 * told of. Both are of the hotkeys whose records are valid, our own included, whether they answer
 * or not: so nodes that know the same agree though each has found others dead. Pure. */
#ifndef KITH_OVERLAY_FILTER_H
#define KITH_OVERLAY_FILTER_H

#include "overlay/overlay_msg.h"
#include "overlay/peers.h"

/* Never 0. */
uint64_t kith_filter_set(const struct kith_peers *peers, const struct kith_turn *turn);
/* A filter with a salt of its own, so that whom one filter hides wrongly the next one does not. */
struct kith_bytes kith_filter_of(const struct kith_peers *peers, const struct kith_turn *turn,
                                 uint8_t ret[static KITH_FILTER_MAX]);
/* True for every hotkey in it, and wrongly for one in some hundreds of others. */
bool kith_filter_has(struct kith_bytes filter, const struct kith_id *hotkey);

#endif
