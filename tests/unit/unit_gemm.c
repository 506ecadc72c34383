#include <math.h>
#include <stdint.h>

#include "base/rng.h"
#include "tests/test.h"
#include "training/explog.h"
#include "training/kernels.h"

enum { SIDE = 96, FLOATS = SIDE * SIDE };

/* The definitions of gemm.h and kernels.h once more, element by element. */

static float def_forward(const struct kith_gemm_forward *task, uint32_t r, uint32_t n)
{
    float t = task->bias[n];
    for (uint32_t k = 0; k < task->w.rows; k++)
        t = fmaf(*kith_matrix_at(&task->x, r, k), *kith_matrix_at(&task->w, k, n), t);
    return task->relu && !(t > 0) ? 0 : t;
}

static float def_backward(const struct kith_gemm_backward *task, uint32_t r, uint32_t k)
{
    float t = 0;
    for (uint32_t n = 0; n < task->w.columns; n++)
        t = fmaf(*kith_matrix_at(&task->dy, r, n), *kith_matrix_at(&task->w, k, n), t);
    return *kith_matrix_at(&task->x, r, k) > 0 ? t : 0;
}

static void def_move(const struct kith_gemm_update *task, float g, float *v, float *w)
{
    if (task->move == KITH_MOVE_SUM) {
        *v += g;
        return;
    }
    float direction = fmaf(task->momentum, *v, g);
    if (task->move != KITH_MOVE_QG) *v = direction;
    *w = fmaf(-task->rate, direction, *w);
}

static void def_update(const struct kith_gemm_update *task)
{
    for (uint32_t n = 0; n < task->w.columns; n++) {
        float of_bias = 0;
        for (uint32_t r = 0; r < task->x.rows; r++)
            of_bias += *kith_matrix_at(&task->dy, r, n);
        def_move(task, of_bias, &task->bias_v[n], &task->bias[n]);
        for (uint32_t k = 0; k < task->w.rows; k++) {
            float g = 0;
            for (uint32_t r = 0; r < task->x.rows; r++)
                g = fmaf(*kith_matrix_at(&task->x, r, k), *kith_matrix_at(&task->dy, r, n), g);
            def_move(task, g, kith_matrix_at(&task->v, k, n), kith_matrix_at(&task->w, k, n));
        }
    }
}

/* All the arrays of one layer, for either layout. */
struct fixture {
    _Alignas(64) float x[FLOATS], w[FLOATS], v[FLOATS], y[FLOATS], dx[FLOATS], scratch[FLOATS];
    _Alignas(64) float bias[SIDE], bias_v[SIDE];
    struct kith_gemm_forward forward;
    struct kith_gemm_backward backward;
    struct kith_gemm_update update;
};

static struct fixture one, two;

static float draw(uint64_t key, uint64_t index)
{
    return (float)(int32_t)(kith_rng_at(key, index) >> 32) * 0x1p-31f;
}

static struct kith_matrix matrix(float *at, bool panels, uint32_t rows, uint32_t columns)
{
    uint32_t count = kith_panels_of(columns);
    return (struct kith_matrix){
        .at = at,
        .rows = rows,
        .columns = columns,
        .row_stride = panels ? KITH_PANEL : count * KITH_PANEL,
        .panel_stride = panels ? (size_t)rows * KITH_PANEL : KITH_PANEL,
    };
}

static void matrix_draw(const struct kith_matrix *m, uint64_t key)
{
    for (uint32_t p = 0; p < kith_panels_of(m->columns); p++)
        for (uint32_t r = 0; r < m->rows; r++)
            for (uint32_t j = 0; j < KITH_PANEL; j++) {
                uint32_t c = p * KITH_PANEL + j;
                kith_matrix_lane(m, p, r)[j] = c < m->columns ? draw(key, r * 1000 + c) : 0;
            }
}

