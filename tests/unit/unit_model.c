#include <math.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/rng.h"
#include "tests/test.h"
#include "training/kernels.h"
#include "training/model.h"

enum { INPUTS = 100, CLASSES = 10, IMAGES = 96, PARAMS_MAX = 12000, WIDTH_MAX = 128 };

struct fixture {
    struct kith_arch arch;
    uint8_t images[IMAGES * INPUTS];
    uint8_t labels[IMAGES];
    uint32_t indices[IMAGES];
    float targets[IMAGES * CLASSES];
    float weights[PARAMS_MAX];
    float momentum[PARAMS_MAX];
};

static struct fixture f;

static void fixture_init(const char *text)
{
    if (kith_arch_parse(text, INPUTS, CLASSES, PARAMS_MAX, &f.arch) != 0) abort();
    for (uint32_t i = 0; i < IMAGES; i++) {
        f.indices[i] = (i * 7) % IMAGES;
        f.labels[i] = (uint8_t)(kith_rng_at(1, i) % CLASSES);
        float sum = 0;
        for (uint32_t k = 0; k < INPUTS; k++) {
            uint64_t noise = kith_rng_at(2, i * INPUTS + k) % 128;
            f.images[i * INPUTS + k] = (uint8_t)(noise + (k % CLASSES == f.labels[i] ? 100 : 0));
        }
        for (uint32_t c = 0; c < CLASSES; c++)
            sum += f.targets[i * CLASSES + c] = (float)(kith_rng_at(4, i * CLASSES + c) % 256);
        for (uint32_t c = 0; c < CLASSES; c++)
            f.targets[i * CLASSES + c] /= sum;
    }
    for (uint32_t i = 0; i < f.arch.params; i++) {
        f.weights[i] = ((float)(kith_rng_at(3, i) >> 40) * 0x1p-24f - 0.5f) * 0.4f;
        f.momentum[i] = ((float)(kith_rng_at(5, i) >> 40) * 0x1p-24f - 0.5f) * 0.1f;
    }
}

/* CE on the first `rows` images and KD on the `kd_rows` after them. */
static struct kith_step step_of(uint32_t rows, uint32_t kd_rows)
{
    return (struct kith_step){
        .rows = {.images = f.images, .indices = f.indices, .count = rows},
        .labels = f.labels,
        .kd_rows = {.images = f.images, .indices = f.indices + rows, .count = kd_rows},
        .kd_targets = f.targets,
        .kd_lambda = 1.5f,
        .kd_temperature = 2.0f,
        .rate = 0.1f,
        .momentum = 0.9f,
    };
}

/* The same network in double and in the plainest form. */

static double activations[KITH_LAYERS_MAX + 1][WIDTH_MAX];

static void plain_forward(const double *weights, uint32_t image)
{
    for (uint32_t k = 0; k < INPUTS; k++)
        activations[0][k] = f.images[image * INPUTS + k] / 255.0;
    for (uint32_t l = 0; l < f.arch.layers; l++) {
        uint32_t in = f.arch.width[l], out = f.arch.width[l + 1];
        for (uint32_t n = 0; n < out; n++) {
            double t = weights[in * out + n];
            for (uint32_t k = 0; k < in; k++)
                t += weights[n * in + k] * activations[l][k];
            activations[l + 1][n] = t > 0 || l + 1 == f.arch.layers ? t : 0;
        }
        weights += in * out + out;
    }
}

static void plain_softmax(double temperature, double *ret)
{
    double sum = 0;
    for (uint32_t c = 0; c < CLASSES; c++)
        sum += ret[c] = exp(activations[f.arch.layers][c] / temperature);
    for (uint32_t c = 0; c < CLASSES; c++)
        ret[c] /= sum;
}

static double plain_ce(const struct kith_step *step, const double *weights)
{
    double ce = 0, p[CLASSES];
    for (uint32_t r = 0; r < step->rows.count; r++) {
        plain_forward(weights, step->rows.indices[r]);
        plain_softmax(1, p);
        ce -= log(p[f.labels[step->rows.indices[r]]]) / step->rows.count;
    }
    return ce;
}

