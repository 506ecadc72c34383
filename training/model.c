#include "training/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "training/finite.h"
#include "training/kernels.h"
#include "training/lanes.h"
#include "training/mix.h"

struct layer {
    struct kith_matrix w, v; /* [in][out] */
    float *bias, *bias_v;    /* [out], padded */
    /* for Adam: second moments and gradient, likewise; NULL without it */
    struct kith_matrix u, g;
    float *bias_u, *bias_g;
};

struct kith_model {
    struct kith_arch arch;
    struct kith_kernel_set set;
    const struct kith_parallel *parallel; /* or NULL */
    uint64_t adam_steps;
    bool has_adam;
    uint32_t rows_max;
    struct layer layers[KITH_LAYERS_MAX];
    float *x[KITH_LAYERS_MAX + 1]; /* x[0] the images, x[l + 1] what layer l gives */
    float *d[2];                   /* gradients on two neighbouring x, in turns */
    float *loss;                   /* of each row */
    float *scratch;                /* as the port wants it */
};

#define ADAM_BETA2 0.999

enum {
    /* Below this much work a second thread costs more than it saves. */
    PARALLEL_WORK_MIN = 1 << 19,
    /* What one element costs in multiply-adds, roughly. */
    GATHER_WORK = 8,
    TRANSPOSE_WORK = 4,
    SOFTMAX_WORK = 128,
    ADAM_WORK = 16,
};

static uint32_t padded(uint32_t columns)
{
    return kith_panels_of(columns) * KITH_PANEL;
}

/* Rows a distance of an odd number of cache lines apart, so that a column of them does not fall
 * into few sets of the cache. */
static size_t odd(size_t lines)
{
    return (lines | 1) * KITH_PANEL;
}

static size_t floats_of(const struct kith_gemm *gemm, uint32_t rows, uint32_t columns)
{
    uint32_t panels = kith_panels_of(columns);
    return gemm->panels ? panels * odd(rows) : rows * odd(panels);
}

static struct kith_matrix matrix_of(const struct kith_gemm *gemm, float *at, uint32_t rows,
                                    uint32_t columns)
{
    struct kith_matrix m = {.at = at, .rows = rows, .columns = columns};
    m.row_stride = gemm->panels ? KITH_PANEL : odd(kith_panels_of(columns));
    m.panel_stride = gemm->panels ? odd(rows) : KITH_PANEL;
    return m;
}

static struct kith_matrix activations(const struct kith_model *model, uint32_t l, uint32_t rows)
{
    return matrix_of(&model->set.gemm, model->x[l], rows, model->arch.width[l]);
}

static float *floats_new(size_t count)
{
    size_t size = count * sizeof(float);
    size += -size % KITH_MATRIX_ALIGN;
    float *ret = aligned_alloc(KITH_MATRIX_ALIGN, size);
    if (ret) memset(ret, 0, size);
    return ret;
}

static bool layer_init(struct kith_model *model, uint32_t l)
{
    struct layer *layer = &model->layers[l];
    uint32_t in = model->arch.width[l], out = model->arch.width[l + 1];
    size_t floats = floats_of(&model->set.gemm, in, out);
    layer->w = matrix_of(&model->set.gemm, floats_new(floats), in, out);
    layer->v = matrix_of(&model->set.gemm, floats_new(floats), in, out);
    layer->bias = floats_new(padded(out));
    layer->bias_v = floats_new(padded(out));
    return layer->w.at && layer->v.at && layer->bias && layer->bias_v;
}

static bool work_init(struct kith_model *model)
{
    const struct kith_arch *arch = &model->arch;
    bool ok = true;
    size_t d = 0, scratch = 0;
    for (uint32_t l = 0; l <= arch->layers; l++) {
        size_t floats = floats_of(&model->set.gemm, model->rows_max, arch->width[l]);
        model->x[l] = floats_new(floats);
        ok = ok && model->x[l];
        if (l > 0 && floats > d) d = floats;
    }
    for (uint32_t l = 0; l < arch->layers; l++) {
        size_t floats = (size_t)padded(arch->width[l]) * padded(arch->width[l + 1]);
        if (floats > scratch) scratch = floats;
    }
    model->d[0] = floats_new(d);
    model->d[1] = floats_new(d);
    model->scratch = floats_new(scratch);
    model->loss = floats_new(model->rows_max);
    return ok && model->d[0] && model->d[1] && model->scratch && model->loss;
}

