#include "sim/sim_folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"

enum { NAME_MAX_LEN = 64 };

int kith_sim_folder_make(const char *path, FILE *err)
{
    if (strlen(path) + NAME_MAX_LEN > KITH_SIM_PATH_MAX) {
        fprintf(err, "the folder's path is longer than %d characters\n",
                KITH_SIM_PATH_MAX - NAME_MAX_LEN);
        return KITH_ERR_RANGE;
    }
    if (mkdir(path, 0777) == 0) return 0;
    if (errno == EEXIST) {
        fprintf(err, "%s: exists already and is left as it is; name a new folder\n", path);
        return KITH_ERR_EXISTS;
    }
    fprintf(err, "%s: %s\n", path, strerror(errno));
    return KITH_ERR_IO;
}

const char *kith_sim_folder_path(const char *folder, const char *name,
                                 char ret[static KITH_SIM_PATH_MAX])
{
    snprintf(ret, KITH_SIM_PATH_MAX, "%s/%s", folder, name);
    return ret;
}

FILE *kith_sim_folder_open(const char *folder, const char *name, FILE *err)
{
    char path[KITH_SIM_PATH_MAX];
    FILE *file = fopen(kith_sim_folder_path(folder, name, path), "wx");
    if (!file) fprintf(err, "%s: %s\n", path, strerror(errno));
    return file;
}