static void fixture_init(struct fixture *f, bool panels, uint32_t rows, uint32_t in, uint32_t out)
{
    memset(f, 0, sizeof *f);
    struct kith_matrix x = matrix(f->x, panels, rows, in), y = matrix(f->y, panels, rows, out);
    struct kith_matrix w = matrix(f->w, panels, in, out), v = matrix(f->v, panels, in, out);
    matrix_draw(&x, 1);
    matrix_draw(&w, 2);
    matrix_draw(&v, 3);
    matrix_draw(&y, 4);
    for (uint32_t n = 0; n < out; n++) {
        f->bias[n] = draw(5, n);
        f->bias_v[n] = draw(6, n);
    }
    f->forward = (struct kith_gemm_forward){.x = x, .w = w, .bias = f->bias, .y = y};
    f->backward = (struct kith_gemm_backward){
        .dy = y, .w = w, .transposed = f->scratch, .x = x, .dx = matrix(f->dx, panels, rows, in)};
    f->update = (struct kith_gemm_update){.x = x,
                                          .dy = y,
                                          .w = w,
                                          .v = v,
                                          .bias = f->bias,
                                          .bias_v = f->bias_v,
                                          .scratch = f->scratch,
                                          .rate = 0.3f,
                                          .momentum = 0.9f};
}

static bool same(const struct kith_matrix *a, const struct kith_matrix *b)
{
    for (uint32_t r = 0; r < a->rows; r++)
        for (uint32_t c = 0; c < a->columns; c++)
            if (memcmp(kith_matrix_at(a, r, c), kith_matrix_at(b, r, c), sizeof(float)) != 0)
                return false;
    return true;
}

static bool near(const struct kith_matrix *a, const struct kith_matrix *b)
{
    for (uint32_t r = 0; r < a->rows; r++)
        for (uint32_t c = 0; c < a->columns; c++)
            if (!(fabsf(*kith_matrix_at(a, r, c) - *kith_matrix_at(b, r, c)) < 1e-4f)) return false;
    return true;
}

static const uint32_t shapes[][3] = {{1, 1, 1},    {1, 16, 16},  {2, 17, 10},  {5, 20, 33},
                                     {7, 31, 15},  {8, 48, 64},  {13, 40, 10}, {32, 64, 32},
                                     {33, 80, 48}, {64, 16, 26}, {80, 11, 80}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef bool check_fn(const struct kith_kernel_set *set, const uint32_t *shape);

static bool on_all_paths(check_fn *holds)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    for (uint32_t p = 0; p < count; p++)
        for (uint32_t s = 0; s < SHAPES; s++)
            if (!holds(paths[p], shapes[s])) {
                printf("# %s, %u rows, %u inputs, %u outputs\n", paths[p]->name, shapes[s][0],
                       shapes[s][1], shapes[s][2]);
                return false;
            }
    return true;
}

static void run_parts(const struct kith_gemm *gemm, struct fixture *f, uint32_t parts)
{
    for (uint32_t i = 0; i < parts; i++)
        gemm->forward(&f->forward, (struct kith_part){i, parts});
    for (uint32_t i = 0; i < parts && gemm->transpose; i++)
        gemm->transpose(&f->backward, (struct kith_part){i, parts});
    for (uint32_t i = 0; i < parts; i++)
        gemm->backward(&f->backward, (struct kith_part){i, parts});
    for (uint32_t i = 0; i < parts; i++)
        gemm->update(&f->update, (struct kith_part){i, parts});
}

static bool forward_is_one_chain(const struct kith_kernel_set *set, const uint32_t *shape)
{
    fixture_init(&one, true, shape[0], shape[1], shape[2]);
    for (int relu = 0; relu < 2; relu++) {
        one.forward.relu = relu;
        set->gemm.forward(&one.forward, (struct kith_part){0, 1});
        for (uint32_t r = 0; r < shape[0]; r++)
            for (uint32_t n = 0; n < shape[2]; n++)
                if (*kith_matrix_at(&one.forward.y, r, n) != def_forward(&one.forward, r, n))
                    return false;
    }
    return true;
}

