/* Convolutional models against the plainest network in double, and their bits. */
#include <math.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "tests/test.h"
#include "training/kernels.h"
#include "training/model.h"

enum { SIDE = 8, INPUTS = SIDE * SIDE, CLASSES = 4, IMAGES = 24, PARAMS_MAX = 8192 };
enum { PLACES_MAX = 4096 };

static struct kith_arch arch;
static uint8_t images[IMAGES * INPUTS], labels[IMAGES];
static uint32_t indices[IMAGES];
static float weights[PARAMS_MAX], targets[IMAGES * CLASSES];

static void fixture_init(const char *text)
{
    if (kith_arch_parse(text, INPUTS, CLASSES, PARAMS_MAX, &arch) != 0) abort();
    for (uint32_t i = 0; i < IMAGES; i++) {
        indices[i] = (i * 7) % IMAGES;
        labels[i] = (uint8_t)(kith_rng_at(1, i) % CLASSES);
        for (uint32_t k = 0; k < INPUTS; k++) {
            bool is_lit = k / SIDE / 2 == labels[i];
            images[i * INPUTS + k] = (uint8_t)(kith_rng_at(2, i * INPUTS + k) % 128 + is_lit * 100);
        }
        for (uint32_t c = 0; c < CLASSES; c++)
            targets[i * CLASSES + c] = c == i % CLASSES ? 0.7f : 0.1f;
    }
    for (uint32_t i = 0; i < arch.params; i++)
        weights[i] = ((float)(kith_rng_at(3, i) >> 40) * 0x1p-24f - 0.4f) * 0.5f;
}

static struct kith_step step_of(uint32_t rows, uint32_t kd_rows)
{
    return (struct kith_step){
        .rows = {.images = images, .indices = indices, .count = rows},
        .labels = labels,
        .kd_rows = {.images = images, .indices = indices + rows, .count = kd_rows},
        .kd_targets = targets,
        .kd_lambda = 1.5f,
        .kd_temperature = 2,
        .rate = 1,
    };
}

/* --- the same in double, [row][column][channel] --- */

static double plain_map(const struct kith_conv *conv, const double *w, const double *in, uint32_t y,
                        uint32_t x, uint32_t f)
{
    uint32_t size = conv->kernel * conv->kernel * conv->channels;
    double sum = w[conv->filters * size + f];
    for (uint32_t ky = 0; ky < conv->kernel; ky++)
        for (uint32_t kx = 0; kx < conv->kernel; kx++)
            for (uint32_t c = 0; c < conv->channels; c++) {
                int64_t at_y = (int64_t)y + ky - conv->padding,
                        at_x = (int64_t)x + kx - conv->padding;
                if (at_y < 0 || at_x < 0 || at_y >= conv->side || at_x >= conv->side) continue;
                double of = in[(at_y * conv->side + at_x) * conv->channels + c];
                sum += of * w[f * size + (ky * conv->kernel + kx) * conv->channels + c];
            }
    return sum > 0 ? sum : 0;
}

static void plain_conv(const struct kith_conv *conv, const double *w, const double *in, double *out)
{
    uint32_t side = kith_conv_side_out(conv), step = conv->pool ? 2 : 1;
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++)
            for (uint32_t f = 0; f < conv->filters; f++) {
                double best = 0;
                for (uint32_t k = 0; k < step * step; k++)
                    best =
                        fmax(best, plain_map(conv, w, in, y * step + k / 2, x * step + k % 2, f));
                out[(y * side + x) * conv->filters + f] = best;
            }
}

static void plain_dense(const double *w, const double *in, uint32_t l, double *out)
{
    uint32_t inputs = arch.width[l], outputs = arch.width[l + 1];
    for (uint32_t n = 0; n < outputs; n++) {
        out[n] = w[inputs * outputs + n];
        for (uint32_t k = 0; k < inputs; k++)
            out[n] += w[n * inputs + k] * in[k];
        if (l + 1 < arch.layers && out[n] < 0) out[n] = 0;
    }
}

