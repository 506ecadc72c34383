/* Control messages beside a transfer on a slow link: a relay with small buffers passes so many
 * bytes a second from node 0 to node 1, and the time that each control message takes is measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/contract/link_world.h"
#include "tests/test.h"

enum {
    SEGMENT = 1448,
    BUFFER = 4096,
    CONTROL_LEN = 200,
    CONTROLS = 150,
    CONTROL_EVERY_NS = 10 * 1000 * 1000,
    BULK_LEN = 65000,
    DELAY_MAX_MS = 50,
};

struct relay {
    int listener, from, to;
    double bytes_per_ns, budget, carriable; /* carriable: bytes, while the relay had its turns */
    uint64_t last_ns;
    bool is_broken;
};

static struct link_world world;
static struct relay relay;
static kith_link sender;
static uint64_t next_control_ns;
static uint8_t bulk[BULK_LEN];
static uint32_t sent, heard, whole, wrong;
static double delay_ms[CONTROLS];

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void set_small(int fd)
{
    int size = BUFFER, segment = SEGMENT;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
}

/* Listen, and say where. */
static bool relay_open(double bytes_per_s, struct kith_addr *ret)
{
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof at;
    relay = (struct relay){.from = -1, .to = -1, .bytes_per_ns = bytes_per_s * 1e-9};
    relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (relay.listener < 0) return false;
    set_small(relay.listener);
    if (bind(relay.listener, (struct sockaddr *)&at, sizeof at) != 0) return false;
    if (listen(relay.listener, 1) != 0) return false;
    if (getsockname(relay.listener, (struct sockaddr *)&at, &len) != 0) return false;
    *ret = world.nodes[1].addr;
    ret->port = ntohs(at.sin_port);
    return true;
}

static void relay_close(void)
{
    close(relay.listener);
    if (relay.from >= 0) close(relay.from);
    if (relay.to >= 0) close(relay.to);
}