static bool backward_is_one_chain(const struct kith_kernel_set *set, const uint32_t *shape)
{
    fixture_init(&one, true, shape[0], shape[1], shape[2]);
    set->gemm.transpose(&one.backward, (struct kith_part){0, 1});
    set->gemm.backward(&one.backward, (struct kith_part){0, 1});
    for (uint32_t r = 0; r < shape[0]; r++)
        for (uint32_t k = 0; k < shape[1]; k++)
            if (*kith_matrix_at(&one.backward.dx, r, k) != def_backward(&one.backward, r, k))
                return false;
    return true;
}

static bool update_is_one_chain(const struct kith_kernel_set *set, const uint32_t *shape)
{
    for (int global = 0; global < 2; global++) {
        fixture_init(&one, true, shape[0], shape[1], shape[2]);
        fixture_init(&two, true, shape[0], shape[1], shape[2]);
        one.update.move = two.update.move = global ? KITH_MOVE_QG : KITH_MOVE_SGD;
        set->gemm.update(&one.update, (struct kith_part){0, 1});
        def_update(&two.update);
        if (!same(&one.update.w, &two.update.w) || !same(&one.update.v, &two.update.v))
            return false;
        if (memcmp(one.bias, two.bias, sizeof one.bias) != 0) return false;
        if (memcmp(one.bias_v, two.bias_v, sizeof one.bias_v) != 0) return false;
    }
    return true;
}

static bool padding_stays_zero(const struct kith_kernel_set *set, const uint32_t *shape)
{
    fixture_init(&one, true, shape[0], shape[1], shape[2]);
    run_parts(&set->gemm, &one, 1);
    for (uint32_t n = shape[2]; n % KITH_PANEL != 0; n++) {
        for (uint32_t k = 0; k < shape[1]; k++)
            if (*kith_matrix_at(&one.update.w, k, n) != 0) return false;
        for (uint32_t r = 0; r < shape[0]; r++)
            if (*kith_matrix_at(&one.forward.y, r, n) != 0) return false;
    }
    for (uint32_t k = shape[1]; k % KITH_PANEL != 0; k++)
        for (uint32_t r = 0; r < shape[0]; r++)
            if (*kith_matrix_at(&one.backward.dx, r, k) != 0) return false;
    return true;
}

static bool parts_change_nothing(const struct kith_kernel_set *set, const uint32_t *shape)
{
    fixture_init(&one, true, shape[0], shape[1], shape[2]);
    run_parts(&set->gemm, &one, 1);
    for (uint32_t parts = 2; parts <= 5; parts++) {
        fixture_init(&two, true, shape[0], shape[1], shape[2]);
        run_parts(&set->gemm, &two, parts);
        if (!same(&one.forward.y, &two.forward.y)) return false;
        if (!same(&one.backward.dx, &two.backward.dx)) return false;
        if (!same(&one.update.w, &two.update.w)) return false;
        if (memcmp(one.bias, two.bias, sizeof one.bias) != 0) return false;
    }
    return true;
}

static void the_forward_product_is_its_definition_on_every_path(void)
{
    check(on_all_paths(forward_is_one_chain));
}

static void the_backward_product_is_its_definition_on_every_path(void)
{
    check(on_all_paths(backward_is_one_chain));
}

static void the_update_is_its_definition_on_every_path(void)
{
    check(on_all_paths(update_is_one_chain));
}

static void padding_comes_out_as_zeros(void)
{
    check(on_all_paths(padding_stays_zero));
}

static void the_number_of_parts_changes_no_bit(void)
{
    check(on_all_paths(parts_change_nothing));
}

