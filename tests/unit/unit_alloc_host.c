/* Memory that is refused at any moment in the real host: two nets meet and talk, a state directory
 * is used, a node trains and stops. In each session another allocation of ours, or of libcrypto,
 * fails: an error or a closed link, never a crash or a leak. */
#include <signal.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/err.h"
#include "host/net_uv.h"
#include "host/shell.h"
#include "host/store_posix.h"
#include "tests/test.h"
#include "tests/unit/failing_alloc.h"

enum { PATIENCE_MS = 200, DATA_LEN = 3 * KITH_BLOCK_MAX };

static char dir[] = "/tmp/kith-alloc-XXXXXX";

/* libcrypto keeps some memory for ever, so it is not counted as ours; but it fails as ours does. */
static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return alloc_fails() ? NULL : __real_malloc(size);
}

static void *crypto_realloc(void *at, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return alloc_fails() ? NULL : __real_realloc(at, size);
}

static void crypto_free(void *at, const char *file, int line)
{
    (void)file, (void)line;
    __real_free(at);
}

/* --- two nets --- */

struct end {
    struct kith_keypair keypair;
    struct kith_net *net;
    kith_link link;
    uint32_t messages;
};

static struct talk {
    uv_loop_t loop;
    uv_timer_t patience;
    struct end end[2];
    bool over;
} talk;

static void finish(void)
{
    if (talk.over) return;
    talk.over = true;
    for (int i = 0; i < 2; i++)
        if (talk.end[i].net) kith_net_close(talk.end[i].net, NULL, NULL);
    uv_close((uv_handle_t *)&talk.patience, NULL);
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    finish();
}

static void on_link_up(void *context, kith_link link, const struct kith_id *peer,
                       const struct kith_addr *addr, bool dialed, uint64_t number)
{
    struct end *end = context;
    static const uint8_t block[KITH_BLOCK_MAX];
    (void)peer, (void)addr, (void)dialed, (void)number;
    end->link = link;
    for (int i = 0; i < 20; i++)
        kith_net_send(end->net, link, i % 2 ? KITH_SEND_BULK : KITH_SEND_CONTROL,
                      (struct kith_bytes){block, 10},
                      (struct kith_bytes){block, i % 2 ? sizeof block : 100});
}

static void on_link_down(void *context, kith_link link, int err)
{
    (void)context, (void)link, (void)err;
    finish();
}

static void on_dial_failed(void *context, uint64_t number, int err)
{
    (void)context, (void)number, (void)err;
    finish();
}

static void on_message(void *context, kith_link link, struct kith_bytes message)
{
    struct end *end = context;
    (void)message;
    if (++end->messages == 20) kith_net_hang_up(end->net, link, KITH_HANG_UP_DONE);
}

static int open_end(int i)
{
    struct end *end = &talk.end[i];
    uint8_t seed[KITH_SEED_LEN] = {(uint8_t)(i + 1)};
    kith_keypair_from_seed(&end->keypair, seed);
    struct kith_net_config config = {
        .loop = &talk.loop,
        .keypair = &end->keypair,
        .scheme = &kith_ed25519,
        .bind = {.family = 4, .ip = {127, 0, 0, 1}},
        .links_max = 4,
        .limits = {.handshake_ms = PATIENCE_MS, .first_byte_ms = PATIENCE_MS, .linger_ms = 10},
        .context = end,
        .on_link_up = on_link_up,
        .on_link_down = on_link_down,
        .on_dial_failed = on_dial_failed,
        .on_message = on_message,
    };
    return kith_net_new(&config, &end->net);
}

static int talk_session(void)
{
    memset(&talk, 0, sizeof talk);
    if (uv_loop_init(&talk.loop) != 0) return KITH_ERR_IO;
    uv_timer_init(&talk.loop, &talk.patience);
    uv_timer_start(&talk.patience, on_patience, PATIENCE_MS, 0);
    int err = open_end(0);
    if (!err) err = open_end(1);
    struct kith_addr to = {.family = 4, .ip = {127, 0, 0, 1}};
    if (!err) to.port = kith_net_port(talk.end[1].net);
    if (!err) kith_net_dial(talk.end[0].net, 1, &to, &talk.end[1].keypair.hotkey);
    if (err) finish();
    uv_run(&talk.loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&talk.loop);
    if (left != 0) printf("# the loop has handles left\n");
    if (left != 0) abort();
    return err ? err : talk.end[0].messages + talk.end[1].messages < 20 ? KITH_ERR_CLOSED : 0;
}

