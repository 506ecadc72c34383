/* What strangers send to the DHT helper's UDP port: datagrams that kill OpenDHT 2.4.12, noise, and
 * well-formed lies. `e2e_dht_hostile KITH_DHT CORPUS` */
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/rng.h"
#include "tests/contract/dht_swarm.h"
#include "tests/test.h"

enum { LIMIT_MS = 30 * 1000, DATAGRAM_MAX = 64 * 1024, FILES_MAX = 256, NET32 = 0x6b697468 };

struct datagram {
    char name[64];
    uint8_t bytes[DATAGRAM_MAX];
    size_t len;
};

static const char *helper_path;
static struct datagram corpus[FILES_MAX];
static uint32_t corpus_count;
static struct swarm swarm;
static struct contract_dht_found found;
static const uint8_t key[KITH_DHT_KEY_LEN] = {1, 2, 3};
static int stranger = -1; /* a socket of nobody */

static struct kith_bytes text(const char *content)
{
    return (struct kith_bytes){(const uint8_t *)content, strlen(content)};
}

static bool load(const char *directory)
{
    DIR *listing = opendir(directory);
    if (!listing) return false;
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        if (entry->d_name[0] == '.' || corpus_count == FILES_MAX) continue;
        struct datagram *datagram = &corpus[corpus_count++];
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        snprintf(datagram->name, sizeof datagram->name, "%.63s", entry->d_name);
        FILE *file = fopen(path, "rb");
        if (!file) return false;
        datagram->len = fread(datagram->bytes, 1, sizeof datagram->bytes, file);
        fclose(file);
    }
    closedir(listing);
    return corpus_count > 0;
}

static bool fresh_stranger(void)
{
    if (stranger >= 0) close(stranger);
    stranger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return stranger >= 0;
}

static void fresh(void)
{
    swarm_unmake(&swarm);
    swarm = (struct swarm){.helper_path = helper_path, .net32 = NET32};
    swarm.times.stats_ms = 50;
}

static pid_t pid_of(uint32_t node)
{
    return kith_dht_pipe_pid(swarm.nodes[node].pipe);
}

static struct kith_dht_stats stats_of(uint32_t node)
{
    struct kith_dht_stats stats;
    kith_dht_pipe_stats(swarm.nodes[node].pipe, &stats);
    return stats;
}