static void blas_agrees_with_exact_in_any_number_of_parts(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    (void)kith_exact_paths(paths);
    struct kith_kernel_set blas = kith_blas_set();
    for (uint32_t s = 0; s < SHAPES; s++)
        for (uint32_t parts = 1; parts <= 3; parts++) {
            fixture_init(&one, true, shapes[s][0], shapes[s][1], shapes[s][2]);
            fixture_init(&two, false, shapes[s][0], shapes[s][1], shapes[s][2]);
            one.forward.relu = two.forward.relu = true;
            one.update.move = two.update.move = s % 3;
            run_parts(&paths[0]->gemm, &one, 1);
            run_parts(&blas.gemm, &two, parts);
            check(near(&one.forward.y, &two.forward.y));
            check(near(&one.backward.dx, &two.backward.dx));
            check(near(&one.update.w, &two.update.w));
            check(near(&one.update.v, &two.update.v));
            for (uint32_t n = 0; n < shapes[s][2]; n++)
                check(fabsf(one.bias[n] - two.bias[n]) < 1e-4f);
        }
}

/* Any float but NaN and infinity, the hard ones (near a tie, subnormal) often. */
static float hard_float(uint64_t index)
{
    uint64_t bits = kith_rng_at(9, index);
    uint32_t exponent = (uint32_t)(bits >> 32) % (index % 3 ? 60 : 254) + (index % 3 == 1 ? 97 : 0);
    uint32_t mantissa = (uint32_t)bits & 0x7fffffu;
    if (index % 5 == 0) mantissa &= 0x7ff000u;
    uint32_t word = (uint32_t)(bits >> 31) << 31 | exponent << 23 | mantissa;
    float x;
    memcpy(&x, &word, sizeof x);
    return x;
}

static void every_path_has_a_true_fused_multiply_add(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    fixture_init(&one, true, 1, 1, 16);
    for (uint32_t p = 0; p < count; p++)
        for (uint32_t i = 0; i < 20000; i++) {
            one.x[0] = hard_float(i * 64);
            for (uint32_t j = 0; j < KITH_PANEL; j++) {
                one.w[j] = hard_float(i * 64 + 1 + j);
                one.bias[j] = hard_float(i * 64 + 33 + j);
                if (j % 4 == 0) one.bias[j] = -one.w[j] * one.x[0];
            }
            paths[p]->gemm.forward(&one.forward, (struct kith_part){0, 1});
            for (uint32_t j = 0; j < KITH_PANEL; j++) {
                float wanted = fmaf(one.x[0], one.w[j], one.bias[j]);
                check(one.y[j] == wanted || isnan(wanted));
            }
        }
}

/* Just below a tie between two subnormal numbers, too close for double to tell. */
static void a_subnormal_sum_is_rounded_once(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    for (uint32_t p = 0; p < count; p++) {
        fixture_init(&one, true, 1, 1, 16);
        one.x[0] = (1.0f + 0x1p-23f) * 0x1p-75f;
        for (uint32_t j = 0; j < KITH_PANEL; j++) {
            one.w[j] = (1.0f - 0x1p-23f) * 0x1p-75f;
            one.bias[j] = (float)((1 << 20) + j) * 0x1p-149f;
        }
        paths[p]->gemm.forward(&one.forward, (struct kith_part){0, 1});
        for (uint32_t j = 0; j < KITH_PANEL; j++)
            check(one.y[j] == one.bias[j]);
    }
}

static void a_pixel_becomes_itself_over_255(void)
{
    uint8_t images[3 * 256];
    for (uint32_t i = 0; i < sizeof images; i++)
        images[i] = (uint8_t)i;
    const uint32_t indices[] = {2, 0};
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    for (uint32_t p = 0; p < count; p++)
        for (uint32_t width = 250; width <= 256; width++) {
            static _Alignas(64) float at[3 * 256];
            for (uint32_t i = 0; i < 3 * 256; i++)
                at[i] = 7;
            struct kith_gather task = {
                .rows = {.images = images, .indices = indices, .count = 2},
                .first = 1,
                .x = matrix(at, true, 3, width),
            };
            paths[p]->rowwise.gather(&task, (struct kith_part){0, 1});
            for (uint32_t k = 0; k < 256; k++) {
                check(*kith_matrix_at(&task.x, 0, k) == 7);
                float a = k < width ? (float)images[2 * width + k] / 255.0f : 0;
                float b = k < width ? (float)images[k] / 255.0f : 0;
                check(*kith_matrix_at(&task.x, 1, k) == a);
                check(*kith_matrix_at(&task.x, 2, k) == b);
            }
        }
}

