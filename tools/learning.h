/* tools/learning.h: what a command line says about learning, as the core takes it: the swarm's
 * rules, the data, a learner's settings. The same for a node and for the simulator. */
#ifndef KITH_TOOLS_LEARNING_H
#define KITH_TOOLS_LEARNING_H

#include "node/config.h"
#include "tools/options.h"
#include "training/dataset.h"

enum {
    KITH_LEARNING_ERROR_MAX = 1024,
    KITH_SYNTHETIC_INPUTS = 64,
    KITH_SYNTHETIC_CLASSES = 10,
    KITH_SYNTHETIC_TRAIN = 12000,
    KITH_SYNTHETIC_TEST = 2000,
    KITH_SYNTHETIC_PUBLIC = 1000,
    KITH_SYNTHETIC_AUDIT = 500,
};

/* All below return an exit status: 0, 1 (a file) or 2 (an option), the latter two with one line in
 * ret_error. */

/* The rules of --swarm, those of --synthetic, or the built-in ones; with --budget. */
int kith_learning_swarm(const struct kith_args *args, struct kith_rules *ret,
                        char ret_error[static KITH_LEARNING_ERROR_MAX]);
/* The same, for a command that has --data too. */
int kith_learning_rules(const struct kith_args *args, struct kith_rules *ret,
                        char ret_error[static KITH_LEARNING_ERROR_MAX]);
/* Make the swarm's images so many times smaller each way: a rule as any other, which changes the
 * inputs and the swarm's id. */
int kith_learning_pool(const struct kith_args *args, uint32_t pool, struct kith_rules *rules,
                       char ret_error[static KITH_LEARNING_ERROR_MAX]);
/* --share, --pulls, --teachers, and of the learner --kernels, --wire, --batch, --steps, --rate,
 * --momentum. */
void kith_learning_settings(const struct kith_args *args, struct kith_config *config);
/* A model text of --model for this swarm; NULL: the default one. */
int kith_learning_model(const struct kith_args *args, const char *text,
                        const struct kith_rules *rules, struct kith_arch *ret,
                        char ret_error[static KITH_LEARNING_ERROR_MAX]);
/* The data of --data, checked against the rules, or the synthetic ones. Released by the caller. */
int kith_learning_data(const struct kith_args *args, const struct kith_rules *rules,
                       struct kith_dataset *ret_train, struct kith_dataset *ret_test,
                       char ret_error[static KITH_LEARNING_ERROR_MAX]);

#endif
