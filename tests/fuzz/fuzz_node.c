/* Bytes as a sequence of events for a whole node that learns: links come and go, messages and DHT
 * values are whatever the input says, time jumps, jobs and stores come back or fail. The signature
 * scheme believes everybody, so that what is inside signed records is reached. Checked after every
 * step: the node counts itself never, its deadline is sane, every effect is well-formed. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "node/node.h"
#include "overlay/overlay_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAMPLES = 64, INPUTS = 16, CLASSES = 4, LINKS = 8, STEPS_MAX = 300, PEERS_SEEN = 64 };

static void fake_sign(const struct kith_keypair *keypair, const void *bytes, size_t len,
                      uint8_t ret[static KITH_SIGNATURE_LEN])
{
    (void)keypair, (void)bytes, (void)len;
    memset(ret, 0, KITH_SIGNATURE_LEN);
}

static bool fake_verify(const struct kith_id *hotkey, const void *bytes, size_t len,
                        const uint8_t signature[static KITH_SIGNATURE_LEN])
{
    (void)hotkey, (void)bytes, (void)len;
    return signature[0] != 0xff;
}

static const struct kith_scheme fake = {"fake", fake_sign, fake_verify};

struct play {
    struct kith_node *node;
    struct kith_outbox outbox;
    struct kith_config config;
    struct kith_reader input;
    uint64_t now_us, wall_ms;
    struct kith_job *job;
    uint32_t stores; /* not yet answered */
    bool stopped;
    bool up[LINKS]; /* the hosts never announce a link twice, nor the end of one that is not up */
};

static void require(bool condition)
{
    if (!condition) abort();
}

static void look_at(struct play *play, const struct kith_effect *effect)
{
    switch (effect->kind) {
    case KITH_EFFECT_SEND:
        require(effect->send.head.len + effect->send.body.len > 0);
        require(effect->send.head.len + effect->send.body.len <= KITH_MESSAGE_MAX);
        return;
    case KITH_EFFECT_COMPUTE:
        require(!play->job);
        play->job = effect->compute.job;
        return;
    case KITH_EFFECT_STORE:
        play->stores++;
        return;
    case KITH_EFFECT_STOPPED:
        play->stopped = true;
        return;
    case KITH_EFFECT_DHT_PUT:
        require(effect->dht.value.len > 0 && effect->dht.value.len <= KITH_DHT_VALUE_MAX);
        return;
    case KITH_EFFECT_DIAL:
    case KITH_EFFECT_HANG_UP:
    case KITH_EFFECT_DHT_GET:
    case KITH_EFFECT_DHT_PING:
    case KITH_EFFECT_REPORT:
        return;
    }
}

static void feed(struct play *play, struct kith_event *event)
{
    struct kith_effects effects;
    struct kith_id peers[PEERS_SEEN];
    event->now_us = play->now_us;
    event->wall_ms = play->wall_ms;
    kith_node_step(play->node, event, &play->outbox, &effects);
    for (size_t i = 0; i < effects.count; i++)
        look_at(play, &effects.at[i]);
    uint32_t count = kith_node_peers(play->node, peers, PEERS_SEEN);
    require(count <= play->config.peers_max);
    for (uint32_t i = 0; i < count; i++)
        require(!kith_id_eq(&peers[i], &play->config.keypair.hotkey));
}

static struct kith_id id_of(uint8_t n)
{
    struct kith_id id = {{n, 1}};
    return id;
}

static struct kith_addr addr_of(uint8_t n)
{
    return (struct kith_addr){.family = 4, .ip = {10, 0, 0, n}, .port = 1000};
}

/* A well-formed HELLO or record of peer n, so that the input need not invent one. */
static void good_record(struct play *play, uint8_t n, uint8_t flags)
{
    uint8_t sealed[KITH_RECORD_MAX], message[KITH_RECORD_MAX + 16];
    struct kith_id swarm = kith_rules_id(&play->config.rules);
    struct kith_keypair keypair = {.hotkey = id_of(n)};
    struct kith_peer_record record = {
        .hotkey = id_of(n),
        .seq = play->wall_ms,
        .valid_from_s = (uint32_t)(play->wall_ms / 1000),
        .valid_until_s = (uint32_t)(play->wall_ms / 1000) + 45,
        .flags = flags & (KITH_PEER_LEAVING | KITH_PEER_OBSERVER),
        .version_min = 1,
        .version_max = 1,
        .share = 3,
        .model = "mlp:8",
        .addr_count = 1,
        .addr = {addr_of(n)},
    };
    memcpy(record.class_id, play->config.learner.arch.class_id, sizeof record.class_id);
    struct kith_msg msg = {
        .type = KITH_MSG_HELLO,
        .hello = {.record = kith_record_seal(&record, &swarm, &keypair, &fake, sealed)},
    };
    struct kith_event event = {
        .kind = KITH_EVENT_MESSAGE,
        .message = {.link = 1 + n % LINKS, .bytes = kith_msg_encode(&msg, message, sizeof message)},
    };
    feed(play, &event);
}

static void bring_back_job(struct play *play)
{
    struct kith_event event = {.kind = KITH_EVENT_COMPUTED, .computed = {.job = play->job}};
    if (!play->job) return;
    kith_job_run(play->job);
    play->job = NULL;
    feed(play, &event);
}

