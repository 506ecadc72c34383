/* training/partition.h: who owns which training image. First a public set and an audit pool are
 * drawn that belong to nobody, then the rest is dealt out to `nodes` nodes. All of it follows from
 * the swarm's seed and the data, so every node computes the same split by itself. Pure. */
#ifndef KITH_TRAINING_PARTITION_H
#define KITH_TRAINING_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "training/dataset.h"

enum kith_partition_kind {
    KITH_PARTITION_IID,       /* a permutation, cut into equal parts */
    KITH_PARTITION_DIRICHLET, /* each class cut by p ~ Dirichlet(alpha, ..., alpha) (Hsu 2019) */
    KITH_PARTITION_SHARDS,    /* sorted by label, n k equal shards, k a node (McMahan 2017) */
    KITH_PARTITION_SORTED,    /* sorted by label, n contiguous blocks, in the nodes' order */
    KITH_PARTITION_QUANTITY,  /* sizes ~ Dirichlet(alpha, ..., alpha), of any label */
};

enum {
    KITH_NODES_MAX = 65536,
    KITH_NODE_ROWS_MIN = 40, /* what draws sizes tops nodes up to so many rows, if there are */
    KITH_SHARDS_MAX = 1000,
};

struct kith_partition {
    enum kith_partition_kind kind;
    double alpha;    /* of dirichlet and quantity: 0.001 to 1000 */
    uint32_t shards; /* of shards: k, 1 to KITH_SHARDS_MAX */
};

/* For a message about a bad value: what kith_partition_parse and kith_classes_parse take. */
#define KITH_PARTITION_ALLOWED                                                                     \
    "iid, dirichlet:A or quantity:A with A from 0.001 to 1000, shards:K with K from 1 to 1000, "   \
    "or "                                                                                          \
    "sorted"
#define KITH_CLASSES_ALLOWED "labels and ranges of labels, such as 0-4 or 0,1,7"

/* "iid", "dirichlet:0.1", "shards:2", "sorted", "quantity:0.5". 0, or INVALID (form), RANGE
 * (number). */
int kith_partition_parse(const char *text, struct kith_partition *ret);

/* A set of labels. */
struct kith_class_set {
    bool has[256];
};

/* "0-4", "0,1,7", "0-2,9". 0, or INVALID (form, a range that runs backwards), RANGE (a label of
 * `classes` or more). */
int kith_classes_parse(const char *text, uint32_t classes, struct kith_class_set *ret);

#define KITH_OWNER_PUBLIC UINT32_MAX
#define KITH_OWNER_AUDIT  (UINT32_MAX - 1)

struct kith_split_config {
    struct kith_partition partition;
    uint64_t seed;         /* the swarm's */
    uint32_t public_count; /* rows taken out first ... */
    uint32_t audit_count;  /* ... and next, for audits */
    uint32_t nodes;        /* 1 to KITH_NODES_MAX */
};

/* The owner of every row of the training set, [train->count]: a node, KITH_OWNER_PUBLIC or
 * KITH_OWNER_AUDIT. 0, or
 * RANGE (no row would be left, or a bad count of nodes), NOMEM. */
int kith_split_owners(const struct kith_split_config *config, const struct kith_dataset *train,
                      uint32_t *ret_owners);
/* The rows of one owner whose label is in `classes` (NULL: any), ascending. Returns how many;
 * `ret_rows` holds [train->count], or is NULL to count only. */
uint32_t kith_split_rows(const struct kith_dataset *train, const uint32_t *owners, uint32_t owner,
                         const struct kith_class_set *classes, uint32_t *ret_rows);

#endif
