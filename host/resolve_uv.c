#include "host/resolve_uv.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/local_addr.h"

struct name {
    struct kith_resolve *resolve;
    uv_getaddrinfo_t request;
    bool pending;
    bool found;
    uint16_t port;
    struct kith_addr addr;
    char text[KITH_RESOLVE_TEXT_MAX];
    char host[KITH_HOST_NAME_MAX + 1];
};

struct kith_resolve {
    uv_timer_t timer;
    void *context;
    void (*failed)(void *context, const char *text);
    void (*done)(void *context, const struct kith_addr *addrs, uint32_t count);
    bool told;   /* done was called */
    bool closed; /* the timer is */
    uint32_t pending;
    uint32_t count;
    struct name at[KITH_RESOLVE_MAX];
};

bool kith_resolve_is_good(const char *text)
{
    char host[KITH_HOST_NAME_MAX + 1];
    uint16_t port;
    struct kith_addr addr;
    return kith_addr_parse(text, &addr) || kith_addr_split_name(text, host, &port);
}

static void release_if_idle(struct kith_resolve *resolve)
{
    if (resolve->closed && resolve->pending == 0) free(resolve);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct kith_resolve *resolve = handle->data;
    resolve->closed = true;
    release_if_idle(resolve);
}

static void tell(struct kith_resolve *resolve)
{
    struct kith_addr addrs[KITH_RESOLVE_MAX];
    uint32_t count = 0;
    if (resolve->told) return;
    resolve->told = true;
    for (uint32_t i = 0; i < resolve->count; i++) {
        const struct name *name = &resolve->at[i];
        if (name->found)
            addrs[count++] = name->addr;
        else
            resolve->failed(resolve->context, name->text);
    }
    resolve->done(resolve->context, addrs, count);
    uv_close((uv_handle_t *)&resolve->timer, on_timer_closed);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct name *name = request->data;
    struct kith_resolve *resolve = name->resolve;
    name->pending = false;
    resolve->pending--;
    for (struct addrinfo *at = list; status == 0 && at && !name->found; at = at->ai_next)
        name->found = kith_addr_of_socket(at->ai_addr, &name->addr);
    name->addr.port = name->port;
    uv_freeaddrinfo(list);
    if (resolve->told)
        release_if_idle(resolve);
    else if (resolve->pending == 0)
        tell(resolve);
}

static void on_timer(uv_timer_t *timer)
{
    struct kith_resolve *resolve = timer->data;
    for (uint32_t i = 0; i < resolve->count; i++)
        if (resolve->at[i].pending) uv_cancel((uv_req_t *)&resolve->at[i].request);
    tell(resolve);
}

static void begin(struct kith_resolve *resolve, struct name *name, uv_loop_t *loop)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (kith_addr_parse(name->text, &name->addr)) {
        name->found = true;
        return;
    }
    kith_addr_split_name(name->text, name->host, &name->port);
    name->request.data = name;
    if (uv_getaddrinfo(loop, &name->request, on_resolved, name->host, NULL, &hints) != 0) return;
    name->pending = true;
    resolve->pending++;
}

int kith_resolve_start(uv_loop_t *loop, const char *const *texts, uint32_t count, uint32_t limit_ms,
                       void *context, void (*failed)(void *context, const char *text),
                       void (*done)(void *context, const struct kith_addr *addrs, uint32_t count))
{
    if (count > KITH_RESOLVE_MAX) return KITH_ERR_RANGE;
    for (uint32_t i = 0; i < count; i++)
        if (!kith_resolve_is_good(texts[i])) return KITH_ERR_INVALID;
    struct kith_resolve *resolve = calloc(1, sizeof *resolve);
    if (!resolve) return KITH_ERR_NOMEM;
    resolve->context = context;
    resolve->failed = failed;
    resolve->done = done;
    resolve->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct name *name = &resolve->at[i];
        name->resolve = resolve;
        strcpy(name->text, texts[i]);
        begin(resolve, name, loop);
    }
    uv_timer_init(loop, &resolve->timer);
    resolve->timer.data = resolve;
    uv_timer_start(&resolve->timer, on_timer, resolve->pending ? limit_ms : 0, 0);
    return 0;
}
