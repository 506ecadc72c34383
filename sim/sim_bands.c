#include "sim/sim_bands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/sim_dht.h"
#include "sim/sim_store.h"

int kith_sim_bands_init(struct kith_sim_bands *bands, uint32_t nodes)
{
    memset(bands, 0, sizeof *bands);
    bands->nodes = nodes;
    bands->has = calloc(nodes, sizeof *bands->has);
    return bands->has ? 0 : KITH_ERR_NOMEM;
}

void kith_sim_bands_release(struct kith_sim_bands *bands)
{
    free(bands->has);
    bands->has = NULL;
}

const char *kith_sim_band_name(enum kith_sim_band_kind kind)
{
    static const char *const names[KITH_SIM_BAND_KINDS] = {
        [KITH_SIM_BAND_DOWN] = "nodes down",        [KITH_SIM_BAND_CLOSED] = "partition",
        [KITH_SIM_BAND_DISK] = "disks failing",     [KITH_SIM_BAND_DHT] = "DHT failing",
        [KITH_SIM_BAND_CLOCK] = "clocks wrong",     [KITH_SIM_BAND_SPEED] = "nodes slow or fast",
        [KITH_SIM_BAND_WALL] = "nodes unreachable", [KITH_SIM_BAND_BANDWIDTH] = "bandwidth limited",
        [KITH_SIM_BAND_LOSS] = "messages lost",     [KITH_SIM_BAND_PAUSE] = "nodes paused",
    };
    return names[kind];
}

static void rise(struct kith_sim_bands *bands, enum kith_sim_band_kind kind, double now_s)
{
    uint32_t now = ++bands->now[kind];
    if (now == 1) {
        bands->open[kind] = bands->count;
        if (bands->count == KITH_SIM_BANDS_MAX) {
            bands->left_out++;
            return;
        }
        bands->at[bands->count++] =
            (struct kith_sim_band){.kind = kind, .from_s = now_s, .to_s = HUGE_VAL};
    }
    if (bands->open[kind] == KITH_SIM_BANDS_MAX) return;
    struct kith_sim_band *band = &bands->at[bands->open[kind]];
    if (now > band->most) band->most = now;
}

static void fall(struct kith_sim_bands *bands, enum kith_sim_band_kind kind, double now_s)
{
    if (bands->now[kind] == 0 || --bands->now[kind] > 0) return;
    if (bands->open[kind] < KITH_SIM_BANDS_MAX) bands->at[bands->open[kind]].to_s = now_s;
}

static void set_node(struct kith_sim_bands *bands, enum kith_sim_band_kind kind, uint32_t node,
                     bool is_on, double now_s)
{
    uint16_t bit = (uint16_t)(1u << kind);
    bool was_on = bands->has[node] & bit;
    if (is_on == was_on) return;
    bands->has[node] ^= bit;
    if (is_on)
        rise(bands, kind, now_s);
    else
        fall(bands, kind, now_s);
}

/* Of the whole network: on or off. */
static void set_world(struct kith_sim_bands *bands, enum kith_sim_band_kind kind, bool is_on,
                      double now_s)
{
    if (is_on && bands->now[kind] == 0) rise(bands, kind, now_s);
    if (!is_on) fall(bands, kind, now_s);
}

/* A pause says itself when it ends. */
static void add_pause(struct kith_sim_bands *bands, double pause_s, double now_s)
{
    const enum kith_sim_band_kind kind = KITH_SIM_BAND_PAUSE;
    struct kith_sim_band *last =
        bands->open[kind] < bands->count ? &bands->at[bands->open[kind]] : NULL;
    bool overlaps = bands->now[kind] > 0 && last && last->to_s >= now_s;
    if (!overlaps) {
        bands->now[kind] = 0;
        rise(bands, kind, now_s);
        if (bands->open[kind] == KITH_SIM_BANDS_MAX) return;
        last = &bands->at[bands->open[kind]];
        last->to_s = now_s;
    } else {
        last->most = ++bands->now[kind];
    }
    if (now_s + pause_s > last->to_s) last->to_s = now_s + pause_s;
}

void kith_sim_bands_fault(struct kith_sim_bands *bands, const struct kith_fault *fault,
                          double now_s)
{
    uint32_t node = fault->node;
    switch (fault->kind) {
    case KITH_FAULT_START:
        set_node(bands, KITH_SIM_BAND_DOWN, node, false, now_s);
        return;
    case KITH_FAULT_KILL:
    case KITH_FAULT_CUT_OFF:
    case KITH_FAULT_STOP:
        set_node(bands, KITH_SIM_BAND_DOWN, node, true, now_s);
        return;
    case KITH_FAULT_CLOSE:
        rise(bands, KITH_SIM_BAND_CLOSED, now_s);
        return;
    case KITH_FAULT_OPEN:
        fall(bands, KITH_SIM_BAND_CLOSED, now_s);
        return;
    case KITH_FAULT_DISK:
        set_node(bands, KITH_SIM_BAND_DISK, node,
                 fault->a != KITH_SIM_DISK_GOOD && fault->a != KITH_SIM_DISK_BLANK, now_s);
        return;
    case KITH_FAULT_DHT:
        set_node(bands, KITH_SIM_BAND_DHT, node, fault->a != KITH_SIM_DHT_HONEST, now_s);
        return;
    case KITH_FAULT_SKEW:
        set_node(bands, KITH_SIM_BAND_CLOCK, node, fault->skew_ms != 0, now_s);
        return;
    case KITH_FAULT_SPEED:
        set_node(bands, KITH_SIM_BAND_SPEED, node, fault->a != 1000, now_s);
        return;
    case KITH_FAULT_WALL:
        set_node(bands, KITH_SIM_BAND_WALL, node, !fault->flag, now_s);
        return;
    case KITH_FAULT_BANDWIDTH:
        set_node(bands, KITH_SIM_BAND_BANDWIDTH, node, fault->a != 0, now_s);
        return;
    case KITH_FAULT_LOSS:
        set_world(bands, KITH_SIM_BAND_LOSS, fault->a != 0, now_s);
        return;
    case KITH_FAULT_PAUSE:
        add_pause(bands, fault->a / 1000.0, now_s);
        return;
    case KITH_FAULT_GROUP: /* shows when ways are cut */
        return;
    }
}
