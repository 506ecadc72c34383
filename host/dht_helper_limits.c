#include "host/dht_helper_limits.h"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"

enum {
    ADDRESS_SPACE_MAX = 512 * 1024 * 1024,
    DESCRIPTORS_MAX = 1000, /* OpenDHT's select() aborts the process at 1024 */
    MALLOC_ARENAS_MAX = 2,  /* each reserves 64 MiB of the address space */
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif

static int limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit(resource, &now)) return KITH_ERR_IO;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value) value = now.rlim_max;
    struct rlimit wanted = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &wanted) ? KITH_ERR_IO : 0;
}

static int limit_address_space(void)
{
#ifdef HAS_SHADOW_MEMORY
    return 0; /* the sanitizer's shadow alone is terabytes */
#else
    mallopt(M_ARENA_MAX, MALLOC_ARENAS_MAX);
    return limit(RLIMIT_AS, ADDRESS_SPACE_MAX);
#endif
}

/* A terminal sends these to every process of the group: the node decides when the helper ends. */
static void leave_signals_to_parent(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

int kith_dht_limits_start(void)
{
    leave_signals_to_parent();
    if (close_range(STDERR_FILENO + 1, ~0U, 0)) return KITH_ERR_IO;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) return KITH_ERR_IO;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return KITH_ERR_IO;
    int err = limit(RLIMIT_CORE, 0);
    if (!err) err = limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
    if (!err) err = limit_address_space();
    return err;
}
