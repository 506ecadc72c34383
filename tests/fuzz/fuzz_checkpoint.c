/* A checkpoint from the disk: as it is, and laid over a whole one with the hash made right, so that
 * what lies behind length and hash is reached too. Whatever is taken, the next round runs and gives
 * a frame that decodes. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"
#include "training/job.h"

enum { INPUTS = 4, CLASSES = 3, COUNT = 24, SHARD = 10, CHECKPOINT_MAX = 1024 };

static struct kith_task task;
static uint32_t shard[SHARD], public_indices[COUNT - SHARD];
static struct kith_learner *learner;
static uint8_t fresh[CHECKPOINT_MAX];
static size_t fresh_len;
static struct kith_job job;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_round(uint64_t round)
{
    kith_job_prepare(&job, learner, round);
    job.want_checkpoint = true;
    kith_job_run(&job);
}

static void begin(void)
{
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    kith_assert(kith_dataset_synthetic(seed, 0, COUNT, INPUTS, CLASSES, &task.train) == 0);
    kith_assert(kith_dataset_synthetic(seed, 1, COUNT, INPUTS, CLASSES, &task.test) == 0);
    for (uint32_t i = 0; i < COUNT; i++)
        *(i < SHARD ? &shard[i] : &public_indices[i - SHARD]) = i;
    task.public_indices = public_indices;
    task.public_count = COUNT - SHARD;
    struct kith_learner_config config = {.task = &task,
                                         .kernels = KITH_KERNELS_EXACT,
                                         .shard = shard,
                                         .shard_count = SHARD,
                                         .batch = 4,
                                         .local_steps = 2,
                                         .rate = 0.1f,
                                         .momentum = 0.5f,
                                         .optim = KITH_OPTIM_QG,
                                         .kd_lambda = 1,
                                         .kd_temperature = 2};
    kith_assert(kith_arch_parse("mlp:2", INPUTS, CLASSES, 1000, &config.arch) == 0);
    learner = kith_learner_new(&config);
    kith_assert(learner);
    run_round(0);
    fresh_len = job.checkpoint.len;
    kith_assert(fresh_len <= sizeof fresh);
    memcpy(fresh, job.checkpoint.at, fresh_len);
}

static void restore(const uint8_t *data, size_t size)
{
    uint64_t round;
    int err = kith_learner_restore(learner, (struct kith_bytes){data, size}, &round);
    if (err) return;
    struct kith_arch arch;
    static float weights[1000];
    kith_assert(kith_arch_parse("mlp:2", INPUTS, CLASSES, 1000, &arch) == 0);
    run_round(round);
    kith_assert(job.lines[0].seen < SHARD);
    kith_assert(kith_frame_decode(job.frame, arch.params, weights) == 0);
    kith_assert(kith_learner_restore(learner, (struct kith_bytes){fresh, fresh_len}, &round) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t hashed[CHECKPOINT_MAX];
    if (!learner) begin();
    restore(data, size);
    size_t body = fresh_len - KITH_ID_LEN;
    memcpy(hashed, fresh, body);
    memcpy(hashed, data, size < body ? size : body);
    struct kith_id hash = kith_hash_of("kith/checkpoint/1", (struct kith_bytes){hashed, body});
    memcpy(hashed + body, hash.bytes, KITH_ID_LEN);
    restore(hashed, fresh_len);
    return 0;
}
