/* tools/bench_wire.h: `kith bench wire`: what links cost on this machine. */
#ifndef KITH_TOOLS_BENCH_WIRE_H
#define KITH_TOOLS_BENCH_WIRE_H

/* Options: --json, one object instead of tables; --quick, 10 MB only and fewer repetitions;
 * --reps N, 3 to 101. argv[0] is not looked at. The exit status: 0; 1 if it cannot run; 2 for a
 * wrong option, with one line on standard error. SIGPIPE must be ignored. */
int kith_bench_wire(int argc, char **argv);

#endif
