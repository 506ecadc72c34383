/* The shield, on the datagrams of its corpus: good-* were recorded between kith nodes, each bad-*
 * is one thing wrong. */
#include "host/dht_shield.h"

#include <dirent.h>

#include "tests/test.h"

static const char *directory;

static enum kith_dht_verdict judge(const char *name)
{
    static uint8_t bytes[64 * 1024];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file) return KITH_DHT_VERDICT_COUNT;
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return kith_dht_shield((struct kith_bytes){bytes, len});
}

static void what_kith_nodes_send_passes(void)
{
    DIR *listing = opendir(directory);
    uint32_t count = 0;
    check(listing);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        if (strncmp(entry->d_name, "good-", 5) != 0) continue;
        if (judge(entry->d_name) != KITH_DHT_PASS) printf("# %s\n", entry->d_name);
        check_int(judge(entry->d_name), KITH_DHT_PASS);
        count++;
    }
    closedir(listing);
    check(count >= 14);
}

static void what_kills_opendht_is_dropped(void)
{
    check_int(judge("bad-empty-error"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-empty-error-alone"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-error-alone"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-empty-selection"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-arguments-integer"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-arguments-text"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-arguments-array"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-reply-integer"), KITH_DHT_DROP_SHAPE);
}

static void other_shapes_are_dropped(void)
{
    check_int(judge("bad-two-replies"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-reply-and-arguments"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-selection-without-values"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-fields-no-map"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-nodes-half"), KITH_DHT_DROP_SHAPE);
    check_int(judge("bad-key-is-a-map"), KITH_DHT_DROP_SHAPE);
}

static void what_is_no_whole_map_is_dropped(void)
{
    check_int(kith_dht_shield((struct kith_bytes){NULL, 0}), KITH_DHT_DROP_MALFORMED);
    check_int(judge("bad-trailing"), KITH_DHT_DROP_MALFORMED);
    check_int(judge("bad-truncated"), KITH_DHT_DROP_MALFORMED);
    check_int(judge("bad-integer"), KITH_DHT_DROP_MALFORMED);
    check_int(judge("bad-array"), KITH_DHT_DROP_MALFORMED);
    check_int(judge("bad-array16-liar"), KITH_DHT_DROP_MALFORMED);
}

static void depth_count_and_types_are_limited(void)
{
    check_int(judge("bad-deep-arrays"), KITH_DHT_DROP_LIMIT);
    check_int(judge("bad-many-objects"), KITH_DHT_DROP_LIMIT);
    check_int(judge("bad-array32"), KITH_DHT_DROP_TYPE);
    check_int(judge("bad-map32"), KITH_DHT_DROP_TYPE);
    check_int(judge("bad-bin32"), KITH_DHT_DROP_TYPE);
    check_int(judge("bad-nil"), KITH_DHT_DROP_TYPE);
    check_int(judge("bad-float"), KITH_DHT_DROP_TYPE);
}

static void what_kith_does_not_use_is_dropped(void)
{
    check_int(judge("bad-listen"), KITH_DHT_DROP_UNWANTED);
    check_int(judge("bad-update"), KITH_DHT_DROP_UNWANTED);
    check_int(judge("bad-parts"), KITH_DHT_DROP_UNWANTED);
    check_int(judge("bad-parts-announced"), KITH_DHT_DROP_UNWANTED);
    check_int(judge("bad-value-typed"), KITH_DHT_DROP_VALUE);
    check_int(judge("bad-value-encrypted"), KITH_DHT_DROP_VALUE);
    check_int(judge("bad-value-signed"), KITH_DHT_DROP_VALUE);
    check_int(judge("bad-value-big"), KITH_DHT_DROP_VALUE);
}

int main(int argc, char **argv)
{
    directory = argc > 1 ? argv[1] : ".";
    run(what_kith_nodes_send_passes);
    run(what_kills_opendht_is_dropped);
    run(other_shapes_are_dropped);
    run(what_is_no_whole_map_is_dropped);
    run(depth_count_and_types_are_limited);
    run(what_kith_does_not_use_is_dropped);
    return test_end();
}
