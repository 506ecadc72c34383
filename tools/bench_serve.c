#include "tools/bench_serve.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "training/model.h"

enum { LINE_MAX_LEN = 256, INPUTS = 784, CLASSES = 10 };

/* What is measured at present: kept from request to request while they ask for the same. */
struct server {
    struct kith_bench_plan plan;
    struct kith_bench_cell cell;
    struct kith_bench *bench;
};

/* Make the bench of a request; false if the request is wrong or memory is short. */
static bool server_turn_to(struct server *server, const char *arch, uint32_t batch, uint32_t slice)
{
    struct kith_arch wanted;
    if (kith_arch_parse(arch, INPUTS, CLASSES, 1u << 26, &wanted) != 0 || wanted.convs)
        return false;
    if (batch < 1 || batch > 4096 || slice < 1 || slice > 10000) return false;
    bool same = server->bench && server->cell.batch == batch && server->plan.slice_ms == slice &&
                strcmp(server->cell.arch.text, wanted.text) == 0;
    if (same) return true;
    kith_bench_free(server->bench);
    server->cell = (struct kith_bench_cell){.arch = wanted, .batch = batch};
    server->plan.slice_ms = slice;
    server->bench = kith_bench_new(&server->plan, &server->cell);
    return server->bench;
}

static void server_answer(struct server *server, const char *line)
{
    char arch[KITH_ARCH_TEXT_MAX];
    unsigned batch, who, slice;
    if (strcmp(line, "name\n") == 0) {
        printf("%s\t%s\n", kith_kernels_name(KITH_KERNELS_EXACT),
               kith_kernels_name(KITH_KERNELS_BLAS));
        return;
    }
    if (sscanf(line, "%31s %u %u %u", arch, &batch, &who, &slice) != 4 || who >= KITH_CONTESTANTS) {
        printf("error: not ARCH BATCH CONTESTANT SLICE_MS\n");
        return;
    }
    if (!server_turn_to(server, arch, batch, slice) || !kith_bench_takes_part(server->bench, who)) {
        printf("error: cannot measure that\n");
        return;
    }
    struct kith_sample sample = kith_bench_measure(server->bench, who);
    printf("%.9g %.9g %.4f\n", sample.per_cpu_s, sample.per_wall_s, sample.others);
}

void kith_bench_serve(const struct kith_dataset *data)
{
    struct server server = {.plan = {.data = data, .reps = 1, .pairs = true}};
    char line[LINE_MAX_LEN];
    while (fgets(line, sizeof line, stdin)) {
        server_answer(&server, line);
        if (fflush(stdout) != 0) break;
    }
    kith_bench_free(server.bench);
}

struct kith_rival {
    pid_t pid;
    FILE *to;
    FILE *from;
    char name[LINE_MAX_LEN];
};

/* In the child: become a server. */
static void child_run(int in, int out)
{
    char program[] = "kith", bench[] = "bench", train[] = "train", serve[] = "--serve";
    char core[] = "--openblas-core", automatic[] = "auto";
    char *args[] = {program, bench, train, serve, core, automatic, NULL};
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(1);
    if (unsetenv("OPENBLAS_CORETYPE") != 0) _exit(1);
    execv("/proc/self/exe", args);
    _exit(1);
}

/* One line each way; false if the child has gone. */
static bool ask(struct kith_rival *rival, const char *request, char ret[static LINE_MAX_LEN])
{
    if (fputs(request, rival->to) < 0 || fflush(rival->to) != 0) return false;
    return fgets(ret, LINE_MAX_LEN, rival->from);
}

static bool rival_open(struct kith_rival *rival)
{
    int request[2], answer[2];
    if (pipe2(request, O_CLOEXEC) != 0) return false;
    if (pipe2(answer, O_CLOEXEC) != 0) {
        close(request[0]);
        close(request[1]);
        return false;
    }
    rival->pid = fork();
    if (rival->pid == 0) child_run(request[0], answer[1]);
    close(request[0]);
    close(answer[1]);
    rival->to = fdopen(request[1], "w");
    rival->from = fdopen(answer[0], "r");
    return rival->pid > 0 && rival->to && rival->from;
}

struct kith_rival *kith_rival_start(void)
{
    char line[LINE_MAX_LEN];
    struct kith_rival *rival = calloc(1, sizeof *rival);
    if (!rival) return NULL;
    bool ok = rival_open(rival) && ask(rival, "name\n", line);
    char *tab = ok ? strchr(line, '\t') : NULL;
    if (!tab) {
        kith_rival_stop(rival);
        return NULL;
    }
    tab[strcspn(tab, "\n")] = '\0';
    memcpy(rival->name, tab + 1, strlen(tab));
    return rival;
}

const char *kith_rival_name(const struct kith_rival *rival)
{
    return rival->name;
}

struct kith_sample kith_rival_measure(struct kith_rival *rival, const struct kith_bench_cell *cell,
                                      uint32_t slice_ms)
{
    char line[LINE_MAX_LEN];
    struct kith_sample sample;
    (void)snprintf(line, sizeof line, "%s %u %d %u\n", cell->arch.text, cell->batch,
                   KITH_BENCH_SGEMM, slice_ms);
    if (ask(rival, line, line) &&
        sscanf(line, "%lf %lf %lf", &sample.per_cpu_s, &sample.per_wall_s, &sample.others) == 3)
        return sample;
    return (struct kith_sample){(double)NAN, (double)NAN, 0};
}

void kith_rival_stop(struct kith_rival *rival)
{
    if (!rival) return;
    if (rival->to) fclose(rival->to);
    if (rival->from) fclose(rival->from);
    if (rival->pid > 0) (void)waitpid(rival->pid, NULL, 0);
    free(rival);
}
