/* tools/option_rows.h: rows of the table of options, one macro a kind; for tools/commands*.c. */
#ifndef KITH_TOOLS_OPTION_ROWS_H
#define KITH_TOOLS_OPTION_ROWS_H

#include "tools/options.h"

#define FLAG(name_, help_)                                                                         \
    {                                                                                              \
        .name = name_, .kind = KITH_OPTION_FLAG, .help = help_                                     \
    }
#define INT(name_, argument_, fallback_, min_, max_, help_)                                        \
    {                                                                                              \
        .name = name_, .argument = argument_, .fallback = fallback_, .kind = KITH_OPTION_INT,      \
        .min = min_, .max = max_, .help = help_                                                    \
    }
#define REAL(name_, argument_, fallback_, low_, high_, help_)                                      \
    {                                                                                              \
        .name = name_, .argument = argument_, .fallback = fallback_, .kind = KITH_OPTION_REAL,     \
        .low = low_, .high = high_, .help = help_                                                  \
    }
#define WORD(name_, argument_, fallback_, words_, help_)                                           \
    {                                                                                              \
        .name = name_, .argument = argument_, .fallback = fallback_, .kind = KITH_OPTION_WORD,     \
        .words = words_, .help = help_                                                             \
    }
#define TEXT(name_, argument_, fallback_, check_, allowed_, help_)                                 \
    {                                                                                              \
        .name = name_, .argument = argument_, .fallback = fallback_, .kind = KITH_OPTION_TEXT,     \
        .check = check_, .allowed = allowed_, .help = help_                                        \
    }
#define TEXTS(name_, argument_, check_, allowed_, help_)                                           \
    {                                                                                              \
        .name = name_, .argument = argument_, .kind = KITH_OPTION_TEXT, .check = check_,           \
        .allowed = allowed_, .repeats = true, .help = help_                                        \
    }
#define FILE_OPTION(name_, help_)         TEXT(name_, "FILE", NULL, NULL, "a file's path", help_)
#define DIR_OPTION(name_, default_, help) TEXT(name_, "DIR", default_, NULL, "a directory", help)
#define PORT_ALLOWED                      "a port (1 to 65535)"
#define LAYERS_ALLOWED                                                                             \
    "all layers as in 784-256-128-10, or the hidden ones as in mlp:256,128: at most 8 layers of "  \
    "1 to 16384; or convolutions first, as in cnn:6x5sp,16x5p,120,84, or lenet"
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

#endif
