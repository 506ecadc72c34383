/* node/report.h: what a node has to say to a person or a metric. Plain data. Pure. */
#ifndef KITH_NODE_REPORT_H
#define KITH_NODE_REPORT_H

#include <stdint.h>

#include "base/id.h"

enum kith_report_kind {
    KITH_REPORT_TRAIN, /* every 10 batches */
    KITH_REPORT_TEST,  /* once an epoch */
    KITH_REPORT_TEXT,  /* a line for the log */
};

enum kith_level { KITH_LEVEL_DEBUG, KITH_LEVEL_INFO, KITH_LEVEL_WARNING, KITH_LEVEL_ERROR };

enum { KITH_REPORT_TEXT_MAX = 256 };

struct kith_report {
    enum kith_report_kind kind;
    union {
        struct {
            uint32_t epoch;
            uint32_t seen;    /* samples of this epoch before this batch */
            uint32_t samples; /* of this node */
            float local_loss;
            float target_loss;
            float distillation_loss;
            uint32_t peers;  /* nP */
            uint32_t models; /* nS */
            uint32_t round;
        } train;
        struct {
            uint32_t epoch;
            float loss;
            uint32_t correct;
            uint32_t samples;
            uint32_t round;
        } test;
        struct {
            enum kith_level level;
            char text[KITH_REPORT_TEXT_MAX];
        } text;
    };
};

#endif