/* --- a state directory --- */

static int store_session(void)
{
    struct kith_store *store;
    char error[KITH_STORE_ERROR_MAX];
    static const uint8_t data[DATA_LEN];
    uint8_t *bytes = NULL;
    size_t len;
    int err = kith_store_open(dir, &store, error);
    if (err) return err;
    err = kith_store_replace(store, KITH_STORE_CHUNK, (struct kith_bytes){data, DATA_LEN});
    if (!err) err = kith_store_load(store, KITH_STORE_CHUNK, &bytes, &len, error);
    free(bytes);
    kith_store_close(store);
    return err;
}

/* --- a node --- */

static void on_report(void *context, const struct kith_report *report,
                      const struct kith_stats *stats)
{
    (void)context, (void)report, (void)stats;
}

enum { INPUTS = 4, CLASSES = 2, SAMPLES = 32, PUBLIC = 8 };

static int node_session(void)
{
    static uint8_t pixels[SAMPLES * INPUTS], labels[SAMPLES];
    static uint32_t rows[SAMPLES], public_rows[PUBLIC];
    char error[KITH_SHELL_ERROR_MAX], store_error[KITH_STORE_ERROR_MAX];
    struct kith_config config;
    struct kith_store *store;
    int err = kith_store_open(dir, &store, store_error);
    if (err) return err;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        labels[i] = i % CLASSES;
        rows[i] = i;
        if (i < PUBLIC) public_rows[i] = i;
    }
    kith_config_default(&config);
    uint8_t seed[KITH_SEED_LEN] = {7};
    kith_keypair_from_seed(&config.keypair, seed);
    config.scheme = &kith_ed25519;
    config.rules.inputs = INPUTS;
    config.rules.classes = CLASSES;
    config.rules.public_count = PUBLIC;
    struct kith_dataset data = {
        .count = SAMPLES, .inputs = INPUTS, .classes = CLASSES, .images = pixels, .labels = labels};
    struct kith_task task = {
        .train = data, .test = data, .public_indices = public_rows, .public_count = PUBLIC};
    config.learner.task = &task;
    config.learner.shard = rows;
    config.learner.shard_count = SAMPLES;
    config.learner.local_steps = 2;
    config.dht = false;
    config.rounds_max = 2;
    if (kith_arch_parse("mlp:4", INPUTS, CLASSES, 1000, &config.learner.arch) != 0) abort();
    const char *bootstrap = "127.0.0.1:9";
    struct kith_shell_config shell = {
        .node = &config,
        .bind = {.family = 4, .ip = {127, 0, 0, 1}},
        .bootstrap = &bootstrap,
        .bootstrap_count = 1,
        .store = store,
        .on_report = on_report,
    };
    err = kith_shell_run(&shell, error);
    if (err && error[0] == '\0') printf("# it ended without a reason\n");
    if (err && error[0] == '\0') abort();
    kith_store_close(store);
    return err;
}

static bool sweep(int (*session)(void), bool all)
{
    alloc_fail_at(0, false);
    if (session() != 0) return false; /* what libraries take once and keep */
    alloc_fail_at(0, false);
    long live = atomic_load(&alloc_live);
    if (session() != 0 || atomic_load(&alloc_live) != live) return false;
    long calls = atomic_load(&alloc_calls), refused = 0;
    for (long first = 1; first <= calls; first++) {
        alloc_fail_at(first, all);
        refused += session() != 0;
        alloc_fail_at(0, false);
        long left = atomic_load(&alloc_live);
        if (left != live) printf("# %ld blocks left when call %ld fails\n", left - live, first);
        if (left != live) return false;
    }
    printf("# %ld allocations, %ld sessions ended early\n", calls, refused);
    return refused > 0 && session() == 0;
}

static void two_nets(void)
{
    check(sweep(talk_session, false));
    check(sweep(talk_session, true));
}

static void a_state_directory(void)
{
    check(sweep(store_session, false));
}

static void a_node(void)
{
    check(sweep(node_session, false));
    check(sweep(node_session, true));
}

int main(void)
{
    CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir)) return 1;
    run(two_nets);
    run(a_state_directory);
    run(a_node);
    static const char *const names[] = {"checkpoint", "peers", "chunk-000", "lock"};
    if (chdir(dir) != 0) return 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(names[i]);
    rmdir(dir);
    return test_end();
}