/* The exact arithmetic needs gradual underflow and rounding to nearest, which a library built for
 * fast mathematics may have turned off for the whole process. */
static bool arithmetic_is_default(void)
{
    volatile float one = 1.0f, quarter = 0x1p-25f, more = 0x1.8p-24f, tiny = 0x1p-126f;
    return one + quarter == one && -one - quarter == -one && one + more == 1.0f + 0x1p-23f &&
           tiny * 0.5f > 0;
}

struct kith_model *kith_model_new_on(const struct kith_arch *arch,
                                     const struct kith_kernel_set *set, uint32_t rows_max)
{
    kith_assert(arch->layers >= 1);
    kith_assert(arch->layers <= KITH_LAYERS_MAX);
    kith_assert(rows_max > 0);
    kith_assert(arithmetic_is_default());
    struct kith_model *model = calloc(1, sizeof *model);
    if (!model) return NULL;
    model->arch = *arch;
    model->set = *set;
    model->rows_max = rows_max;
    bool ok = true;
    for (uint32_t l = 0; l < arch->layers; l++)
        ok = layer_init(model, l) && ok;
    ok = work_init(model) && ok;
    if (ok) return model;
    kith_model_free(model);
    return NULL;
}

static struct kith_kernel_set set_of(enum kith_kernels kernels)
{
    if (kernels == KITH_KERNELS_BLAS) return kith_blas_set();
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    (void)kith_exact_paths(paths);
    return *paths[0];
}

struct kith_model *kith_model_new(const struct kith_arch *arch, enum kith_kernels kernels,
                                  uint32_t rows_max)
{
    struct kith_kernel_set set = set_of(kernels);
    return kith_model_new_on(arch, &set, rows_max);
}

bool kith_model_want_adam(struct kith_model *model)
{
    bool ok = true;
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        struct layer *layer = &model->layers[l];
        uint32_t in = layer->w.rows, out = layer->w.columns;
        size_t floats = floats_of(&model->set.gemm, in, out);
        kith_assert(!layer->u.at);
        layer->u = matrix_of(&model->set.gemm, floats_new(floats), in, out);
        layer->g = matrix_of(&model->set.gemm, floats_new(floats), in, out);
        layer->bias_u = floats_new(padded(out));
        layer->bias_g = floats_new(padded(out));
        ok = ok && layer->u.at && layer->g.at && layer->bias_u && layer->bias_g;
    }
    model->has_adam = ok;
    return ok;
}

void kith_model_set_parallel(struct kith_model *model, const struct kith_parallel *parallel)
{
    model->parallel = parallel;
}

void kith_model_free(struct kith_model *model)
{
    if (!model) return;
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        free(model->layers[l].w.at);
        free(model->layers[l].v.at);
        free(model->layers[l].bias);
        free(model->layers[l].bias_v);
        free(model->layers[l].u.at);
        free(model->layers[l].g.at);
        free(model->layers[l].bias_u);
        free(model->layers[l].bias_g);
    }
    for (uint32_t l = 0; l <= model->arch.layers; l++)
        free(model->x[l]);
    free(model->d[0]);
    free(model->d[1]);
    free(model->scratch);
    free(model->loss);
    free(model);
}

bool kith_model_is_finite(const struct kith_model *model)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        const struct layer *layer = &model->layers[l];
        uint32_t in = model->arch.width[l], out = model->arch.width[l + 1];
        size_t floats = floats_of(&model->set.gemm, in, out);
        bool is_good = kith_all_finite(layer->w.at, floats) && kith_all_finite(layer->v.at, floats);
        is_good =
            is_good && kith_all_finite(layer->bias, out) && kith_all_finite(layer->bias_v, out);
        if (model->has_adam)
            is_good = is_good && kith_all_finite(layer->u.at, floats) &&
                      kith_all_finite(layer->bias_u, out);
        if (!is_good) return false;
    }
    return true;
}

