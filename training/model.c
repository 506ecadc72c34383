#include "training/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "training/explog.h"
#include "training/gemm.h"

struct layer {
    struct kith_matrix w, v; /* [in][out] */
    float *bias, *bias_v;    /* [out], padded */
};

struct kith_model {
    struct kith_arch arch;
    const struct kith_gemm *gemm;
    uint32_t rows_max;
    struct layer layers[KITH_LAYERS_MAX];
    float *x[KITH_LAYERS_MAX + 1]; /* x[0] the images, x[l + 1] what layer l gives */
    float *d[2];                   /* gradients on two neighbouring x, in turns */
    float *scratch;                /* as the port wants it */
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
    return matrix_of(model->gemm, model->x[l], rows, model->arch.width[l]);
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
    size_t floats = floats_of(model->gemm, in, out);
    layer->w = matrix_of(model->gemm, floats_new(floats), in, out);
    layer->v = matrix_of(model->gemm, floats_new(floats), in, out);
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
        size_t floats = floats_of(model->gemm, model->rows_max, arch->width[l]);
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
    return ok && model->d[0] && model->d[1] && model->scratch;
}

struct kith_model *kith_model_new(const struct kith_arch *arch, enum kith_kernels kernels,
                                  uint32_t rows_max)
{
    kith_assert(arch->layers >= 1);
    kith_assert(arch->layers <= KITH_LAYERS_MAX);
    kith_assert(rows_max > 0);
    (void)kernels;
    struct kith_model *model = calloc(1, sizeof *model);
    if (!model) return NULL;
    model->arch = *arch;
    model->gemm = kith_gemm_exact();
    model->rows_max = rows_max;
    bool ok = true;
    for (uint32_t l = 0; l < arch->layers; l++)
        ok = layer_init(model, l) && ok;
    ok = work_init(model) && ok;
    if (ok) return model;
    kith_model_free(model);
    return NULL;
}

void kith_model_free(struct kith_model *model)
{
    if (!model) return;
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        free(model->layers[l].w.at);
        free(model->layers[l].v.at);
        free(model->layers[l].bias);
        free(model->layers[l].bias_v);
    }
    for (uint32_t l = 0; l <= model->arch.layers; l++)
        free(model->x[l]);
    free(model->d[0]);
    free(model->d[1]);
    free(model->scratch);
    free(model);
}

/* Plain [out][in] then [out], into or out of one layer's matrix and vector; returns what follows.
 */
static const float *layer_set(const struct kith_matrix *m, float *bias, const float *plain)
{
    for (uint32_t n = 0; n < m->columns; n++)
        for (uint32_t k = 0; k < m->rows; k++)
            *kith_matrix_at(m, k, n) = *plain++;
    memcpy(bias, plain, m->columns * sizeof *bias);
    return plain + m->columns;
}

static float *layer_get(const struct kith_matrix *m, const float *bias, float *ret_plain)
{
    for (uint32_t n = 0; n < m->columns; n++)
        for (uint32_t k = 0; k < m->rows; k++)
            *ret_plain++ = *kith_matrix_at(m, k, n);
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

/* Images to rows [first, first + rows->count) of x[0]. */
static void gather(const struct kith_rows *rows, uint32_t first, const struct kith_matrix *x)
{
    for (uint32_t r = 0; r < rows->count; r++) {
        const uint8_t *image = rows->images + (size_t)rows->indices[r] * x->columns;
        for (uint32_t k = 0; k < x->columns; k++)
            *kith_matrix_at(x, first + r, k) = (float)image[k] / 255.0f;
    }
}

static const struct kith_part whole = {.index = 0, .count = 1};

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
        model->gemm->forward(&task, whole);
    }
}

static void update(struct kith_model *model, uint32_t l, const struct kith_matrix *dy,
                   const struct kith_step *step)
{
    struct layer *layer = &model->layers[l];
    struct kith_gemm_update task = {
        .x = activations(model, l, dy->rows),
        .dy = *dy,
        .w = layer->w,
        .v = layer->v,
        .bias = layer->bias,
        .bias_v = layer->bias_v,
        .scratch = model->scratch,
        .rate = step->rate,
        .momentum = step->momentum,
        .quasi_global = step->optim == KITH_OPTIM_QG,
    };
    model->gemm->update(&task, whole);
}

