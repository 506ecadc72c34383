#include "host/dht_helper_hooks.h"

#include <errno.h>
#include <netinet/in.h>
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
} hooks;

void kith_dht_hooks_set(bool loopback_only, bool shield_off)
{
    atomic_store(&hooks.loopback_only, loopback_only);
    atomic_store(&hooks.shield_off, shield_off);
}

void kith_dht_hooks_count(uint64_t *ret_datagrams, uint64_t *ret_dropped)
{
    *ret_dropped = atomic_load(&hooks.dropped);
    *ret_datagrams = atomic_load(&hooks.datagrams);
}

bool kith_dht_hooks_port_taken(void)
{
    return atomic_load(&hooks.port_taken);
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
    if (!is_hostile(buffer, (size_t)len)) return len;
    atomic_fetch_add(&hooks.dropped, 1);
    return 0;
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