/* -log softmax(z)[label], or KL(target || softmax(z / T)). */
static double plain_loss_of(const double *w, uint32_t image, const float *target,
                            double temperature)
{
    static double x[2][PLACES_MAX];
    for (uint32_t k = 0; k < INPUTS; k++)
        x[0][k] = images[image * INPUTS + k] / 255.0;
    for (uint32_t l = 0; l < arch.layers; l++) {
        if (l < arch.convs)
            plain_conv(&arch.conv[l], w, x[l % 2], x[(l + 1) % 2]);
        else
            plain_dense(w, x[l % 2], l, x[(l + 1) % 2]);
        w += (kith_arch_rows(&arch, l) + 1) * kith_arch_columns(&arch, l);
    }
    const double *z = x[arch.layers % 2];
    double sum = 0, loss = 0;
    for (uint32_t c = 0; c < CLASSES; c++)
        sum += exp(z[c] / temperature);
    if (!target) return log(sum) - z[labels[image]];
    for (uint32_t c = 0; c < CLASSES; c++)
        loss += (double)target[c] * (log((double)target[c]) - z[c] / temperature + log(sum));
    return loss;
}

static double plain_loss(const struct kith_step *step, const double *w)
{
    double ce = 0, kd = 0, temperature = (double)step->kd_temperature;
    for (uint32_t r = 0; r < step->rows.count; r++)
        ce += plain_loss_of(w, step->rows.indices[r], NULL, 1) / step->rows.count;
    for (uint32_t r = 0; r < step->kd_rows.count; r++)
        kd += plain_loss_of(w, step->kd_rows.indices[r], targets + r * CLASSES, temperature) /
              step->kd_rows.count;
    return ce + (double)step->kd_lambda * temperature * temperature * kd;
}

static double plain_gradient(const struct kith_step *step, double *w, uint32_t at)
{
    const double h = 1e-6;
    double before = w[at];
    w[at] = before + h;
    double up = plain_loss(step, w);
    w[at] = before - h;
    double down = plain_loss(step, w);
    w[at] = before;
    return (up - down) / (2 * h);
}

static struct kith_model *model_of(const struct kith_kernel_set *set)
{
    struct kith_model *model = kith_model_new_on(&arch, set, IMAGES);
    if (!model) abort();
    kith_model_set_weights(model, weights);
    return model;
}

/* Plain descent at rate 1 moves each weight by its gradient: against central differences. More
 * images than are laid out at a time. */
static bool gradient_holds(const char *text, const struct kith_kernel_set *set)
{
    static double exact[PARAMS_MAX];
    static float out[PARAMS_MAX];
    fixture_init(text);
    struct kith_step step = step_of(9, 4);
    struct kith_step_losses losses;
    struct kith_model *model = model_of(set);
    kith_model_step(model, &step, &losses);
    kith_model_get_weights(model, out);
    kith_model_free(model);
    uint32_t moved = 0;
    for (uint32_t i = 0; i < arch.params; i++)
        exact[i] = (double)weights[i];
    for (uint32_t i = 0; i < arch.params; i += 3) {
        double wanted = plain_gradient(&step, exact, i);
        if (fabs(exact[i] - (double)out[i] - wanted) > 2e-5) return false;
        moved += fabs(wanted) > 1e-4;
    }
    return moved > arch.params / 20;
}

static const char *const texts[] = {"cnn:3x3sp,5x3,7", "cnn:18x3p", "cnn:2x1,4x5s,3x4p,9",
                                    "cnn:6x5sp,16x3p,12,8"};

static void gradients_are_those_of_central_differences(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX], blas = kith_blas_set();
    (void)kith_exact_paths(paths);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check(gradient_holds(texts[i], paths[0]));
        check(gradient_holds(texts[i], &blas));
    }
}

static void weights_come_out_as_they_went_in(void)
{
    static float out[PARAMS_MAX];
    const struct kith_kernel_set blas = kith_blas_set();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fixture_init(texts[i]);
        struct kith_model *model = model_of(&blas);
        kith_model_get_weights(model, out);
        check(memcmp(out, weights, arch.params * sizeof *out) == 0);
        kith_model_free(model);
    }
}

