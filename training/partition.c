#include "training/partition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "training/explog.h"

/* What one split works on: the private rows in some order, and room for one entry a node. */
struct deal {
    const struct kith_dataset *train;
    struct kith_rng rng;
    uint32_t nodes;
    uint32_t *rows; /* [count] */
    uint32_t count;
    uint32_t *class_rows; /* [count], scratch */
    uint32_t *sizes;      /* [nodes] rows dealt to each */
    uint32_t *cursors;    /* [nodes] */
    double *shares;       /* [nodes] */
    uint32_t *owners;     /* [train->count] */
};

static void shuffle(struct kith_rng *rng, uint32_t *at, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = kith_rng_below(rng, i);
        uint32_t swapped = at[i - 1];
        at[i - 1] = at[j];
        at[j] = swapped;
    }
}

/* Decimal digits, at most 9, so that it fits. Moves *text past them. */
static bool digits(const char **text, uint32_t *ret)
{
    uint32_t value = 0;
    int length = 0;
    for (; **text >= '0' && **text <= '9' && length < 9; (*text)++, length++)
        value = 10 * value + (uint32_t)(**text - '0');
    *ret = value;
    return length > 0;
}

/* Digits with at most one point and at most 9 digits on either side: no sign, exponent, NaN. */
static bool decimal(const char *text, double *ret)
{
    uint32_t whole;
    if (!digits(&text, &whole)) return false;
    double value = whole;
    if (*text == '.') {
        const char *start = ++text;
        uint32_t fraction;
        if (!digits(&text, &fraction)) return false;
        double unit = 1;
        for (const char *at = start; at < text; at++)
            unit *= 10;
        value += fraction / unit;
    }
    *ret = value;
    return *text == '\0';
}

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(*text, prefix, length) != 0) return false;
    *text += length;
    return true;
}

int kith_partition_parse(const char *text, struct kith_partition *ret)
{
    struct kith_partition made = {.kind = KITH_PARTITION_IID};
    bool is_sorted = strcmp(text, "sorted") == 0;
    if (is_sorted || strcmp(text, "iid") == 0) {
        if (is_sorted) made.kind = KITH_PARTITION_SORTED;
        *ret = made;
        return 0;
    }
    bool is_quantity = skip_prefix(&text, "quantity:");
    if (is_quantity || skip_prefix(&text, "dirichlet:")) {
        made.kind = is_quantity ? KITH_PARTITION_QUANTITY : KITH_PARTITION_DIRICHLET;
        if (!decimal(text, &made.alpha)) return KITH_ERR_INVALID;
        if (made.alpha < 0.001 || made.alpha > 1000) return KITH_ERR_RANGE;
    } else if (skip_prefix(&text, "shards:")) {
        made.kind = KITH_PARTITION_SHARDS;
        if (!digits(&text, &made.shards) || *text) return KITH_ERR_INVALID;
        if (made.shards < 1 || made.shards > KITH_SHARDS_MAX) return KITH_ERR_RANGE;
    } else {
        return KITH_ERR_INVALID;
    }
    *ret = made;
    return 0;
}

int kith_classes_parse(const char *text, uint32_t classes, struct kith_class_set *ret)
{
    struct kith_class_set made = {0};
    for (;;) {
        uint32_t first;
        if (!digits(&text, &first)) return KITH_ERR_INVALID;
        uint32_t last = first;
        if (*text == '-') {
            text++;
            if (!digits(&text, &last)) return KITH_ERR_INVALID;
        }
        if (last < first) return KITH_ERR_INVALID;
        if (last >= classes || last >= 256) return KITH_ERR_RANGE;
        for (uint32_t i = first; i <= last; i++)
            made.has[i] = true;
        if (*text == '\0') break;
        if (*text++ != ',') return KITH_ERR_INVALID;
    }
    *ret = made;
    return 0;
}

static void give(struct deal *deal, uint32_t row, uint32_t node)
{
    deal->owners[row] = node;
    deal->sizes[node]++;
}

/* Part i of n of `count`, which need not divide evenly: the sizes differ by at most one. */
static uint32_t part_start(uint32_t count, uint32_t i, uint32_t n)
{
    return (uint32_t)((uint64_t)count * i / n);
}

/* Contiguous parts of `rows`, as equal as can be. */
static void deal_blocks(struct deal *deal)
{
    for (uint32_t node = 0; node < deal->nodes; node++) {
        uint32_t end = part_start(deal->count, node + 1, deal->nodes);
        for (uint32_t i = part_start(deal->count, node, deal->nodes); i < end; i++)
            give(deal, deal->rows[i], node);
    }
}

