/* base/stats.h: what a node counts. Counters only grow; gauges are set. Pure. */
#ifndef KITH_BASE_STATS_H
#define KITH_BASE_STATS_H

#include <stdint.h>

/* name, what it counts. One list gives the struct, the log line and the status message, which has
 * them in this order: new ones go to the end. Bytes that are of none of the purposes (gossip,
 * weights, labels) are status messages, messages on unknown objects and malformed ones. */
#define KITH_STATS_GAUGES_MAP(X)                                                                   \
    X(round, "rounds finished")                                                                    \
    X(peers, "live remote peers now")                                                              \
    X(models, "models serving now, our own included")                                              \
    X(links, "links now")

#define KITH_STATS_COUNTERS_MAP(X)                                                                 \
    X(messages_in, "messages received")                                                            \
    X(messages_out, "messages sent")                                                               \
    X(bytes_in, "bytes of messages received")                                                      \
    X(bytes_out, "bytes of messages sent")                                                         \
    X(bulk_bytes_in, "of these, bytes of snapshots and labels received")                           \
    X(bulk_bytes_out, "of these, bytes of snapshots and labels sent")                              \
    X(mixed, "peer models mixed in")                                                               \
    X(taught, "peer soft labels learned from")                                                     \
    X(pulls_failed, "pulls given up")                                                              \
    X(drop_malformed, "messages dropped: not well-formed")                                         \
    X(drop_unexpected, "messages dropped: nobody asked for them")                                  \
    X(drop_rate, "messages dropped: over a rate limit")                                            \
    X(drop_signature, "records dropped: bad signature")                                            \
    X(drop_swarm, "records dropped: another swarm")                                                \
    X(drop_version, "records dropped: another protocol version")                                   \
    X(drop_expired, "records dropped: expired")                                                    \
    X(drop_future, "records dropped: from the future")                                             \
    X(drop_replayed, "records dropped: not newer than what is known")                              \
    X(equivocations, "two different records under one sequence number")                            \
    X(drop_content, "objects dropped: bytes do not match their hash")                              \
    X(drop_shape, "models or labels dropped: wrong shape")                                         \
    X(drop_not_finite, "models or labels dropped: NaN or infinity")                                \
    X(dial_failures, "dials that failed")                                                          \
    X(dht_puts, "DHT puts")                                                                        \
    X(dht_gets, "DHT gets")                                                                        \
    X(dht_failures, "DHT operations that failed")                                                  \
    X(store_failures, "stores that failed")                                                        \
    X(effects_dropped, "effects dropped for want of room")                                         \
    X(gossip_bytes_in, "bytes received of messages on who is there")                               \
    X(gossip_bytes_out, "bytes sent of messages on who is there")                                  \
    X(weights_bytes_in, "bytes received of messages on snapshots of weights")                      \
    X(weights_bytes_out, "bytes sent of messages on snapshots of weights")                         \
    X(labels_bytes_in, "bytes received of messages on soft labels")                                \
    X(labels_bytes_out, "bytes sent of messages on soft labels")                                   \
    X(wire_bytes_in, "bytes received on links, frames and handshakes included")                    \
    X(wire_bytes_out, "bytes sent on links, frames and handshakes included")                       \
    X(dht_bytes_in, "bytes of DHT datagrams received")                                             \
    X(dht_bytes_out, "bytes of DHT datagrams sent")                                                \
    X(dht_datagrams_in, "DHT datagrams received")                                                  \
    X(dht_datagrams_out, "DHT datagrams sent")                                                     \
    X(drop_copied, "models or labels dropped: the same bytes as another peer's in that round")     \
    X(rounds_failed, "rounds that gave nothing, or whose steps were undone: not finite")

#define KITH_STATS_MAP(X)                                                                          \
    KITH_STATS_GAUGES_MAP(X)                                                                       \
    KITH_STATS_COUNTERS_MAP(X)

struct kith_stats {
#define X(name, text) uint64_t name;
    KITH_STATS_MAP(X)
#undef X
};

/* What the host counts below the messages; a node tells it with its own counters. */
struct kith_traffic {
    uint64_t wire_bytes_in;
    uint64_t wire_bytes_out;
    uint64_t dht_bytes_in;
    uint64_t dht_bytes_out;
    uint64_t dht_datagrams_in;
    uint64_t dht_datagrams_out;
};

static inline void kith_stats_take_traffic(struct kith_stats *stats,
                                           const struct kith_traffic *traffic)
{
    stats->wire_bytes_in = traffic->wire_bytes_in;
    stats->wire_bytes_out = traffic->wire_bytes_out;
    stats->dht_bytes_in = traffic->dht_bytes_in;
    stats->dht_bytes_out = traffic->dht_bytes_out;
    stats->dht_datagrams_in = traffic->dht_datagrams_in;
    stats->dht_datagrams_out = traffic->dht_datagrams_out;
}

#endif
