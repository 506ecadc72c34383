/* tools/bench_serve.h: measurements on request, so that another process can take turns with this
 * one. A request is a line "ARCH BATCH CONTESTANT SLICE_MS", the contestant by its number; the
 * answer a line "PER_CPU_S PER_WALL_S OTHERS" (per_wall_s may be nan), or "error TEXT". The line
 * "name" is answered with the names of both kernels, a tab between them. */
#ifndef KITH_TOOLS_BENCH_SERVE_H
#define KITH_TOOLS_BENCH_SERVE_H

#include "tools/bench_cell.h"

/* Answer requests from standard input until it ends. */
void kith_bench_serve(const struct kith_dataset *data);

/* A child process of this program that serves, with OpenBLAS left to its own choice of kernels. */
struct kith_rival;
/* NULL if it cannot be started. */
struct kith_rival *kith_rival_start(void);
/* What its OpenBLAS is called, as kith_kernels_name says it; lives as long as the rival. */
const char *kith_rival_name(const struct kith_rival *rival);
/* The sgemm calls alone of the cell. All NAN if the child has gone. */
struct kith_sample kith_rival_measure(struct kith_rival *rival, const struct kith_bench_cell *cell,
                                      uint32_t slice_ms);
/* Ends the child and waits for it. */
void kith_rival_stop(struct kith_rival *rival);

#endif
