/* tools/bench_train.h: `kith bench train`: how fast models train on this machine. */
#ifndef KITH_TOOLS_BENCH_TRAIN_H
#define KITH_TOOLS_BENCH_TRAIN_H

/* Options as the table of commands lets them through, each in its range; argv[0] is not looked at.
 * Writes a table, or with --json one object, to standard output. The exit status: 0, 1 if it
 * cannot run, 2 for a wrong option (one line on standard error). May run the program again with
 * another environment, see --openblas-core. */
int kith_bench_train(int argc, char **argv);

#endif