static double plain_kd(const struct kith_step *step, const double *weights)
{
    double kd = 0, p[CLASSES];
    for (uint32_t r = 0; r < step->kd_rows.count; r++) {
        plain_forward(weights, step->kd_rows.indices[r]);
        plain_softmax((double)step->kd_temperature, p);
        for (uint32_t c = 0; c < CLASSES; c++) {
            double t = (double)step->kd_targets[r * CLASSES + c];
            if (t > 0) kd += t * log(t / p[c]) / step->kd_rows.count;
        }
    }
    return kd;
}

static double plain_loss(const struct kith_step *step, const double *weights)
{
    double scale = (double)(step->kd_lambda * step->kd_temperature * step->kd_temperature);
    return plain_ce(step, weights) + scale * plain_kd(step, weights);
}

/* By central differences. */
static double plain_gradient(const struct kith_step *step, double *weights, uint32_t at)
{
    const double h = 1e-6;
    double before = weights[at];
    weights[at] = before + h;
    double up = plain_loss(step, weights);
    weights[at] = before - h;
    double down = plain_loss(step, weights);
    weights[at] = before;
    return (up - down) / (2 * h);
}

static void to_double(const float *x, double *ret)
{
    for (uint32_t i = 0; i < f.arch.params; i++)
        ret[i] = (double)x[i];
}

static struct kith_model *model_of(enum kith_kernels kernels)
{
    struct kith_model *model = kith_model_new(&f.arch, kernels, IMAGES);
    if (!model) abort();
    kith_model_set_weights(model, f.weights);
    kith_model_set_momentum(model, f.momentum);
    return model;
}

static void weights_and_momentum_come_out_as_they_went_in(void)
{
    static const char *const texts[] = {"mlp:", "mlp:19,7", "mlp:16,32", "mlp:1,33"};
    for (uint32_t i = 0; i < 8; i++) {
        static float out[PARAMS_MAX];
        fixture_init(texts[i / 2]);
        struct kith_model *model = model_of(i % 2 ? KITH_KERNELS_BLAS : KITH_KERNELS_EXACT);
        kith_model_get_weights(model, out);
        check(memcmp(out, f.weights, f.arch.params * sizeof *out) == 0);
        kith_model_get_momentum(model, out);
        check(memcmp(out, f.momentum, f.arch.params * sizeof *out) == 0);
        kith_model_free(model);
    }
}

/* Plain descent at rate 1 moves each weight by its gradient: against central differences. */
static bool gradient_holds(enum kith_kernels kernels, uint32_t rows, uint32_t kd_rows)
{
    static double weights[PARAMS_MAX];
    static float out[PARAMS_MAX];
    fixture_init("mlp:19,17");
    struct kith_step step = step_of(rows, kd_rows);
    struct kith_model *model = model_of(kernels);
    struct kith_step_losses losses;
    step.rate = 1;
    step.momentum = 0;
    kith_model_step(model, &step, &losses);
    kith_model_get_weights(model, out);
    kith_model_free(model);
    to_double(f.weights, weights);
    if (fabs((double)losses.ce - plain_ce(&step, weights)) > 1e-5) return false;
    if (fabs((double)losses.kd - plain_kd(&step, weights)) > 1e-5) return false;
    for (uint32_t i = 0; i < f.arch.params; i += 3) {
        double wanted = plain_gradient(&step, weights, i);
        if (fabs(weights[i] - (double)out[i] - wanted) > 1e-5) return false;
    }
    return true;
}

static void the_gradient_of_cross_entropy_is_right(void)
{
    check(gradient_holds(KITH_KERNELS_EXACT, 9, 0));
    check(gradient_holds(KITH_KERNELS_BLAS, 9, 0));
}

