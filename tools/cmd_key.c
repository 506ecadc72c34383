/* kith key new, kith key show: the hotkey's file. */
#include <string.h>

#include "host/entropy.h"
#include "host/key_file.h"
#include "identity/ss58.h"
#include "tools/dispatch.h"
#include "tools/state_dir.h"

/* The key's path: as given by `file_option`, else in the state directory, which is made if `make`.
 */
static int key_path(const struct kith_args *args, const char *file_option, bool make,
                    char ret[static KITH_PATH_MAX])
{
    char dir[KITH_PATH_MAX];
    char error[KITH_PATH_MAX];
    const char *file = kith_args_text(args, file_option);
    const char *state = kith_args_text(args, "state");
    if (file && state) {
        kith_fail(args, "--%s and --state: give one of them", file_option);
        return KITH_EXIT_USAGE;
    }
    if (file || state) {
        const char *given = file ? file : state;
        if (strlen(given) >= KITH_PATH_MAX) return kith_fail(args, "the path is too long");
        strcpy(file ? ret : dir, given);
        if (file) return 0;
    } else if (kith_state_dir_default(1, dir, error) != 0) {
        return kith_fail(args, "%s", error);
    }
    if (make && kith_state_dir_make(dir, error) != 0) return kith_fail(args, "%s", error);
    if (kith_state_dir_key(dir, ret, error) != 0) return kith_fail(args, "%s", error);
    return 0;
}

static void print_address(const struct kith_id *hotkey, const char *path)
{
    char address[KITH_SS58_MAX];
    kith_ss58_encode(hotkey, address);
    printf("%s %s\n", address, path);
}

int kith_cmd_key_new(const struct kith_args *args)
{
    char path[KITH_PATH_MAX];
    char error[KITH_KEY_FILE_ERROR_MAX];
    uint8_t seed[KITH_SEED_LEN];
    struct kith_keypair pair;
    int status = key_path(args, "out", true, path);
    if (status) return status;
    kith_entropy_fill(seed, sizeof seed);
    int err = kith_key_file_create(path, seed, error);
    if (!err) kith_keypair_from_seed(&pair, seed);
    kith_entropy_wipe(seed, sizeof seed);
    if (err) return kith_fail(args, "%s", error);
    print_address(&pair.hotkey, path);
    kith_keypair_wipe(&pair);
    return 0;
}

int kith_cmd_key_show(const struct kith_args *args)
{
    char path[KITH_PATH_MAX];
    char error[KITH_KEY_FILE_ERROR_MAX];
    struct kith_keypair pair;
    int status = key_path(args, "key", false, path);
    if (status) return status;
    if (kith_key_file_load(path, &pair, error) != 0) return kith_fail(args, "%s", error);
    print_address(&pair.hotkey, path);
    kith_keypair_wipe(&pair);
    return 0;
}