static void relay_accept(void)
{
    struct sockaddr_in at = loopback(world.nodes[1].addr.port);
    relay.from = accept4(relay.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (relay.from < 0) return;
    relay.to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    relay.is_broken = connect(relay.to, (struct sockaddr *)&at, sizeof at) != 0 ||
                      fcntl(relay.to, F_SETFL, O_NONBLOCK) != 0;
    relay.last_ns = uv_hrtime();
}

/* At most `most` bytes onwards, in one segment; how many. */
static size_t pass(int from, int to, size_t most)
{
    uint8_t bytes[SEGMENT];
    ssize_t len = recv(from, bytes, most < sizeof bytes ? most : sizeof bytes, 0);
    if (len > 0 && send(to, bytes, (size_t)len, MSG_NOSIGNAL) != len) relay.is_broken = true;
    return len > 0 ? (size_t)len : 0;
}

static void relay_turn(void)
{
    if (relay.from < 0) relay_accept();
    if (relay.from < 0 || relay.is_broken) return;
    uint64_t now_ns = uv_hrtime();
    double more = (double)(now_ns - relay.last_ns) * relay.bytes_per_ns;
    /* A busy machine that gives the relay no turn is a line that stands still. */
    if (more > 2 * SEGMENT) more = 2 * SEGMENT;
    relay.budget += more;
    relay.carriable += more;
    relay.last_ns = now_ns;
    size_t passed;
    do {
        passed = relay.budget >= 1 ? pass(relay.from, relay.to, (size_t)relay.budget) : 0;
        relay.budget -= (double)passed;
    } while (passed > 0);
    /* What the line could have carried while nothing waited is gone. */
    if (relay.budget > 2 * SEGMENT) relay.budget = 2 * SEGMENT;
    while (pass(relay.to, relay.from, SEGMENT) > 0)
        continue;
}

static void on_message(struct link_world_node *node, kith_link link, struct kith_bytes message)
{
    (void)node;
    (void)link;
    uint64_t then_ns;
    if (message.len == BULK_LEN) {
        whole++;
        wrong += memcmp(message.at, bulk, BULK_LEN) != 0;
        return;
    }
    if (message.len != CONTROL_LEN || heard == CONTROLS) {
        wrong++;
        return;
    }
    memcpy(&then_ns, message.at, sizeof then_ns);
    delay_ms[heard++] = (double)(uv_hrtime() - then_ns) * 1e-6;
}

static bool is_up(void *context)
{
    (void)context;
    relay_turn();
    return world.first && world.first->next;
}

static bool send_bulk(void)
{
    return kith_net_send(world.nodes[0].net, sender, KITH_SEND_BULK,
                         (struct kith_bytes){bulk, BULK_LEN}, (struct kith_bytes){0});
}

static void on_drained(struct link_world_node *node, kith_link link)
{
    (void)link;
    if (node->index == 0 && sender != 0) (void)send_bulk();
}

static void send_control(void)
{
    uint8_t message[CONTROL_LEN] = {0};
    uint64_t now_ns = uv_hrtime();
    if (sent == CONTROLS || now_ns < next_control_ns) return;
    next_control_ns = now_ns + CONTROL_EVERY_NS;
    memcpy(message, &now_ns, sizeof now_ns);
    sent += kith_net_send(world.nodes[0].net, sender, KITH_SEND_CONTROL,
                          (struct kith_bytes){message, sizeof message}, (struct kith_bytes){0});
}

static bool is_over(void *context)
{
    (void)context;
    relay_turn();
    send_control();
    return heard == CONTROLS || relay.is_broken;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void control_overtakes_at(double mbit_per_s)
{
    struct kith_addr addr;
    sent = heard = whole = wrong = 0;
    next_control_ns = 0;
    check(relay_open(mbit_per_s * 1e6 / 8, &addr));
    kith_net_dial(world.nodes[0].net, 1, &addr, NULL);
    check(link_world_until(&world, is_up, NULL));
    struct contract_link_event event;
    for (int i = 0; i < 2; i++) {
        check(link_world_next(&world, &event) && event.kind == CONTRACT_LINK_UP);
        if (event.node == 0) sender = event.link;
    }
    world.on_message = on_message;
    world.on_drained = on_drained;
    relay.carriable = 0;
    for (int i = 0; i < 8; i++)
        check(send_bulk());
    check(link_world_until(&world, is_over, NULL));
    sender = 0;
    relay_close();
    qsort(delay_ms, CONTROLS, sizeof *delay_ms, by_size);
    double used = (double)whole * BULK_LEN / relay.carriable;
    printf("# at %g Mbit/s control took %.0f ms, one in a hundred %.0f ms, at most %.0f ms; blocks "
           "took %.0f %% of the line\n",
           mbit_per_s, delay_ms[CONTROLS / 2], delay_ms[CONTROLS * 99 / 100],
           delay_ms[CONTROLS - 1], 100 * used);
    check_int(wrong, 0);
    check(used > 0.5);
    check(delay_ms[CONTROLS * 9 / 10] < DELAY_MAX_MS);
}

static void control_overtakes_at_5_mbit(void)
{
    control_overtakes_at(5);
}

static void control_overtakes_at_10_mbit(void)
{
    control_overtakes_at(10);
}

static void control_overtakes_at_20_mbit(void)
{
    control_overtakes_at(20);
}

#define run_in_world(test)                                                                         \
    do {                                                                                           \
        if (!link_world_make(&world, 2)) {                                                         \
            printf("Bail out! no world\n");                                                        \
            return 1;                                                                              \
        }                                                                                          \
        run(test);                                                                                 \
        link_world_unmake(&world);                                                                 \
    } while (0)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (uint32_t i = 0; i < BULK_LEN; i++)
        bulk[i] = (uint8_t)(i * 7 + i / 256);
    run_in_world(control_overtakes_at_5_mbit);
    run_in_world(control_overtakes_at_10_mbit);
    run_in_world(control_overtakes_at_20_mbit);
    return test_end();
}
