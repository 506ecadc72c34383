/* training/partition: who owns which image. */
#include "base/err.h"
#include "tests/test.h"
#include "training/partition.h"

enum { COUNT = 6000, CLASSES = 10, NODES_MAX = 100 };

static struct kith_dataset train;
static uint32_t owners[COUNT];
static uint32_t rows[COUNT];
static uint32_t histogram[NODES_MAX][CLASSES];
static uint32_t sizes[NODES_MAX];
static uint32_t public_rows;

static int split(const char *text, uint64_t seed, uint32_t public_count, uint32_t nodes)
{
    struct kith_split_config config = {.seed = seed, .public_count = public_count, .nodes = nodes};
    int err = kith_partition_parse(text, &config.partition);
    if (!err) err = kith_split_owners(&config, &train, owners);
    if (err) return err;
    memset(histogram, 0, sizeof histogram);
    memset(sizes, 0, sizeof sizes);
    public_rows = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        if (owners[i] == KITH_OWNER_PUBLIC) {
            public_rows++;
            continue;
        }
        if (owners[i] >= nodes) return KITH_ERR_RANGE;
        sizes[owners[i]]++;
        histogram[owners[i]][train.labels[i]]++;
    }
    return 0;
}

static uint32_t classes_of(uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t label = 0; label < CLASSES; label++)
        count += histogram[node][label] > 0;
    return count;
}

static void text_is_parsed_strictly(void)
{
    static const char *invalid[] = {"",
                                    "iid ",
                                    "IID",
                                    "dirichlet",
                                    "dirichlet:",
                                    "dirichlet:x",
                                    "dirichlet:-1",
                                    "dirichlet:1e3",
                                    "shards:",
                                    "shards:2.5",
                                    "shards:2 ",
                                    "dirichlet:nan",
                                    "shards:+2",
                                    "dirichlet:1.",
                                    "dirichlet:0.1x",
                                    "sorted:2",
                                    "quantity",
                                    "quantity:",
                                    "quantity:x"};
    static const char *range[] = {"dirichlet:0", "dirichlet:1001", "shards:0",
                                  "shards:1001", "quantity:0",     "quantity:1001"};
    struct kith_partition partition;
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        check_int(kith_partition_parse(invalid[i], &partition), KITH_ERR_INVALID);
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        check_int(kith_partition_parse(range[i], &partition), KITH_ERR_RANGE);
    check_int(kith_partition_parse("dirichlet:0.25", &partition), 0);
    check_int(partition.kind, KITH_PARTITION_DIRICHLET);
    check(partition.alpha == 0.25);
    check_int(kith_partition_parse("shards:2", &partition), 0);
    check_int(partition.shards, 2);
    check_int(kith_partition_parse("sorted", &partition), 0);
    check_int(partition.kind, KITH_PARTITION_SORTED);
    check_int(kith_partition_parse("quantity:0.5", &partition), 0);
    check_int(partition.kind, KITH_PARTITION_QUANTITY);
    check(partition.alpha == 0.5);
    check_int(kith_partition_parse("iid", &partition), 0);
    check_int(partition.kind, KITH_PARTITION_IID);
}

static void classes_are_parsed_strictly(void)
{
    static const char *invalid[] = {"", ",", "1,", "4-1", "a", "1-", "-1", "1 2", "1--2", "0-4,"};
    struct kith_class_set set;
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        check_int(kith_classes_parse(invalid[i], 10, &set), KITH_ERR_INVALID);
    check_int(kith_classes_parse("10", 10, &set), KITH_ERR_RANGE);
    check_int(kith_classes_parse("0-10", 10, &set), KITH_ERR_RANGE);
    check_int(kith_classes_parse("999999999", 10, &set), KITH_ERR_RANGE);
    check_int(kith_classes_parse("9999999999", 10, &set), KITH_ERR_RANGE);
    check_int(kith_classes_parse("0-2,7", 10, &set), 0);
    for (int i = 0; i < 256; i++)
        check_int(set.has[i], i <= 2 || i == 7);
}

static void iid_is_equal_and_mixed(void)
{
    check_int(split("iid", 1, 500, 7), 0);
    check_int(public_rows, 500);
    for (uint32_t node = 0; node < 7; node++) {
        check(sizes[node] == 785 || sizes[node] == 786);
        for (uint32_t label = 0; label < CLASSES; label++)
            check(histogram[node][label] > 45 && histogram[node][label] < 115);
    }
}

/* Over many nodes the largest share of a class is small for a large alpha and near 1 for a small
 * one; nobody is left with fewer than the minimum. */
static void dirichlet_follows_alpha(void)
{
    static const char *texts[] = {"dirichlet:100", "dirichlet:1", "dirichlet:0.1",
                                  "dirichlet:0.001"};
    double before = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_int(split(texts[i], 3, 0, 10), 0);
        double largest = 0;
        for (uint32_t label = 0; label < CLASSES; label++) {
            uint32_t most = 0;
            for (uint32_t node = 0; node < 10; node++)
                if (histogram[node][label] > most) most = histogram[node][label];
            largest += most / (double)COUNT;
        }
        for (uint32_t node = 0; node < 10; node++)
            check(sizes[node] >= KITH_NODE_ROWS_MIN);
        check(largest > before);
        before = largest;
        if (i == 0) check(largest < 0.2);
    }
    check(before > 0.85);
}

