/* What is kept and written of a simulated run: spreads, points, bands, CSV, the bar. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_bands.h"
#include "sim/sim_bar.h"
#include "sim/sim_csv.h"
#include "sim/sim_folder.h"
#include "sim/sim_series.h"
#include "sim/sim_spread.h"
#include "tests/test.h"

static void percentiles_are_values_that_occur(void)
{
    double values[] = {5, 1, 4, 2, 3, 10, 9, 8, 7, 6, 11};
    struct kith_sim_spread spread = kith_sim_spread_of(values, 11);
    check(spread.worst == 1 && spread.tenth == 2 && spread.best == 11 && spread.mean == 6);
    check(spread.ninetieth == 10 && fabs(spread.deviation - sqrt(10)) < 1e-12);
    spread = kith_sim_spread_of(values, 1);
    check(spread.worst == 1 && spread.tenth == 1 && spread.ninetieth == 1 && spread.best == 1);
    check(spread.deviation == 0);
}

static void lives_add_up(void)
{
    struct kith_stats sum = {0};
    struct kith_stats first = {.round = 7,
                               .peers = 3,
                               .bytes_out = 100,
                               .gossip_bytes_out = 60,
                               .weights_bytes_out = 25,
                               .labels_bytes_out = 10,
                               .drop_rate = 2};
    struct kith_stats second = {.round = 9, .peers = 1, .bytes_out = 11, .drop_shape = 1};
    kith_sim_stats_add(&sum, &first);
    kith_sim_stats_add(&sum, &second);
    check_int(sum.round, 9);
    check_int(sum.peers, 1);
    check_int(sum.bytes_out, 111);
    check_int(kith_sim_stats_dropped(&sum), 3);
    struct kith_sim_bytes sent = kith_sim_bytes_sent(&sum);
    check(sent.all == 111 && sent.gossip == 60 && sent.weights == 25 && sent.labels == 10);
    check(sent.other == 16);
}

static void points_never_pass_their_limit(void)
{
    static struct kith_sim_series series;
    enum { SECOND = 1000000 };
    kith_sim_series_init(&series, SECOND);
    for (uint64_t now_us = 0; now_us < 5000 * (uint64_t)SECOND; now_us += SECOND / 4) {
        if (!kith_sim_series_is_due(&series, now_us)) continue;
        struct kith_sim_point point = {.time_s = (double)now_us / SECOND};
        kith_sim_series_add(&series, now_us, &point);
    }
    check(series.count > KITH_SIM_POINTS_MAX / 2 && series.count <= KITH_SIM_POINTS_MAX);
    check(series.at[0].time_s == 0);
    for (uint32_t i = 1; i < series.count; i++)
        check(series.at[i].time_s > series.at[i - 1].time_s);
    check(series.at[series.count - 1].time_s > 5000 - 2 * (double)series.every_us / SECOND);
}

static void a_band_lasts_from_the_first_to_the_last(void)
{
    struct kith_sim_bands bands;
    check_int(kith_sim_bands_init(&bands, 4), 0);
    struct kith_fault kill = {.kind = KITH_FAULT_KILL}, start = {.kind = KITH_FAULT_START};
    struct kith_fault close = {.kind = KITH_FAULT_CLOSE}, open = {.kind = KITH_FAULT_OPEN};
    kith_sim_bands_fault(&bands, &start, 0);
    check_int(bands.count, 0);
    kith_sim_bands_fault(&bands, &kill, 10);
    kith_sim_bands_fault(&bands, &kill, 10);
    kill.node = 1;
    kith_sim_bands_fault(&bands, &kill, 12);
    kith_sim_bands_fault(&bands, &close, 13);
    kith_sim_bands_fault(&bands, &start, 20);
    start.node = 1;
    kith_sim_bands_fault(&bands, &start, 25);
    kith_sim_bands_fault(&bands, &kill, 30);
    kith_sim_bands_fault(&bands, &open, 31);
    kith_sim_bands_fault(&bands, &open, 32);
    check_int(bands.count, 3);
    check(bands.at[0].kind == KITH_SIM_BAND_DOWN && bands.at[0].from_s == 10);
    check(bands.at[0].to_s == 25 && bands.at[0].most == 2);
    check(bands.at[1].kind == KITH_SIM_BAND_CLOSED && bands.at[1].to_s == 31);
    check(bands.at[2].from_s == 30 && isinf(bands.at[2].to_s) && bands.at[2].most == 1);
    struct kith_fault pause = {.kind = KITH_FAULT_PAUSE, .a = 2500};
    kith_sim_bands_fault(&bands, &pause, 33);
    kith_sim_bands_fault(&bands, &pause, 34);
    kith_sim_bands_fault(&bands, &pause, 38);
    check_int(bands.count, 5);
    check(bands.at[3].kind == KITH_SIM_BAND_PAUSE && bands.at[3].from_s == 33);
    check(bands.at[3].to_s == 36.5 && bands.at[3].most == 2);
    check(bands.at[4].to_s == 40.5 && bands.at[4].most == 1);
    for (int i = 0; i < 2 * KITH_SIM_BANDS_MAX; i++) {
        kith_sim_bands_fault(&bands, &close, 40 + i);
        kith_sim_bands_fault(&bands, &open, 40.5 + i);
    }
    check_int(bands.count, KITH_SIM_BANDS_MAX);
    check_int(bands.left_out, KITH_SIM_BANDS_MAX + 5);
    kith_sim_bands_release(&bands);
}

static void csv_quotes_what_must_be_quoted(void)
{
    char *text = NULL;
    size_t len;
    struct kith_csv csv = {.file = open_memstream(&text, &len)};
    kith_csv_text(&csv, "mlp:256,128");
    kith_csv_text(&csv, "plain");
    kith_csv_text(&csv, "say \"hi\"\r\n");
    kith_csv_end(&csv);
    kith_csv_uint(&csv, UINT64_MAX);
    kith_csv_real(&csv, 1.25, 1);
    kith_csv_real(&csv, NAN, 3);
    kith_csv_real(&csv, HUGE_VAL, 3);
    kith_csv_empty(&csv);
    kith_csv_end(&csv);
    fclose(csv.file);
    check_str(text, "\"mlp:256,128\",plain,\"say \"\"hi\"\"\r\n\"\r\n"
                    "18446744073709551615,1.2,,,\r\n");
    free(text);
}

static void the_bar_fits_and_says_what_is_known(void)
{
    char line[128];
    struct kith_sim_progress progress = {
        .done = 0.5, .virtual_s = 12.5, .wall_s = 30, .rounds = 5.25, .accuracy = 71.34};
    kith_sim_bar_line(&progress, 100, line, sizeof line);
    check_str(line, "[##########..........]  50 %  12.5 virtual s  round 5.2  accuracy 71.3 %  "
                    "ETA 30 s");
    progress.accuracy = NAN;
    progress.done = 0.999;
    progress.wall_s = 7200 * 999;
    kith_sim_bar_line(&progress, 100, line, sizeof line);
    check_str(line, "[####################]  99 %  12.5 virtual s  round 5.2  ETA 2 h 0 min");
    for (uint32_t columns = 0; columns < 90; columns++) {
        kith_sim_bar_line(&progress, columns, line, sizeof line);
        check(strlen(line) <= columns);
    }
    progress.done = 7;
    kith_sim_bar_line(&progress, 30, line, sizeof line);
    check_str(line, "[####################] 100 %");
}

static void no_bar_where_nobody_looks(void)
{
    struct kith_sim_bar bar;
    FILE *file = tmpfile();
    kith_sim_bar_init(&bar, file, true);
    check(!bar.out);
    check(!kith_sim_bar_is_due(&bar, 1e9));
    fclose(file);
}

static void a_folder_that_exists_is_left_alone(void)
{
    char path[] = "/tmp/kith-folder-XXXXXX", line[256] = "";
    check(mkdtemp(path) != NULL);
    FILE *err = fmemopen(line, sizeof line, "w");
    check(kith_sim_folder_make(path, err) != 0);
    fclose(err);
    check(strstr(line, "exists already") && strchr(line, '\n') == line + strlen(line) - 1);
    remove(path);
}

int main(void)
{
    run(percentiles_are_values_that_occur);
    run(lives_add_up);
    run(points_never_pass_their_limit);
    run(a_band_lasts_from_the_first_to_the_last);
    run(csv_quotes_what_must_be_quoted);
    run(the_bar_fits_and_says_what_is_known);
    run(no_bar_where_nobody_looks);
    run(a_folder_that_exists_is_left_alone);
    return test_end();
}
