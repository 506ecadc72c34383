/* tools/commands.h: every command and its options: the one table. */
#ifndef KITH_TOOLS_COMMANDS_H
#define KITH_TOOLS_COMMANDS_H

#include "tools/options.h"

enum { KITH_COMMANDS_MAX = 32 };

extern const struct kith_command kith_command_kith;
extern const struct kith_command kith_command_key_new;
extern const struct kith_command kith_command_key_show;
extern const struct kith_command kith_command_swarm_show;
extern const struct kith_command kith_command_node;
extern const struct kith_command kith_command_up;
extern const struct kith_command kith_command_up_status;
extern const struct kith_command kith_command_up_stop;
extern const struct kith_command kith_command_sim;
extern const struct kith_command kith_command_sim_swarm;
extern const struct kith_command kith_command_sim_replay;
extern const struct kith_command kith_command_bench_train;
extern const struct kith_command kith_command_bench_wire;
extern const struct kith_command kith_command_bench_overlay;
extern const struct kith_command kith_command_bench_sim;
extern const struct kith_command kith_command_bench_learn;
extern const struct kith_command kith_command_dht_cli;
extern const struct kith_command kith_command_dht_cli_peers;
extern const struct kith_command kith_command_dht_cli_whois;

/* All of the above, in the order of help and man pages, then NULL. */
extern const struct kith_command *const kith_commands[KITH_COMMANDS_MAX];

#endif