size_t kith_model_memory(const struct kith_model *model)
{
    const struct kith_arch *arch = &model->arch;
    size_t floats = model->rows_max, d = 0, scratch = 0;
    for (uint32_t l = 0; l <= arch->layers; l++) {
        size_t x = floats_of(&model->set.gemm, model->rows_max, arch->width[l]);
        floats += x;
        if (l > 0 && x > d) d = x;
    }
    for (uint32_t l = 0; l < arch->layers; l++) {
        uint32_t in = arch->width[l], out = arch->width[l + 1];
        size_t turned = (size_t)padded(in) * padded(out);
        size_t each = model->has_adam ? 4 : 2;
        floats += each * (floats_of(&model->set.gemm, in, out) + padded(out));
        if (turned > scratch) scratch = turned;
    }
    return sizeof *model + (floats + 2 * d + scratch) * sizeof(float);
}

/* to[j][i] = from[i][j], for `rows` rows and `columns` columns. */
static void turn(const float *from, size_t from_row, uint32_t rows, uint32_t columns, float *to,
                 size_t to_row)
{
    uint32_t i = 0;
    for (; columns == KITH_PANEL && i + 4 <= rows; i += 4)
        for (uint32_t j = 0; j < KITH_PANEL; j += 4)
            transpose_four(from + i * from_row + j, from_row, to + j * to_row + i, to_row);
    for (; i < rows; i++)
        for (uint32_t j = 0; j < columns; j++)
            to[j * to_row + i] = from[i * from_row + j];
}

static void turn_back(const float *from, size_t from_row, uint32_t rows, uint32_t columns,
                      float *to, size_t to_row)
{
    uint32_t i = 0;
    for (; columns == KITH_PANEL && i + 4 <= rows; i += 4)
        for (uint32_t j = 0; j < KITH_PANEL; j += 4)
            transpose_four(from + j * from_row + i, from_row, to + i * to_row + j, to_row);
    for (; i < rows; i++)
        for (uint32_t j = 0; j < columns; j++)
            to[i * to_row + j] = from[j * from_row + i];
}

static uint32_t columns_of(const struct kith_matrix *m, uint32_t first)
{
    uint32_t left = m->columns - first;
    return left < KITH_PANEL ? left : KITH_PANEL;
}

/* Plain [out][in] then [out], into or out of one layer's matrix and vector; returns what follows.
 */
static const float *layer_set(const struct kith_matrix *m, float *bias, const float *plain)
{
    for (uint32_t n = 0; n < m->columns; n += KITH_PANEL)
        turn_back(plain + (size_t)n * m->rows, m->rows, m->rows, columns_of(m, n),
                  kith_matrix_at(m, 0, n), m->row_stride);
    plain += (size_t)m->columns * m->rows;
    memcpy(bias, plain, m->columns * sizeof *bias);
    return plain + m->columns;
}

static float *layer_get(const struct kith_matrix *m, const float *bias, float *ret_plain)
{
    for (uint32_t n = 0; n < m->columns; n += KITH_PANEL)
        turn(kith_matrix_at(m, 0, n), m->row_stride, m->rows, columns_of(m, n),
             ret_plain + (size_t)n * m->rows, m->rows);
    ret_plain += (size_t)m->columns * m->rows;
    memcpy(ret_plain, bias, m->columns * sizeof *bias);
    return ret_plain + m->columns;
}

void kith_model_set_weights(struct kith_model *model, const float *plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        plain = layer_set(&model->layers[l].w, model->layers[l].bias, plain);
}

void kith_model_get_weights(const struct kith_model *model, float *ret_plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        ret_plain = layer_get(&model->layers[l].w, model->layers[l].bias, ret_plain);
}

