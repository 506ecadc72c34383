/* tools/command_line.h: a command line that was read, as text for a shell. */
#ifndef KITH_TOOLS_COMMAND_LINE_H
#define KITH_TOOLS_COMMAND_LINE_H

#include "tools/options.h"

/* The command with the options and operands it was given, but for the options named in `without`
 * (ends with NULL), each word quoted if a shell needs that. To be freed; NULL: out of memory. */
char *kith_command_line(const struct kith_args *args, const char *const *without);

#endif
