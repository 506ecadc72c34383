/* tools/scenario_file.h: from a command line to a scenario: a file or a shipped one, then options.
 */
#ifndef KITH_TOOLS_SCENARIO_FILE_H
#define KITH_TOOLS_SCENARIO_FILE_H

#include "sim/scenario.h"
#include "tools/learning.h"

/* All below return an exit status: 0, 1 (a file) or 2 (an option), the latter two with one line in
 * ret_error. */

/* The scenario that the operand names, or the default one. */
int kith_scenario_file_load(const struct kith_args *args, struct kith_scenario *ret,
                            char ret_error[static KITH_LEARNING_ERROR_MAX]);
/* The trace of --churn or of the scenario, if there is one; *ret_churn is to be freed. */
int kith_scenario_file_churn(const struct kith_args *args, struct kith_scenario *scenario,
                             struct kith_churn **ret_churn,
                             char ret_error[static KITH_LEARNING_ERROR_MAX]);
/* What the options say instead; settles and checks the whole. */
int kith_scenario_file_override(const struct kith_args *args, struct kith_scenario *scenario,
                                char ret_error[static KITH_LEARNING_ERROR_MAX]);

#endif
