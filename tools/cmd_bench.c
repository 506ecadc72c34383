/* kith bench: the benches have main functions of their own; they get what the table let through. */
#include <stdio.h>

#include "tools/bench_train.h"
#include "tools/bench_wire.h"
#include "tools/dispatch.h"

enum { NAME_MAX_LEN = 40, WORDS_MAX = 2 * KITH_ARGS_VALUES_MAX + 2 };

static int run_bench(const struct kith_args *args, int (*bench)(int argc, char **argv))
{
    static char names[KITH_ARGS_VALUES_MAX][NAME_MAX_LEN];
    char *argv[WORDS_MAX];
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t)args->command->name;
    for (uint32_t i = 0; i < args->value_count; i++) {
        snprintf(names[i], NAME_MAX_LEN, "--%s", args->value[i].option->name);
        argv[argc++] = names[i];
        if (args->value[i].text) argv[argc++] = (char *)(uintptr_t)args->value[i].text;
    }
    argv[argc] = NULL;
    return bench(argc, argv);
}

int kith_cmd_bench_train(const struct kith_args *args)
{
    return run_bench(args, kith_bench_train);
}

int kith_cmd_bench_wire(const struct kith_args *args)
{
    return run_bench(args, kith_bench_wire);
}