static void the_gradient_of_distillation_is_right(void)
{
    check(gradient_holds(KITH_KERNELS_EXACT, 0, 9));
    check(gradient_holds(KITH_KERNELS_BLAS, 0, 9));
}

static void the_gradient_of_both_together_is_right(void)
{
    check(gradient_holds(KITH_KERNELS_EXACT, 5, 18));
    check(gradient_holds(KITH_KERNELS_BLAS, 5, 18));
}

/* Algorithm 1 of Kingma and Ba, its betas .9 and .999. */
static double adam_by_the_book(double *m, double *v, double g, int t)
{
    *m = 0.9 * *m + 0.1 * g;
    *v = 0.999 * *v + 0.001 * g * g;
    return *m / (1 - pow(0.9, t)) / (sqrt(*v / (1 - pow(0.999, t))) + 1e-8);
}

/* The optimiser's rule in double, its gradients from a second model that steps with rate 1 and
 * without momentum. */
static bool optimiser_holds(enum kith_optim optim, enum kith_kernels kernels)
{
    static double x[PARAMS_MAX], v[PARAMS_MAX], u[PARAMS_MAX], least[PARAMS_MAX];
    static float got[PARAMS_MAX], before[PARAMS_MAX], after[PARAMS_MAX];
    fixture_init("mlp:19");
    bool by_adam = optim == KITH_OPTIM_ADAM;
    if (by_adam) memset(f.momentum, 0, sizeof f.momentum);
    struct kith_step step = step_of(24, 8), probe = step;
    step.optim = optim;
    probe.rate = 1;
    probe.momentum = 0;
    struct kith_model *model = model_of(kernels), *prober = model_of(kernels);
    struct kith_step_losses losses;
    to_double(f.weights, x);
    to_double(f.momentum, v);
    memset(u, 0, sizeof u);
    if (by_adam && !kith_model_want_adam(model)) abort();
    bool holds = true;
    for (int round = 1; round <= 4; round++) {
        kith_model_get_weights(model, before);
        kith_model_set_weights(prober, before);
        kith_model_step(prober, &probe, &losses);
        kith_model_get_weights(prober, after);
        kith_model_step(model, &step, &losses);
        for (uint32_t i = 0; i < f.arch.params; i++) {
            double g = (double)(before[i] - after[i]), direction = 0.9 * v[i] + g;
            if (optim == KITH_OPTIM_SGD) v[i] = direction;
            if (by_adam) direction = adam_by_the_book(&v[i], &u[i], g, round);
            x[i] -= 0.1 * direction;
            least[i] = round == 1 ? fabs(g) : fmin(least[i], fabs(g));
        }
    }
    /* The probed gradients are differences of weights, too rough for Adam where they are small. */
    uint32_t compared = 0;
    kith_model_get_weights(model, got);
    for (uint32_t i = 0; i < f.arch.params; i++) {
        if (by_adam && least[i] < 1e-3) continue;
        holds = holds && fabs((double)got[i] - x[i]) < (by_adam ? 1e-4 : 1e-5);
        compared++;
    }
    kith_model_get_momentum(model, got);
    for (uint32_t i = 0; i < f.arch.params; i++)
        holds = holds && (optim == KITH_OPTIM_QG ? got[i] == f.momentum[i]
                                                 : fabs((double)got[i] - v[i]) < 1e-5);
    kith_model_free(model);
    kith_model_free(prober);
    return holds && compared > f.arch.params / 4;
}

static void heavy_ball_is_its_rule(void)
{
    check(optimiser_holds(KITH_OPTIM_SGD, KITH_KERNELS_EXACT));
    check(optimiser_holds(KITH_OPTIM_SGD, KITH_KERNELS_BLAS));
}

static void quasi_global_is_its_rule_and_leaves_the_momentum_alone(void)
{
    check(optimiser_holds(KITH_OPTIM_QG, KITH_KERNELS_EXACT));
    check(optimiser_holds(KITH_OPTIM_QG, KITH_KERNELS_BLAS));
}

