#include "sim/sim_snap.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { LINKS_SEEN_MAX = 512 };

static const uint32_t NOT_DRAWN = UINT32_MAX;

/* What is needed while the snapshot is taken. */
struct taking {
    const struct kith_world *world;
    uint32_t nodes;
    uint32_t *parent; /* [nodes] of the union-find */
    uint32_t *place;  /* [nodes] in snap->node, or NOT_DRAWN */
    uint32_t edge_room;
};

static uint32_t root_of(uint32_t *parent, uint32_t node)
{
    while (parent[node] != node)
        node = parent[node] = parent[parent[node]];
    return node;
}

static bool is_up(const struct taking *taking, uint32_t node)
{
    return kith_world_state(taking->world, node) == KITH_WORLD_UP;
}

static int add_edge(struct taking *taking, struct kith_sim_snap *snap, uint32_t a, uint32_t b)
{
    if (snap->edge_count == taking->edge_room) {
        uint32_t room = taking->edge_room ? 2 * taking->edge_room : 256;
        void *grown = realloc(snap->edge, room * sizeof *snap->edge);
        if (!grown) return KITH_ERR_NOMEM;
        snap->edge = grown;
        taking->edge_room = room;
    }
    snap->edge[snap->edge_count++] = (struct kith_sim_edge){a, b};
    return 0;
}

/* Whether `node`'s link to `peer` is the one that counts for the pair: the lower end's, or the
 * upper one's if the lower does not (yet) call it ready. */
static bool is_counted(const struct taking *taking, uint32_t node, uint32_t peer)
{
    struct kith_id far[LINKS_SEEN_MAX];
    if (node < peer) return true;
    const struct kith_id *self = kith_world_hotkey(taking->world, node);
    uint32_t count = kith_node_links(kith_world_node(taking->world, peer), far, LINKS_SEEN_MAX);
    for (uint32_t i = 0; i < count && i < LINKS_SEEN_MAX; i++)
        if (kith_id_eq(&far[i], self)) return false;
    return true;
}

static int take_links(struct taking *taking, struct kith_sim_snap *snap, uint32_t node)
{
    struct kith_id far[LINKS_SEEN_MAX];
    uint32_t mine = 0;
    uint32_t count = kith_node_links(kith_world_node(taking->world, node), far, LINKS_SEEN_MAX);
    for (uint32_t i = 0; i < count && i < LINKS_SEEN_MAX; i++) {
        uint32_t peer = kith_world_find(taking->world, &far[i]);
        if (peer == UINT32_MAX || peer == node || !is_up(taking, peer)) continue;
        mine++;
        taking->parent[root_of(taking->parent, node)] = root_of(taking->parent, peer);
        if (!is_counted(taking, node, peer)) continue;
        snap->links++;
        uint32_t a = taking->place[node], b = taking->place[peer];
        if (a == NOT_DRAWN || b == NOT_DRAWN) continue;
        if (add_edge(taking, snap, a < b ? a : b, a < b ? b : a)) return KITH_ERR_NOMEM;
    }
    if (mine < snap->links_least) snap->links_least = mine;
    if (mine > snap->links_most) snap->links_most = mine;
    if (taking->place[node] != NOT_DRAWN) snap->node[taking->place[node]].links = mine;
    return 0;
}

static void choose(struct taking *taking, const double *accuracy, struct kith_sim_snap *snap)
{
    uint32_t nodes = taking->nodes;
    snap->count = nodes < KITH_SIM_SNAP_NODES_MAX ? nodes : KITH_SIM_SNAP_NODES_MAX;
    for (uint32_t i = 0; i < snap->count; i++) {
        uint32_t node = (uint32_t)((uint64_t)i * nodes / snap->count);
        taking->place[node] = i;
        snap->node[i] = (struct kith_sim_snap_node){
            .node = node, .is_up = is_up(taking, node), .accuracy = accuracy[node]};
    }
}

int kith_sim_snap_take(const struct kith_world *world, uint32_t nodes, const double *accuracy,
                       struct kith_sim_snap *ret)
{
    struct taking taking = {.world = world, .nodes = nodes};
    memset(ret, 0, sizeof *ret);
    ret->time_s = (double)kith_world_now_us(world) / 1e6;
    ret->links_least = UINT32_MAX;
    taking.parent = malloc(nodes * sizeof *taking.parent);
    taking.place = malloc(nodes * sizeof *taking.place);
    int err = taking.parent && taking.place ? 0 : KITH_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < nodes; i++) {
        taking.parent[i] = i;
        taking.place[i] = NOT_DRAWN;
    }
    if (!err) choose(&taking, accuracy, ret);
    for (uint32_t i = 0; !err && i < nodes; i++) {
        if (!is_up(&taking, i)) continue;
        ret->up++;
        err = take_links(&taking, ret, i);
    }
    for (uint32_t i = 0; !err && i < nodes; i++)
        ret->parts += is_up(&taking, i) && root_of(taking.parent, i) == i;
    if (ret->up == 0) ret->links_least = 0;
    free(taking.parent);
    free(taking.place);
    if (err) kith_sim_snap_release(ret);
    return err;
}

void kith_sim_snap_release(struct kith_sim_snap *snap)
{
    free(snap->edge);
    snap->edge = NULL;
    snap->edge_count = 0;
}
