#include "training/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "training/conv.h"
#include "training/finite.h"
#include "training/kernels.h"
#include "training/mix.h"
#include "training/plain_form.h"

struct layer {
    struct kith_matrix w, v; /* [in][out] */
    float *bias, *bias_v;    /* [out], padded */
    /* for Adam: second moments, likewise; NULL without it */
    struct kith_matrix u;
    float *bias_u;
    /* for Adam and of a convolution: gradient, likewise */
    struct kith_matrix g;
    float *bias_g;
    /* of a convolution: work space for KITH_CONV_IMAGES images */
    float *patches, *dpatches; /* what comes in, and its gradient */
    float *maps;               /* what goes out before the pool, or its gradient */
    float *line;
    uint8_t *choice; /* of the pool, for the whole batch */
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

static bool gradient_init(const struct kith_model *model, struct layer *layer)
{
    uint32_t in = layer->w.rows, out = layer->w.columns;
    layer->g =
        matrix_of(&model->set.gemm, floats_new(floats_of(&model->set.gemm, in, out)), in, out);
    layer->bias_g = floats_new(padded(out));
    return layer->g.at && layer->bias_g;
}

/* Floats of the patches and of the maps that a convolution has at a time. */
static size_t patches_floats(const struct kith_model *model, uint32_t l)
{
    uint32_t side = kith_conv_side(&model->arch.conv[l]);
    return floats_of(&model->set.gemm, KITH_CONV_IMAGES * side * side,
                     kith_arch_rows(&model->arch, l));
}

static size_t maps_floats(const struct kith_model *model, uint32_t l)
{
    uint32_t side = kith_conv_side(&model->arch.conv[l]);
    return floats_of(&model->set.gemm, KITH_CONV_IMAGES * side * side,
                     kith_arch_columns(&model->arch, l));
}

static bool conv_init(struct kith_model *model, uint32_t l)
{
    struct layer *layer = &model->layers[l];
    bool ok = gradient_init(model, layer);
    layer->patches = floats_new(patches_floats(model, l));
    layer->dpatches = floats_new(patches_floats(model, l));
    layer->maps = floats_new(maps_floats(model, l));
    layer->line = floats_new(kith_conv_line(&model->arch.conv[l]));
    layer->choice = malloc((size_t)model->rows_max * model->arch.width[l + 1]);
    return ok && layer->patches && layer->dpatches && layer->maps && layer->line && layer->choice;
}

/* Beside weights and momentum, in bytes. */
static size_t conv_memory(const struct kith_model *model, uint32_t l)
{
    uint32_t in = kith_arch_rows(&model->arch, l), out = kith_arch_columns(&model->arch, l);
    size_t floats = 2 * patches_floats(model, l) + maps_floats(model, l);
    floats += kith_conv_line(&model->arch.conv[l]);
    if (!model->has_adam) floats += floats_of(&model->set.gemm, in, out) + padded(out);
    return floats * sizeof(float) + (size_t)model->rows_max * model->arch.width[l + 1];
}

static bool layer_init(struct kith_model *model, uint32_t l)
{
    struct layer *layer = &model->layers[l];
    uint32_t in = kith_arch_rows(&model->arch, l), out = kith_arch_columns(&model->arch, l);
    size_t floats = floats_of(&model->set.gemm, in, out);
    layer->w = matrix_of(&model->set.gemm, floats_new(floats), in, out);
    layer->v = matrix_of(&model->set.gemm, floats_new(floats), in, out);
    layer->bias = floats_new(padded(out));
    layer->bias_v = floats_new(padded(out));
    bool ok = layer->w.at && layer->v.at && layer->bias && layer->bias_v;
    return l < model->arch.convs ? conv_init(model, l) && ok : ok;
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
        size_t floats =
            (size_t)padded(kith_arch_rows(arch, l)) * padded(kith_arch_columns(arch, l));
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
        layer->bias_u = floats_new(padded(out));
        ok = ok && layer->u.at && layer->bias_u;
        if (l >= model->arch.convs) ok = gradient_init(model, layer) && ok;
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
        free(model->layers[l].patches);
        free(model->layers[l].dpatches);
        free(model->layers[l].maps);
        free(model->layers[l].line);
        free(model->layers[l].choice);
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
        uint32_t in = kith_arch_rows(&model->arch, l), out = kith_arch_columns(&model->arch, l);
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
        uint32_t in = kith_arch_rows(arch, l), out = kith_arch_columns(arch, l);
        size_t turned = (size_t)padded(in) * padded(out);
        size_t each = model->has_adam ? 4 : 2;
        floats += each * (floats_of(&model->set.gemm, in, out) + padded(out));
        if (turned > scratch) scratch = turned;
    }
    size_t bytes = sizeof *model + (floats + 2 * d + scratch) * sizeof(float);
    for (uint32_t l = 0; l < arch->convs; l++)
        bytes += conv_memory(model, l);
    return bytes;
}

void kith_model_set_weights(struct kith_model *model, const float *plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        plain = kith_plain_set(&model->layers[l].w, model->layers[l].bias, plain);
}

