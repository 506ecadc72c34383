#include "host/dht_helper_limits.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

enum {
    ADDRESS_SPACE_MAX = 512 * 1024 * 1024,
    DESCRIPTORS_MAX = 1000, /* OpenDHT's select() aborts the process at 1024 */
    MALLOC_ARENAS_MAX = 2,  /* each reserves 64 MiB of the address space */
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif

static int limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit(resource, &now)) return KITH_ERR_IO;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value) value = now.rlim_max;
    struct rlimit wanted = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &wanted) ? KITH_ERR_IO : 0;
}

static int limit_address_space(void)
{
#ifdef HAS_SHADOW_MEMORY
    return 0; /* the sanitizer's shadow alone is terabytes */
#else
    mallopt(M_ARENA_MAX, MALLOC_ARENAS_MAX);
    return limit(RLIMIT_AS, ADDRESS_SPACE_MAX);
#endif
}

/* A terminal sends these to every process of the group: the node decides when the helper ends. */
static void leave_signals_to_parent(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

int kith_dht_limits_start(void)
{
    leave_signals_to_parent();
    if (close_range(STDERR_FILENO + 1, ~0U, 0)) return KITH_ERR_IO;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) return KITH_ERR_IO;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return KITH_ERR_IO;
    int err = limit(RLIMIT_CORE, 0);
    if (!err) err = limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
    if (!err) err = limit_address_space();
    return err;
}

#if defined(HAS_SHADOW_MEMORY) || !(defined(__x86_64__) || defined(__aarch64__))

/* A sanitizer opens files of its own; other machines have other numbers. */
void kith_dht_limits_confine(void)
{
}

#else

#ifdef __x86_64__
#define THIS_MACHINE AUDIT_ARCH_X86_64
#else
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif

static const uint32_t allowed[] = {
    /* Talking. */
    __NR_read, __NR_write, __NR_recvfrom, __NR_sendto, __NR_ppoll, __NR_pselect6, __NR_bind,
    __NR_getsockname, __NR_getsockopt, __NR_setsockopt, __NR_fcntl, __NR_pipe2, __NR_eventfd2,
    __NR_close,
#ifdef __x86_64__
    __NR_poll, __NR_select, __NR_pipe,
#endif
    /* Memory, time, chance. */
    __NR_brk, __NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise, __NR_clock_gettime,
    __NR_clock_nanosleep, __NR_nanosleep, __NR_gettimeofday, __NR_getrandom,
    /* Threads, their signals, and the end. */
    __NR_futex, __NR_set_robust_list, __NR_rseq, __NR_sched_yield, __NR_gettid, __NR_getpid,
    __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_restart_syscall, __NR_tgkill,
    __NR_exit, __NR_exit_group};

enum { ALLOWED = sizeof allowed / sizeof allowed[0], FILTER_MAX = 2 * ALLOWED + 32 };

struct program {
    struct sock_filter at[FILTER_MAX];
    uint16_t len;
};

static void step(struct program *program, uint16_t code, uint32_t operand)
{
    program->at[program->len++] = (struct sock_filter){.code = code, .k = operand};
}

/* Go on if the loaded number is `value`, else pass over the next `over` steps. */
static void unless(struct program *program, uint32_t value, uint8_t over)
{
    step(program, BPF_JMP | BPF_JEQ | BPF_K, value);
    program->at[program->len - 1].jf = over;
}

static void load(struct program *program, size_t offset)
{
    step(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static void answer(struct program *program, uint32_t what)
{
    step(program, BPF_RET | BPF_K, what);
}

/* Threads, not processes. glibc makes one with clone, whose flags can be seen, if there is no
 * clone3. */
static void add_clone(struct program *program)
{
    unless(program, __NR_clone3, 1);
    answer(program, SECCOMP_RET_ERRNO | ENOSYS);
    unless(program, __NR_clone, 5);
    load(program, offsetof(struct seccomp_data, args[0])); /* the low half: little-endian */
    step(program, BPF_ALU | BPF_AND | BPF_K, CLONE_THREAD);
    unless(program, CLONE_THREAD, 1);
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
}

/* UDP over IPv4 and IPv6. The last part: a call that is none of those is refused here. */
static void add_socket(struct program *program)
{
    unless(program, __NR_socket, 8);
    load(program, offsetof(struct seccomp_data, args[0]));
    unless(program, AF_INET, 1);
    step(program, BPF_JMP | BPF_JA, 1);
    unless(program, AF_INET6, 4);
    load(program, offsetof(struct seccomp_data, args[1]));
    step(program, BPF_ALU | BPF_AND | BPF_K, 0xf); /* the type without its flags */
    unless(program, SOCK_DGRAM, 1);
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
}

void kith_dht_limits_confine(void)
{
    static struct program program;
    program.len = 0;
    load(&program, offsetof(struct seccomp_data, arch));
    unless(&program, THIS_MACHINE, 1);
    step(&program, BPF_JMP | BPF_JA, 1);
    answer(&program, SECCOMP_RET_KILL_PROCESS);
    load(&program, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ALLOWED; i++) {
        unless(&program, allowed[i], 1);
        answer(&program, SECCOMP_RET_ALLOW);
    }
    add_clone(&program);
    add_socket(&program);
    struct sock_fprog whole = {.len = program.len, .filter = program.at};
    (void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &whole);
}

#endif