void kith_model_set_momentum(struct kith_model *model, const float *plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        plain = layer_set(&model->layers[l].v, model->layers[l].bias_v, plain);
}

void kith_model_get_momentum(const struct kith_model *model, float *ret_plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        ret_plain = layer_get(&model->layers[l].v, model->layers[l].bias_v, ret_plain);
}

/* A raw copy: layer by layer the matrix as it lies, then its bias. */
size_t kith_model_raw_floats(const struct kith_model *model)
{
    size_t floats = 0;
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        uint32_t in = model->arch.width[l], out = model->arch.width[l + 1];
        floats += floats_of(&model->set.gemm, in, out) + padded(out);
    }
    return floats;
}

void kith_model_raw_weights(const struct kith_model *model, float *ret_raw)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        const struct layer *layer = &model->layers[l];
        uint32_t in = model->arch.width[l], out = model->arch.width[l + 1];
        size_t floats = floats_of(&model->set.gemm, in, out);
        memcpy(ret_raw, layer->w.at, floats * sizeof *ret_raw);
        memcpy(ret_raw + floats, layer->bias, padded(out) * sizeof *ret_raw);
        ret_raw += floats + padded(out);
    }
}

void kith_model_raw_plain(const struct kith_model *model, float *raw, float *ret_plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        uint32_t in = model->arch.width[l], out = model->arch.width[l + 1];
        size_t floats = floats_of(&model->set.gemm, in, out);
        struct kith_matrix w = matrix_of(&model->set.gemm, raw, in, out);
        ret_plain = layer_get(&w, raw + floats, ret_plain);
        raw += floats + padded(out);
    }
}

void kith_model_follow(struct kith_model *model, const float *before_raw, float mu, float length)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        struct layer *layer = &model->layers[l];
        uint32_t in = model->arch.width[l], out = model->arch.width[l + 1];
        size_t floats = floats_of(&model->set.gemm, in, out);
        kith_mix_momentum(layer->v.at, before_raw, layer->w.at, floats, mu, length);
        before_raw += floats;
        kith_mix_momentum(layer->bias_v, before_raw, layer->bias, padded(out), mu, length);
        before_raw += padded(out);
    }
}

void kith_model_set_moments(struct kith_model *model, const float *plain, uint64_t steps)
{
    kith_assert(model->has_adam);
    for (uint32_t l = 0; l < model->arch.layers; l++)
        plain = layer_set(&model->layers[l].u, model->layers[l].bias_u, plain);
    model->adam_steps = steps;
}

uint64_t kith_model_get_moments(const struct kith_model *model, float *ret_plain)
{
    kith_assert(model->has_adam);
    for (uint32_t l = 0; l < model->arch.layers; l++)
        ret_plain = layer_get(&model->layers[l].u, model->layers[l].bias_u, ret_plain);
    return model->adam_steps;
}

/* One kernel and its task, for whoever runs the parts. */
struct call {
    const struct kith_kernel_set *set;
    const void *task;
};

#define CALL(name, member)                                                                         \
    static void name##_part(void *arg, struct kith_part part)                                      \
    {                                                                                              \
        const struct call *call = arg;                                                             \
        call->set->member.name(call->task, part);                                                  \
    }
CALL(gather, rowwise)
CALL(cross_entropy, rowwise)
CALL(distillation, rowwise)
CALL(probabilities, rowwise)
CALL(adam, rowwise)
CALL(forward, gemm)
CALL(transpose, gemm)
CALL(backward, gemm)
CALL(update, gemm)
#undef CALL

/* Run a kernel, in parts if that pays: `work` is about how many multiply-adds it is. */
static void run(const struct kith_model *model, void (*kernel)(void *arg, struct kith_part part),
                const void *task, uint64_t work)
{
    struct call call = {.set = &model->set, .task = task};
    if (!model->parallel || work < PARALLEL_WORK_MIN) {
        kernel(&call, (struct kith_part){.index = 0, .count = 1});
        return;
    }
    model->parallel->call(model->parallel->self, kernel, &call);
}

