#include "tools/pulse.h"

#include <jansson.h>

void kith_pulse_take(struct kith_pulse *pulse, const struct kith_report *report)
{
    if (report->kind == KITH_REPORT_TRAIN) {
        pulse->train = *report;
        pulse->has_train = true;
    }
    if (report->kind == KITH_REPORT_TEST) {
        pulse->test = *report;
        pulse->has_test = true;
    }
}

/* JSON has no word for what is not finite: null. */
static json_t *real(double value)
{
    json_t *json = json_real(value);
    return json ? json : json_null();
}

static json_t *counters(const struct kith_stats *stats)
{
    json_t *object = json_object();
#define X(name, text) json_object_set_new(object, #name, json_integer((json_int_t)stats->name));
    KITH_STATS_MAP(X)
#undef X
    return object;
}

static double percent(const struct kith_report *test)
{
    return test->test.samples ? 100.0 * test->test.correct / test->test.samples : 0.0;
}

size_t kith_pulse_write(const struct kith_pulse *pulse, const struct kith_stats *stats,
                        char ret[static KITH_PULSE_MAX])
{
    json_t *object = json_object();
    json_object_set_new(object, "hotkey", json_string(pulse->hotkey));
    json_object_set_new(object, "port", json_integer(pulse->port));
    json_object_set_new(object, "epoch",
                        json_integer(pulse->has_train ? pulse->train.train.epoch : 0));
    json_object_set_new(object, "loss",
                        pulse->has_train ? real((double)pulse->train.train.local_loss)
                                         : json_null());
    json_object_set_new(object, "accuracy",
                        pulse->has_test ? real(percent(&pulse->test)) : json_null());
    json_object_set_new(object, "counters", counters(stats));
    size_t len = json_dumpb(object, ret, KITH_PULSE_MAX - 1, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    return len < KITH_PULSE_MAX ? len : 0;
}
