/* The DHT helper's supervision: real kith-dht processes that die, hang, find their port taken or
 * talk nonsense. Short times stand in for the long ones; nothing waits for time to pass. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/contract/dht_swarm.h"
#include "tests/test.h"

enum { LIMIT_MS = 30 * 1000 };

static const char *helper_path;
static const char *own_path;
static struct swarm swarm;
static struct contract_dht_found found;
static const uint8_t key[KITH_DHT_KEY_LEN] = {1, 2, 3};

static struct kith_bytes text(const char *content)
{
    return (struct kith_bytes){(const uint8_t *)content, strlen(content)};
}

static void fresh(void)
{
    swarm_unmake(&swarm);
    swarm = (struct swarm){.helper_path = helper_path, .net32 = 0x6b697468};
    swarm.times.stats_ms = 50;
}

static pid_t pid_of(uint32_t node)
{
    return kith_dht_pipe_pid(swarm.nodes[node].pipe);
}

struct wanted {
    uint32_t node;
    enum kith_dht_state state;
    uint32_t times; /* at least so often */
};

static bool was_said(void *context)
{
    struct wanted *wanted = context;
    return swarm.nodes[wanted->node].said[wanted->state] >= wanted->times;
}

static bool wait_for(uint32_t node, enum kith_dht_state state, uint32_t times)
{
    struct wanted wanted = {node, state, times};
    return swarm_until(was_said, &wanted, LIMIT_MS);
}

static bool can_put_and_get(uint32_t from, uint32_t to, const char *content)
{
    int err = swarm_put(&swarm, from, key, text(content));
    if (err) printf("# put: %s\n", kith_err_text(err));
    if (err) return false;
    swarm_get(&swarm, to, key, &found);
    for (uint32_t i = 0; i < found.count; i++)
        if (found.values[i].len == strlen(content) &&
            memcmp(found.values[i].bytes, content, strlen(content)) == 0)
            return true;
    return false;
}

static void a_killed_helper_is_back_within_a_second(void)
{
    fresh();
    check(swarm_make(&swarm, 3));
    pid_t before = pid_of(1);
    uint64_t killed_ms = uv_hrtime() / 1000000;
    check_int(kill(before, SIGKILL), 0);
    check(wait_for(1, KITH_DHT_DOWN, 1));
    check_str(swarm.nodes[1].text, "the DHT helper was killed by signal 9");
    check(wait_for(1, KITH_DHT_UP, 2));
    check(uv_hrtime() / 1000000 - killed_ms <= 1000);
    check(pid_of(1) != before);
    check(can_put_and_get(1, 2, "again"));
}

static void what_is_under_way_ends_when_the_helper_dies(void)
{
    fresh();
    check(swarm_make(&swarm, 1));
    /* Stopped, it cannot answer first. */
    check_int(kill(pid_of(0), SIGSTOP), 0);
    swarm_begin_get(&swarm, 0, key);
    check_int(kill(pid_of(0), SIGKILL), 0);
    check(swarm_await(&swarm, 0, LIMIT_MS));
    check_int(swarm.nodes[0].found.err, KITH_ERR_CLOSED);
    /* And what is begun while there is none ends at once. */
    check_int(kith_dht_pipe_pid(swarm.nodes[0].pipe), 0);
    check_int(swarm_put(&swarm, 0, key, text("x")), KITH_ERR_CLOSED);
}

static void pauses_double(void)
{
    fresh();
    swarm.times.restart_first_ms = 40;
    swarm.times.restart_max_ms = 100;
    check(swarm_make(&swarm, 1));
    static const uint64_t pauses_ms[] = {40, 80, 100, 100};
    for (uint32_t i = 0; i < 4; i++) {
        check_int(kill(pid_of(0), SIGKILL), 0);
        check(wait_for(0, KITH_DHT_DOWN, i + 1));
        uint64_t down_ms = uv_now(uv_default_loop());
        check(wait_for(0, KITH_DHT_UP, i + 2));
        check(uv_now(uv_default_loop()) - down_ms >= pauses_ms[i]);
    }
}

static void a_long_life_makes_the_pause_short_again(void)
{
    fresh();
    swarm.times.restart_first_ms = 100;
    swarm.times.restart_reset_ms = 1; /* every life is long enough */
    check(swarm_make(&swarm, 1));
    for (uint32_t i = 0; i < 5; i++) {
        check_int(kill(pid_of(0), SIGKILL), 0);
        check(wait_for(0, KITH_DHT_DOWN, i + 1));
        uint64_t down_ms = uv_now(uv_default_loop());
        check(wait_for(0, KITH_DHT_UP, i + 2));
        /* Doubled, the fifth would be 1,600 ms. */
        check(uv_now(uv_default_loop()) - down_ms < 1500);
    }
}

