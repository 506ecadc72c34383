#include "host/local_addr.h"

#include <string.h>

#include <uv.h>

bool kith_addr_of_socket(const struct sockaddr *from, struct kith_addr *ret)
{
    memset(ret, 0, sizeof *ret);
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof in);
        ret->family = 4;
        memcpy(ret->ip, &in.sin_addr, 4);
        ret->port = ntohs(in.sin_port);
        return true;
    }
    if (from->sa_family != AF_INET6) return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, from, sizeof in6);
    ret->family = 6;
    memcpy(ret->ip, &in6.sin6_addr, 16);
    ret->port = ntohs(in6.sin6_port);
    return true;
}

static uint32_t add_interfaces(uint16_t port, uint8_t family, struct kith_addr *ret, uint32_t max)
{
    uv_interface_address_t *interfaces;
    int count;
    uint32_t added = 0;
    if (uv_interface_addresses(&interfaces, &count) != 0) return 0;
    for (int i = 0; i < count && added < max; i++) {
        const struct sockaddr *address = (const void *)&interfaces[i].address;
        struct kith_addr addr;
        if (interfaces[i].is_internal || !kith_addr_of_socket(address, &addr)) continue;
        addr.port = port;
        if (addr.family != family || kith_addr_kind(&addr) == KITH_ADDR_BAD) continue;
        ret[added++] = addr;
    }
    uv_free_interface_addresses(interfaces, count);
    return added;
}

static bool is_any(const struct kith_addr *addr)
{
    static const uint8_t zero[16];
    return memcmp(addr->ip, zero, sizeof zero) == 0;
}

uint32_t kith_local_addrs(const struct kith_addr *bind, uint16_t port, bool loopback_first,
                          bool loopback_too, struct kith_addr *ret, uint32_t max)
{
    uint32_t count = 0;
    struct kith_addr loopback = {.family = 4, .ip = {127, 0, 0, 1}, .port = port};
    if (!is_any(bind)) {
        ret[0] = *bind;
        ret[0].port = port;
        return 1;
    }
    if (bind->family == 6)
        loopback = (struct kith_addr){.family = 6, .ip = {[15] = 1}, .port = port};
    if (loopback_first) ret[count++] = loopback;
    count += add_interfaces(port, bind->family, ret + count, max - count);
    if (!loopback_first && (loopback_too || count == 0) && count < max) ret[count++] = loopback;
    return count;
}
