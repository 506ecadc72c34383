/* The wire bench over the links that nodes use. */
#include "tools/wire_end.h"

static void on_link_up(void *context, kith_link link, const struct kith_id *peer,
                       const struct kith_addr *addr, bool dialed, uint64_t number)
{
    struct kith_wire_end *end = context;
    (void)peer, (void)addr, (void)dialed, (void)number;
    end->link = link;
    kith_wire_up(end);
}

static void on_link_down(void *context, kith_link link, int err)
{
    (void)link;
    kith_wire_fail(context, err);
}

static void on_dial_failed(void *context, uint64_t number, int err)
{
    (void)number;
    kith_wire_fail(context, err);
}

static void on_message(void *context, kith_link link, struct kith_bytes message)
{
    (void)link;
    kith_wire_message(context, message);
}

static void on_drained(void *context, kith_link link)
{
    (void)link;
    kith_wire_room(context);
}

static int sealed_open(struct kith_wire_end *end)
{
    uint8_t seed[KITH_SEED_LEN] = {(uint8_t)(end->index + 1)};
    kith_keypair_from_seed(&end->keypair, seed);
    struct kith_net_config config = {
        .loop = &end->loop,
        .keypair = &end->keypair,
        .scheme = &kith_ed25519,
        .links_max = 1,
        .context = end,
        .on_link_up = on_link_up,
        .on_link_down = on_link_down,
        .on_dial_failed = on_dial_failed,
        .on_message = on_message,
        .on_drained = on_drained,
    };
    if (end->index == 1) config.bind = (struct kith_addr){.family = 4, .ip = {127, 0, 0, 1}};
    int err = kith_net_new(&config, &end->net);
    if (err != 0) return err;
    end->port = kith_net_port(end->net);
    if (end->index == 1) return 0;
    struct kith_addr addr = {.family = 4, .ip = {127, 0, 0, 1}, .port = end->other->port};
    kith_net_dial(end->net, 1, &addr, NULL);
    return 0;
}

static size_t sealed_room(struct kith_wire_end *end)
{
    return kith_net_room(end->net, end->link);
}

static void sealed_send(struct kith_wire_end *end, struct kith_bytes head, struct kith_bytes body)
{
    enum kith_send_class send_class = body.len == 0 ? KITH_SEND_CONTROL : KITH_SEND_BULK;
    (void)kith_net_send(end->net, end->link, send_class, head, body);
}

static void sealed_flush(struct kith_wire_end *end)
{
    (void)end; /* links write once in a turn of the loop */
}

static void sealed_close(struct kith_wire_end *end)
{
    kith_net_close(end->net, NULL, NULL);
}

const struct kith_wire_kind kith_wire_sealed = {.open = sealed_open,
                                                .room = sealed_room,
                                                .send = sealed_send,
                                                .flush = sealed_flush,
                                                .close = sealed_close};