static void answer_store(struct play *play, int err)
{
    struct kith_event event = {.kind = KITH_EVENT_STORED, .stored = {.err = err}};
    if (play->stores == 0) return;
    play->stores--;
    feed(play, &event);
}

static void act(struct play *play)
{
    uint8_t what = kith_read_u8(&play->input), n = kith_read_u8(&play->input);
    size_t len = kith_read_u16(&play->input) % (play->input.left + 1);
    struct kith_event event = {.kind = KITH_EVENT_DEADLINE};
    switch (what % 10) {
    case 0:
        if (play->up[n % LINKS]) return;
        play->up[n % LINKS] = true;
        event.kind = KITH_EVENT_LINK_UP;
        event.link_up.link = 1 + n % LINKS;
        event.link_up.peer = id_of(n);
        event.link_up.addr = addr_of(n);
        event.link_up.dialed = what & 0x80;
        event.link_up.number = n;
        break;
    case 1:
        if (!play->up[n % LINKS]) return;
        play->up[n % LINKS] = false;
        event.kind = KITH_EVENT_LINK_DOWN;
        event.link_down.link = 1 + n % LINKS;
        event.link_down.err = KITH_ERR_CLOSED;
        break;
    case 2:
    case 3:
        event.kind = KITH_EVENT_MESSAGE;
        event.message.link = 1 + n % LINKS;
        event.message.bytes = kith_read_view(&play->input, len);
        break;
    case 4:
        event.kind = what & 0x80 ? KITH_EVENT_DHT_DONE : KITH_EVENT_DHT_VALUE;
        event.dht.number = n;
        if (!(what & 0x80)) event.dht.value = kith_read_view(&play->input, len);
        break;
    case 5:
        event.kind = KITH_EVENT_DIAL_FAILED;
        event.dial_failed.number = n;
        event.dial_failed.err = KITH_ERR_CLOSED;
        break;
    case 6:
        bring_back_job(play);
        return;
    case 7:
        answer_store(play, n & 1 ? KITH_ERR_IO : 0);
        return;
    case 8:
        good_record(play, n, what >> 4);
        return;
    default:
        play->now_us += (uint64_t)n * n * 10000;
        play->wall_ms += (uint64_t)n * n * 10;
        if (n == 255) event.kind = KITH_EVENT_STOP;
        break;
    }
    feed(play, &event);
}

static struct kith_task *the_task(void)
{
    static struct kith_task task;
    static uint32_t public_indices[16];
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    if (task.train.count) return &task;
    require(kith_dataset_synthetic(seed, 0, SAMPLES, INPUTS, CLASSES, &task.train) == 0);
    require(kith_dataset_synthetic(seed, 1, SAMPLES, INPUTS, CLASSES, &task.test) == 0);
    for (uint32_t i = 0; i < 16; i++)
        public_indices[i] = i;
    task.public_indices = public_indices;
    task.public_count = 16;
    return &task;
}

static void begin(struct play *play, const uint8_t *data, size_t size)
{
    static uint32_t shard[SAMPLES - 16];
    static const uint8_t seed[KITH_SEED_LEN] = {2};
    for (uint32_t i = 0; i < SAMPLES - 16; i++)
        shard[i] = 16 + i;
    memset(play, 0, sizeof *play);
    play->input = kith_reader_of((struct kith_bytes){data, size});
    play->now_us = 10000000;
    play->wall_ms = UINT64_C(1700000000000);
    kith_config_default(&play->config);
    kith_keypair_from_seed(&play->config.keypair, seed);
    play->config.scheme = &fake;
    play->config.rules.inputs = INPUTS;
    play->config.rules.classes = CLASSES;
    play->config.peers_max = 8;
    play->config.links_max = LINKS;
    play->config.links_wanted = 4;
    play->config.learner.task = the_task();
    play->config.learner.shard = shard;
    play->config.learner.shard_count = SAMPLES - 16;
    play->config.learner.local_steps = 1;
    require(kith_arch_parse("mlp:8", INPUTS, CLASSES, 1000, &play->config.learner.arch) == 0);
    play->node = kith_node_new(&play->config, seed);
    require(play->node != NULL);
    require(kith_outbox_init(&play->outbox, KITH_STEP_EFFECTS_MAX, KITH_STEP_BYTES_MAX) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play play;
    begin(&play, data, size);
    static const struct kith_bytes stored[KITH_STORE_KEYS];
    struct kith_addr own = addr_of(1), bootstrap = addr_of(2);
    struct kith_event event = {
        .kind = KITH_EVENT_START,
        .start = {.stored = stored,
                  .own = &own,
                  .own_count = 1,
                  .bootstrap = &bootstrap,
                  .bootstrap_count = 1},
    };
    feed(&play, &event);
    for (int i = 0; i < STEPS_MAX && play.input.left > 0 && !play.stopped; i++)
        act(&play);
    /* Whatever came, the node still stops. */
    event = (struct kith_event){.kind = KITH_EVENT_STOP};
    if (!play.stopped) feed(&play, &event);
    for (int i = 0; i < 100 && !play.stopped; i++) {
        bring_back_job(&play);
        answer_store(&play, 0);
    }
    require(play.stopped);
    kith_node_free(play.node);
    kith_outbox_release(&play.outbox);
    return 0;
}
