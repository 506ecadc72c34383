#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool kith_addr_eq(const struct kith_addr *a, const struct kith_addr *b)
{
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, 16) == 0;
}

static enum kith_addr_kind kind_v4(const uint8_t *ip)
{
    static const uint8_t zero[12];
    if (ip[0] == 0 || ip[0] >= 224 || memcmp(ip + 4, zero, 12) != 0) return KITH_ADDR_BAD;
    if (ip[0] == 127) return KITH_ADDR_LOOPBACK;
    bool private_net = ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
                       (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254);
    return private_net ? KITH_ADDR_PRIVATE : KITH_ADDR_PUBLIC;
}

static enum kith_addr_kind kind_v6(const uint8_t *ip)
{
    static const uint8_t loopback[16] = {[15] = 1};
    static const uint8_t zero[16];
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(ip, zero, 16) == 0 || ip[0] == 0xff || memcmp(ip, mapped, 12) == 0)
        return KITH_ADDR_BAD;
    if (memcmp(ip, loopback, 16) == 0) return KITH_ADDR_LOOPBACK;
    if ((ip[0] & 0xfe) == 0xfc) return KITH_ADDR_PRIVATE;
    /* Link-local needs a scope that no record carries. */
    if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) return KITH_ADDR_BAD;
    return KITH_ADDR_PUBLIC;
}

enum kith_addr_kind kith_addr_kind(const struct kith_addr *addr)
{
    if (addr->port == 0) return KITH_ADDR_BAD;
    if (addr->family == 4) return kind_v4(addr->ip);
    if (addr->family == 6) return kind_v6(addr->ip);
    return KITH_ADDR_BAD;
}

void kith_addr_format(const struct kith_addr *addr, char ret[static KITH_ADDR_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "none";
    if (addr->family == 4) inet_ntop(AF_INET, addr->ip, ip, sizeof ip);
    if (addr->family == 6) inet_ntop(AF_INET6, addr->ip, ip, sizeof ip);
    const char *form = addr->family == 6 ? "[%s]:%u" : "%s:%u";
    snprintf(ret, KITH_ADDR_TEXT_MAX, form, ip, (unsigned)addr->port);
}

static bool parse_port(const char *text, uint16_t *ret)
{
    uint32_t port = 0;
    size_t len = strnlen(text, 6);
    if (len == 0 || len > 5) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX) return false;
    *ret = (uint16_t)port;
    return true;
}

bool kith_addr_parse(const char *text, struct kith_addr *ret)
{
    struct kith_addr addr = {0};
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    if (!colon || !parse_port(colon + 1, &addr.port)) return false;

    bool bracketed = text[0] == '[';
    const char *start = bracketed ? text + 1 : text;
    const char *end = bracketed ? colon - 1 : colon;
    if (end <= start || (bracketed && *end != ']')) return false;
    size_t len = (size_t)(end - start);
    if (len >= sizeof host) return false;
    memcpy(host, start, len);
    host[len] = '\0';

    addr.family = bracketed ? 6 : 4;
    if (inet_pton(bracketed ? AF_INET6 : AF_INET, host, addr.ip) != 1) return false;
    *ret = addr;
    return true;
}

bool kith_addr_split_name(const char *text, char ret_name[static KITH_HOST_NAME_MAX + 1],
                          uint16_t *ret_port)
{
    static const char letters[] =
        ".0123456789-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint16_t port;
    size_t len = strspn(text, letters);
    if (len == 0 || len > KITH_HOST_NAME_MAX || strspn(text, ".0123456789") == len) return false;
    if (text[len] != ':' || !parse_port(text + len + 1, &port)) return false;
    memcpy(ret_name, text, len);
    ret_name[len] = '\0';
    *ret_port = port;
    return true;
}
