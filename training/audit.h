/* training/audit.h: before a node mixes, it looks at what each pulled model adds: evidence, the
 * standing that follows, and the weight in the mean. For job.c alone. Pure. */
#ifndef KITH_TRAINING_AUDIT_H
#define KITH_TRAINING_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "training/learner.h"

/* Whether this round's pulled models will be audited: there is a pool, the rule is `score`, and
 * somebody among them is little known or it is the turn. From the job's inputs alone. */
bool kith_audit_is_due(const struct kith_job *job);
/* Set the weight of each pulled model by its standing and age, after an audit if one is due: `x`
 * [params] is the own model. In the first KITH_SCORE_WARM_UP rounds, and without an audit pool,
 * the assumed minority that lies farthest gets nothing and the others weigh alike. If there is no
 * memory for an audit, there is none this round. */
void kith_audit(struct kith_job *job, const float *x);

#endif
