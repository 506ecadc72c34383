/* sim/sim_zoo.h: attacks on learning, as the literature has them, told by nodes that are correct in
 * all else: what a liar publishes is put in the place of its snapshot or soft labels before its
 * node signs it. The gang shares what its members have pulled, and nothing that they could not
 * have. */
#ifndef KITH_SIM_SIM_ZOO_H
#define KITH_SIM_SIM_ZOO_H

#include "sim/sim_liar.h"
#include "training/dataset.h"

/* What a gang knows of honest models. NULL if out of memory. */
struct kith_zoo *kith_zoo_new(uint32_t nodes);
void kith_zoo_free(struct kith_zoo *zoo);
/* The event of every lie of KITH_ZOO_MAP. */
void kith_zoo_event(struct kith_liar *liar, struct kith_event *event);

/* Whether a liar of this kind learns from wrong labels, and those labels: [train->count], owned by
 * the caller; NULL if out of memory. */
bool kith_zoo_flips(enum kith_lie lie);
uint8_t *kith_zoo_labels_new(enum kith_lie lie, const struct kith_dataset *train,
                             const uint8_t seed[static KITH_SEED_LEN]);

#endif
