#include "sim/sim_zoo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"
#include "training/codec.h"
#include "training/distill.h"
#include "training/job.h"

enum { SOURCES_MAX = 64 };

struct kith_zoo {
    uint32_t nodes;
    float **seen;   /* [nodes] the model last pulled of an honest node, NULL: none yet */
    size_t *params; /* [nodes] of it */
    float **first;  /* [nodes] what a liar published first */
};

/* One liar about to publish. */
struct plot {
    struct kith_liar *liar;
    struct kith_job *job;
    size_t params;
    float *x;      /* after its honest steps; what is published in the end */
    float *mixed;  /* before them */
    float *mean;   /* of the honest models that were seen */
    float *spread; /* their standard deviation */
    const float *honest[256];
    uint32_t count;
};

struct kith_zoo *kith_zoo_new(uint32_t nodes)
{
    struct kith_zoo *zoo = calloc(1, sizeof *zoo);
    if (!zoo) return NULL;
    zoo->nodes = nodes;
    zoo->seen = calloc(nodes, sizeof *zoo->seen);
    zoo->first = calloc(nodes, sizeof *zoo->first);
    zoo->params = calloc(nodes, sizeof *zoo->params);
    if (zoo->seen && zoo->first && zoo->params) return zoo;
    kith_zoo_free(zoo);
    return NULL;
}

void kith_zoo_free(struct kith_zoo *zoo)
{
    if (!zoo) return;
    for (uint32_t i = 0; i < zoo->nodes; i++) {
        if (zoo->seen) free(zoo->seen[i]);
        if (zoo->first) free(zoo->first[i]);
    }
    free(zoo->seen);
    free(zoo->first);
    free(zoo->params);
    free(zoo);
}

/* --- what the gang has seen --- */

static void remember(struct kith_liar *liar, const struct kith_id *author, struct kith_bytes frame,
                     size_t params)
{
    struct kith_zoo *zoo = liar->zoo;
    uint32_t node = kith_world_find(liar->world, author);
    if (node >= zoo->nodes || liar->lies[node].lie != KITH_LIE_NONE) return;
    float *model = malloc(params * sizeof *model);
    if (model && kith_frame_decode(frame, params, model) == 0) {
        free(zoo->seen[node]);
        zoo->seen[node] = model;
        zoo->params[node] = params;
    } else
        free(model);
}

static void look_at_pulled(struct kith_liar *liar, const struct kith_job *job, size_t params)
{
    struct kith_node_source source[SOURCES_MAX];
    const struct kith_node *node = kith_world_node(liar->world, liar->node);
    uint32_t count = kith_node_sources(node, source, SOURCES_MAX), pulled = 0;
    for (uint32_t i = 0; i < count && pulled < job->pulled_count; i++) {
        if (source[i].manifest.kind != KITH_MANIFEST_WEIGHTS) continue;
        remember(liar, &source[i].manifest.author, job->pulled[pulled++].frame, params);
    }
}

static void sum_up(struct plot *plot)
{
    const struct kith_zoo *zoo = plot->liar->zoo;
    for (uint32_t i = 0; i < zoo->nodes && plot->count < 256; i++)
        if (zoo->seen[i] && zoo->params[i] == plot->params)
            plot->honest[plot->count++] = zoo->seen[i];
    for (size_t k = 0; k < plot->params; k++) {
        double sum = 0, square = 0;
        for (uint32_t i = 0; i < plot->count; i++)
            sum += (double)plot->honest[i][k];
        double mean = plot->count > 0 ? sum / plot->count : (double)plot->x[k];
        for (uint32_t i = 0; i < plot->count; i++) {
            double off = (double)plot->honest[i][k] - mean;
            square += off * off;
        }
        plot->mean[k] = (float)mean;
        plot->spread[k] = plot->count > 1 ? (float)sqrt(square / plot->count) : 0;
    }
}

/* --- the lies --- */

