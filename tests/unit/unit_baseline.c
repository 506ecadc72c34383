/* sim/baseline and sim/baseline_run: whose models enter whose, and that they do. */
#include <math.h>

#include "base/assert.h"
#include "sim/baseline_run.h"
#include "tests/test.h"

enum { NODES = 12, PARAMS_MAX = 4096 };

static const uint32_t samples[NODES] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120};

static struct kith_mixing mixing_of(struct kith_baseline baseline)
{
    struct kith_mixing mixing;
    uint8_t seed[KITH_SEED_LEN] = {7};
    int err = kith_mixing_init(&mixing, &baseline, NODES, samples, seed);
    kith_assert(err == 0);
    return mixing;
}

static double row_sum(const struct kith_mixing *mixing, uint32_t node)
{
    double sum = 0;
    for (uint32_t j = 0; j < NODES; j++)
        sum += mixing->weight[node * NODES + j];
    return sum;
}

static uint32_t row_count(const struct kith_mixing *mixing, uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t j = 0; j < NODES; j++)
        count += mixing->weight[node * NODES + j] > 0;
    return count;
}

static void rows_sum_to_one_and_frames_are_counted(void)
{
    static const uint64_t frames[] = {0,         0,         2 * (NODES - 1), 2 * 3,
                                      4 * NODES, 4 * NODES, 4 * NODES,       NODES};
    for (int a = KITH_ALGORITHM_ALONE; a <= KITH_ALGORITHM_GOSSIP; a++) {
        struct kith_mixing mixing =
            mixing_of((struct kith_baseline){.algorithm = (enum kith_algorithm)a,
                                             .topology = KITH_TOPOLOGY_REGULAR,
                                             .degree = 4,
                                             .clients = 0.25});
        for (uint64_t round = 0; round < 5; round++) {
            check_int(kith_mixing_round(&mixing, round), 0);
            check_int(mixing.frames, frames[a]);
            for (uint32_t i = 0; i < NODES; i++)
                check(fabs(row_sum(&mixing, i) - 1) < 1e-12);
        }
        kith_mixing_release(&mixing);
    }
}

static void epidemics_draw_others_each_round(void)
{
    for (int a = KITH_ALGORITHM_EL_LOCAL; a <= KITH_ALGORITHM_EL_ORACLE; a++) {
        double before[NODES * NODES];
        struct kith_mixing mixing =
            mixing_of((struct kith_baseline){.algorithm = (enum kith_algorithm)a, .degree = 3});
        check_int(kith_mixing_round(&mixing, 0), 0);
        memcpy(before, mixing.weight, sizeof before);
        check_int(kith_mixing_round(&mixing, 1), 0);
        check(memcmp(before, mixing.weight, sizeof before) != 0);
        for (uint32_t j = 0; j < NODES; j++) {
            uint32_t sent = 0;
            for (uint32_t i = 0; i < NODES; i++)
                sent += i != j && mixing.weight[i * NODES + j] > 0;
            check_int(sent, 3);
            if (a == KITH_ALGORITHM_EL_ORACLE) check_int(row_count(&mixing, j), 4);
        }
        kith_mixing_release(&mixing);
    }
}

/* Clients weigh what they have; nobody else counts. */
static void fedavg_weighs_samples(void)
{
    struct kith_mixing mixing =
        mixing_of((struct kith_baseline){.algorithm = KITH_ALGORITHM_FEDAVG, .clients = 0.5});
    check_int(kith_mixing_round(&mixing, 0), 0);
    double all = 0;
    uint32_t clients = 0;
    for (uint32_t j = 0; j < NODES; j++) {
        clients += mixing.trains[j];
        if (mixing.trains[j]) all += samples[j];
    }
    check_int(clients, 6);
    for (uint32_t j = 0; j < NODES; j++)
        check(fabs(mixing.weight[j] - (mixing.trains[j] ? samples[j] / all : 0)) < 1e-12);
    check(mixing.is_shared);
    kith_mixing_release(&mixing);
}

/* All train in each round, so ages are equal, and what comes in weighs as much as what is there. */
static void gossip_merges_one_after_the_other(void)
{
    struct kith_mixing mixing =
        mixing_of((struct kith_baseline){.algorithm = KITH_ALGORITHM_GOSSIP});
    uint32_t seen_two = 0;
    for (uint64_t round = 0; round < 8; round++) {
        check_int(kith_mixing_round(&mixing, round), 0);
        for (uint32_t i = 0; i < NODES; i++) {
            uint32_t heard = row_count(&mixing, i) - 1;
            check_int(mixing.age[i], round + 1);
            check(fabs(mixing.weight[i * NODES + i] - ldexp(1, -(int)heard)) < 1e-12);
            seen_two += heard > 1;
        }
    }
    check(seen_two > 0);
    kith_mixing_release(&mixing);
}

/* --- with learners --- */