/* From the gradient on the logits, in d[0], to the updated weights. */
static void backward(struct kith_model *model, uint32_t rows, const struct kith_step *step)
{
    uint32_t top = model->arch.layers - 1;
    struct kith_matrix dy =
        matrix_of(model->gemm, model->d[0], rows, model->arch.width[model->arch.layers]);
    for (uint32_t l = top; l > 0; l--) {
        struct kith_gemm_backward task = {
            .dy = dy,
            .w = model->layers[l].w,
            .transposed = model->scratch,
            .x = activations(model, l, rows),
            .dx = matrix_of(model->gemm, model->d[(top - l + 1) % 2], rows, model->arch.width[l]),
        };
        if (model->gemm->transpose) model->gemm->transpose(&task, whole);
        model->gemm->backward(&task, whole);
        update(model, l, &dy, step);
        dy = task.dx;
    }
    update(model, 0, &dy, step);
}

/* p = softmax(z / temperature) of one row; returns ln sum exp(z / temperature). */
static float softmax(const struct kith_matrix *z, uint32_t row, float temperature,
                     float p[static KITH_CLASSES_MAX])
{
    float scale = 1.0f / temperature, max = -3.4e38f, sum = 0;
    for (uint32_t c = 0; c < z->columns; c++) {
        p[c] = *kith_matrix_at(z, row, c) * scale;
        if (p[c] > max) max = p[c];
    }
    for (uint32_t c = 0; c < z->columns; c++) {
        p[c] = kith_exp(p[c] - max);
        sum += p[c];
    }
    float inverse = 1.0f / sum;
    for (uint32_t c = 0; c < z->columns; c++)
        p[c] *= inverse;
    return max + kith_log(sum);
}

/* The loss of one row against its label, and the gradient on its logits. */
static float row_ce(const struct kith_matrix *z, const struct kith_matrix *d, uint32_t row,
                    uint8_t label, float scale)
{
    float p[KITH_CLASSES_MAX];
    float log_sum = softmax(z, row, 1.0f, p);
    for (uint32_t c = 0; c < z->columns; c++)
        *kith_matrix_at(d, row, c) = (p[c] - (c == label ? 1.0f : 0.0f)) * scale;
    return log_sum - *kith_matrix_at(z, row, label);
}

/* KL(target || softmax(z / T)) of one row, and the gradient on its logits. */
static float row_kd(const struct kith_matrix *z, const struct kith_matrix *d, uint32_t row,
                    const float *target, float temperature, float scale)
{
    float p[KITH_CLASSES_MAX], kl = 0;
    float log_sum = softmax(z, row, temperature, p);
    for (uint32_t c = 0; c < z->columns; c++) {
        float log_p = *kith_matrix_at(z, row, c) * (1.0f / temperature) - log_sum;
        if (target[c] > 0) kl += target[c] * (kith_log(target[c]) - log_p);
        *kith_matrix_at(d, row, c) = (p[c] - target[c]) * scale;
    }
    return kl;
}

/* Losses of all rows, and the gradient on the logits into d[0]. */
static struct kith_step_losses losses(struct kith_model *model, const struct kith_step *step)
{
    uint32_t ce_rows = step->rows.count, kd_rows = step->kd_rows.count;
    struct kith_matrix z = activations(model, model->arch.layers, ce_rows + kd_rows);
    struct kith_matrix d = z;
    d.at = model->d[0];
    double ce = 0, kd = 0;
    for (uint32_t r = 0; r < ce_rows; r++) {
        uint8_t label = step->labels[step->rows.indices[r]];
        ce += (double)row_ce(&z, &d, r, label, 1.0f / (float)ce_rows);
    }
    float scale = step->kd_lambda * step->kd_temperature / (float)kd_rows;
    for (uint32_t r = 0; r < kd_rows; r++)
        kd += (double)row_kd(&z, &d, ce_rows + r, step->kd_targets + (size_t)r * z.columns,
                             step->kd_temperature, scale);
    return (struct kith_step_losses){
        .ce = ce_rows ? (float)(ce / ce_rows) : 0,
        .kd = kd_rows ? (float)(kd / kd_rows) : 0,
    };
}

void kith_model_step(struct kith_model *model, const struct kith_step *step,
                     struct kith_step_losses *ret)
{
    uint32_t rows = step->rows.count + step->kd_rows.count;
    kith_assert(rows > 0);
    kith_assert(rows <= model->rows_max);
    struct kith_matrix x = activations(model, 0, rows);
    gather(&step->rows, 0, &x);
    gather(&step->kd_rows, step->rows.count, &x);
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
    gather(rows, 0, &x);
    forward(model, rows->count);
    struct kith_matrix z = activations(model, model->arch.layers, rows->count);
    for (uint32_t r = 0; r < rows->count; r++) {
        float p[KITH_CLASSES_MAX];
        (void)softmax(&z, r, temperature, p);
        memcpy(ret + (size_t)r * z.columns, p, z.columns * sizeof *p);
    }
}

const char *kith_kernels_name(enum kith_kernels kernels)
{
    return kernels == KITH_KERNELS_EXACT ? kith_gemm_exact()->name : "blas";
}
