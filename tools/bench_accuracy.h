/* tools/bench_accuracy.h: plain training of one model by one process, for comparison with another
 * program that follows the same recipe: the same first weights, order of samples and loss. */
#ifndef KITH_TOOLS_BENCH_ACCURACY_H
#define KITH_TOOLS_BENCH_ACCURACY_H

#include "training/arch.h"

struct kith_accuracy {
    struct kith_arch arch;
    uint32_t batch;
    uint32_t epochs;
    float rate; /* heavy ball with momentum 0.9 */
    uint32_t seed;
    const char *directory; /* of IDX files; NULL: where Debian puts Fashion-MNIST */
};

/* Train, and after each epoch print one JSON object on a line: epoch, mean training loss, test
 * accuracy.
 *   weight i of the plain form, of layer l: ((kith_rng_at(2^32 seed + l, i) >> 40) 2^-23 - 1)
 *     / sqrt(inputs of l), weights and biases counted together from 0 in each layer
 *   order of epoch e: the images sorted by kith_rng_at(2^32 seed + 1000 + e, index); the images
 *     after the last whole batch are left out
 * 0 or a KITH_ERR_*, said on standard error. */
int kith_accuracy_run(const struct kith_accuracy *plan);

#endif
