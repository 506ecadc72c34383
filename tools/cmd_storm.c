/* kith sim swarm, kith sim replay: random runs with faults, and one of them again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sim/sim_storms.h"
#include "tools/commit.h"
#include "tools/dispatch.h"

#define BUILD KITH_VERSION "-" KITH_COMMIT

int kith_cmd_sim_swarm(const struct kith_args *args)
{
    struct stat there;
    struct kith_storms_config config = {
        .seed = kith_args_int(args, "seed"),
        .runs = (uint32_t)kith_args_int(args, "runs"),
        .at_once = (uint32_t)kith_args_int(args, "threads"),
        .build = BUILD,
        .trace_dir = kith_args_text(args, "traces"),
        .progress = isatty(STDERR_FILENO) && !kith_args_has(args, "quiet"),
    };
    kith_storm_config_default(&config.run);
    config.run.nodes = (uint32_t)kith_args_int(args, "nodes");
    if (stat(config.trace_dir, &there) != 0)
        return kith_fail(args, "%s: %s", config.trace_dir, strerror(errno));
    if (!S_ISDIR(there.st_mode) || access(config.trace_dir, W_OK) != 0)
        return kith_fail(args, "%s: not a directory that can be written to", config.trace_dir);
    int failed = kith_storms_run(&config, stdout, stderr);
    if (failed < 0) return kith_fail(args, "memory or processes ran out");
    return failed > 0 ? 1 : 0;
}

int kith_cmd_sim_replay(const struct kith_args *args)
{
    char hash[2 * KITH_ID_LEN + 1];
    struct kith_storm_config config;
    struct kith_storm_result result;
    const char *build = kith_args_text(args, "build");
    kith_storm_config_default(&config);
    config.seed = kith_args_int(args, "seed");
    config.nodes = (uint32_t)kith_args_int(args, "nodes");
    config.trace = stdout;
    config.from_s = kith_args_real(args, "from");
    config.until_s = kith_args_real(args, "until");
    config.messages = kith_args_has(args, "messages");
    if (kith_args_has(args, "node")) config.node = (uint32_t)kith_args_int(args, "node");
    if (config.node != UINT32_MAX && config.node >= config.nodes) {
        kith_fail(args, "--node: %u is none of the %u nodes, 0 to %u", config.node, config.nodes,
                  config.nodes - 1);
        return KITH_EXIT_USAGE;
    }
    if (config.until_s > 0 && config.from_s > config.until_s) {
        kith_fail(args, "--from: %g is past --until %g", config.from_s, config.until_s);
        return KITH_EXIT_USAGE;
    }
    if (build && strcmp(build, BUILD) != 0)
        fprintf(stderr, "%s: this is build %s: the run may go otherwise\n", args->command->name,
                BUILD);
    int err = kith_storm_run(&config, &result);
    if (err) return kith_fail(args, "%s", kith_err_text(err));
    kith_hex_encode(result.trace.bytes, KITH_ID_LEN, hash);
    printf("# %.3f virtual s, %llu steps, trace hash %s\n", result.virtual_s,
           (unsigned long long)result.steps, hash);
    if (!result.is_good) printf("# failed %s\n", result.failure);
    return result.is_good ? 0 : 1;
}