static void dirichlet_tops_up_as_far_as_it_can(void)
{
    check_int(split("dirichlet:0.01", 4, 0, 100), 0);
    for (uint32_t node = 0; node < 100; node++)
        check(sizes[node] >= KITH_NODE_ROWS_MIN);
    check_int(split("dirichlet:0.01", 4, COUNT - 1000, 100), 0); /* only 10 rows a node */
    for (uint32_t node = 0; node < 100; node++)
        check(sizes[node] <= KITH_NODE_ROWS_MIN);
}

static void shards_give_few_classes(void)
{
    check_int(split("shards:2", 5, 1000, 50), 0);
    for (uint32_t node = 0; node < 50; node++) {
        check_int(sizes[node], 100);
        check(classes_of(node) <= 4);
    }
    check_int(split("shards:1", 5, 0, 10), 0);
    for (uint32_t node = 0; node < 10; node++)
        check_int(classes_of(node), 1);
    check_int(split("shards:1000", 5, 0, 10), KITH_ERR_RANGE);
}

/* No node's labels are above those of the next one, and they are few. */
static void sorted_gives_blocks_in_order(void)
{
    uint32_t before = 0;
    check_int(split("sorted", 5, 500, 20), 0);
    for (uint32_t node = 0; node < 20; node++) {
        uint32_t low = 0, high = CLASSES - 1;
        check_int(sizes[node], 275);
        check(classes_of(node) <= 2);
        while (histogram[node][low] == 0)
            low++;
        while (histogram[node][high] == 0)
            high--;
        check(low >= before);
        before = high;
    }
    check_int(before, CLASSES - 1);
}

/* Sizes differ the more the smaller alpha is, and say nothing about labels. */
static void quantity_skews_sizes_alone(void)
{
    static const char *texts[] = {"quantity:1000", "quantity:1", "quantity:0.1"};
    uint32_t before = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint32_t largest = 0, sum = 0;
        check_int(split(texts[i], 3, 500, 20), 0);
        for (uint32_t node = 0; node < 20; node++) {
            check(sizes[node] >= KITH_NODE_ROWS_MIN);
            sum += sizes[node];
            if (sizes[node] > sizes[largest]) largest = node;
        }
        check_int(sum, COUNT - 500);
        check(sizes[largest] > before);
        before = sizes[largest];
        for (uint32_t label = 0; label < CLASSES; label++) {
            double share = histogram[largest][label] / (double)before;
            check(share > 0.05 && share < 0.17);
        }
        if (i == 0) check(before < 320);
    }
    check(before > 1000);
}

static void splits_follow_the_seed_alone(void)
{
    static uint32_t first[COUNT];
    static const char *texts[] = {"iid", "dirichlet:0.1", "shards:2", "quantity:0.5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_int(split(texts[i], 6, 600, 12), 0);
        memcpy(first, owners, sizeof owners);
        check_int(split(texts[i], 6, 600, 12), 0);
        check(memcmp(first, owners, sizeof owners) == 0);
        check_int(split(texts[i], 7, 600, 12), 0);
        check(memcmp(first, owners, sizeof owners) != 0);
    }
}

/* The public set is the swarm's: no partition, count of nodes or shard changes it. */
static void the_public_set_is_the_same_for_all(void)
{
    static uint32_t first[COUNT];
    check_int(split("iid", 8, 700, 3), 0);
    uint32_t count = kith_split_rows(&train, owners, KITH_OWNER_PUBLIC, NULL, first);
    check_int(count, 700);
    check_int(split("dirichlet:0.5", 8, 700, 40), 0);
    check_int(kith_split_rows(&train, owners, KITH_OWNER_PUBLIC, NULL, rows), 700);
    check(memcmp(first, rows, 700 * sizeof *rows) == 0);
}

static void rows_obey_the_class_filter(void)
{
    struct kith_class_set low, high;
    check_int(kith_classes_parse("0-4", CLASSES, &low), 0);
    check_int(kith_classes_parse("5-9", CLASSES, &high), 0);
    check_int(split("iid", 9, 600, 1), 0);
    uint32_t low_count = kith_split_rows(&train, owners, 0, &low, rows);
    for (uint32_t i = 0; i < low_count; i++) {
        check(train.labels[rows[i]] <= 4);
        check(owners[rows[i]] == 0);
        if (i > 0) check(rows[i] > rows[i - 1]);
    }
    check_int(low_count + kith_split_rows(&train, owners, 0, &high, NULL), COUNT - 600);
}

static void impossible_splits_are_refused(void)
{
    check_int(split("iid", 1, COUNT, 1), KITH_ERR_RANGE);
    check_int(split("iid", 1, 0, 0), KITH_ERR_RANGE);
    check_int(split("iid", 1, 0, KITH_NODES_MAX + 1), KITH_ERR_RANGE);
}

int main(void)
{
    uint8_t seed[KITH_SEED_LEN] = {9};
    if (kith_dataset_synthetic(seed, 0, COUNT, 4, CLASSES, &train)) return 1;
    run(text_is_parsed_strictly);
    run(classes_are_parsed_strictly);
    run(iid_is_equal_and_mixed);
    run(dirichlet_follows_alpha);
    run(dirichlet_tops_up_as_far_as_it_can);
    run(shards_give_few_classes);
    run(sorted_gives_blocks_in_order);
    run(quantity_skews_sizes_alone);
    run(splits_follow_the_seed_alone);
    run(the_public_set_is_the_same_for_all);
    run(rows_obey_the_class_filter);
    run(impossible_splits_are_refused);
    kith_dataset_release(&train);
    return test_end();
}
