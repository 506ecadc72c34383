/* The DHT's contract on OpenDHT: helpers on 127.0.0.1. */
#include <signal.h>

#include "tests/contract/contract_dht.h"
#include "tests/contract/dht_swarm.h"

static bool make(void *context, uint32_t nodes)
{
    return swarm_make(context, nodes);
}

static int put(void *context, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
               struct kith_bytes value)
{
    return swarm_put(context, node, key, value);
}

static void get(void *context, uint32_t node, const uint8_t key[static KITH_DHT_KEY_LEN],
                struct contract_dht_found *ret)
{
    swarm_get(context, node, key, ret);
}

static void kill_node(void *context, uint32_t node)
{
    struct swarm *swarm = context;
    kill(kith_dht_pipe_pid(swarm->nodes[node].pipe), SIGKILL);
    swarm_close(swarm, node);
}

static void unmake(void *context)
{
    swarm_unmake(context);
}

int main(int argc, char **argv)
{
    static struct swarm swarm = {.net32 = 0x6b697468};
    signal(SIGPIPE, SIG_IGN); /* a helper may die while it is written to */
    swarm.helper_path = argc > 1 ? argv[1] : NULL;
    struct contract_dht dht = {
        .context = &swarm,
        .make = make,
        .put = put,
        .get = get,
        .kill_node = kill_node,
        .unmake = unmake,
    };
    return contract_dht_run(&dht);
}
