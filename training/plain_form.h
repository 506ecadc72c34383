/* training/plain_form.h: a layer's matrix and vector between the kernels' form and the plain one,
 * [out][in] in rows and then [out]. Pure. */
#ifndef KITH_TRAINING_PLAIN_FORM_H
#define KITH_TRAINING_PLAIN_FORM_H

#include "training/gemm.h"

/* Into the matrix, whose columns are the outputs, and the vector; returns what follows in `plain`.
 */
const float *kith_plain_set(const struct kith_matrix *m, float *bias, const float *plain);
/* Out of them; returns where the next layer goes. */
float *kith_plain_get(const struct kith_matrix *m, const float *bias, float *ret_plain);

#endif