static uint64_t product_work(const struct kith_matrix *w, uint32_t rows)
{
    return (uint64_t)w->rows * w->columns * rows;
}

/* Images to rows [first, first + rows->count) of x[0]. */
static void gather(const struct kith_model *model, const struct kith_rows *rows, uint32_t first,
                   const struct kith_matrix *x)
{
    struct kith_gather task = {.rows = *rows, .first = first, .x = *x};
    run(model, gather_part, &task, (uint64_t)rows->count * x->columns * GATHER_WORK);
}

static void forward(struct kith_model *model, uint32_t rows)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        struct kith_gemm_forward task = {
            .x = activations(model, l, rows),
            .w = model->layers[l].w,
            .bias = model->layers[l].bias,
            .relu = l + 1 < model->arch.layers,
            .y = activations(model, l + 1, rows),
        };
        run(model, forward_part, &task, product_work(&task.w, rows));
    }
}

/* base^power by squaring, the same everywhere. */
static double power_of(double base, uint64_t power)
{
    double ret = 1;
    for (; power > 0; power >>= 1, base *= base)
        if (power & 1) ret *= base;
    return ret;
}

/* One move along the layer's gradient; the padding is zero and stays so. */
static void adam(const struct kith_model *model, const struct layer *layer,
                 const struct kith_step *step)
{
    double beta1 = (double)step->momentum;
    struct kith_adam task = {
        .x = layer->w.at,
        .m = layer->v.at,
        .v = layer->u.at,
        .g = layer->g.at,
        .count = floats_of(&model->set.gemm, layer->w.rows, layer->w.columns),
        .rest1 = (float)(1 - beta1),
        .rest2 = (float)(1 - ADAM_BETA2),
        .unbias1 = (float)(1 / (1 - power_of(beta1, model->adam_steps))),
        .unbias2 = (float)(1 / (1 - power_of(ADAM_BETA2, model->adam_steps))),
        .rate = step->rate,
    };
    run(model, adam_part, &task, task.count * ADAM_WORK);
    task.x = layer->bias;
    task.m = layer->bias_v;
    task.v = layer->bias_u;
    task.g = layer->bias_g;
    task.count = padded(layer->w.columns);
    run(model, adam_part, &task, task.count * ADAM_WORK);
}

static void update(struct kith_model *model, uint32_t l, const struct kith_matrix *dy,
                   const struct kith_step *step)
{
    static const enum kith_move moves[] = {[KITH_OPTIM_SGD] = KITH_MOVE_SGD,
                                           [KITH_OPTIM_QG] = KITH_MOVE_QG,
                                           [KITH_OPTIM_ADAM] = KITH_MOVE_NONE};
    struct layer *layer = &model->layers[l];
    bool by_adam = step->optim == KITH_OPTIM_ADAM;
    struct kith_gemm_update task = {
        .x = activations(model, l, dy->rows),
        .dy = *dy,
        .w = layer->w,
        .v = by_adam ? layer->g : layer->v,
        .bias = layer->bias,
        .bias_v = by_adam ? layer->bias_g : layer->bias_v,
        .scratch = model->scratch,
        .rate = step->rate,
        .momentum = step->momentum,
        .move = moves[step->optim],
    };
    if (l == 0)
        task.fetch = (struct kith_fetch){
            .images = step->next.images,
            .indices = step->next.indices,
            .count = step->next.count,
            .bytes = model->arch.width[0],
        };
    run(model, update_part, &task, product_work(&task.w, dy->rows));
    if (by_adam) adam(model, layer, step);
}

