#include "host/dht_helper_hooks.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/dht_shield.h"

/* OpenDHT's receiving thread and the main thread share these. */
static struct {
    atomic_bool loopback_only;
    atomic_bool shield_off;
    atomic_bool port_taken;
    atomic_uint_least64_t datagrams;
    atomic_uint_least64_t dropped;
    atomic_uint_least64_t bytes;
    atomic_uint_least64_t datagrams_out;
    atomic_uint_least64_t bytes_out;
} hooks;

static struct {
    atomic_bool is_wanted;
    pthread_mutex_t mutex;
    struct kith_addr heard[KITH_DHT_HEARD_MAX];
    uint32_t count;
    uint32_t taken;
    void (*wake)(void);
} sources = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void kith_dht_hooks_set(bool loopback_only, bool shield_off)
{
    atomic_store(&hooks.loopback_only, loopback_only);
    atomic_store(&hooks.shield_off, shield_off);
}

void kith_dht_hooks_count(struct kith_dht_traffic *ret)
{
    ret->dropped = atomic_load(&hooks.dropped);
    ret->datagrams = atomic_load(&hooks.datagrams);
    ret->bytes = atomic_load(&hooks.bytes);
    ret->datagrams_out = atomic_load(&hooks.datagrams_out);
    ret->bytes_out = atomic_load(&hooks.bytes_out);
}

bool kith_dht_hooks_port_taken(void)
{
    return atomic_load(&hooks.port_taken);
}

void kith_dht_hooks_listen(bool is_wanted, void (*wake)(void))
{
    pthread_mutex_lock(&sources.mutex);
    sources.count = 0;
    sources.taken = 0;
    sources.wake = wake;
    pthread_mutex_unlock(&sources.mutex);
    atomic_store(&sources.is_wanted, is_wanted);
}

bool kith_dht_hooks_heard(struct kith_addr *ret)
{
    pthread_mutex_lock(&sources.mutex);
    bool has_one = sources.taken < sources.count;
    if (has_one) *ret = sources.heard[sources.taken++];
    pthread_mutex_unlock(&sources.mutex);
    return has_one;
}

static struct kith_addr addr_of(const struct sockaddr *from)
{
    struct kith_addr addr = {0};
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        addr.family = 4;
        addr.port = ntohs(v4->sin_port);
        memcpy(addr.ip, &v4->sin_addr, sizeof v4->sin_addr);
    }
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        addr.family = 6;
        addr.port = ntohs(v6->sin6_port);
        memcpy(addr.ip, &v6->sin6_addr, sizeof v6->sin6_addr);
    }
    return addr;
}

/* True if it is new. With the mutex held. */
static bool remember(const struct kith_addr *addr)
{
    for (uint32_t i = 0; i < sources.count; i++)
        if (kith_addr_eq(&sources.heard[i], addr)) return false;
    if (sources.count == KITH_DHT_HEARD_MAX) return false;
    sources.heard[sources.count++] = *addr;
    return true;
}

static void note_source(const struct sockaddr *from)
{
    if (!from || !atomic_load(&sources.is_wanted)) return;
    struct kith_addr addr = addr_of(from);
    if (kith_addr_kind(&addr) == KITH_ADDR_BAD) return;
    pthread_mutex_lock(&sources.mutex);
    bool is_new = remember(&addr);
    void (*wake)(void) = sources.wake;
    pthread_mutex_unlock(&sources.mutex);
    if (is_new) wake();
}

static bool is_hostile(const void *buffer, size_t len)
{
    if (atomic_load(&hooks.shield_off)) return false;
    return kith_dht_shield((struct kith_bytes){buffer, len}) != KITH_DHT_PASS;
}

/* 0 instead of a hostile datagram: OpenDHT's loop ignores that result. */
ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict from_len)
{
    ssize_t len = syscall(SYS_recvfrom, fd, buffer, size, flags, from, from_len);
    if (len <= 0) return len;
    atomic_fetch_add(&hooks.datagrams, 1);
    atomic_fetch_add(&hooks.bytes, (uint_least64_t)len);
    if (is_hostile(buffer, (size_t)len)) {
        atomic_fetch_add(&hooks.dropped, 1);
        return 0;
    }
    note_source(from);
    return len;
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to,
               socklen_t to_len)
{
    ssize_t len = syscall(SYS_sendto, fd, buffer, size, flags, to, to_len);
    if (len < 0) return len;
    atomic_fetch_add(&hooks.datagrams_out, 1);
    atomic_fetch_add(&hooks.bytes_out, (uint_least64_t)len);
    return len;
}

static void keep_to_loopback(struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    if (addr->ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;
        v6->sin6_addr = in6addr_loopback;
    }
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct sockaddr_storage storage = {0};
    if (len > sizeof storage) {
        errno = EINVAL;
        return -1;
    }
    memcpy(&storage, addr, len);
    if (atomic_load(&hooks.loopback_only)) keep_to_loopback(&storage);
    int result = (int)syscall(SYS_bind, fd, &storage, len);
    if (result < 0 && errno == EADDRINUSE) atomic_store(&hooks.port_taken, true);
    return result;
}