/* The private rows of one class in the order of `rows`, into class_rows. */
static uint32_t rows_of_class(struct deal *deal, uint32_t label)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < deal->count; i++)
        if (deal->train->labels[deal->rows[i]] == label) deal->class_rows[count++] = deal->rows[i];
    return count;
}

/* Single precision is enough for drawing, and its bits are the same on every machine. */
static double ln(double x)
{
    return (double)kith_log((float)x);
}

/* A standard normal number (Marsaglia and Bray's polar method). */
static double draw_normal(struct kith_rng *rng)
{
    for (;;) {
        double a = 2 * kith_rng_unit(rng) - 1;
        double b = 2 * kith_rng_unit(rng) - 1;
        double square = a * a + b * b;
        if (square > 0 && square < 1) return a * sqrt(-2 * ln(square) / square);
    }
}

static double draw_unit_above_zero(struct kith_rng *rng)
{
    return 1 - kith_rng_unit(rng); /* at least 2^-53 */
}

/* The logarithm of a Gamma(alpha, 1) number (Marsaglia and Tsang 2000, with their boost by
 * u^(1/alpha)). Logarithms, since for a small alpha the numbers themselves underflow. */
static double draw_gamma_ln(struct kith_rng *rng, double alpha)
{
    double d = alpha + 1 - 1.0 / 3;
    double c = 1 / sqrt(9 * d);
    for (;;) {
        double x = draw_normal(rng);
        double base = 1 + c * x;
        if (base <= 0) continue;
        double v = base * base * base;
        double u = draw_unit_above_zero(rng);
        if (ln(u) < x * x / 2 + d - d * v + d * ln(v))
            return ln(d * v) + ln(draw_unit_above_zero(rng)) / alpha;
    }
}

/* p ~ Dirichlet(alpha, ..., alpha) over the nodes, into shares. */
static void draw_shares(struct deal *deal, double alpha)
{
    double largest = -HUGE_VAL;
    for (uint32_t i = 0; i < deal->nodes; i++) {
        deal->shares[i] = draw_gamma_ln(&deal->rng, alpha);
        if (deal->shares[i] > largest) largest = deal->shares[i];
    }
    double sum = 0;
    for (uint32_t i = 0; i < deal->nodes; i++) {
        deal->shares[i] = (double)kith_exp((float)(deal->shares[i] - largest));
        sum += deal->shares[i];
    }
    for (uint32_t i = 0; i < deal->nodes; i++)
        deal->shares[i] /= sum;
}

/* class_rows, shuffled and cut by shares that are drawn. */
static void deal_by_shares(struct deal *deal, uint32_t count, double alpha)
{
    shuffle(&deal->rng, deal->class_rows, count);
    draw_shares(deal, alpha);
    double cumulative = 0;
    uint32_t next = 0;
    for (uint32_t node = 0; node < deal->nodes; node++) {
        cumulative += deal->shares[node];
        uint32_t end = (uint32_t)(cumulative * count);
        if (node + 1 == deal->nodes || end > count) end = count;
        for (; next < end; next++)
            give(deal, deal->class_rows[next], node);
    }
}

static uint32_t largest_node(const struct deal *deal)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < deal->nodes; i++)
        if (deal->sizes[i] > deal->sizes[largest]) largest = i;
    return largest;
}

/* Nodes below the minimum get rows from whoever is the largest at that moment. `rows` is in random
 * order, and no node is ever both: each node's cursor moves forward only. */
static void top_up(struct deal *deal)
{
    shuffle(&deal->rng, deal->rows, deal->count);
    memset(deal->cursors, 0, deal->nodes * sizeof *deal->cursors);
    for (uint32_t node = 0; node < deal->nodes; node++) {
        while (deal->sizes[node] < KITH_NODE_ROWS_MIN) {
            uint32_t from = largest_node(deal);
            if (deal->sizes[from] <= KITH_NODE_ROWS_MIN) return;
            uint32_t *at = &deal->cursors[from];
            while (deal->owners[deal->rows[*at]] != from)
                (*at)++;
            deal->sizes[from]--;
            give(deal, deal->rows[*at], node);
        }
    }
}

static void deal_dirichlet(struct deal *deal, double alpha)
{
    for (uint32_t label = 0; label < deal->train->classes; label++)
        deal_by_shares(deal, rows_of_class(deal, label), alpha);
    top_up(deal);
}

static void deal_quantity(struct deal *deal, double alpha)
{
    memcpy(deal->class_rows, deal->rows, deal->count * sizeof *deal->rows);
    deal_by_shares(deal, deal->count, alpha);
    top_up(deal);
}