void kith_model_get_weights(const struct kith_model *model, float *ret_plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        ret_plain = kith_plain_get(&model->layers[l].w, model->layers[l].bias, ret_plain);
}

void kith_model_set_momentum(struct kith_model *model, const float *plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        plain = kith_plain_set(&model->layers[l].v, model->layers[l].bias_v, plain);
}

void kith_model_get_momentum(const struct kith_model *model, float *ret_plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++)
        ret_plain = kith_plain_get(&model->layers[l].v, model->layers[l].bias_v, ret_plain);
}

/* A raw copy: layer by layer the matrix as it lies, then its bias. */
size_t kith_model_raw_floats(const struct kith_model *model)
{
    size_t floats = 0;
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        uint32_t in = kith_arch_rows(&model->arch, l), out = kith_arch_columns(&model->arch, l);
        floats += floats_of(&model->set.gemm, in, out) + padded(out);
    }
    return floats;
}

void kith_model_raw_weights(const struct kith_model *model, float *ret_raw)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        const struct layer *layer = &model->layers[l];
        uint32_t in = kith_arch_rows(&model->arch, l), out = kith_arch_columns(&model->arch, l);
        size_t floats = floats_of(&model->set.gemm, in, out);
        memcpy(ret_raw, layer->w.at, floats * sizeof *ret_raw);
        memcpy(ret_raw + floats, layer->bias, padded(out) * sizeof *ret_raw);
        ret_raw += floats + padded(out);
    }
}

void kith_model_raw_plain(const struct kith_model *model, float *raw, float *ret_plain)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        uint32_t in = kith_arch_rows(&model->arch, l), out = kith_arch_columns(&model->arch, l);
        size_t floats = floats_of(&model->set.gemm, in, out);
        struct kith_matrix w = matrix_of(&model->set.gemm, raw, in, out);
        ret_plain = kith_plain_get(&w, raw + floats, ret_plain);
        raw += floats + padded(out);
    }
}