/* 6 deaths are an attack: no DHT for a while, then again. 20 kills make three of them. */
static void twenty_kills_are_three_attacks(void)
{
    fresh();
    swarm.times.restart_first_ms = 1;
    swarm.times.restart_max_ms = 5;
    swarm.times.attacked_ms = 100;
    check(swarm_make(&swarm, 1));
    for (uint32_t kills = 0; kills < 20; kills++) {
        check(wait_for(0, KITH_DHT_UP, kills + 1));
        check_int(kill(pid_of(0), SIGKILL), 0);
        if (kills % 6 != 5) continue;
        check(wait_for(0, KITH_DHT_ATTACKED, kills / 6 + 1));
        check(strstr(swarm.nodes[0].text, "under attack"));
        check_int(kith_dht_pipe_pid(swarm.nodes[0].pipe), 0);
        check_int(swarm_put(&swarm, 0, key, text("x")), KITH_ERR_CLOSED);
    }
    check(wait_for(0, KITH_DHT_UP, 21));
    check_int(swarm.nodes[0].said[KITH_DHT_ATTACKED], 3);
    check_int(swarm.nodes[0].said[KITH_DHT_DOWN], 17);
}

static void a_stopped_helper_times_out_and_is_killed(void)
{
    fresh();
    check(swarm_make(&swarm, 1));
    struct kith_addr seed = swarm_addr(swarm.nodes[0].port);
    swarm.times.get_ms = 200;
    swarm.times.hung_ms = 600;
    check_int(swarm_start(&swarm, 1, swarm_free_port(), &seed, 1), 0);
    check(swarm_joined(&swarm, 1));
    pid_t before = pid_of(1);
    check_int(kill(before, SIGSTOP), 0);
    swarm_begin_get(&swarm, 1, key);
    check(swarm_await(&swarm, 1, LIMIT_MS));
    check_int(swarm.nodes[1].found.err, KITH_ERR_TIMEOUT);
    check_int(pid_of(1), before);
    check(wait_for(1, KITH_DHT_DOWN, 1));
    check(strstr(swarm.nodes[1].text, "no longer answered"));
    check(wait_for(1, KITH_DHT_UP, 2));
    check(swarm_joined(&swarm, 1));
    check(can_put_and_get(1, 0, "after the stop"));
}

/* The node itself stands still for longer than either limit. */
static void a_node_that_lags_does_not_blame_its_helper(void)
{
    fresh();
    swarm.times.get_ms = 600;
    swarm.times.hung_ms = 600;
    check(swarm_make(&swarm, 1));
    pid_t before = pid_of(0);
    swarm_begin_get(&swarm, 0, key);
    poll(NULL, 0, 1300);
    check(swarm_await(&swarm, 0, LIMIT_MS));
    check_int(swarm.nodes[0].found.err, 0);
    check_int(pid_of(0), before);
    check_int(swarm.nodes[0].said[KITH_DHT_DOWN], 0);
}

static bool all_have_ended(void *context)
{
    (void)context;
    return swarm.nodes[0].done_count == KITH_DHT_OPEN_MAX + 1;
}

static void too_many_operations_are_refused(void)
{
    fresh();
    check(swarm_make(&swarm, 1));
    check_int(kill(pid_of(0), SIGSTOP), 0);
    for (uint32_t i = 0; i < KITH_DHT_OPEN_MAX; i++)
        kith_dht_pipe_get(swarm.nodes[0].pipe, 1000000 + i, key);
    swarm_begin_get(&swarm, 0, key);
    check(swarm_await(&swarm, 0, LIMIT_MS));
    check_int(swarm.nodes[0].found.err, KITH_ERR_NOMEM);
    /* Once the others have ended there is room again. */
    check_int(kill(pid_of(0), SIGCONT), 0);
    check(swarm_until(all_have_ended, NULL, LIMIT_MS));
    swarm_begin_get(&swarm, 0, key);
    check(swarm_await(&swarm, 0, LIMIT_MS));
    check_int(swarm.nodes[0].found.err, 0);
}

