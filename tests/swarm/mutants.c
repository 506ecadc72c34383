/* The checks of random runs are shown to fail: each planted bug is found, by the check that is
 * there for it and by no other, and without a bug the same runs pass. */
#include <stdlib.h>

#include "base/mutant.h"
#include "sim/sim_storms.h"
#include "tests/test.h"

#define BIT(kind) (1u << KITH_STORM_##kind)

enum {
    SEEDS = 12, /* runs in which a bug must show */
    NODES = 10,
    SEEDS_DRAWN = 2000,
    LEAKS_MAX = 1 << 20,
};

struct mutant {
    const char *name;
    const char *check;   /* what the failure says */
    uint32_t kinds;      /* of faults that bring it out */
    enum kith_lie lie;   /* what liars do */
    bool is_compared;    /* shows only where accuracies are compared, */
    bool has_early_dead; /* or where some are dead for long */
};

/* The bug that is alive; "" for none. */
static const char *alive = "";
static void *volatile leaked[LEAKS_MAX]; /* still known, so that no other tool finds them */
static uint32_t leaks;

bool kith_mutant_is(const char *name)
{
    return strcmp(name, alive) == 0;
}

void kith_mutant_leak(size_t len)
{
    if (leaks < LEAKS_MAX) leaked[leaks++] = malloc(len);
}

/* False if the C library does not tell what memory is held. */
static bool is_memory_told(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return false;
#else
    return true;
#endif
#else
    return true;
#endif
}

static struct kith_storm_config config_of(const struct mutant *mutant, uint32_t i)
{
    struct kith_storm_config config;
    kith_storm_config_default(&config);
    config.nodes = NODES;
    config.seed = kith_storms_seed(5, i);
    config.always = config.allowed = mutant->kinds;
    config.lie = mutant->lie;
    return config;
}

/* Nodes that went so early that their records have run out when others start again, for good. */
static bool has_early_dead(const struct kith_storm_plan *plan)
{
    uint32_t gone = 0;
    for (uint32_t i = 0; i < plan->drawn; i++) {
        uint32_t node = plan->fault[i].fault.node;
        bool is_early = plan->fault[i].at_us < 13000000;
        gone += is_early && !plan->core[node] && plan->lies[node].lie == KITH_LIE_NONE;
    }
    return gone >= 2 && plan->drawn > gone;
}

static bool is_wanted(const struct mutant *mutant, const struct kith_storm_config *config)
{
    static struct kith_storm_plan plan;
    if (!mutant->is_compared && !mutant->has_early_dead) return true;
    kith_storm_draw(config->seed, config->nodes, config->always, config->allowed, &plan);
    return mutant->is_compared ? plan.compares : has_early_dead(&plan);
}

/* How many of the runs up to the first failed one were failed by another check, and whether one was
 * by its own. */
static bool is_found(const struct mutant *mutant)
{
    uint32_t tried = 0;
    for (uint32_t i = 0; i < SEEDS_DRAWN && tried < SEEDS; i++) {
        struct kith_storm_result result;
        struct kith_storm_config config = config_of(mutant, i);
        if (!is_wanted(mutant, &config)) continue;
        tried++;
        if (kith_storm_run(&config, &result) != 0) return false;
        if (result.is_good) continue;
        if (strstr(result.failure, mutant->check)) return true;
        printf("# %s: seed %llu: %s\n", mutant->name, (unsigned long long)config.seed,
               result.failure);
        return false;
    }
    printf("# %s: not found in %u runs\n", mutant->name, tried);
    return false;
}

static bool is_silent(const struct mutant *mutant)
{
    uint32_t tried = 0;
    for (uint32_t i = 0; i < SEEDS_DRAWN && tried < 2; i++) {
        struct kith_storm_result result;
        struct kith_storm_config config = config_of(mutant, i);
        if (!is_wanted(mutant, &config)) continue;
        tried++;
        if (kith_storm_run(&config, &result) != 0) return false;
        if (result.is_good) continue;
        printf("# no bug: seed %llu: %s\n", (unsigned long long)config.seed, result.failure);
        return false;
    }
    return tried > 0;
}

static const struct mutant mutants[] = {
    {.name = "count_self", .check = "lists itself", .kinds = BIT(liars), .lie = KITH_LIE_replay},
    {.name = "list_twice", .check = " twice"},
    {.name = "count_one_more", .check = "peers and counts"},
    {.name = "oversized", .check = "a control message of"},
    {.name = "skip_signature", .check = "record: node", .kinds = BIT(liars), .lie = KITH_LIE_forge},
    {.name = "take_older",
     .check = "record: an older one",
     .kinds = BIT(liars),
     .lie = KITH_LIE_replay},
    {.name = "take_expired",
     .check = "that has run out",
     .has_early_dead = true,
     .kinds = BIT(liars) | BIT(mass_leave),
     .lie = KITH_LIE_replay},
    {.name = "keep_dead", .check = "dead: node", .kinds = BIT(cut_off)},
    {.name = "mix_twice", .check = "contribution: "},
    {.name = "mix_copies",
     .check = "contribution: one counts twice",
     .kinds = BIT(liars),
     .lie = KITH_LIE_nan},
    {.name = "chatter", .check = "bytes: "},
    {.name = "no_redial", .check = "graph: ", .kinds = BIT(two_way)},
    {.name = "deaf", .check = "knows: "},
    {.name = "stall", .check = "rounds: "},
    {.name = "leak", .check = "memory: "},
    {.name = "never_learns_again",
     .check = "accuracy: ",
     .kinds = BIT(mass_leave) | BIT(kills) | BIT(stops),
     .is_compared = true},
};

/* With a name: this mutant alone. */
int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++) {
        const struct mutant *mutant = &mutants[i];
        if (argc > 1 && strcmp(mutant->name, argv[1]) != 0) continue;
        if (strcmp(mutant->name, "leak") == 0 && !is_memory_told()) {
            printf("ok %d - %s # SKIP memory is not told here\n", ++test_count, mutant->name);
            continue;
        }
        alive = "";
        test_failed = !is_silent(mutant);
        alive = mutant->name;
        if (!is_found(mutant)) test_failed = true;
        test_count++;
        test_failures += test_failed;
        printf("%s %d - %s is found\n", test_failed ? "not ok" : "ok", test_count, mutant->name);
        fflush(stdout);
    }
    return test_end();
}
