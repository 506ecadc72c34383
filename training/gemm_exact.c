#include "training/gemm.h"

/* The definition written down as plain loops over 16 outputs at a time. */

static void chain(float *restrict acc, float a, const float *restrict b)
{
    for (uint32_t j = 0; j < KITH_PANEL; j++)
        acc[j] = acc[j] + a * b[j];
}

/* The first unit of a part when `units` are dealt out evenly. */
static uint32_t part_first(uint32_t units, uint32_t index, uint32_t count)
{
    return (uint32_t)((uint64_t)units * index / count);
}

static void forward(const struct kith_gemm_forward *task, struct kith_part part)
{
    uint32_t first = part_first(task->x.rows, part.index, part.count);
    uint32_t last = part_first(task->x.rows, part.index + 1, part.count);
    for (uint32_t p = 0; p < kith_panels_of(task->w.columns); p++)
        for (uint32_t r = first; r < last; r++) {
            float *y = kith_matrix_lane(&task->y, p, r);
            for (uint32_t j = 0; j < KITH_PANEL; j++)
                y[j] = task->bias[p * KITH_PANEL + j];
            for (uint32_t k = 0; k < task->w.rows; k++)
                chain(y, *kith_matrix_at(&task->x, r, k), kith_matrix_lane(&task->w, p, k));
            for (uint32_t j = 0; task->relu && j < KITH_PANEL; j++)
                y[j] = y[j] > 0 ? y[j] : 0;
        }
}

/* w as panels of its transpose: [K / 16][N][16], zeros past K. */
static void transpose(const struct kith_gemm_backward *task, struct kith_part part)
{
    const struct kith_matrix *w = &task->w;
    uint32_t panels = kith_panels_of(w->rows);
    uint32_t last = part_first(panels, part.index + 1, part.count);
    for (uint32_t p = part_first(panels, part.index, part.count); p < last; p++)
        for (uint32_t n = 0; n < w->columns; n++)
            for (uint32_t j = 0; j < KITH_PANEL; j++) {
                uint32_t k = p * KITH_PANEL + j;
                float value = k < w->rows ? *kith_matrix_at(w, k, n) : 0;
                task->transposed[((size_t)p * w->columns + n) * KITH_PANEL + j] = value;
            }
}

static void backward(const struct kith_gemm_backward *task, struct kith_part part)
{
    uint32_t first = part_first(task->x.rows, part.index, part.count);
    uint32_t last = part_first(task->x.rows, part.index + 1, part.count);
    uint32_t n_count = task->w.columns;
    for (uint32_t p = 0; p < kith_panels_of(task->w.rows); p++)
        for (uint32_t r = first; r < last; r++) {
            float acc[KITH_PANEL] = {0};
            const float *w = task->transposed + (size_t)p * n_count * KITH_PANEL;
            for (uint32_t n = 0; n < n_count; n++)
                chain(acc, *kith_matrix_at(&task->dy, r, n), w + (size_t)n * KITH_PANEL);
            const float *x = kith_matrix_lane(&task->x, p, r);
            float *dx = kith_matrix_lane(&task->dx, p, r);
            for (uint32_t j = 0; j < KITH_PANEL; j++)
                dx[j] = x[j] > 0 ? acc[j] : 0;
        }
}

static void move(const struct kith_gemm_update *task, const float *g, float *v, float *w)
{
    for (uint32_t j = 0; j < KITH_PANEL; j++) {
        float direction = task->momentum * v[j] + g[j];
        if (!task->quasi_global) v[j] = direction;
        w[j] = w[j] - task->rate * direction;
    }
}

static void update(const struct kith_gemm_update *task, struct kith_part part)
{
    uint32_t panels = kith_panels_of(task->w.columns);
    uint32_t last = part_first(panels, part.index + 1, part.count);
    for (uint32_t p = part_first(panels, part.index, part.count); p < last; p++) {
        for (uint32_t k = 0; k < task->w.rows; k++) {
            float g[KITH_PANEL] = {0};
            for (uint32_t r = 0; r < task->x.rows; r++)
                chain(g, *kith_matrix_at(&task->x, r, k), kith_matrix_lane(&task->dy, p, r));
            move(task, g, kith_matrix_lane(&task->v, p, k), kith_matrix_lane(&task->w, p, k));
        }
        float g[KITH_PANEL] = {0};
        for (uint32_t r = 0; r < task->dy.rows; r++)
            chain(g, 1.0f, kith_matrix_lane(&task->dy, p, r));
        move(task, g, task->bias_v + p * KITH_PANEL, task->bias + p * KITH_PANEL);
    }
}

const struct kith_gemm *kith_gemm_exact(void)
{
    static const struct kith_gemm plain = {
        .name = "exact (plain)",
        .panels = true,
        .forward = forward,
        .transpose = transpose,
        .backward = backward,
        .update = update,
    };
    return &plain;
}
