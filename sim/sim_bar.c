#include "sim/sim_bar.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, COLUMNS_MAX = 100, BAR_WIDTH = 20, PARTS = 5, PART_MAX = 48 };

#define EVERY_S 0.25

void kith_sim_bar_init(struct kith_sim_bar *bar, FILE *out, bool is_wanted)
{
    struct winsize size;
    memset(bar, 0, sizeof *bar);
    int fd = fileno(out);
    if (!is_wanted || fd < 0 || !isatty(fd)) return;
    bar->out = out;
    bar->drawn_s = -EVERY_S;
    bool is_known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    bar->columns = is_known ? size.ws_col : COLUMNS_DEFAULT;
    if (bar->columns > COLUMNS_MAX) bar->columns = COLUMNS_MAX;
}

bool kith_sim_bar_is_due(const struct kith_sim_bar *bar, double wall_s)
{
    return bar->out && wall_s >= bar->drawn_s + EVERY_S;
}

/* "8 s", "3 min", "2 h 5 min". */
static void write_span(double seconds, char *ret, size_t size)
{
    if (seconds < 99.5)
        snprintf(ret, size, "%.0f s", seconds);
    else if (seconds < 99.5 * 60)
        snprintf(ret, size, "%.0f min", seconds / 60);
    else
        snprintf(ret, size, "%.0f h %.0f min", floor(seconds / 3600), fmod(seconds / 60, 60));
}

static void write_parts(const struct kith_sim_progress *progress, char part[PARTS][PART_MAX])
{
    char span[PART_MAX - 8];
    double done = progress->done < 0 ? 0 : progress->done > 1 ? 1 : progress->done;
    int full = (int)(done * BAR_WIDTH + 0.5);
    memset(part, 0, PARTS * PART_MAX);
    part[0][0] = '[';
    memset(part[0] + 1, '.', BAR_WIDTH);
    memset(part[0] + 1, '#', (size_t)full);
    snprintf(part[0] + 1 + BAR_WIDTH, PART_MAX - 1 - BAR_WIDTH, "] %3.0f %%", floor(done * 100));
    snprintf(part[1], PART_MAX, "  %.1f virtual s", progress->virtual_s);
    snprintf(part[2], PART_MAX, "  round %.1f", progress->rounds);
    if (!isnan(progress->accuracy))
        snprintf(part[3], PART_MAX, "  accuracy %.1f %%", progress->accuracy);
    if (done >= 0.01 && progress->wall_s > 1) {
        write_span(progress->wall_s * (1 - done) / done, span, sizeof span);
        snprintf(part[4], PART_MAX, "  ETA %s", span);
    }
}

void kith_sim_bar_line(const struct kith_sim_progress *progress, uint32_t columns, char *ret,
                       size_t size)
{
    char part[PARTS][PART_MAX];
    size_t len = 0;
    write_parts(progress, part);
    ret[0] = '\0';
    for (int i = 0; i < PARTS; i++) {
        size_t more = strlen(part[i]);
        if (len + more > columns || len + more >= size) return;
        memcpy(ret + len, part[i], more + 1);
        len += more;
    }
}

void kith_sim_bar_draw(struct kith_sim_bar *bar, const struct kith_sim_progress *progress)
{
    char line[COLUMNS_MAX + 1];
    if (!bar->out) return;
    /* The last column stays free: some terminals wrap there. */
    kith_sim_bar_line(progress, bar->columns - 1, line, sizeof line);
    fprintf(bar->out, "\r%-*s", (int)(bar->columns - 1), line);
    fflush(bar->out);
    bar->drawn_s = progress->wall_s;
}

void kith_sim_bar_clear(struct kith_sim_bar *bar)
{
    if (!bar->out) return;
    fprintf(bar->out, "\r%*s\r", (int)(bar->columns - 1), "");
    fflush(bar->out);
}