static struct kith_sim_run_config small(enum kith_algorithm algorithm)
{
    struct kith_sim_run_config config;
    kith_sim_run_config_default(&config);
    config.scenario.synthetic = true;
    config.scenario.nodes = 6;
    config.scenario.all.node.learner.wire = KITH_WIRE_FP32;
    config.scenario.all.node.learner.local_steps = 5;
    strcpy(config.scenario.model[0], "mlp:16");
    config.scenario.baseline.algorithm = algorithm;
    config.scenario.baseline.topology = KITH_TOPOLOGY_RING;
    return config;
}

static struct kith_baseline_run *begun(const struct kith_sim_run_config *config)
{
    char error[KITH_SIM_SWARM_TEXT_MAX];
    struct kith_baseline_run *run = NULL;
    int err = kith_baseline_run_new(config, &run, error);
    kith_assert(err == 0);
    return run;
}

/* The same nodes that hear nobody have, after a round, what is to be averaged by hand. */
static void a_round_is_the_mean_by_hand(void)
{
    static const enum kith_algorithm kinds[] = {KITH_ALGORITHM_ALL_REDUCE, KITH_ALGORITHM_D_PSGD};
    struct kith_sim_run_config alone = small(KITH_ALGORITHM_ALONE);
    struct kith_baseline_run *parts = begun(&alone);
    float part[6][PARAMS_MAX], got[PARAMS_MAX];
    check_int(kith_baseline_run_round(parts), 0);
    size_t params = kith_learner_params(kith_baseline_run_learner(parts, 0));
    check(params <= PARAMS_MAX);
    for (uint32_t i = 0; i < 6; i++)
        kith_learner_weights(kith_baseline_run_learner(parts, i), part[i]);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct kith_sim_run_config config = small(kinds[k]);
        struct kith_baseline_run *run = begun(&config);
        bool is_ring = kinds[k] == KITH_ALGORITHM_D_PSGD;
        double worst = 0;
        check_int(kith_baseline_run_round(run), 0);
        for (uint32_t i = 0; i < 6; i++) {
            kith_learner_weights(kith_baseline_run_learner(run, i), got);
            for (size_t p = 0; p < params; p++) {
                double sum = 0;
                for (uint32_t j = 0; j < 6; j++)
                    if (!is_ring || j == i || j == (i + 1) % 6 || j == (i + 5) % 6)
                        sum += (double)part[j][p];
                double off = fabs((double)got[p] - sum / (is_ring ? 3 : 6));
                if (off > worst) worst = off;
            }
        }
        check(worst < 1e-6);
        kith_baseline_run_free(run);
    }
    check(memcmp(part[0], part[1], params * sizeof(float)) != 0);
    kith_baseline_run_free(parts);
}

static struct kith_id digest_of(struct kith_sim_run_config config, uint64_t seed, uint32_t threads)
{
    struct kith_baseline_result result;
    config.scenario.seed = seed;
    config.threads = threads;
    config.scenario.all.node.learner.wire = KITH_WIRE_INT8;
    struct kith_baseline_run *run = begun(&config);
    int err = 0;
    for (int round = 0; !err && round < 4; round++)
        err = kith_baseline_run_round(run);
    if (!err) err = kith_baseline_run_result(run, &result);
    kith_assert(err == 0);
    kith_baseline_run_free(run);
    return result.digest;
}

static void equal_seeds_give_equal_weights_on_any_threads(void)
{
    for (int a = KITH_ALGORITHM_ALONE; a <= KITH_ALGORITHM_GOSSIP; a++) {
        struct kith_sim_run_config config = small((enum kith_algorithm)a);
        struct kith_id first = digest_of(config, 1, 1);
        struct kith_id second = digest_of(config, 1, 3);
        struct kith_id other = digest_of(config, 2, 1);
        check(kith_id_eq(&first, &second));
        check(!kith_id_eq(&first, &other));
    }
}

/* What is shared is learned: on two labels a node, the mean beats nodes that are alone. */
static void hearing_others_helps(void)
{
    struct kith_baseline_result result[2];
    static const enum kith_algorithm kinds[] = {KITH_ALGORITHM_ALONE, KITH_ALGORITHM_ALL_REDUCE};
    for (int k = 0; k < 2; k++) {
        struct kith_sim_run_config config = small(kinds[k]);
        check_int(kith_partition_parse("shards:2", &config.scenario.all.partition), 0);
        struct kith_baseline_run *run = begun(&config);
        for (int round = 0; round < 15; round++)
            check_int(kith_baseline_run_round(run), 0);
        check_int(kith_baseline_run_result(run, &result[k]), 0);
        kith_baseline_run_free(run);
    }
    check(result[0].accuracy.mean + 10 < result[1].accuracy.mean);
    check(result[0].bytes == 0);
    check(result[1].bytes == 15.0 * 10 * (double)result[1].frame_bytes);
    check(result[1].accuracy.deviation < 1e-9);
}

int main(void)
{
    run(rows_sum_to_one_and_frames_are_counted);
    run(epidemics_draw_others_each_round);
    run(fedavg_weighs_samples);
    run(gossip_merges_one_after_the_other);
    run(a_round_is_the_mean_by_hand);
    run(equal_seeds_give_equal_weights_on_any_threads);
    run(hearing_others_helps);
    return test_end();
}
