/* The port over OpenBLAS: each product one sgemm in plain rows, and a pass of its own over the
 * result for what the exact kernels fuse in. The only file that knows OpenBLAS. */
#include <cblas.h>
#include <string.h>

#include "training/kernels.h"
#include "training/lanes.h"

/* Elements of the result are dealt out by rows, so that a part is one call. */
static void product_forward(const struct kith_gemm_forward *task, struct kith_part part)
{
    const struct kith_matrix *x = &task->x, *w = &task->w, *y = &task->y;
    struct kith_range rows = kith_part_share(x->rows, part);
    if (rows.first == rows.last) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)(rows.last - rows.first),
                (int)w->columns, (int)w->rows, 1.0f, kith_matrix_lane(x, 0, rows.first),
                (int)x->row_stride, w->at, (int)w->row_stride, 0.0f,
                kith_matrix_lane(y, 0, rows.first), (int)y->row_stride);
}

static void product_backward(const struct kith_gemm_backward *task, struct kith_part part)
{
    const struct kith_matrix *dy = &task->dy, *w = &task->w, *dx = &task->dx;
    struct kith_range rows = kith_part_share(dy->rows, part);
    if (rows.first == rows.last) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(rows.last - rows.first),
                (int)w->rows, (int)w->columns, 1.0f, kith_matrix_lane(dy, 0, rows.first),
                (int)dy->row_stride, w->at, (int)w->row_stride, 0.0f,
                kith_matrix_lane(dx, 0, rows.first), (int)dx->row_stride);
}

/* The gradient into the scratch, [K][N]. */
static void product_update(const struct kith_gemm_update *task, struct kith_part part)
{
    const struct kith_matrix *x = &task->x, *dy = &task->dy;
    struct kith_range inputs = kith_part_share(x->columns, part);
    if (inputs.first == inputs.last) return;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(inputs.last - inputs.first),
                (int)dy->columns, (int)x->rows, 1.0f, x->at + inputs.first, (int)x->row_stride,
                dy->at, (int)dy->row_stride, 0.0f,
                task->scratch + (size_t)inputs.first * dy->columns, (int)dy->columns);
}

static void blas_forward(const struct kith_gemm_forward *task, struct kith_part part)
{
    product_forward(task, part);
    struct kith_range rows = kith_part_share(task->x.rows, part);
    uint32_t padded = kith_panels_of(task->y.columns) * KITH_PANEL;
    for (uint32_t r = rows.first; r < rows.last; r++) {
        float *at = kith_matrix_lane(&task->y, 0, r);
        for (uint32_t n = 0; n < padded; n += LANES) {
            lanes t = lanes_load(at + n) + lanes_load(task->bias + n);
            if (task->relu) t = lanes_where((lanes_bits)(t > (lanes){0}), t);
            lanes_store(at + n, t);
        }
    }
}

static void blas_backward(const struct kith_gemm_backward *task, struct kith_part part)
{
    product_backward(task, part);
    struct kith_range rows = kith_part_share(task->dy.rows, part);
    uint32_t padded = kith_panels_of(task->dx.columns) * KITH_PANEL;
    for (uint32_t r = rows.first; r < rows.last; r++) {
        const float *x = kith_matrix_lane(&task->x, 0, r);
        float *at = kith_matrix_lane(&task->dx, 0, r);
        for (uint32_t k = 0; k < padded; k += LANES) {
            lanes_bits positive = (lanes_bits)(lanes_load(x + k) > (lanes){0});
            lanes_store(at + k, lanes_where(positive, lanes_load(at + k)));
        }
    }
}

static void move_one(const struct kith_gemm_update *task, float g, float *v, float *w)
{
    float direction = task->momentum * *v + g;
    if (task->move == KITH_MOVE_SGD) *v = direction;
    *w -= task->rate * direction;
}

static void move(const struct kith_gemm_update *task, const float *g, float *v, float *w,
                 uint32_t count)
{
    if (task->move == KITH_MOVE_SUM) {
        for (uint32_t n = 0; n < count; n++)
            v[n] += g[n];
        return;
    }
    lanes momentum = lanes_all(task->momentum), rate = lanes_all(task->rate);
    uint32_t n = 0;
    for (; n + LANES <= count; n += LANES) {
        lanes direction = momentum * lanes_load(v + n) + lanes_load(g + n);
        if (task->move == KITH_MOVE_SGD) lanes_store(v + n, direction);
        lanes_store(w + n, lanes_load(w + n) - rate * direction);
    }
    for (; n < count; n++)
        move_one(task, g[n], v + n, w + n);
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
    struct kith_range inputs = kith_part_share(task->x.columns, part);
    if (inputs.first == inputs.last) return;
    if (inputs.first == 0) bias_update(task);
    product_update(task, part);
    const float *g = task->scratch + (size_t)inputs.first * task->dy.columns;
    for (uint32_t k = inputs.first; k < inputs.last; k++, g += task->dy.columns)
        move(task, g, kith_matrix_lane(&task->v, 0, k), kith_matrix_lane(&task->w, 0, k),
             task->dy.columns);
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

struct kith_gemm kith_blas_products(void)
{
    openblas_set_num_threads(1);
    return (struct kith_gemm){
        .panels = false,
        .forward = product_forward,
        .backward = product_backward,
        .update = product_update,
    };
}
