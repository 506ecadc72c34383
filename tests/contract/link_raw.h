/* tests/contract/link_raw.h: a bare socket that talks to a net of a link_world, politely or not. */
#ifndef KITH_TESTS_LINK_RAW_H
#define KITH_TESTS_LINK_RAW_H

#include "host/channel.h"
#include "tests/contract/link_world.h"

enum { LINK_RAW_BUFFER = 512 * 1024 };

struct link_raw {
    struct link_world *world;
    uint32_t node;
    int fd;         /* -1: closed by us */
    bool is_closed; /* by the far end */
    struct kith_keypair keypair;
    struct kith_channel channel;
    uint8_t buffer[LINK_RAW_BUFFER];
    uint8_t said[4096]; /* the handshake messages we sent, for replays */
    size_t said_len;
    size_t heard; /* bytes received in all */
    uint32_t ups, byes, messages;
    int err; /* of the channel */
};

/* Connect; `receive_size` 0: the kernel's choice of a receive buffer. */
bool link_raw_connect(struct link_raw *raw, struct link_world *world, uint32_t node,
                      int receive_size);
/* Connect and shake hands as a dialler with a hotkey of its own: true once it is up. */
bool link_raw_join(struct link_raw *raw, struct link_world *world, uint32_t node, int receive_size);
/* All of it, turning the loop meanwhile; false if the far end takes no more or has closed. */
bool link_raw_send(struct link_raw *raw, const void *bytes, size_t len);
/* One sealed message. */
bool link_raw_send_message(struct link_raw *raw, const void *bytes, size_t len);
/* Receive what is there through the channel, at most `max` bytes; true once the far end closed. */
bool link_raw_read(struct link_raw *raw, size_t max);
/* Turn the loop until the far end has closed; false if it does not. */
bool link_raw_is_dropped(struct link_raw *raw);
/* Close our end; with `reset` by RST. */
void link_raw_close(struct link_raw *raw, bool reset);

#endif
