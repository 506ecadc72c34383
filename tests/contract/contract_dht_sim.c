/* The DHT's contract on the simulator's model. */
#include <string.h>

#include "sim/sim_dht.h"
#include "tests/contract/contract_dht.h"

struct model {
    struct kith_sim_dht *dht;
    uint64_t now_us;
};

static bool make(void *context, uint32_t nodes)
{
    static const uint8_t seed[KITH_SEED_LEN] = {1};
    struct model *model = context;
    struct kith_sim_dht_config config;
    kith_sim_dht_config_default(&config);
    config.nodes = nodes;
    return kith_sim_dht_new(&config, seed, &model->dht) == 0;
}

static int put(void *context, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
               struct kith_bytes value)
{
    struct model *model = context;
    struct kith_sim_dht_answer answer;
    kith_sim_dht_put(model->dht, node, key, value, model->now_us, &answer);
    model->now_us += answer.delay_us;
    return answer.err;
}

static void get(void *context, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
                struct contract_dht_found *ret)
{
    struct model *model = context;
    struct kith_sim_dht_answer answer;
    kith_sim_dht_get(model->dht, node, key, model->now_us, &answer);
    model->now_us += answer.delay_us;
    ret->err = answer.err;
    ret->count = answer.count;
    for (uint32_t i = 0; i < answer.count; i++) {
        ret->values[i].len = answer.values[i].len;
        memcpy(ret->values[i].bytes, answer.values[i].at, answer.values[i].len);
    }
}

static void kill_node(void *context, uint32_t node)
{
    struct model *model = context;
    kith_sim_dht_set_up(model->dht, node, false);
}

static void unmake(void *context)
{
    struct model *model = context;
    kith_sim_dht_free(model->dht);
}

int main(void)
{
    static struct model model;
    struct contract_dht dht = {
        .context = &model,
        .make = make,
        .put = put,
        .get = get,
        .kill_node = kill_node,
        .unmake = unmake,
    };
    return contract_dht_run(&dht);
}
