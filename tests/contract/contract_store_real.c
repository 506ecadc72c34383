/* The contract of stores, kept by files. A child dies while it stores; RLIMIT_FSIZE plays the full
 * disk. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/store_posix.h"
#include "tests/contract/contract_store.h"

enum { YIELDS_A_MOMENT = 4 };

struct disk {
    char dir[64];
    struct kith_store *store;
    uint8_t *bytes; /* last read */
    char error[KITH_STORE_ERROR_MAX];
};

static bool make(void *context)
{
    struct disk *disk = context;
    snprintf(disk->dir, sizeof disk->dir, "/tmp/kith-store-XXXXXX");
    if (!mkdtemp(disk->dir)) return false;
    return kith_store_open(disk->dir, &disk->store, disk->error) == 0;
}

static void unmake(void *context)
{
    static const char *const names[] = {"checkpoint", "checkpoint.new", "peers", "peers.new",
                                        "lock"};
    struct disk *disk = context;
    char path[128];
    kith_store_close(disk->store);
    disk->store = NULL;
    free(disk->bytes);
    disk->bytes = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", disk->dir, names[i]);
        unlink(path);
    }
    if (rmdir(disk->dir) != 0) printf("# %s is not empty\n", disk->dir);
}

static int store(void *context, enum kith_store_key key, struct kith_bytes bytes)
{
    struct disk *disk = context;
    return kith_store_replace(disk->store, key, bytes);
}

static bool read_key(void *context, enum kith_store_key key, struct kith_bytes *ret)
{
    struct disk *disk = context;
    size_t len;
    free(disk->bytes);
    disk->bytes = NULL;
    if (kith_store_load(disk->store, key, &disk->bytes, &len, disk->error) != 0) return false;
    *ret = (struct kith_bytes){disk->bytes, len};
    return true;
}

static bool reopen(void *context)
{
    struct disk *disk = context;
    kith_store_close(disk->store);
    disk->store = NULL;
    return kith_store_open(disk->dir, &disk->store, disk->error) == 0;
}

static bool die_storing(void *context, enum kith_store_key key, struct kith_bytes bytes,
                        uint32_t moment)
{
    struct disk *disk = context;
    int ready[2];
    char byte = 1;
    if (pipe(ready) != 0) return false;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        bool is_told = write(ready[1], &byte, 1) == 1;
        if (is_told) kith_store_replace(disk->store, key, bytes);
        for (;;)
            pause();
    }
    bool is_ready = child > 0 && read(ready[0], &byte, 1) == 1;
    for (uint32_t i = 0; i < moment * YIELDS_A_MOMENT; i++)
        sched_yield();
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(ready[0]);
    close(ready[1]);
    return is_ready && reopen(disk);
}

static void set_full(void *context, bool is_full)
{
    struct rlimit limit;
    (void)context;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = is_full ? 100000 : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

int main(void)
{
    static struct disk disk;
    return contract_store_run(&(struct contract_store){
        .context = &disk,
        .make = make,
        .unmake = unmake,
        .store = store,
        .read = read_key,
        .reopen = reopen,
        .die_storing = die_storing,
        .set_full = set_full,
    });
}
