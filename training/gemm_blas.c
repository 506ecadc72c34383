/* The port over OpenBLAS: each product one sgemm in plain rows, and a pass of its own over the
 * result for what the exact kernels fuse in. The only file that knows OpenBLAS. */
#include <cblas.h>
#include <string.h>

#include "training/kernels.h"

/* Elements of the result are dealt out by rows, so that parts are single calls. */
static void blas_forward(const struct kith_gemm_forward *task, struct kith_part part)
{
    const struct kith_matrix *x = &task->x, *w = &task->w, *y = &task->y;
    struct kith_range rows = kith_part_share(x->rows, part);
    if (rows.first == rows.last) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)(rows.last - rows.first),
                (int)w->columns, (int)w->rows, 1.0f, kith_matrix_lane(x, 0, rows.first),
                (int)x->row_stride, w->at, (int)w->row_stride, 0.0f,
                kith_matrix_lane(y, 0, rows.first), (int)y->row_stride);
    for (uint32_t r = rows.first; r < rows.last; r++) {
        float *at = kith_matrix_lane(y, 0, r);
        for (uint32_t n = 0; n < y->columns; n++) {
            float t = at[n] + task->bias[n];
            at[n] = task->relu && !(t > 0) ? 0 : t;
        }
    }
}

static void blas_backward(const struct kith_gemm_backward *task, struct kith_part part)
{
    const struct kith_matrix *dy = &task->dy, *w = &task->w, *dx = &task->dx;
    struct kith_range rows = kith_part_share(dy->rows, part);
    if (rows.first == rows.last) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(rows.last - rows.first),
                (int)w->rows, (int)w->columns, 1.0f, kith_matrix_lane(dy, 0, rows.first),
                (int)dy->row_stride, w->at, (int)w->row_stride, 0.0f,
                kith_matrix_lane(dx, 0, rows.first), (int)dx->row_stride);
    for (uint32_t r = rows.first; r < rows.last; r++) {
        const float *x = kith_matrix_lane(&task->x, 0, r);
        float *at = kith_matrix_lane(dx, 0, r);
        for (uint32_t k = 0; k < dx->columns; k++)
            at[k] = x[k] > 0 ? at[k] : 0;
    }
}

static void move(const struct kith_gemm_update *task, const float *restrict g, float *restrict v,
                 float *restrict w, uint32_t count)
{
    if (task->quasi_global) {
        for (uint32_t n = 0; n < count; n++)
            w[n] -= task->rate * (task->momentum * v[n] + g[n]);
        return;
    }
    for (uint32_t n = 0; n < count; n++) {
        v[n] = task->momentum * v[n] + g[n];
        w[n] -= task->rate * v[n];
    }
}

static void bias_update(const struct kith_gemm_update *task)
{
    float *g = task->scratch;
    memset(g, 0, task->dy.columns * sizeof *g);
    for (uint32_t r = 0; r < task->dy.rows; r++) {
        const float *dy = kith_matrix_lane(&task->dy, 0, r);
        for (uint32_t n = 0; n < task->dy.columns; n++)
            g[n] += dy[n];
    }
    move(task, g, task->bias_v, task->bias, task->dy.columns);
}

static void blas_update(const struct kith_gemm_update *task, struct kith_part part)
{
    const struct kith_matrix *x = &task->x, *dy = &task->dy;
    uint32_t columns = dy->columns;
    struct kith_range inputs = kith_part_share(x->columns, part);
    if (inputs.first == 0 && inputs.last > 0) bias_update(task);
    if (inputs.first == inputs.last) return;
    float *g = task->scratch + (size_t)inputs.first * columns;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(inputs.last - inputs.first),
                (int)columns, (int)x->rows, 1.0f, x->at + inputs.first, (int)x->row_stride, dy->at,
                (int)dy->row_stride, 0.0f, g, (int)columns);
    for (uint32_t k = inputs.first; k < inputs.last; k++, g += columns)
        move(task, g, kith_matrix_lane(&task->v, 0, k), kith_matrix_lane(&task->w, 0, k), columns);
}

static const char *set_name(const char *core)
{
    static const struct {
        const char *core, *name;
    } names[] = {
        {"Cooperlake", "blas (OpenBLAS Cooperlake)"},   {"SkylakeX", "blas (OpenBLAS SkylakeX)"},
        {"Haswell", "blas (OpenBLAS Haswell)"},         {"Zen", "blas (OpenBLAS Zen)"},
        {"Sandybridge", "blas (OpenBLAS Sandybridge)"}, {"Nehalem", "blas (OpenBLAS Nehalem)"},
        {"Prescott", "blas (OpenBLAS Prescott)"},       {"armv8", "blas (OpenBLAS armv8)"},
        {"neoversen1", "blas (OpenBLAS neoversen1)"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(core, names[i].core) == 0) return names[i].name;
    return "blas (OpenBLAS)";
}

struct kith_kernel_set kith_blas_set(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    (void)kith_exact_paths(paths);
    struct kith_kernel_set set = *paths[0];
    set.name = set_name(openblas_get_corename());
    set.gemm = (struct kith_gemm){
        .panels = false,
        .forward = blas_forward,
        .backward = blas_backward,
        .update = blas_update,
    };
    openblas_set_num_threads(1);
    return set;
}