void kith_model_follow(struct kith_model *model, const float *before_raw, float mu, float length)
{
    for (uint32_t l = 0; l < model->arch.layers; l++) {
        struct layer *layer = &model->layers[l];
        uint32_t in = kith_arch_rows(&model->arch, l), out = kith_arch_columns(&model->arch, l);
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
        plain = kith_plain_set(&model->layers[l].u, model->layers[l].bias_u, plain);
    model->adam_steps = steps;
}

uint64_t kith_model_get_moments(const struct kith_model *model, float *ret_plain)
{
    kith_assert(model->has_adam);
    for (uint32_t l = 0; l < model->arch.layers; l++)
        ret_plain = kith_plain_get(&model->layers[l].u, model->layers[l].bias_u, ret_plain);
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
CALL(descend, rowwise)
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

/* The patches of some images, and their maps, as matrices. */
struct conv_pass {
    const struct kith_conv *conv;
    struct kith_conv_span span;
    struct kith_matrix patches, dpatches, maps;
};

static struct conv_pass conv_pass_of(const struct kith_model *model, uint32_t l, uint32_t first,
                                     uint32_t rows)
{
    const struct layer *layer = &model->layers[l];
    const struct kith_gemm *gemm = &model->set.gemm;
    struct conv_pass pass = {.conv = &model->arch.conv[l], .span = {.first = first}};
    pass.span.count = rows - first < KITH_CONV_IMAGES ? rows - first : KITH_CONV_IMAGES;
    uint32_t places = pass.span.count * kith_conv_side(pass.conv) * kith_conv_side(pass.conv);
    pass.patches = matrix_of(gemm, layer->patches, places, layer->w.rows);
    pass.dpatches = matrix_of(gemm, layer->dpatches, places, layer->w.rows);
    pass.maps = matrix_of(gemm, layer->maps, places, layer->w.columns);
    return pass;
}

static void conv_forward(const struct kith_model *model, uint32_t l, uint32_t rows)
{
    const struct layer *layer = &model->layers[l];
    struct kith_matrix x = activations(model, l, rows), y = activations(model, l + 1, rows);
    for (uint32_t first = 0; first < rows; first += KITH_CONV_IMAGES) {
        struct conv_pass pass = conv_pass_of(model, l, first, rows);
        struct kith_gemm_forward task = {
            .x = pass.patches, .w = layer->w, .bias = layer->bias, .relu = true, .y = pass.maps};
        kith_conv_patches(pass.conv, pass.span, &x, &pass.patches, layer->line);
        run(model, forward_part, &task, product_work(&task.w, task.x.rows));
        kith_conv_pool(pass.conv, pass.span, &pass.maps, &y, layer->choice, layer->line);
    }
}

static void forward(struct kith_model *model, uint32_t rows)
{
    for (uint32_t l = 0; l < model->arch.convs; l++)
        conv_forward(model, l, rows);
    for (uint32_t l = model->arch.convs; l < model->arch.layers; l++) {
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

static void gradient_clear(const struct kith_model *model, const struct layer *layer)
{
    size_t floats = floats_of(&model->set.gemm, layer->w.rows, layer->w.columns);
    memset(layer->g.at, 0, floats * sizeof *layer->g.at);
    memset(layer->bias_g, 0, padded(layer->w.columns) * sizeof *layer->bias_g);
}

static void descend(const struct kith_model *model, const struct layer *layer,
                    const struct kith_step *step)
{
    struct kith_descent task = {
        .x = layer->w.at,
        .v = layer->v.at,
        .g = layer->g.at,
        .count = floats_of(&model->set.gemm, layer->w.rows, layer->w.columns),
        .rate = step->rate,
        .momentum = step->momentum,
        .move = step->optim == KITH_OPTIM_QG ? KITH_MOVE_QG : KITH_MOVE_SGD,
    };
    run(model, descend_part, &task, task.count);
    task.x = layer->bias;
    task.v = layer->bias_v;
    task.g = layer->bias_g;
    task.count = padded(layer->w.columns);
    run(model, descend_part, &task, task.count);
}

/* What some images add to the gradient. */
static void conv_sum(const struct kith_model *model, const struct layer *layer,
                     const struct conv_pass *pass)
{
    struct kith_gemm_update task = {
        .x = pass->patches,
        .dy = pass->maps,
        .w = layer->w,
        .v = layer->g,
        .bias = layer->bias,
        .bias_v = layer->bias_g,
        .scratch = model->scratch,
        .move = KITH_MOVE_SUM,
    };
    run(model, update_part, &task, product_work(&task.w, task.dy.rows));
}

static void conv_back(const struct kith_model *model, const struct layer *layer,
                      const struct conv_pass *pass, const struct kith_matrix *dx)
{
    struct kith_gemm_backward task = {
        .dy = pass->maps,
        .w = layer->w,
        .transposed = model->scratch,
        .x = pass->patches,
        .dx = pass->dpatches,
    };
    if (model->set.gemm.transpose)
        run(model, transpose_part, &task, product_work(&task.w, TRANSPOSE_WORK));
    run(model, backward_part, &task, product_work(&task.w, task.dy.rows));
    kith_conv_gather(pass->conv, pass->span, &pass->dpatches, dx, layer->line);
}

/* From the gradient on what a convolution gives to the one on what it takes, unless dx is NULL, and
 * the updated weights. */
static void conv_backward(const struct kith_model *model, uint32_t l, const struct kith_matrix *dy,
                          const struct kith_matrix *dx, const struct kith_step *step)
{
    const struct layer *layer = &model->layers[l];
    struct kith_matrix x = activations(model, l, dy->rows);
    gradient_clear(model, layer);
    for (uint32_t first = 0; first < dy->rows; first += KITH_CONV_IMAGES) {
        struct conv_pass pass = conv_pass_of(model, l, first, dy->rows);
        kith_conv_patches(pass.conv, pass.span, &x, &pass.patches, layer->line);
        kith_conv_unpool(pass.conv, pass.span, dy, layer->choice, &pass.maps, layer->line);
        if (dx) conv_back(model, layer, &pass, dx);
        conv_sum(model, layer, &pass);
    }
    if (step->optim == KITH_OPTIM_ADAM)
        adam(model, layer, step);
    else
        descend(model, layer, step);
}

static void update(struct kith_model *model, uint32_t l, const struct kith_matrix *dy,
                   const struct kith_step *step)
{
    static const enum kith_move moves[] = {[KITH_OPTIM_SGD] = KITH_MOVE_SGD,
                                           [KITH_OPTIM_QG] = KITH_MOVE_QG,
                                           [KITH_OPTIM_ADAM] = KITH_MOVE_SUM};
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
    if (by_adam) gradient_clear(model, layer);
    run(model, update_part, &task, product_work(&task.w, dy->rows));
    if (by_adam) adam(model, layer, step);
}

static void dense_backward(struct kith_model *model, uint32_t l, const struct kith_matrix *dy,
                           const struct kith_matrix *dx, const struct kith_step *step)
{
    struct kith_gemm_backward task = {
        .dy = *dy,
        .w = model->layers[l].w,
        .transposed = model->scratch,
        .x = activations(model, l, dy->rows),
    };
    if (dx) {
        task.dx = *dx;
        if (model->set.gemm.transpose)
            run(model, transpose_part, &task, product_work(&task.w, TRANSPOSE_WORK));
        run(model, backward_part, &task, product_work(&task.w, dy->rows));
    }
    update(model, l, dy, step);
}

/* From the gradient on the logits, in d[0], to the updated weights. */
static void backward(struct kith_model *model, uint32_t rows, const struct kith_step *step)
{
    const struct kith_gemm *gemm = &model->set.gemm;
    uint32_t layers = model->arch.layers;
    struct kith_matrix dy = matrix_of(gemm, model->d[0], rows, model->arch.width[layers]);
    for (uint32_t l = layers; l-- > 0;) {
        struct kith_matrix dx =
            matrix_of(gemm, model->d[(layers - l) % 2], rows, model->arch.width[l]);
        const struct kith_matrix *wanted = l > 0 ? &dx : NULL;
        if (l < model->arch.convs)
            conv_backward(model, l, &dy, wanted, step);
        else
            dense_backward(model, l, &dy, wanted, step);
        dy = dx;
    }
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
