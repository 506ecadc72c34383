/* training/gemm.h: the matrix-product port: the three products of a dense layer, each with what
 * follows it fused in. Two implementations: `exact`, own kernels whose arithmetic is defined below
 * and therefore gives the same bits on every CPU, compiler and thread count, and `blas`, OpenBLAS.
 *
 * The arithmetic of `exact`. fma(a, b, c) is IEEE 754 fusedMultiplyAdd in binary32, round to
 * nearest even; no other operation is contracted or reordered. forward   y[r][n] = act(chain):
 * start b[n], then fma(x[r][k], w[k][n], .) for k = 0, 1, ...; act is the identity or t > 0 ? t : 0
 *   backward  d[r][k] = x[r][k] > 0 ? chain : 0: start 0, then fma(dy[r][n], w[k][n], .) for
 *             n = 0, 1, ...
 *   update    g[k][n] = chain: start 0, then fma(x[r][k], dy[r][n], .) for r = 0, 1, ...;
 *             of a bias: start 0, then . + dy[r][n] for r = 0, 1, ...
 *             SGD: v' = fma(momentum, v, g), w' = fma(-rate, v', w)
 *             QG:  w' = fma(-rate, fma(momentum, v, g), w)
 *             SUM: v' = v + g and w stays
 * Tiles, vector lanes and threads divide the outputs among themselves and nothing else. Pure. */
#ifndef KITH_TRAINING_GEMM_H
#define KITH_TRAINING_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KITH_PANEL = 16, KITH_MATRIX_ALIGN = 64 };

/* A matrix whose columns come in groups of 16 (panels), the last one padded: element (r, c) is
 * at[c / 16 * panel_stride + r * row_stride + c % 16]. Two layouts are in use:
 *   panels [columns / 16][rows][16]: row_stride 16
 *   rows   [rows][columns]:          panel_stride 16
 * `at` and every row of a panel are aligned to 64 bytes. */
struct kith_matrix {
    float *at;
    uint32_t rows;
    uint32_t columns;
    size_t row_stride;
    size_t panel_stride;
};

/* Which part of the outputs a call computes: part `index` of `count`. The parts of one call may run
 * on different threads at the same time. */
struct kith_part {
    uint32_t index;
    uint32_t count;
};

struct kith_gemm_forward {
    struct kith_matrix x; /* [R][K] */
    struct kith_matrix w; /* [K][N] */
    const float *bias;    /* [N], padded with zeros to whole panels */
    bool relu;
    struct kith_matrix y; /* out: [R][N] */
};

struct kith_gemm_backward {
    struct kith_matrix dy; /* [R][N] */
    struct kith_matrix w;  /* [K][N] */
    float *transposed;     /* room for w's elements with N and K both padded */
    struct kith_matrix x;  /* [R][K]: where it is not positive, dx is zero */
    struct kith_matrix dx; /* out: [R][K] */
};

/* Images that will be needed soon and lie anywhere in memory: a kernel may ask for them while it
 * computes. Only a hint. */
struct kith_fetch {
    const uint8_t *images;   /* [any][bytes] */
    const uint32_t *indices; /* [count] */
    uint32_t count;
    uint32_t bytes;
};

enum kith_move {
    KITH_MOVE_SGD,
    KITH_MOVE_QG,
    KITH_MOVE_SUM, /* only the gradient is wanted, added to v and bias_v */
};

struct kith_gemm_update {
    struct kith_matrix x;  /* [R][K] */
    struct kith_matrix dy; /* [R][N]; its padding is zero */
    struct kith_matrix w;  /* in, out: [K][N] */
    struct kith_matrix v;  /* in, out unless QG: [K][N] */
    float *bias;           /* in, out: [N] padded */
    float *bias_v;         /* in, out unless QG: [N] padded */
    float *scratch;        /* room for w's elements with N and K both padded */
    float rate;
    float momentum;
    enum kith_move move;
    struct kith_fetch fetch;
};

struct kith_gemm {
    bool panels; /* the layout it wants: panels, else rows */
    void (*forward)(const struct kith_gemm_forward *task, struct kith_part part);
    /* Prepares backward, NULL if there is nothing to do; all its parts must be over before one of
     * backward begins. */
    void (*transpose)(const struct kith_gemm_backward *task, struct kith_part part);
    void (*backward)(const struct kith_gemm_backward *task, struct kith_part part);
    void (*update)(const struct kith_gemm_update *task, struct kith_part part);
};

struct kith_range {
    uint32_t first;
    uint32_t last;
};

/* A part's share when `units` are dealt out evenly. */
static inline struct kith_range kith_part_share(uint32_t units, struct kith_part part)
{
    return (struct kith_range){
        .first = (uint32_t)((uint64_t)units * part.index / part.count),
        .last = (uint32_t)((uint64_t)units * (part.index + 1) / part.count),
    };
}

/* Panels of a row of `columns`. */
static inline uint32_t kith_panels_of(uint32_t columns)
{
    return (columns + KITH_PANEL - 1) / KITH_PANEL;
}

/* The 16 elements of row r in panel p. */
static inline float *kith_matrix_lane(const struct kith_matrix *m, uint32_t panel, uint32_t row)
{
    return m->at + panel * m->panel_stride + row * m->row_stride;
}

/* Element (r, c). */
static inline float *kith_matrix_at(const struct kith_matrix *m, uint32_t row, uint32_t column)
{
    return kith_matrix_lane(m, column / KITH_PANEL, row) + column % KITH_PANEL;
}

#endif
