/* kill -9 at every write, sync, rename, link and removal of everything that a node keeps: the state
 * directory, the key, parts of downloads, and the whole process. A child dies before the k-th such
 * call, or half through it if it writes; then everything is read again. The same with a disk that
 * refuses the k-th call, for which nobody dies. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "host/key_file.h"
#include "host/shell.h"
#include "host/store_posix.h"
#include "overlay/partial.h"
#include "tests/test.h"

enum { KILLED = 9, CALLS_MAX = 400, CHUNKS = 5, LEN = (CHUNKS - 1) * KITH_CHUNK_LEN + 100 };

enum fault { DIES, REFUSES };

static long calls, fatal; /* the call at which it happens, 0: none */
static enum fault fault;

static bool happens(void)
{
    calls++;
    if (calls != fatal) return false;
    if (fault == DIES) return true;
    errno = ENOSPC;
    return true;
}

#define WRAP(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (!happens()) return __real_##name arguments;                                            \
        if (fault == DIES) _exit(KILLED);                                                          \
        return -1;                                                                                 \
    }

WRAP(int, fsync, (int file), (file))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, link, (const char *from, const char *to), (from, to))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, fchmod, (int file, mode_t mode), (file, mode))
WRAP(int, mkostemp64, (char *path, int flags), (path, flags))

ssize_t __real_write(int file, const void *bytes, size_t len);
ssize_t __wrap_write(int file, const void *bytes, size_t len);
ssize_t __wrap_write(int file, const void *bytes, size_t len)
{
    if (!happens()) return __real_write(file, bytes, len);
    if (__real_write(file, bytes, len / 2) < 0) _exit(1);
    if (fault == DIES) _exit(KILLED);
    return -1;
}

static char dir[] = "/tmp/kith-kill-XXXXXX";
static char key_path[64];
static uint8_t content[LEN];
static const struct kith_id swarm = {{3}};