/* Stable counting sort of `rows` by label, by way of class_rows. */
static void sort_by_label(struct deal *deal)
{
    uint32_t starts[257] = {0};
    for (uint32_t i = 0; i < deal->count; i++)
        starts[deal->train->labels[deal->rows[i]] + 1]++;
    for (uint32_t label = 0; label < 256; label++)
        starts[label + 1] += starts[label];
    for (uint32_t i = 0; i < deal->count; i++)
        deal->class_rows[starts[deal->train->labels[deal->rows[i]]]++] = deal->rows[i];
    memcpy(deal->rows, deal->class_rows, deal->count * sizeof *deal->rows);
}

static int deal_shards(struct deal *deal, uint32_t per_node)
{
    uint64_t shards = (uint64_t)deal->nodes * per_node;
    if (shards > deal->count) return KITH_ERR_RANGE;
    sort_by_label(deal);
    uint32_t *order = deal->class_rows; /* no longer needed for the sort */
    for (uint32_t i = 0; i < shards; i++)
        order[i] = i;
    shuffle(&deal->rng, order, (uint32_t)shards);
    for (uint32_t i = 0; i < shards; i++) {
        uint32_t end = part_start(deal->count, order[i] + 1, (uint32_t)shards);
        for (uint32_t at = part_start(deal->count, order[i], (uint32_t)shards); at < end; at++)
            give(deal, deal->rows[at], i / per_node);
    }
    return 0;
}

/* A random permutation's first rows are public, the next for audits; the others stay, in ascending
 * order, to be dealt. */
static void take_public(struct deal *deal, uint32_t public_count, uint32_t audit_count)
{
    uint32_t count = deal->train->count;
    for (uint32_t i = 0; i < count; i++) {
        deal->rows[i] = i;
        deal->owners[i] = 0;
    }
    shuffle(&deal->rng, deal->rows, count);
    for (uint32_t i = 0; i < public_count; i++)
        deal->owners[deal->rows[i]] = KITH_OWNER_PUBLIC;
    for (uint32_t i = public_count; i < public_count + audit_count; i++)
        deal->owners[deal->rows[i]] = KITH_OWNER_AUDIT;
    deal->count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (deal->owners[i] == 0) deal->rows[deal->count++] = i;
}

static int deal_out(struct deal *deal, const struct kith_split_config *config)
{
    uint8_t seed[KITH_SEED_LEN] = {0};
    for (int i = 0; i < 8; i++)
        seed[i] = (uint8_t)(config->seed >> (8 * i));
    kith_rng_split(&deal->rng, seed, "public set", 0);
    take_public(deal, config->public_count, config->audit_count);
    kith_rng_split(&deal->rng, seed, "partition", 0);
    switch (config->partition.kind) {
    case KITH_PARTITION_IID:
        shuffle(&deal->rng, deal->rows, deal->count);
        deal_blocks(deal);
        return 0;
    case KITH_PARTITION_DIRICHLET:
        deal_dirichlet(deal, config->partition.alpha);
        return 0;
    case KITH_PARTITION_SHARDS:
        return deal_shards(deal, config->partition.shards);
    case KITH_PARTITION_SORTED:
        sort_by_label(deal);
        deal_blocks(deal);
        return 0;
    case KITH_PARTITION_QUANTITY:
        deal_quantity(deal, config->partition.alpha);
        return 0;
    }
    return KITH_ERR_INVALID;
}

int kith_split_owners(const struct kith_split_config *config, const struct kith_dataset *train,
                      uint32_t *ret_owners)
{
    if (config->nodes < 1 || config->nodes > KITH_NODES_MAX) return KITH_ERR_RANGE;
    if (config->public_count >= train->count) return KITH_ERR_RANGE;
    if (config->audit_count >= train->count - config->public_count) return KITH_ERR_RANGE;

    struct deal deal = {.train = train, .nodes = config->nodes, .owners = ret_owners};
    deal.rows = malloc(train->count * sizeof *deal.rows);
    deal.class_rows = malloc(train->count * sizeof *deal.class_rows);
    deal.sizes = calloc(config->nodes, sizeof *deal.sizes);
    deal.cursors = calloc(config->nodes, sizeof *deal.cursors);
    deal.shares = calloc(config->nodes, sizeof *deal.shares);
    int err = KITH_ERR_NOMEM;
    if (deal.rows && deal.class_rows && deal.sizes && deal.cursors && deal.shares)
        err = deal_out(&deal, config);
    free(deal.rows);
    free(deal.class_rows);
    free(deal.sizes);
    free(deal.cursors);
    free(deal.shares);
    return err;
}

uint32_t kith_split_rows(const struct kith_dataset *train, const uint32_t *owners, uint32_t owner,
                         const struct kith_class_set *classes, uint32_t *ret_rows)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < train->count; i++) {
        if (owners[i] != owner) continue;
        if (classes && !classes->has[train->labels[i]]) continue;
        if (ret_rows) ret_rows[count] = i;
        count++;
    }
    return count;
}