static int take_port(uint16_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static void a_taken_port_is_named_and_tried_again(void)
{
    fresh();
    swarm.times.restart_max_ms = 100;
    char wanted[100];
    uint16_t port = swarm_free_port();
    int other = take_port(port);
    check(other >= 0);
    check_int(swarm_start(&swarm, 0, port, NULL, 0), 0);
    swarm_begin_get(&swarm, 0, key);
    check(wait_for(0, KITH_DHT_PORT_TAKEN, 1));
    snprintf(wanted, sizeof wanted, "UDP port %u is in use by another program", port);
    check(strncmp(swarm.nodes[0].text, wanted, strlen(wanted)) == 0);
    check(swarm_await(&swarm, 0, LIMIT_MS));
    check_int(swarm.nodes[0].found.err, KITH_ERR_CLOSED);
    close(other);
    check(wait_for(0, KITH_DHT_UP, 1));
    /* Said once, however often it was tried. */
    check_int(swarm.nodes[0].said[KITH_DHT_PORT_TAKEN], 1);
    check_int(swarm.nodes[0].said[KITH_DHT_ATTACKED], 0);
}

static void bad_seeds_do_no_harm(void)
{
    fresh();
    check(swarm_make(&swarm, 1));
    uint16_t own = swarm_free_port();
    struct kith_addr seeds[KITH_DHT_SEEDS_MAX + 1];
    for (uint32_t i = 0; i <= KITH_DHT_SEEDS_MAX; i++)
        seeds[i] = swarm_addr(swarm_free_port()); /* nobody is there */
    seeds[3] = swarm_addr(own);
    seeds[4] = (struct kith_addr){0};
    seeds[5] = (struct kith_addr){.family = 4, .ip = {224, 0, 0, 1}, .port = 8120};
    seeds[6] = (struct kith_addr){.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 1};
    check_int(swarm_start(&swarm, 1, own, seeds, KITH_DHT_SEEDS_MAX + 1), KITH_ERR_RANGE);
    /* One live seed among the dead is enough. */
    seeds[20] = swarm_addr(swarm.nodes[0].port);
    check_int(swarm_start(&swarm, 1, own, seeds, KITH_DHT_SEEDS_MAX), 0);
    check(wait_for(1, KITH_DHT_UP, 1));
    check(swarm_joined(&swarm, 1));
    check(can_put_and_get(1, 0, "among the dead"));
}

static void only_dead_seeds_leave_a_node_that_others_find(void)
{
    fresh();
    struct kith_addr dead = swarm_addr(swarm_free_port());
    uint16_t port = swarm_free_port();
    check_int(swarm_start(&swarm, 0, port, &dead, 1), 0);
    check(wait_for(0, KITH_DHT_UP, 1));
    struct kith_addr first = swarm_addr(port);
    check_int(swarm_start(&swarm, 1, swarm_free_port(), &first, 1), 0);
    check(swarm_joined(&swarm, 1));
    check(can_put_and_get(1, 0, "hello"));
}

static void a_pinged_peer_is_a_way_in_also_after_a_restart(void)
{
    fresh();
    check(swarm_make(&swarm, 1));
    check_int(swarm_start(&swarm, 1, swarm_free_port(), NULL, 0), 0);
    struct kith_addr peer = swarm_addr(swarm.nodes[0].port);
    kith_dht_pipe_ping(swarm.nodes[1].pipe, &peer);
    check(swarm_joined(&swarm, 1));
    check(can_put_and_get(1, 0, "first life"));
    /* Anew, the first node knows nobody, so it cannot be the one that calls. */
    check_int(kill(pid_of(1), SIGSTOP), 0);
    swarm_close(&swarm, 0);
    check_int(swarm_start(&swarm, 0, peer.port, NULL, 0), 0);
    check(wait_for(0, KITH_DHT_UP, 1));
    check_int(kill(pid_of(1), SIGKILL), 0);
    check(wait_for(1, KITH_DHT_UP, 2));
    check(swarm_joined(&swarm, 1));
    check(can_put_and_get(1, 0, "second life"));
}

static uint32_t descriptors_of(pid_t pid)
{
    char path[64];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *listing = opendir(path);
    if (!listing) return UINT32_MAX;
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2;
}

static void a_thousand_descriptors_of_the_node_are_not_the_helpers(void)
{
    enum { MANY = 1100 };
    static int fds[MANY];
    struct rlimit limit;
    fresh();
    check_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
    check(limit.rlim_max > MANY + 100);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    check_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < MANY; i++)
        fds[i] = open("/dev/null", O_RDONLY); /* inherited by whom we start */
    check(swarm_make(&swarm, 2));
    bool works = can_put_and_get(0, 1, "many descriptors");
    uint32_t descriptors = descriptors_of(pid_of(1));
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    limit.rlim_cur = before;
    check_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
    check(works);
    check(descriptors < 20);
}

static void closing_ends_the_helper_and_what_is_under_way(void)
{
    fresh();
    check(swarm_make(&swarm, 1));
    pid_t pid = pid_of(0);
    swarm_begin_get(&swarm, 0, key);
    swarm_close(&swarm, 0);
    check(swarm.nodes[0].is_closed);
    check(swarm.nodes[0].is_done);
    check_int(swarm.nodes[0].found.err, KITH_ERR_CLOSED);
    check_int(kill(pid, 0), -1);
}

