/* dht-cli: the program that looks at a swarm from outside. Each verb has a file of its own. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "host/entropy.h"
#include "tools/commands.h"
#include "tools/dispatch.h"
#include "tools/verbs.h"

/* Whether an option, without its dashes, takes the next word as its value. */
static bool takes_next(const char *word)
{
    const struct kith_option *option = kith_command_dht_cli_peers.options;
    for (; option->name; option++)
        if (strcmp(option->name, word) == 0) return option->kind != KITH_OPTION_FLAG;
    return false;
}

/* The verb goes first, options that stand before it behind it. */
static void move_verb(int argc, char **argv)
{
    int at = 1;
    while (at < argc && strncmp(argv[at], "--", 2) == 0)
        at += takes_next(argv[at] + 2) ? 2 : 1;
    if (at >= argc) return;
    char *verb = argv[at];
    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
    argv[1] = verb;
}

int main(int argc, char **argv)
{
    static const struct kith_entry entries[] = {
        {&kith_command_dht_cli, NULL},
        {&kith_command_dht_cli_peers, kith_verb_peers},
        {&kith_command_dht_cli_whois, kith_verb_whois},
        {NULL, NULL},
    };
    signal(SIGPIPE, SIG_IGN);
    if (kith_entropy_start() != 0) {
        fprintf(stderr, "dht-cli: libsodium does not start\n");
        return 1;
    }
    move_verb(argc, argv);
    return kith_dispatch(entries, argc, argv);
}