/* Box and Muller. */
static float normal(struct kith_rng *rng)
{
    double u = 1 - kith_rng_unit(rng), v = kith_rng_unit(rng);
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static void add_noise(struct plot *plot, float strength)
{
    for (size_t k = 0; k < plot->params; k++)
        plot->x[k] += strength * plot->spread[k] * normal(plot->liar->rng);
}

/* x <- base + factor * direction */
static void combine(struct plot *plot, const float *base, float factor, const float *from,
                    const float *to)
{
    for (size_t k = 0; k < plot->params; k++)
        plot->x[k] = base[k] + factor * (to[k] - from[k]);
}

static void take(struct plot *plot, const float *model)
{
    memcpy(plot->x, model, plot->params * sizeof *model);
}

/* The honest model that this liar copies, always the same one's while it is seen. */
static const float *victim(const struct plot *plot, uint32_t place)
{
    return plot->count > 0 ? plot->honest[place % plot->count] : plot->x;
}

static void publish_the_first(struct plot *plot)
{
    float **first = &plot->liar->zoo->first[plot->liar->node];
    if (!*first) *first = malloc(plot->params * sizeof **first);
    if (!*first) return;
    if (plot->job->round == 0) memcpy(*first, plot->x, plot->params * sizeof **first);
    take(plot, *first);
}

/* x_i - strength sum over the honest of (x_j - x_i) / liars, for an x_i drawn anew each round: what
 * all honest neighbours would pull x_i to, in the opposite direction and as strong (He et al. 2022,
 * section 6; there each neighbour gets its own lie, here all pull the same). */
static void dissent(struct plot *plot, float strength)
{
    uint32_t liars = 0;
    for (uint32_t i = 0; i < plot->liar->nodes; i++)
        liars += plot->liar->lies[i].lie != KITH_LIE_NONE;
    if (plot->count == 0) return;
    const float *one = victim(plot, kith_rng_below(plot->liar->rng, plot->count));
    float honest = (float)(plot->liar->nodes - liars);
    combine(plot, one, -strength * honest / (float)liars, one, plot->mean);
}

/* ALIE sends mean - z spread; IPM the mean step backwards from where the mix left all. */
static void twist(struct plot *plot)
{
    float strength = (float)plot->liar->lying.strength;
    switch (plot->liar->lying.lie) {
    case KITH_LIE_sign_flip:
    case KITH_LIE_turncoat:
        combine(plot, plot->mixed, -strength, plot->mixed, plot->x);
        return;
    case KITH_LIE_scaled:
    case KITH_LIE_half:
        combine(plot, plot->mixed, strength, plot->mixed, plot->x);
        return;
    case KITH_LIE_noise:
        add_noise(plot, strength);
        return;
    case KITH_LIE_zero:
        memset(plot->x, 0, plot->params * sizeof *plot->x);
        return;
    case KITH_LIE_alie:
        for (size_t k = 0; k < plot->params; k++)
            plot->x[k] = plot->mean[k] - strength * plot->spread[k];
        return;
    case KITH_LIE_ipm:
        combine(plot, plot->mixed, -strength, plot->mixed, plot->mean);
        return;
    case KITH_LIE_foe:
        for (size_t k = 0; k < plot->params; k++)
            plot->x[k] = -strength * plot->mean[k];
        return;
    case KITH_LIE_dissensus:
        dissent(plot, strength);
        return;
    case KITH_LIE_mimic:
        take(plot, victim(plot, 0));
        return;
    case KITH_LIE_stale:
        publish_the_first(plot);
        return;
    case KITH_LIE_lazy:
        take(plot, plot->mean);
        return;
    case KITH_LIE_copier_noise:
        take(plot, victim(plot, plot->liar->node));
        add_noise(plot, strength);
        return;
    case KITH_LIE_copier:
        take(plot, victim(plot, plot->liar->node));
        return;
    default:
        return;
    }
}

static void publish(struct plot *plot)
{
    struct kith_job *job = plot->job;
    size_t len = kith_frame_size(job->wire, plot->params);
    uint8_t *frame = kith_outbox_room(plot->liar->out, len);
    if (!frame) return;
    kith_frame_encode(job->wire, plot->x, plot->params, job->round, frame);
    job->frame = (struct kith_bytes){frame, len};
    kith_liar_told(plot->liar);
}

/* Each row's probabilities one class further. */
static void twist_labels(struct kith_liar *liar, struct kith_job *job)
{
    if (job->labels.len <= KITH_LABELS_HEAD) return;
    uint8_t *labels = kith_outbox_room(liar->out, job->labels.len);
    if (!labels) return;
    memcpy(labels, job->labels.at, job->labels.len);
    struct kith_reader reader = kith_reader_of((struct kith_bytes){labels + 6, 2});
    size_t classes = kith_read_u16(&reader);
    for (size_t at = KITH_LABELS_HEAD; classes > 1 && at + classes <= job->labels.len;
         at += classes) {
        uint8_t last = labels[at + classes - 1];
        memmove(labels + at + 1, labels + at, classes - 1);
        labels[at] = last;
    }
    job->labels.at = labels;
    kith_liar_told(liar);
}

static void lie_about_weights(struct kith_liar *liar, struct kith_job *job, size_t params)
{
    float *room = malloc(4 * params * sizeof *room);
    if (!room) return;
    struct plot plot = {.liar = liar,
                        .job = job,
                        .params = params,
                        .x = room,
                        .mixed = room + params,
                        .mean = room + 2 * params,
                        .spread = room + 3 * params};
    kith_learner_weights(job->learner, plot.x);
    kith_learner_mixed(job->learner, plot.mixed);
    sum_up(&plot);
    twist(&plot);
    publish(&plot);
    free(room);
}

void kith_zoo_event(struct kith_liar *liar, struct kith_event *event)
{
    if (event->kind != KITH_EVENT_COMPUTED) return;
    struct kith_job *job = event->computed.job;
    size_t params = kith_learner_params(job->learner);
    look_at_pulled(liar, job, params);
    if (job->round < liar->lying.from) return;
    if (liar->lying.lie == KITH_LIE_soft_labels)
        twist_labels(liar, job);
    else if (kith_zoo_flips(liar->lying.lie))
        kith_liar_told(liar);
    else if (job->frame.len > 0)
        lie_about_weights(liar, job, params);
}

/* --- labels --- */

bool kith_zoo_flips(enum kith_lie lie)
{
    return lie == KITH_LIE_label_pairs || lie == KITH_LIE_label_random;
}

uint8_t *kith_zoo_labels_new(enum kith_lie lie, const struct kith_dataset *train,
                             const uint8_t seed[static KITH_SEED_LEN])
{
    struct kith_rng rng;
    uint8_t *labels = malloc(train->count + 1);
    if (!labels) return NULL;
    kith_rng_split(&rng, seed, "wrong labels", 0);
    for (uint32_t i = 0; i < train->count; i++) {
        uint32_t label = train->labels[i];
        if (lie == KITH_LIE_label_pairs)
            label = train->classes - 1 - label;
        else
            label = (label + 1 + kith_rng_below(&rng, train->classes - 1)) % train->classes;
        labels[i] = (uint8_t)label;
    }
    return labels;
}
