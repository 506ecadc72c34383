/* kith: the program. Each subcommand has a file of its own. */
#include <signal.h>
#include <stdio.h>

#include "host/entropy.h"
#include "tools/commands.h"
#include "tools/dispatch.h"

int main(int argc, char **argv)
{
    static const struct kith_entry entries[] = {
        {&kith_command_kith, NULL},
        {&kith_command_node, kith_cmd_node},
        {&kith_command_key_new, kith_cmd_key_new},
        {&kith_command_key_show, kith_cmd_key_show},
        {&kith_command_swarm_show, kith_cmd_swarm_show},
        {&kith_command_up_status, kith_cmd_up_status},
        {&kith_command_up_stop, kith_cmd_up_stop},
        {&kith_command_up, kith_cmd_up},
        {&kith_command_sim, kith_cmd_sim},
        {&kith_command_sim_swarm, kith_cmd_sim_swarm},
        {&kith_command_sim_replay, kith_cmd_sim_replay},
        {&kith_command_bench_train, kith_cmd_bench_train},
        {&kith_command_bench_wire, kith_cmd_bench_wire},
        {&kith_command_bench_overlay, kith_cmd_bench_overlay},
        {&kith_command_bench_sim, kith_cmd_bench_sim},
        {&kith_command_bench_learn, kith_cmd_bench_learn},
        {NULL, NULL},
    };
    signal(SIGPIPE, SIG_IGN);
    if (kith_entropy_start() != 0) {
        fprintf(stderr, "kith: libsodium does not start\n");
        return 1;
    }
    return kith_dispatch(entries, argc, argv);
}