static bool send_to(uint32_t node, const void *bytes, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(swarm.nodes[node].port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sendto(stranger, bytes, len, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)len;
}

static bool has(const char *content)
{
    for (uint32_t i = 0; i < found.count; i++)
        if (found.values[i].len == strlen(content) &&
            memcmp(found.values[i].bytes, content, strlen(content)) == 0)
            return true;
    return false;
}

static bool can_put_and_get(uint32_t from, uint32_t to, const char *content)
{
    if (swarm_put(&swarm, from, key, text(content))) return false;
    swarm_get(&swarm, to, key, &found);
    return has(content);
}

static bool dropped_enough(void *wanted)
{
    return stats_of(0).traffic.dropped >= *(uint64_t *)wanted;
}

static void hostile_datagrams_are_dropped_and_counted(void)
{
    fresh();
    check(swarm_make(&swarm, 2));
    pid_t pid = pid_of(0);
    uint64_t sent = 0;
    for (uint32_t i = 0; i < corpus_count; i++) {
        if (strncmp(corpus[i].name, "bad-", 4) != 0) continue;
        check(send_to(0, corpus[i].bytes, corpus[i].len));
        sent++;
        /* One by one, so that no socket's buffer runs over. */
        check(swarm_until(dropped_enough, &sent, LIMIT_MS));
    }
    check(sent >= 30);
    check(stats_of(0).traffic.dropped == sent);
    check(can_put_and_get(0, 1, "unharmed"));
    check_int(pid_of(0), pid);
    check_int(stats_of(0).restarts, 0);
}

struct count {
    enum kith_dht_state state;
    uint32_t times;
};

static bool was_said(void *context)
{
    struct count *count = context;
    return swarm.nodes[0].said[count->state] >= count->times;
}

static bool wait_for(enum kith_dht_state state, uint32_t times)
{
    struct count count = {state, times};
    return swarm_until(was_said, &count, LIMIT_MS);
}

static bool send_named(const char *name)
{
    for (uint32_t i = 0; i < corpus_count; i++)
        if (strcmp(corpus[i].name, name) == 0) return send_to(0, corpus[i].bytes, corpus[i].len);
    return false;
}

static void without_the_shield_they_kill_and_the_helper_comes_back(void)
{
    static const char *const killers[] = {"bad-empty-error", "bad-empty-selection",
                                          "bad-arguments-integer"};
    fresh();
    swarm.shield_off = true;
    /* Each death counts, so the pause doubles; keep it at what a first death gets. */
    swarm.times.restart_max_ms = 500;
    check(swarm_make(&swarm, 2));
    for (uint32_t i = 0; i < 3; i++) {
        check(can_put_and_get(0, 1, "before"));
        check(send_named(killers[i]));
        check(wait_for(KITH_DHT_DOWN, i + 1));
        uint64_t down_ms = uv_hrtime() / 1000000;
        check(wait_for(KITH_DHT_UP, i + 2));
        check(uv_hrtime() / 1000000 - down_ms <= 1000);
        /* The first node has no seeds; the other one's pings bring it back. */
        struct kith_addr other = swarm_addr(swarm.nodes[1].port);
        kith_dht_pipe_ping(swarm.nodes[0].pipe, &other);
        check(swarm_joined(&swarm, 0));
        check(can_put_and_get(0, 1, "put again"));
    }
}

static bool has_heard(void *wanted)
{
    return stats_of(0).traffic.datagrams >= *(uint64_t *)wanted;
}

static void honest_traffic_is_never_dropped(void)
{
    static uint8_t value[KITH_DHT_VALUE_MAX];
    fresh();
    check(swarm_make(&swarm, 6));
    for (uint32_t i = 0; i < 30; i++) {
        uint8_t some_key[KITH_DHT_KEY_LEN] = {9, (uint8_t)(i % 5)};
        memset(value, (int)i, sizeof value);
        size_t len = 1 + i * 19 % KITH_DHT_VALUE_MAX;
        check_int(swarm_put(&swarm, i % 6, some_key, (struct kith_bytes){value, len}), 0);
        swarm_get(&swarm, (i + 1) % 6, some_key, &found);
        check_int(found.err, 0);
        check(found.count > 0);
    }
    uint64_t many = 200;
    check(swarm_until(has_heard, &many, LIMIT_MS));
    for (uint32_t node = 0; node < 6; node++)
        check_int(stats_of(node).traffic.dropped, 0);
}

/* Mutations of all the corpus at once; whatever they are, the helper lives. */
static void noise_does_not_kill(void)
{
    enum { NOISE = 20000 };
    static const uint8_t seed[KITH_SEED_LEN] = {3};
    static uint8_t bytes[DATAGRAM_MAX];
    struct kith_rng rng;
    kith_rng_init(&rng, seed);
    fresh();
    check(swarm_make(&swarm, 2));
    pid_t pid = pid_of(0);
    for (uint64_t sent = 1; sent <= NOISE; sent++) {
        const struct datagram *datagram = &corpus[kith_rng_below(&rng, corpus_count)];
        size_t len = datagram->len;
        if (len > 2048) continue;
        memcpy(bytes, datagram->bytes, len);
        for (uint32_t edits = kith_rng_below(&rng, 4); edits > 0; edits--)
            bytes[kith_rng_below(&rng, (uint32_t)len)] = (uint8_t)kith_rng_below(&rng, 256);
        check(send_to(0, bytes, len));
        uint64_t heard = stats_of(0).traffic.datagrams + 1;
        if (sent % 100 == 0) check(swarm_until(has_heard, &heard, LIMIT_MS));
    }
    check_int(pid_of(0), pid);
    check_int(stats_of(0).restarts, 0);
    check(stats_of(0).traffic.dropped > NOISE / 10);
}

static void a_crowded_key_is_full_and_the_rest_unharmed(void)
{
    static uint8_t value[KITH_DHT_VALUE_MAX];
    const uint8_t quiet[KITH_DHT_KEY_LEN] = {77};
    fresh();
    check(swarm_make(&swarm, 4));
    for (uint32_t i = 0; i < 300; i++) {
        memcpy(value, &i, sizeof i);
        check_int(swarm_put(&swarm, i % 4, key, (struct kith_bytes){value, sizeof value}), 0);
    }
    for (uint32_t node = 0; node < 4; node++) {
        swarm_get(&swarm, node, key, &found);
        check_int(found.err, KITH_ERR_FULL);
        check_int(found.count, KITH_DHT_VALUES_MAX);
    }
    check_int(swarm_put(&swarm, 1, quiet, text("alone here")), 0);
    swarm_get(&swarm, 2, quiet, &found);
    check_int(found.err, 0);
    check(has("alone here"));
}

/* A DHT node made of a socket, enough to read and to squat. */

static void write_text(struct kith_writer *writer, const char *content)
{
    kith_write_u8(writer, (uint8_t)(0xa0 | strlen(content)));
    kith_write_raw(writer, content, strlen(content));
}

static void write_bin(struct kith_writer *writer, const void *bytes, size_t len)
{
    kith_write_u8(writer, 0xc4);
    kith_write_u8(writer, (uint8_t)len);
    kith_write_raw(writer, bytes, len);
}

static void write_big(struct kith_writer *writer, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--)
        kith_write_u8(writer, (uint8_t)(value >> (8 * (i - 1))));
}

/* Everything of a request but its arguments. */
static void write_request(struct kith_writer *writer, const char *name)
{
    kith_write_u8(writer, 0x85);
    write_text(writer, "q");
    write_text(writer, name);
    write_text(writer, "t");
    kith_write_u8(writer, 1);
    write_text(writer, "y");
    write_text(writer, "q");
    write_text(writer, "n");
    kith_write_u8(writer, 0xce);
    write_big(writer, NET32, 4);
    write_text(writer, "a");
}