static void call_in_turn(void *self, void (*work)(void *arg, struct kith_part part), void *arg)
{
    uint32_t parts = *(uint32_t *)self;
    for (uint32_t i = parts; i-- > 0;)
        work(arg, (struct kith_part){i, parts});
}

/* Steps of all optimizers and of several sizes; the hash of what they give. */
static struct kith_id trained_digest(struct kith_model *model)
{
    static float out[2 * PARAMS_MAX];
    struct kith_step_losses losses;
    if (!kith_model_want_adam(model)) abort();
    for (uint32_t i = 0; i < 12; i++) {
        struct kith_step step = step_of(16 - i, i % 3 * 2);
        step.optim = i % 3;
        step.rate = i % 3 == KITH_OPTIM_ADAM ? 0.001f : 0.02f;
        step.momentum = 0.5f;
        kith_model_step(model, &step, &losses);
    }
    kith_model_get_weights(model, out);
    kith_model_get_momentum(model, out + arch.params);
    size_t size = 2 * arch.params * sizeof *out;
    return kith_hash_of("test", (struct kith_bytes){(const uint8_t *)out, size});
}

static void the_bits_are_the_same_on_every_path_and_in_any_parts(void)
{
    /* Little-endian; the same with any compiler, optimisation and CPU. */
    static const char wanted[] = "028c37ddf4e6a073c3a70463e9b8339f6384ec8320f64062bc779e8c1ed6aeb7";
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    fixture_init("cnn:18x3sp,20x3,24");
    for (uint32_t p = kith_exact_paths(paths); p-- > 0;)
        for (uint32_t parts = 1; parts <= 3; parts++) {
            struct kith_model *model = model_of(paths[p]);
            struct kith_parallel parallel = {.call = call_in_turn, .self = &parts, .parts = parts};
            if (parts > 1) kith_model_set_parallel(model, &parallel);
            struct kith_id digest = trained_digest(model);
            kith_model_free(model);
            char hex[2 * KITH_ID_LEN + 1];
            kith_hex_encode(digest.bytes, KITH_ID_LEN, hex);
            check_str(hex, wanted);
        }
}

/* What is left in the work space of a larger batch does not matter. */
static void a_step_does_not_depend_on_the_one_before(void)
{
    static float out[2][PARAMS_MAX];
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    (void)kith_exact_paths(paths);
    fixture_init("cnn:6x5sp,16x3p,12,8");
    for (int i = 0; i < 2; i++) {
        struct kith_model *model = model_of(paths[0]);
        struct kith_step_losses losses;
        struct kith_step large = step_of(20, 4), small = step_of(3, 0);
        if (i == 1) kith_model_step(model, &large, &losses);
        kith_model_set_weights(model, weights);
        kith_model_step(model, &small, &losses);
        kith_model_get_weights(model, out[i]);
        kith_model_free(model);
    }
    check(memcmp(out[0], out[1], arch.params * sizeof **out) == 0);
}

static void steps_lower_the_loss(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    (void)kith_exact_paths(paths);
    fixture_init("cnn:6x3sp,8x3p,12");
    struct kith_step step = step_of(IMAGES, 0);
    struct kith_step_losses first, last;
    struct kith_model *model = model_of(paths[0]);
    step.rate = 0.05f;
    step.momentum = 0.5f;
    kith_model_step(model, &step, &first);
    for (int i = 0; i < 300; i++)
        kith_model_step(model, &step, &last);
    kith_model_free(model);
    check(first.ce > 1);
    check(last.ce < 0.1f);
}

int main(void)
{
    run(gradients_are_those_of_central_differences);
    run(weights_come_out_as_they_went_in);
    run(the_bits_are_the_same_on_every_path_and_in_any_parts);
    run(a_step_does_not_depend_on_the_one_before);
    run(steps_lower_the_loss);
    return test_end();
}
