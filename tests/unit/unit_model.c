#include <stdint.h>

#include "base/rng.h"
#include "tests/test.h"
#include "training/model.h"

enum { INPUTS = 20, CLASSES = 5, IMAGES = 40 };

struct fixture {
    struct kith_arch arch;
    uint8_t images[IMAGES * INPUTS];
    uint8_t labels[IMAGES];
    uint32_t indices[IMAGES];
    float weights[2048];
};

static void fixture_init(struct fixture *f, const char *text)
{
    if (kith_arch_parse(text, INPUTS, CLASSES, 2048, &f->arch) != 0) abort();
    for (uint32_t i = 0; i < IMAGES; i++) {
        f->indices[i] = i;
        f->labels[i] = (uint8_t)(kith_rng_at(1, i) % CLASSES);
        for (uint32_t k = 0; k < INPUTS; k++)
            f->images[i * INPUTS + k] = (uint8_t)(kith_rng_at(2, i * INPUTS + k) % 128 +
                                                  (k % CLASSES == f->labels[i] ? 100 : 0));
    }
    for (uint32_t i = 0; i < f->arch.params; i++)
        f->weights[i] = (float)(kith_rng_at(3, i) >> 40) * 0x1p-25f - 0.25f;
}

static void weights_come_out_as_they_went_in(void)
{
    struct fixture f;
    fixture_init(&f, "mlp:19,7");
    struct kith_model *model = kith_model_new(&f.arch, KITH_KERNELS_EXACT, 8);
    check(model);
    float out[2048] = {0};
    kith_model_set_weights(model, f.weights);
    kith_model_get_weights(model, out);
    check(memcmp(out, f.weights, f.arch.params * sizeof *out) == 0);
    kith_model_get_momentum(model, out);
    for (uint32_t i = 0; i < f.arch.params; i++)
        check(out[i] == 0);
    kith_model_set_momentum(model, f.weights);
    kith_model_get_momentum(model, out);
    check(memcmp(out, f.weights, f.arch.params * sizeof *out) == 0);
    kith_model_free(model);
}

static void steps_lower_the_loss(void)
{
    struct fixture f;
    fixture_init(&f, "mlp:19,7");
    struct kith_model *model = kith_model_new(&f.arch, KITH_KERNELS_EXACT, IMAGES);
    kith_model_set_weights(model, f.weights);
    struct kith_step step = {
        .rows = {.images = f.images, .indices = f.indices, .count = IMAGES},
        .labels = f.labels,
        .rate = 0.1f,
        .momentum = 0.9f,
    };
    struct kith_step_losses first, last;
    kith_model_step(model, &step, &first);
    for (int i = 0; i < 200; i++)
        kith_model_step(model, &step, &last);
    kith_model_free(model);
    check(first.ce > 1.5f);
    check(last.ce < 0.1f);
    check(last.kd == 0);
}

int main(void)
{
    run(weights_come_out_as_they_went_in);
    run(steps_lower_the_loss);
    return test_end();
}
