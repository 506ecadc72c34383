/* training/kernels.h: the kernels a model runs on: the matrix products of gemm.h and what a step
 * does row by row around them. One set for each instruction set and library. Pure. */
#ifndef KITH_TRAINING_KERNELS_H
#define KITH_TRAINING_KERNELS_H

#include <stdint.h>

#include "training/gemm.h"
#include "training/model.h"

enum { KITH_PATHS_MAX = 3 };

/* Rows [first, first + rows.count) of a batch, from images. */
struct kith_gather {
    struct kith_rows rows;
    uint32_t first;
    struct kith_matrix x; /* out: p / 255, correctly rounded; zeros in the padding */
};

/* The end of the forward pass for rows [first, last): with s = z inverse_temperature and all sums
 * over classes in ascending order from 0,
 *   p = e / sum e as e (1 / sum e), e = kith_exp(s - max s);  log_sum = max s + kith_log(sum e) */
struct kith_softmax {
    struct kith_matrix z; /* logits */
    uint32_t first;
    uint32_t last;
    float inverse_temperature;
    float scale; /* of d */
    /* for `cross_entropy` */
    const uint8_t *labels; /* row r's is labels[indices[r - first]] */
    const uint32_t *indices;
    /* for `distillation` */
    const float *targets; /* [last - first][classes] */
    /* out */
    struct kith_matrix d; /* gradient on the logits; zeros in the padding */
    float *loss;          /* [any], of row r at loss[r] */
    float *probabilities; /* [last - first][classes], for `probabilities` */
};

/* Adam (Kingma, Ba 2015) on `count` numbers, a multiple of 16, whose gradients are g:
 *   m' = fma(1 - beta1, g - m, m),  v' = fma(1 - beta2, g g - v, v),
 *   x' = fma(-rate, m' unbias1 / (sqrt(v' unbias2) + epsilon), x) */
struct kith_adam {
    float *x, *m, *v; /* in, out */
    const float *g;
    size_t count;
    float rest1, rest2;     /* 1 - beta */
    float unbias1, unbias2; /* 1 / (1 - beta^t), t = 1 in the first step */
    float rate;
};

/* One move of `count` numbers, a multiple of 16, along their gradients, by the rules SGD and QG of
 * gemm.h. */
struct kith_descent {
    float *x, *v; /* in, out; v of SGD alone */
    const float *g;
    size_t count;
    float rate, momentum;
    enum kith_move move;
};

struct kith_rowwise {
    void (*gather)(const struct kith_gather *task, struct kith_part part);
    /* loss = log_sum - s[label], d = (p - onehot) scale */
    void (*cross_entropy)(const struct kith_softmax *task, struct kith_part part);
    /* loss = sum of t (kith_log(t) - (s - log_sum)) over classes with t >= 2^-126, each term added
     * with one fma; d = (p - t) scale */
    void (*distillation)(const struct kith_softmax *task, struct kith_part part);
    void (*probabilities)(const struct kith_softmax *task, struct kith_part part);
    void (*adam)(const struct kith_adam *task, struct kith_part part);
    void (*descend)(const struct kith_descent *task, struct kith_part part);
};

struct kith_kernel_set {
    const char *name; /* "exact (avx2)" */
    struct kith_gemm gemm;
    struct kith_rowwise rowwise;
};

/* The exact sets that this CPU can run, fastest first: returns how many. All give the same bits.
 * The sets are constants. */
uint32_t kith_exact_paths(const struct kith_kernel_set *ret[static KITH_PATHS_MAX]);
/* OpenBLAS for the products, pinned to one thread, and the fastest exact set for the rest. */
struct kith_kernel_set kith_blas_set(void);
/* One sgemm each and nothing else, to measure against: y = x w; dx = dy w^T; scratch = x^T dy. */
struct kith_gemm kith_blas_products(void);

/* How to use several threads: call work(arg, part) for all parts, index 0 to parts - 1, and return
 * when all are over. */
struct kith_parallel {
    void (*call)(void *self, void (*work)(void *arg, struct kith_part part), void *arg);
    void *self;
    uint32_t parts;
};

/* As kith_model_new, on this set. */
struct kith_model *kith_model_new_on(const struct kith_arch *arch,
                                     const struct kith_kernel_set *set, uint32_t rows_max);
/* From now on divide the work of a step; NULL (the default): do all on the caller's thread. With
 * the exact kernels the result is the same either way. `parallel` outlives the model. */
void kith_model_set_parallel(struct kith_model *model, const struct kith_parallel *parallel);

#endif
