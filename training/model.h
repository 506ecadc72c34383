/* training/model.h: one network that can be trained: weights, one momentum buffer (two for Adam),
 * work space. The form in memory is the kernels' own; in and out it is the *plain* form: layer by
 * layer the matrix W [out][in] in rows, then the bias b [out], as float32; of a convolution W is
 * [filter][row][column][channel]. Pure; nothing is
 * allocated after _new and _want_adam. */
#ifndef KITH_TRAINING_MODEL_H
#define KITH_TRAINING_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "training/arch.h"

struct kith_model;

enum kith_optim {
    KITH_OPTIM_SGD,  /* v <- mu v + g; x <- x - rate v (heavy ball; mu = 0: plain) */
    KITH_OPTIM_QG,   /* x <- x - rate (mu m + g); m moves only when models are mixed (Lin 2021) */
    KITH_OPTIM_ADAM, /* Kingma, Ba 2015, with bias correction: beta1 = mu, beta2 = .999 */
};

enum kith_kernels {
    KITH_KERNELS_EXACT, /* own kernels: every output one ascending fma chain, the same bits anywhere
                         */
    KITH_KERNELS_BLAS,  /* OpenBLAS on one thread */
};

/* Rows of training images, gathered by index. A pixel p enters the network as p / 255. */
struct kith_rows {
    const uint8_t *images;   /* [any][inputs] */
    const uint32_t *indices; /* [count] rows of images */
    uint32_t count;
};

/* One optimiser step on the sum of two losses, either of which may have no rows:
 *   CE: mean over `rows` of -log softmax(z)[label]
 *   KD: lambda T^2 mean over `kd_rows` of KL(target || softmax(z / T))   (Hinton et al. 2015)
 * The gradient on the logits is (softmax - onehot) / count and lambda T (softmax(z/T) - target) /
 * kd count. */
struct kith_step {
    struct kith_rows rows;
    const uint8_t *labels; /* [any]: the label of row i is labels[rows.indices[i]] */
    struct kith_rows kd_rows;
    const float *kd_targets; /* [kd_rows.count][classes], each row sums to 1 */
    float kd_lambda;
    float kd_temperature;
    float rate;
    float momentum;
    enum kith_optim optim;
    struct kith_rows next; /* a hint, may be empty: what the next step will take */
};

struct kith_step_losses {
    float ce; /* before the update; 0 without rows */
    float kd; /* mean KL(target || softmax(z / T)), without lambda T^2; 0 without kd_rows */
};

/* NULL if out of memory. `rows_max`: the most rows of one step or one forward pass together. */
struct kith_model *kith_model_new(const struct kith_arch *arch, enum kith_kernels kernels,
                                  uint32_t rows_max);
void kith_model_free(struct kith_model *model);
/* Room for Adam's second moments and a gradient, without which no step may want Adam: false if out
 * of memory. */
bool kith_model_want_adam(struct kith_model *model);
/* All memory that it holds, in bytes. */
size_t kith_model_memory(const struct kith_model *model);

void kith_model_set_weights(struct kith_model *model, const float *plain);
void kith_model_get_weights(const struct kith_model *model, float *ret_plain);
void kith_model_set_momentum(struct kith_model *model, const float *plain);
void kith_model_get_momentum(const struct kith_model *model, float *ret_plain);
/* Adam's second moments, plain form, and how many steps it has made: after kith_model_want_adam.
 * Its first moments are the momentum. */
void kith_model_set_moments(struct kith_model *model, const float *plain, uint64_t steps);
uint64_t kith_model_get_moments(const struct kith_model *model, float *ret_plain);

/* No weight, momentum or moment is infinite or no number. */
bool kith_model_is_finite(const struct kith_model *model);

/* The weights as they lie in memory, [raw_floats], which is cheaper to take and may only go back to
 * the same model's functions; and the same in plain form. */
size_t kith_model_raw_floats(const struct kith_model *model);
void kith_model_raw_weights(const struct kith_model *model, float *ret_raw);
void kith_model_raw_plain(const struct kith_model *model, float *raw, float *ret_plain);
/* Let the momentum follow the movement from `before_raw` to the present weights: kith_mix_momentum.
 */
void kith_model_follow(struct kith_model *model, const float *before_raw, float mu, float length);

void kith_model_step(struct kith_model *model, const struct kith_step *step,
                     struct kith_step_losses *ret);
/* softmax(z / temperature) of each row, [rows->count][classes]. */
void kith_model_probabilities(struct kith_model *model, const struct kith_rows *rows,
                              float temperature, float *ret);

/* A name for a person: "exact (avx2)", "blas (OpenBLAS 0.3.21 Haswell)". */
const char *kith_kernels_name(enum kith_kernels kernels);

#endif
