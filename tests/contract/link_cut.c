/* Links whose network is gone without a word: loopback of an own network namespace, taken down.
 * Needs the right to make one (root, or user namespaces), else the cases are skipped. */
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/contract/link_world.h"
#include "tests/test.h"

static struct link_world world;
static struct contract_link_event event;
static uint8_t block[KITH_BLOCK_MAX];

static bool set_loopback(bool is_up)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool done = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
    if (is_up)
        request.ifr_flags |= IFF_UP;
    else
        request.ifr_flags &= (short)~IFF_UP;
    done = done && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return done;
}

static bool has_own_network(void)
{
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    return set_loopback(true);
}

static kith_link join(void)
{
    kith_link link = 0;
    kith_net_dial(world.nodes[0].net, 1, &world.nodes[1].addr, NULL);
    for (int i = 0; i < 2; i++) {
        if (!link_world_next(&world, &event) || event.kind != CONTRACT_LINK_UP) return 0;
        if (event.node == 0) link = event.link;
    }
    return link;
}

/* Node 0 is told that the link is gone; the network comes back. Node 1, which may have something
 * unacknowledged too, may be told first. */
static bool is_missed(void)
{
    bool is_told = link_world_next(&world, &event);
    if (is_told && event.node == 1 && event.kind == CONTRACT_LINK_DOWN)
        is_told = link_world_next(&world, &event);
    bool is_down = is_told && event.kind == CONTRACT_LINK_DOWN && event.node == 0 &&
                   event.err == KITH_ERR_TIMEOUT;
    return set_loopback(true) && is_down;
}

static bool send_bytes(kith_link link, enum kith_send_class send_class, size_t len)
{
    return kith_net_send(world.nodes[0].net, link, send_class, (struct kith_bytes){block, len},
                         (struct kith_bytes){0});
}

static void a_message_that_is_not_acknowledged(void)
{
    kith_link link = join();
    check(link != 0);
    check(set_loopback(false));
    check(send_bytes(link, KITH_SEND_CONTROL, 100));
    check(is_missed());
}

static void a_transfer_that_stops(void)
{
    kith_link link = join();
    check(link != 0);
    for (int i = 0; i < 4; i++)
        check(send_bytes(link, KITH_SEND_BULK, sizeof block));
    check(link_world_next(&world, &event));
    check_int(event.kind, CONTRACT_MESSAGE);
    for (int i = 0; i < 3; i++)
        check(link_world_next(&world, &event));
    check(set_loopback(false));
    while (send_bytes(link, KITH_SEND_BULK, sizeof block))
        continue;
    check(is_missed());
}

static void a_dial_into_nothing(void)
{
    check(set_loopback(false));
    kith_net_dial(world.nodes[0].net, 7, &world.nodes[1].addr, NULL);
    check(link_world_next(&world, &event));
    check(set_loopback(true));
    check_int(event.kind, CONTRACT_DIAL_FAILED);
    check_int(event.number, 7);
    check(event.err == KITH_ERR_TIMEOUT || event.err == KITH_ERR_IO);
    check(join() != 0);
}

#define run_in_world(test)                                                                         \
    do {                                                                                           \
        world.limits = (struct kith_net_limits){                                                   \
            .stall_ms = 400, .connect_ms = 300, .handshake_ms = 2000, .linger_ms = 50};            \
        if (!link_world_make(&world, 2)) {                                                         \
            printf("Bail out! no world\n");                                                        \
            return 1;                                                                              \
        }                                                                                          \
        run(test);                                                                                 \
        set_loopback(true);                                                                        \
        link_world_unmake(&world);                                                                 \
    } while (0)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (!has_own_network()) {
        skip(a_message_that_is_not_acknowledged, "may not make a network namespace");
        skip(a_transfer_that_stops, "may not make a network namespace");
        skip(a_dial_into_nothing, "may not make a network namespace");
        return test_end();
    }
    run_in_world(a_message_that_is_not_acknowledged);
    run_in_world(a_transfer_that_stops);
    run_in_world(a_dial_into_nothing);
    return test_end();
}