/* Whole again and empty. */
static void clear_dir(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s/*", dir);
    if (system(command) != 0) abort();
}

/* Run `life` in a child in which the k-th call goes wrong. Its exit status. */
static int live(int (*life)(void), long k, enum fault what)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        calls = 0;
        fatal = k;
        fault = what;
        int status = life();
        _exit(k > 0 && calls < k ? 2 : status ? 1 : 0); /* 2: there is no k-th call */
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

/* For each k: prepare, let a life go wrong, look. False at the first that is not as it should be.
 */
static bool sweep(enum fault what, bool (*prepare)(void), int (*life)(void), bool (*look)(void))
{
    for (long k = 1; k < CALLS_MAX; k++) {
        clear_dir();
        if (!prepare()) return false;
        int status = live(life, k, what);
        if (status == 2) {
            printf("# %ld calls\n", k - 1);
            return k > 1;
        }
        bool as_meant = what == DIES ? status == KILLED : status == 0 || status == 1;
        if (!as_meant || !look()) {
            printf("# call %ld, status %d\n", k, status);
            return false;
        }
    }
    return false;
}

/* --- the state directory --- */

static struct kith_bytes text(const char *bytes)
{
    return (struct kith_bytes){(const uint8_t *)bytes, strlen(bytes)};
}

static int put_both(const char *checkpoint, const char *peers)
{
    struct kith_store *store;
    char error[KITH_STORE_ERROR_MAX];
    int err = kith_store_open(dir, &store, error);
    if (err) return err;
    err = kith_store_replace(store, KITH_STORE_CHECKPOINT, text(checkpoint));
    if (!err) err = kith_store_replace(store, KITH_STORE_PEERS, text(peers));
    kith_store_close(store);
    return err;
}

static bool holds(struct kith_store *store, enum kith_store_key key, const char *a, const char *b)
{
    uint8_t *bytes;
    size_t len;
    char error[KITH_STORE_ERROR_MAX];
    if (kith_store_load(store, key, &bytes, &len, error) != 0) return false;
    bool is_a = len == strlen(a) && memcmp(bytes, a, len) == 0;
    bool is_b = len == strlen(b) && memcmp(bytes, b, len) == 0;
    free(bytes);
    return is_a || is_b;
}

static bool store_prepare(void)
{
    return put_both("old checkpoint", "old book") == 0;
}

static int store_life(void)
{
    return put_both("a newer checkpoint", "a newer book");
}

static bool store_look(void)
{
    struct kith_store *store;
    char error[KITH_STORE_ERROR_MAX];
    if (kith_store_open(dir, &store, error) != 0) return false;
    bool good = holds(store, KITH_STORE_CHECKPOINT, "old checkpoint", "a newer checkpoint") &&
                holds(store, KITH_STORE_PEERS, "old book", "a newer book");
    kith_store_close(store);
    return good && put_both("the next", "the next") == 0;
}

static void the_state_directory(void)
{
    check(sweep(DIES, store_prepare, store_life, store_look));
    check(sweep(REFUSES, store_prepare, store_life, store_look));
}

/* --- the key --- */

static const uint8_t seed[KITH_SEED_LEN] = {1, 2, 3}, other_seed[KITH_SEED_LEN] = {4};

static bool nothing(void)
{
    return true;
}

static int key_life(void)
{
    char error[KITH_KEY_FILE_ERROR_MAX];
    return kith_key_file_create(key_path, seed, error);
}

static bool is_key(const uint8_t wanted[static KITH_SEED_LEN])
{
    struct kith_keypair keypair, made;
    char error[KITH_KEY_FILE_ERROR_MAX];
    kith_keypair_from_seed(&made, wanted);
    return kith_key_file_load(key_path, &keypair, error) == 0 &&
           kith_id_eq(&keypair.hotkey, &made.hotkey);
}

/* It is there, whole, or it is not there and can be made. */
static bool key_look(void)
{
    struct stat info;
    char error[KITH_KEY_FILE_ERROR_MAX];
    if (lstat(key_path, &info) != 0 && kith_key_file_create(key_path, seed, error) != 0)
        return false;
    return is_key(seed);
}

static bool key_prepare_other(void)
{
    char error[KITH_KEY_FILE_ERROR_MAX];
    return kith_key_file_create(key_path, other_seed, error) == 0;
}

static bool key_look_other(void)
{
    return is_key(other_seed);
}

static void a_key_is_whole_or_not_there_and_never_lost(void)
{
    check(sweep(DIES, nothing, key_life, key_look));
    check(sweep(REFUSES, nothing, key_life, key_look));
    clear_dir();
    check(key_prepare_other());
    check_int(live(key_life, 0, DIES), 1); /* it exists */
    check(key_look_other());
}

/* --- parts of a download --- */

static struct kith_objects objects;
static struct kith_partials partials;

/* All chunks but the last are here; store them as the node does. */
static int download_life(void)
{
    struct kith_store *store;
    struct kith_outbox out;
    struct kith_stats stats = {0};
    struct kith_keypair keypair;
    char error[KITH_STORE_ERROR_MAX];
    uint8_t sealed[KITH_MANIFEST_MAX];
    struct kith_turn turn = {.now_us = 1, .wall_ms = 1000000, .out = &out, .stats = &stats};
    if (kith_store_open(dir, &store, error) != 0) return 1;
    if (kith_outbox_init(&out, 64, 4096) != 0) return 1;
    if (kith_objects_init(&objects, 1, LEN, 0, 1) != 0) return 1;
    if (kith_partials_init(&partials, &objects, LEN) != 0) return 1;
    struct kith_object *object = kith_objects_put(&objects, (struct kith_bytes){content, LEN}, 1);
    object->have[CHUNKS - 1] = false;
    object->chunks_have--;
    kith_keypair_from_seed(&keypair, seed);
    struct kith_manifest manifest = {.kind = KITH_MANIFEST_WEIGHTS,
                                     .author = keypair.hotkey,
                                     .created_ms = 1,
                                     .length = LEN,
                                     .object = object->id};
    struct kith_bytes bytes =
        kith_manifest_seal(&manifest, &swarm, &keypair, &kith_ed25519, sealed);
    kith_partials_keep(&partials, object, &manifest, bytes, &turn);
    for (int i = 0; i < 20 && !kith_partials_is_idle(&partials); i++) {
        kith_outbox_reset(&out);
        kith_partials_advance(&partials, &turn);
        for (uint32_t k = 0; k < out.count; k++)
            kith_partials_on_stored(
                &partials,
                kith_store_replace(store, out.effects[k].store.key, out.effects[k].store.bytes),
                &turn);
    }
    return 0;
}

/* What is brought back is what was there, and never all of it. */
static bool download_look(void)
{
    struct kith_store *store;
    char error[KITH_STORE_ERROR_MAX];
    static struct kith_bytes stored[KITH_STORE_KEYS];
    static uint8_t *at[KITH_STORE_KEYS];
    struct kith_turn turn = {.now_us = 1, .wall_ms = 1000001};
    bool good = kith_store_open(dir, &store, error) == 0;
    for (int key = 0; key < KITH_STORE_KEYS && good; key++) {
        good = kith_store_load(store, (enum kith_store_key)key, &at[key], &stored[key].len,
                               error) == 0;
        stored[key].at = at[key];
    }
    good = good && kith_objects_init(&objects, 1, LEN, 0, 1) == 0;
    good = good && kith_partials_init(&partials, &objects, LEN) == 0;
    if (!good) return false;
    kith_partials_start(&partials, stored, &swarm, &kith_ed25519, &turn);
    const struct kith_object *object = partials.at[0].object;
    for (uint32_t i = 0; object && i < object->chunks; i++) {
        size_t from = (size_t)i * KITH_CHUNK_LEN, len = kith_object_chunk(object, i).len;
        if (object->have[i]) good = good && memcmp(object->bytes + from, content + from, len) == 0;
    }
    good = good && (!object || (object->indexed && !kith_object_is_whole(object)));
    kith_partials_release(&partials);
    kith_objects_release(&objects);
    kith_store_close(store);
    for (int key = 0; key < KITH_STORE_KEYS; key++)
        free(at[key]);
    return good;
}

static void parts_of_a_download(void)
{
    check(sweep(DIES, nothing, download_life, download_look));
    check(sweep(REFUSES, nothing, download_life, download_look));
}

/* --- the whole process --- */

static void on_report(void *context, const struct kith_report *report,
                      const struct kith_stats *stats)
{
    (void)context, (void)report, (void)stats;
}

enum { INPUTS = 4, CLASSES = 2, SAMPLES = 32, PUBLIC = 8 };

static int node_life(void)
{
    static uint8_t pixels[SAMPLES * INPUTS], labels[SAMPLES];
    static uint32_t rows[SAMPLES], public_rows[PUBLIC];
    char error[KITH_KEY_FILE_ERROR_MAX + KITH_SHELL_ERROR_MAX];
    struct kith_config config;
    struct kith_store *store;
    kith_config_default(&config);
    if (kith_store_open(dir, &store, error) != 0) return 1;
    if (kith_key_file_load(key_path, &config.keypair, error) != 0 &&
        (kith_key_file_create(key_path, seed, error) != 0 ||
         kith_key_file_load(key_path, &config.keypair, error) != 0))
        return 1;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        labels[i] = i % CLASSES;
        rows[i] = i;
        if (i < PUBLIC) public_rows[i] = i;
    }
    config.scheme = &kith_ed25519;
    config.rules.inputs = INPUTS;
    config.rules.classes = CLASSES;
    config.rules.public_count = PUBLIC;
    struct kith_dataset data = {
        .count = SAMPLES, .inputs = INPUTS, .classes = CLASSES, .images = pixels, .labels = labels};
    struct kith_task task = {
        .train = data, .test = data, .public_indices = public_rows, .public_count = PUBLIC};
    config.learner.task = &task;
    config.learner.shard = rows;
    config.learner.shard_count = SAMPLES;
    config.learner.local_steps = 2;
    config.dht = false;
    config.epochs_max = 3;
    if (kith_arch_parse("mlp:4", INPUTS, CLASSES, 1000, &config.learner.arch) != 0) return 1;
    struct kith_shell_config shell = {
        .node = &config,
        .bind = {.family = 4, .ip = {127, 0, 0, 1}},
        .store = store,
        .on_report = on_report,
    };
    return kith_shell_run(&shell, error);
}

/* The next life starts from what is there. */
static bool node_look(void)
{
    return live(node_life, 0, DIES) == 0 && is_key(seed);
}

static void a_whole_process(void)
{
    check(sweep(DIES, nothing, node_life, node_look));
    check(sweep(REFUSES, nothing, node_life, node_look));
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir)) return 1;
    snprintf(key_path, sizeof key_path, "%s/key", dir);
    for (size_t i = 0; i < LEN; i++)
        content[i] = (uint8_t)(i * 7 + i / 1000);
    run(the_state_directory);
    run(a_key_is_whole_or_not_there_and_never_lost);
    run(parts_of_a_download);
    run(a_whole_process);
    clear_dir();
    rmdir(dir);
    return test_end();
}