static float def_softmax(const float *z, uint32_t classes, float inverse_temperature, float *ret)
{
    float max = -INFINITY, sum = 0;
    for (uint32_t c = 0; c < classes; c++)
        max = fmaxf(max, z[c] * inverse_temperature);
    for (uint32_t c = 0; c < classes; c++) {
        ret[c] = kith_exp(z[c] * inverse_temperature - max);
        sum += ret[c];
    }
    float inverse = 1.0f / sum;
    for (uint32_t c = 0; c < classes; c++)
        ret[c] *= inverse;
    return max + kith_log(sum);
}

static void row_of(const struct kith_matrix *m, uint32_t row, float *ret)
{
    for (uint32_t c = 0; c < m->columns; c++)
        ret[c] = *kith_matrix_at(m, row, c);
}

enum { SOFT_ROWS = 37, SOFT_FIRST = 3, SOFT_COUNT = 31 };

struct soft {
    _Alignas(64) float z[SOFT_ROWS * SIDE], d[SOFT_ROWS * SIDE];
    float loss[SOFT_ROWS], targets[SOFT_COUNT * SIDE], probabilities[SOFT_COUNT * SIDE];
    uint8_t labels[SOFT_ROWS];
    uint32_t indices[SOFT_COUNT];
    struct kith_softmax task;
};

static void soft_init(struct soft *s, bool panels, uint32_t classes)
{
    memset(s, 0, sizeof *s);
    s->task = (struct kith_softmax){
        .z = matrix(s->z, panels, SOFT_ROWS, classes),
        .first = SOFT_FIRST,
        .last = SOFT_FIRST + SOFT_COUNT,
        .inverse_temperature = 1.0f / 3,
        .scale = 0.7f,
        .labels = s->labels,
        .indices = s->indices,
        .targets = s->targets,
        .d = matrix(s->d, panels, SOFT_ROWS, classes),
        .loss = s->loss,
        .probabilities = s->probabilities,
    };
    matrix_draw(&s->task.z, 11);
    matrix_draw(&s->task.d, 12);
    for (uint32_t r = 0; r < SOFT_ROWS; r++)
        for (uint32_t c = 0; c < classes; c++)
            *kith_matrix_at(&s->task.z, r, c) *= r % 7 == 0 ? 400 : 9;
    for (uint32_t i = 0; i < SOFT_COUNT; i++) {
        s->indices[i] = SOFT_COUNT - 1 - i;
        s->labels[i] = (uint8_t)(kith_rng_at(13, i) % classes);
        for (uint32_t c = 0; c < classes; c++)
            s->targets[i * classes + c] = c % 4 == 3 ? 0 : fabsf(draw(14, i * classes + c));
    }
}

static const uint32_t class_counts[] = {1, 2, 10, 16, 17, 90};

static void soft_parts(struct soft *s,
                       void (*kernel)(const struct kith_softmax *task, struct kith_part part))
{
    for (uint32_t i = 0; i < 3; i++)
        kernel(&s->task, (struct kith_part){i, 3});
}

static void cross_entropy_is_its_definition_on_every_path(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    for (uint32_t i = 0; i < count * 12; i++) {
        static struct soft s;
        uint32_t classes = class_counts[i % 6];
        soft_init(&s, i % 12 < 6, classes);
        soft_parts(&s, paths[i / 12]->rowwise.cross_entropy);
        for (uint32_t r = 0; r < SOFT_COUNT; r++) {
            float z[SIDE], p[SIDE];
            row_of(&s.task.z, SOFT_FIRST + r, z);
            float log_sum = def_softmax(z, classes, s.task.inverse_temperature, p);
            uint8_t label = s.labels[s.indices[r]];
            float loss = log_sum - z[label] * s.task.inverse_temperature;
            check(s.loss[SOFT_FIRST + r] == loss);
            p[label] -= 1.0f;
            for (uint32_t c = 0; c < classes; c++)
                check(*kith_matrix_at(&s.task.d, SOFT_FIRST + r, c) == p[c] * s.task.scale);
            for (uint32_t c = classes; c % KITH_PANEL != 0; c++)
                check(*kith_matrix_at(&s.task.d, SOFT_FIRST + r, c) == 0);
        }
        check(*kith_matrix_at(&s.task.d, SOFT_FIRST - 1, 0) == draw(12, (SOFT_FIRST - 1) * 1000));
        check(*kith_matrix_at(&s.task.d, SOFT_FIRST + SOFT_COUNT, 0) ==
              draw(12, (SOFT_FIRST + SOFT_COUNT) * 1000));
    }
}