static void adam_is_its_rule(void)
{
    check(optimiser_holds(KITH_OPTIM_ADAM, KITH_KERNELS_EXACT));
    check(optimiser_holds(KITH_OPTIM_ADAM, KITH_KERNELS_BLAS));
}

/* With gradients of 2, 2 and -1: m is .2, .38, .242 and v .004, .007996, .008988004; by hand, the
 * three moves of 0.1 are .1, .1 and .0515. */
static void three_steps_of_adam_by_hand(void)
{
    static const float gradients[] = {2, 2, -1};
    static const double unbias1[] = {1 / .1, 1 / .19, 1 / .271};
    static const double unbias2[] = {1 / .001, 1 / .001999, 1 / .002997001};
    static const double wanted[] = {0.9, 0.8, 0.7484353};
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    for (uint32_t p = kith_exact_paths(paths); p-- > 0;) {
        float x[KITH_PANEL], m[KITH_PANEL] = {0}, v[KITH_PANEL] = {0}, g[KITH_PANEL];
        for (int i = 0; i < KITH_PANEL; i++)
            x[i] = 1;
        for (int t = 0; t < 3; t++) {
            struct kith_adam task = {.x = x, .m = m, .v = v, .g = g, .count = KITH_PANEL};
            for (int i = 0; i < KITH_PANEL; i++)
                g[i] = gradients[t];
            task.rest1 = 0.1f;
            task.rest2 = 0.001f;
            task.unbias1 = (float)unbias1[t];
            task.unbias2 = (float)unbias2[t];
            task.rate = 0.1f;
            paths[p]->rowwise.adam(&task, (struct kith_part){0, 1});
            for (int i = 0; i < KITH_PANEL; i++)
                check(fabs((double)x[i] - wanted[t]) < 1e-5);
        }
        check(fabs((double)m[15] - .242) < 1e-6 && fabs((double)v[15] - .008988004) < 1e-8);
    }
}

static void steps_lower_the_loss(void)
{
    fixture_init("mlp:19,7");
    struct kith_step step = step_of(IMAGES, 0);
    struct kith_model *model = model_of(KITH_KERNELS_EXACT);
    struct kith_step_losses first, last;
    step.rate = 0.02f;
    kith_model_step(model, &step, &first);
    for (int i = 0; i < 300; i++)
        kith_model_step(model, &step, &last);
    kith_model_free(model);
    check(first.ce > 2.0f);
    check(last.ce < 0.1f);
    check(last.kd == 0);
}

/* Twenty steps that use everything; the weights' and momentum's hash. */
static struct kith_id trained_digest(struct kith_model *model, enum kith_optim optim)
{
    static float out[2 * PARAMS_MAX];
    struct kith_step_losses losses;
    for (uint32_t i = 0; i < 20; i++) {
        struct kith_step step = step_of(64 - i, i % 3 * 10);
        step.optim = optim;
        if (optim == KITH_OPTIM_SGD && i % 4 == 3) step.optim = KITH_OPTIM_QG;
        if (optim == KITH_OPTIM_ADAM) step.rate = 0.001f;
        kith_model_step(model, &step, &losses);
    }
    kith_model_get_weights(model, out);
    kith_model_get_momentum(model, out + f.arch.params);
    size_t size = 2 * f.arch.params * sizeof *out;
    return kith_hash_of("test", (struct kith_bytes){(const uint8_t *)out, size});
}

static void call_in_turn(void *self, void (*work)(void *arg, struct kith_part part), void *arg)
{
    uint32_t parts = *(uint32_t *)self;
    for (uint32_t i = parts; i-- > 0;)
        work(arg, (struct kith_part){i, parts});
}