/* From the gradient on the logits, in d[0], to the updated weights. */
static void backward(struct kith_model *model, uint32_t rows, const struct kith_step *step)
{
    uint32_t top = model->arch.layers - 1;
    struct kith_matrix dy =
        matrix_of(&model->set.gemm, model->d[0], rows, model->arch.width[model->arch.layers]);
    for (uint32_t l = top; l > 0; l--) {
        struct kith_gemm_backward task = {
            .dy = dy,
            .w = model->layers[l].w,
            .transposed = model->scratch,
            .x = activations(model, l, rows),
            .dx = matrix_of(&model->set.gemm, model->d[(top - l + 1) % 2], rows,
                            model->arch.width[l]),
        };
        if (model->set.gemm.transpose)
            run(model, transpose_part, &task, product_work(&task.w, TRANSPOSE_WORK));
        run(model, backward_part, &task, product_work(&task.w, rows));
        update(model, l, &dy, step);
        dy = task.dx;
    }
    update(model, 0, &dy, step);
}

static uint64_t softmax_work(const struct kith_softmax *task)
{
    return (uint64_t)(task->last - task->first) * task->z.columns * SOFTMAX_WORK;
}

static double sum_of(const float *x, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)x[i];
    return sum;
}

static float cross_entropy(const struct kith_model *model, const struct kith_step *step,
                           struct kith_softmax *task)
{
    uint32_t count = step->rows.count;
    if (count == 0) return 0;
    task->first = 0;
    task->last = count;
    task->inverse_temperature = 1.0f;
    task->scale = 1.0f / (float)count;
    task->labels = step->labels;
    task->indices = step->rows.indices;
    run(model, cross_entropy_part, task, softmax_work(task));
    return (float)(sum_of(task->loss, count) / count);
}

static float distillation(const struct kith_model *model, const struct kith_step *step,
                          struct kith_softmax *task)
{
    uint32_t count = step->kd_rows.count;
    if (count == 0) return 0;
    task->first = step->rows.count;
    task->last = step->rows.count + count;
    task->inverse_temperature = 1.0f / step->kd_temperature;
    task->scale = step->kd_lambda * step->kd_temperature / (float)count;
    task->targets = step->kd_targets;
    run(model, distillation_part, task, softmax_work(task));
    return (float)(sum_of(task->loss + task->first, count) / count);
}

/* Losses of all rows, and the gradient on the logits into d[0]. */
static struct kith_step_losses losses(struct kith_model *model, const struct kith_step *step)
{
    struct kith_softmax task = {
        .z = activations(model, model->arch.layers, step->rows.count + step->kd_rows.count),
        .loss = model->loss,
    };
    task.d = task.z;
    task.d.at = model->d[0];
    struct kith_step_losses ret = {.ce = cross_entropy(model, step, &task)};
    ret.kd = distillation(model, step, &task);
    return ret;
}

void kith_model_step(struct kith_model *model, const struct kith_step *step,
                     struct kith_step_losses *ret)
{
    uint32_t rows = step->rows.count + step->kd_rows.count;
    kith_assert(rows > 0);
    kith_assert(rows <= model->rows_max);
    kith_assert(step->optim != KITH_OPTIM_ADAM || model->has_adam);
    if (step->optim == KITH_OPTIM_ADAM) model->adam_steps++;
    struct kith_matrix x = activations(model, 0, rows);
    gather(model, &step->rows, 0, &x);
    gather(model, &step->kd_rows, step->rows.count, &x);
    forward(model, rows);
    *ret = losses(model, step);
    backward(model, rows, step);
}

void kith_model_probabilities(struct kith_model *model, const struct kith_rows *rows,
                              float temperature, float *ret)
{
    kith_assert(rows->count > 0);
    kith_assert(rows->count <= model->rows_max);
    struct kith_matrix x = activations(model, 0, rows->count);
    gather(model, rows, 0, &x);
    forward(model, rows->count);
    struct kith_softmax task = {
        .z = activations(model, model->arch.layers, rows->count),
        .first = 0,
        .last = rows->count,
        .inverse_temperature = 1.0f / temperature,
        .probabilities = ret,
    };
    run(model, probabilities_part, &task, softmax_work(&task));
}

const char *kith_kernels_name(enum kith_kernels kernels)
{
    return set_of(kernels).name;
}
