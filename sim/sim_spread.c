#include "sim/sim_spread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double first, second;
    memcpy(&first, a, sizeof first);
    memcpy(&second, b, sizeof second);
    return (first > second) - (first < second);
}

struct kith_sim_spread kith_sim_spread_of(double *values, uint32_t count)
{
    double sum = 0, squares = 0;
    qsort(values, count, sizeof *values, compare);
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    double mean = sum / count;
    for (uint32_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    uint64_t ninetieth = ((uint64_t)count * 9 + 9) / 10;
    return (struct kith_sim_spread){
        .mean = mean,
        .worst = values[0],
        .tenth = values[(count + 9) / 10 - 1],
        .ninetieth = values[ninetieth - 1],
        .best = values[count - 1],
        .deviation = sqrt(squares / count),
    };
}

void kith_sim_stats_add(struct kith_stats *sum, const struct kith_stats *life)
{
#define X(name, text) sum->name = life->name;
    KITH_STATS_GAUGES_MAP(X)
#undef X
#define X(name, text) sum->name += life->name;
    KITH_STATS_COUNTERS_MAP(X)
#undef X
}

uint64_t kith_sim_stats_dropped(const struct kith_stats *stats)
{
    uint64_t sum = 0;
#define X(name, text)                                                                              \
    if (strncmp(#name, "drop_", 5) == 0) sum += stats->name;
    KITH_STATS_MAP(X)
#undef X
    return sum;
}

static struct kith_sim_bytes bytes_of(uint64_t all, uint64_t gossip, uint64_t weights,
                                      uint64_t labels)
{
    return (struct kith_sim_bytes){
        .gossip = (double)gossip,
        .weights = (double)weights,
        .labels = (double)labels,
        .other = (double)(all - gossip - weights - labels),
        .all = (double)all,
    };
}

struct kith_sim_bytes kith_sim_bytes_sent(const struct kith_stats *stats)
{
    return bytes_of(stats->bytes_out, stats->gossip_bytes_out, stats->weights_bytes_out,
                    stats->labels_bytes_out);
}

struct kith_sim_bytes kith_sim_bytes_received(const struct kith_stats *stats)
{
    return bytes_of(stats->bytes_in, stats->gossip_bytes_in, stats->weights_bytes_in,
                    stats->labels_bytes_in);
}