static void closing_does_not_wait_for_a_stopped_helper(void)
{
    fresh();
    check(swarm_make(&swarm, 1));
    pid_t pid = pid_of(0);
    check_int(kill(pid, SIGSTOP), 0);
    uint64_t start_ms = uv_hrtime() / 1000000;
    swarm_close(&swarm, 0);
    check(swarm.nodes[0].is_closed);
    check(uv_hrtime() / 1000000 - start_ms < 1000);
    check_int(kill(pid, 0), -1);
}

static void signals_of_the_terminal_are_the_nodes_business(void)
{
    fresh();
    check(swarm_make(&swarm, 2));
    pid_t pid = pid_of(0);
    check_int(kill(pid, SIGINT), 0);
    check_int(kill(pid, SIGTERM), 0);
    check_int(kill(pid, SIGHUP), 0);
    check(can_put_and_get(0, 1, "still here"));
    check_int(pid_of(0), pid);
}

/* This program again, as a node that says its helper's number and then waits to be killed. */
static int be_a_node(void)
{
    fresh();
    if (!swarm_make(&swarm, 1)) return 1;
    printf("%d\n", (int)pid_of(0));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static pid_t start_a_node(FILE **ret_out)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return -1;
    pid_t node = fork();
    if (node == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(own_path, own_path, helper_path, "--node", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *ret_out = fdopen(ends[0], "r");
    return node;
}

static void a_helper_does_not_outlive_its_node(void)
{
    FILE *out;
    int helper = 0;
    fresh();
    pid_t node = start_a_node(&out);
    check(node > 0);
    check_int(fscanf(out, "%d", &helper), 1);
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, helper, 0), .events = POLLIN};
    check(end.fd >= 0);
    check_int(kill(node, SIGKILL), 0);
    int ended = poll(&end, 1, LIMIT_MS);
    close(end.fd);
    fclose(out);
    check_int(ended, 1);
}

static void what_is_no_helper_is_noticed(const char *path, enum kith_dht_state state,
                                         const char *says)
{
    fresh();
    swarm.helper_path = path;
    swarm.times.hung_ms = 200;
    check_int(swarm_start(&swarm, 0, swarm_free_port(), NULL, 0), 0);
    check(wait_for(0, state, 1));
    if (!strstr(swarm.nodes[0].text, says)) printf("# %s\n", swarm.nodes[0].text);
    check(strstr(swarm.nodes[0].text, says));
    check_int(swarm_put(&swarm, 0, key, text("x")), KITH_ERR_CLOSED);
}

static void a_missing_helper_is_said(void)
{
    what_is_no_helper_is_noticed("/nonexistent/kith-dht", KITH_DHT_MISSING, "no such file");
}

static void a_helper_that_ends_is_said(void)
{
    what_is_no_helper_is_noticed("/bin/true", KITH_DHT_DOWN, "ended with status 0");
}

static void a_helper_that_talks_nonsense_is_killed(void)
{
    what_is_no_helper_is_noticed(own_path, KITH_DHT_DOWN, "killed by signal 9");
}

/* This program again, started in the helper's stead. */
static int be_a_talker(void)
{
    while (write(STDIN_FILENO, "nonsense", 8) == 8)
        continue;
    return 0;
}

static void a_helper_that_never_starts_is_killed(void)
{
    what_is_no_helper_is_noticed("/usr/bin/yes", KITH_DHT_DOWN, "no longer answered");
}

int main(int argc, char **argv)
{
    own_path = argv[0];
    helper_path = argc > 1 ? argv[1] : NULL;
    if (strcmp(own_path, "kith-dht") == 0) return be_a_talker();
    signal(SIGPIPE, SIG_IGN);
    if (argc > 2) return be_a_node();
    run(a_killed_helper_is_back_within_a_second);
    run(what_is_under_way_ends_when_the_helper_dies);
    run(pauses_double);
    run(a_long_life_makes_the_pause_short_again);
    run(twenty_kills_are_three_attacks);
    run(a_stopped_helper_times_out_and_is_killed);
    run(a_node_that_lags_does_not_blame_its_helper);
    run(too_many_operations_are_refused);
    run(a_taken_port_is_named_and_tried_again);
    run(bad_seeds_do_no_harm);
    run(only_dead_seeds_leave_a_node_that_others_find);
    run(a_pinged_peer_is_a_way_in_also_after_a_restart);
    run(a_thousand_descriptors_of_the_node_are_not_the_helpers);
    run(closing_ends_the_helper_and_what_is_under_way);
    run(closing_does_not_wait_for_a_stopped_helper);
    run(signals_of_the_terminal_are_the_nodes_business);
    run(a_helper_does_not_outlive_its_node);
    run(a_missing_helper_is_said);
    run(a_helper_that_ends_is_said);
    run(a_helper_that_talks_nonsense_is_killed);
    run(a_helper_that_never_starts_is_killed);
    swarm_unmake(&swarm);
    return test_end();
}
