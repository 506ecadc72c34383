/* sim/sim_folder.h: the folder of a run: made new, never emptied, never asked about. */
#ifndef KITH_SIM_SIM_FOLDER_H
#define KITH_SIM_SIM_FOLDER_H

#include <stdio.h>

enum { KITH_SIM_PATH_MAX = 4096 };

/* Make it; 0, or RANGE (its path is too long), EXISTS or IO after one line on `err`. */
int kith_sim_folder_make(const char *path, FILE *err);
/* "FOLDER/NAME" into `ret`, which is also returned. */
const char *kith_sim_folder_path(const char *folder, const char *name,
                                 char ret[static KITH_SIM_PATH_MAX]);
/* Open a file there for writing; NULL after one line on `err`. */
FILE *kith_sim_folder_open(const char *folder, const char *name, FILE *err);

#endif