static void write_id_and_key(struct kith_writer *writer)
{
    uint8_t id[20];
    memset(id, 0xee, sizeof id);
    write_text(writer, "id");
    write_bin(writer, id, sizeof id);
    write_text(writer, "h");
    write_bin(writer, key, sizeof key);
}

static size_t receive(uint8_t *ret, size_t size)
{
    struct pollfd wait = {.fd = stranger, .events = POLLIN};
    if (poll(&wait, 1, LIMIT_MS) != 1) return 0;
    ssize_t len = recv(stranger, ret, size, 0);
    return len > 0 ? (size_t)len : 0;
}

struct reply {
    uint8_t token[64];
    size_t token_len;
    uint64_t ids[8];
    uint32_t count;
};

static bool read_reply(const uint8_t *bytes, size_t len, struct reply *ret)
{
    const uint8_t *end = bytes + len;
    const uint8_t *at = memmem(bytes, len, "\xa5token\xc4", 7);
    if (!at || at[7] > sizeof ret->token || at + 8 + at[7] > end) return false;
    *ret = (struct reply){.token_len = at[7]};
    memcpy(ret->token, at + 8, ret->token_len);
    for (at = bytes; ret->count < 8; at += 4) {
        at = memmem(at, (size_t)(end - at), "\xa2id\xcf", 4);
        if (!at || at + 12 > end) break;
        for (unsigned i = 0; i < 8; i++)
            ret->ids[ret->count] = ret->ids[ret->count] << 8 | at[4 + i];
        ret->count++;
    }
    return true;
}

/* Ask node 1 what it holds under the key. */
static bool raw_get(struct reply *ret)
{
    static uint8_t bytes[DATAGRAM_MAX];
    struct kith_writer writer = kith_writer_into(bytes, sizeof bytes);
    write_request(&writer, "get");
    kith_write_u8(&writer, 0x82);
    write_id_and_key(&writer);
    if (!send_to(1, bytes, writer.len)) return false;
    for (;;) { /* past the pings of a node that wants to know us */
        size_t len = receive(bytes, sizeof bytes);
        if (len == 0) return false;
        if (read_reply(bytes, len, ret)) return true;
    }
}

static bool raw_put(const struct reply *from, uint64_t id, const char *content)
{
    static uint8_t bytes[DATAGRAM_MAX];
    struct kith_writer writer = kith_writer_into(bytes, sizeof bytes);
    write_request(&writer, "put");
    kith_write_u8(&writer, 0x84);
    write_id_and_key(&writer);
    write_text(&writer, "token");
    write_bin(&writer, from->token, from->token_len);
    write_text(&writer, "values");
    kith_write_u8(&writer, 0x91);
    kith_write_u8(&writer, 0x82);
    write_text(&writer, "id");
    kith_write_u8(&writer, 0xcf);
    write_big(&writer, id, 8);
    write_text(&writer, "dat");
    kith_write_u8(&writer, 0x81);
    write_text(&writer, "body");
    kith_write_u8(&writer, 0x82);
    write_text(&writer, "type");
    kith_write_u8(&writer, 0);
    write_text(&writer, "data");
    write_bin(&writer, content, strlen(content));
    if (!send_to(1, bytes, writer.len)) return false;
    for (;;) {
        size_t len = receive(bytes, sizeof bytes);
        if (len == 0) return false;
        if (memmem(bytes, len, "\xa3vid", 4)) return true;
    }
}

static void our_next_put_is_seen_though_all_our_ids_are_squatted(void)
{
    struct reply reply, later;
    fresh();
    check(fresh_stranger()); /* the old one has unread answers */
    check(swarm_make(&swarm, 2));
    check(can_put_and_get(0, 1, "seq 1"));
    check(raw_get(&reply));
    check_int(reply.count, 1);
    /* The same id with other content, the next ids, and our own record again. */
    check(raw_put(&reply, reply.ids[0], "squatted"));
    for (uint64_t i = 1; i < 4; i++)
        check(raw_put(&reply, reply.ids[0] + i, "squatted"));
    check(raw_put(&reply, reply.ids[0], "seq 1"));
    check(can_put_and_get(0, 1, "seq 2"));
    check(has("seq 1"));
    check(has("squatted"));
    check(raw_get(&later));
    check(later.count == 5);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a helper may die while it is written to */
    helper_path = argc > 1 ? argv[1] : NULL;
    if (argc < 3 || !load(argv[2]) || !fresh_stranger()) {
        puts("Bail out! needs kith-dht and a corpus");
        return 1;
    }
    run(hostile_datagrams_are_dropped_and_counted);
    run(without_the_shield_they_kill_and_the_helper_comes_back);
    run(honest_traffic_is_never_dropped);
    run(noise_does_not_kill);
    run(a_crowded_key_is_full_and_the_rest_unharmed);
    run(our_next_put_is_seen_though_all_our_ids_are_squatted);
    swarm_unmake(&swarm);
    close(stranger);
    return test_end();
}