static void exact_bits_are(const char *text, enum kith_optim optim, const char *wanted)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    fixture_init(text);
    for (uint32_t p = 0; p < count; p++)
        for (uint32_t parts = 1; parts <= 3; parts++) {
            struct kith_model *model = kith_model_new_on(&f.arch, paths[p], IMAGES);
            struct kith_parallel parallel = {.call = call_in_turn, .self = &parts, .parts = parts};
            if (parts > 1) kith_model_set_parallel(model, &parallel);
            kith_model_set_weights(model, f.weights);
            kith_model_set_momentum(model, f.momentum);
            if (optim == KITH_OPTIM_ADAM && !kith_model_want_adam(model)) abort();
            struct kith_id digest = trained_digest(model, optim);
            kith_model_free(model);
            char hex[2 * KITH_ID_LEN + 1];
            kith_hex_encode(digest.bytes, KITH_ID_LEN, hex);
            check_str(hex, wanted);
        }
}

static void the_exact_bits_are_the_same_on_every_path_and_in_any_parts(void)
{
    /* Little-endian; the same with any compiler, optimisation and CPU. */
    exact_bits_are("mlp:90,20", KITH_OPTIM_SGD,
                   "350431551d17c608f66cb46e00274a309c55140cf4bcbf7e5fdd28d31926a9d2");
    exact_bits_are("mlp:90,20", KITH_OPTIM_ADAM,
                   "28fae49f669a9d20439d958de39616e236a6b1ccd38ae814fdf78ffc0fdbf599");
}

static void blas_learns_what_exact_learns(void)
{
    static float exact[PARAMS_MAX], blas[PARAMS_MAX];
    fixture_init("mlp:90,20");
    struct kith_model *a = model_of(KITH_KERNELS_EXACT), *b = model_of(KITH_KERNELS_BLAS);
    (void)trained_digest(a, KITH_OPTIM_SGD);
    (void)trained_digest(b, KITH_OPTIM_SGD);
    kith_model_get_weights(a, exact);
    kith_model_get_weights(b, blas);
    kith_model_free(a);
    kith_model_free(b);
    float most = 0;
    for (uint32_t i = 0; i < f.arch.params; i++)
        most = fmaxf(most, fabsf(exact[i] - blas[i]));
    check(most < 1e-3f);
    check(most > 0);
}

static void probabilities_are_the_softmax_of_the_logits(void)
{
    static double weights[PARAMS_MAX];
    fixture_init("mlp:19,17");
    to_double(f.weights, weights);
    for (int i = 0; i < 2; i++) {
        struct kith_model *model = model_of(i ? KITH_KERNELS_BLAS : KITH_KERNELS_EXACT);
        float got[21 * CLASSES];
        const struct kith_rows rows = {.images = f.images, .indices = f.indices, .count = 21};
        kith_model_probabilities(model, &rows, 3.0f, got);
        kith_model_free(model);
        for (uint32_t r = 0; r < rows.count; r++) {
            double p[CLASSES];
            plain_forward(weights, f.indices[r]);
            plain_softmax(3.0, p);
            for (uint32_t c = 0; c < CLASSES; c++)
                check(fabs((double)got[r * CLASSES + c] - p[c]) < 1e-6);
        }
    }
}

static void the_kernels_have_names(void)
{
    check(strncmp(kith_kernels_name(KITH_KERNELS_EXACT), "exact (", 7) == 0);
    check(strncmp(kith_kernels_name(KITH_KERNELS_BLAS), "blas (OpenBLAS", 14) == 0);
}

int main(void)
{
    run(weights_and_momentum_come_out_as_they_went_in);
    run(the_gradient_of_cross_entropy_is_right);
    run(the_gradient_of_distillation_is_right);
    run(the_gradient_of_both_together_is_right);
    run(heavy_ball_is_its_rule);
    run(quasi_global_is_its_rule_and_leaves_the_momentum_alone);
    run(adam_is_its_rule);
    run(three_steps_of_adam_by_hand);
    run(steps_lower_the_loss);
    run(the_exact_bits_are_the_same_on_every_path_and_in_any_parts);
    run(blas_learns_what_exact_learns);
    run(probabilities_are_the_softmax_of_the_logits);
    run(the_kernels_have_names);
    return test_end();
}