static void distillation_is_its_definition_on_every_path(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    for (uint32_t i = 0; i < count * 12; i++) {
        static struct soft s;
        uint32_t classes = class_counts[i % 6];
        soft_init(&s, i % 12 < 6, classes);
        soft_parts(&s, paths[i / 12]->rowwise.distillation);
        for (uint32_t r = 0; r < SOFT_COUNT; r++) {
            float z[SIDE], p[SIDE], kl = 0;
            row_of(&s.task.z, SOFT_FIRST + r, z);
            float log_sum = def_softmax(z, classes, s.task.inverse_temperature, p);
            for (uint32_t c = 0; c < classes; c++) {
                float t = s.targets[r * classes + c];
                float log_p = z[c] * s.task.inverse_temperature - log_sum;
                if (t >= 0x1p-126f) kl = fmaf(t, kith_log(t) - log_p, kl);
                check(*kith_matrix_at(&s.task.d, SOFT_FIRST + r, c) == (p[c] - t) * s.task.scale);
            }
            check(s.loss[SOFT_FIRST + r] == kl);
        }
    }
}

static void probabilities_are_their_definition_on_every_path(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    for (uint32_t i = 0; i < count * 12; i++) {
        static struct soft s;
        uint32_t classes = class_counts[i % 6];
        soft_init(&s, i % 12 < 6, classes);
        soft_parts(&s, paths[i / 12]->rowwise.probabilities);
        for (uint32_t r = 0; r < SOFT_COUNT; r++) {
            float z[SIDE], p[SIDE];
            row_of(&s.task.z, SOFT_FIRST + r, z);
            (void)def_softmax(z, classes, s.task.inverse_temperature, p);
            check(memcmp(p, s.probabilities + r * classes, classes * sizeof *p) == 0);
        }
    }
}

static void a_logit_that_is_no_number_shows_in_the_loss(void)
{
    const struct kith_kernel_set *paths[KITH_PATHS_MAX];
    uint32_t count = kith_exact_paths(paths);
    const float bad[] = {NAN, INFINITY};
    for (uint32_t i = 0; i < count * 2; i++) {
        static struct soft s;
        soft_init(&s, true, 10);
        *kith_matrix_at(&s.task.z, SOFT_FIRST + 5, 4) = bad[i % 2];
        paths[i / 2]->rowwise.cross_entropy(&s.task, (struct kith_part){0, 1});
        for (uint32_t r = 0; r < SOFT_COUNT; r++)
            check(isfinite(s.loss[SOFT_FIRST + r]) == (r != 5));
    }
}

int main(void)
{
    run(every_path_has_a_true_fused_multiply_add);
    run(a_subnormal_sum_is_rounded_once);
    run(the_forward_product_is_its_definition_on_every_path);
    run(the_backward_product_is_its_definition_on_every_path);
    run(the_update_is_its_definition_on_every_path);
    run(padding_comes_out_as_zeros);
    run(the_number_of_parts_changes_no_bit);
    run(blas_agrees_with_exact_in_any_number_of_parts);
    run(a_pixel_becomes_itself_over_255);
    run(cross_entropy_is_its_definition_on_every_path);
    run(distillation_is_its_definition_on_every_path);
    run(probabilities_are_their_definition_on_every_path);
    run(a_logit_that_is_no_number_shows_in_the_loss);
    return test_end();
}
