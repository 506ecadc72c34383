#include <stdlib.h>

#include "sim/sim_storms.h"
#include "tests/test.h"

enum { ONLY_LIARS = 1 << KITH_STORM_liars };

static struct kith_storm_config small(uint64_t seed)
{
    struct kith_storm_config config;
    kith_storm_config_default(&config);
    config.nodes = 8;
    config.seed = seed;
    return config;
}

static void the_same_seed_gives_the_same_run(void)
{
    struct kith_storm_result one, same, other;
    struct kith_storm_config config = small(3);
    check_int(kith_storm_run(&config, &one), 0);
    check_int(kith_storm_run(&config, &same), 0);
    config.seed = 4;
    check_int(kith_storm_run(&config, &other), 0);
    check(one.is_good && other.is_good);
    check(kith_id_eq(&one.trace, &same.trace));
    check(!kith_id_eq(&one.trace, &other.trace));
}

static void each_run_draws_other_kinds(void)
{
    uint32_t seen = 0, in_all = UINT32_MAX;
    struct kith_storm_plan *plan = malloc(sizeof *plan);
    check(plan);
    for (uint32_t i = 0; i < 64; i++) {
        kith_storm_draw(kith_storms_seed(1, i), 20, 0, UINT32_MAX, plan);
        seen |= plan->kinds;
        in_all &= plan->kinds;
        check(plan->kinds == 0 || plan->drawn > 0 || plan->kinds >> KITH_STORM_delay);
        for (uint32_t k = 0; k < plan->drawn; k++)
            check(plan->fault[k].at_us < KITH_STORM_HEAL_S * UINT64_C(1000000));
    }
    free(plan);
    check_int(seen, (1 << KITH_STORM_KINDS) - 1);
    check_int(in_all, 0);
}

/* Whatever a lie does, all checks hold at honest nodes. */
static void honest_nodes_stand_every_lie(void)
{
    for (int lie = KITH_LIE_NONE + 1; lie < KITH_LIES_PLAIN; lie++) {
        struct kith_storm_result result;
        struct kith_storm_config config = small(20 + (uint64_t)lie);
        config.always = config.allowed = ONLY_LIARS;
        config.lie = (enum kith_lie)lie;
        check_int(kith_storm_run(&config, &result), 0);
        if (!result.is_good) printf("# %s: %s\n", kith_lie_kinds[lie].name, result.failure);
        check(result.is_good);
        check(result.lies > 0);
    }
}

static void a_trace_begins_and_ends_as_asked(void)
{
    struct kith_storm_result result;
    struct kith_storm_config config = small(3);
    char line[512];
    uint32_t lines = 0;
    config.trace = tmpfile();
    config.from_s = 20;
    config.until_s = 40;
    config.node = 2;
    check(config.trace);
    check_int(kith_storm_run(&config, &result), 0);
    check(result.is_good);
    check_int((int)result.virtual_s, 40);
    rewind(config.trace);
    while (fgets(line, sizeof line, config.trace)) {
        double at_s = strtod(line, NULL);
        check(at_s >= 20 && at_s <= 40);
        check(strstr(line, " n2 "));
        lines++;
    }
    fclose(config.trace);
    check(lines > 10);
}

int main(void)
{
    run(the_same_seed_gives_the_same_run);
    run(each_run_draws_other_kinds);
    run(honest_nodes_stand_every_lie);
    run(a_trace_begins_and_ends_as_asked);
    return test_end();
}
