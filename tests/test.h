/* tests/test.h: the whole test framework: TAP on standard output, one line a case. A case fails on
 * its first false check; the program's exit status is the number of failed cases, at most 1. */
#ifndef KITH_TESTS_TEST_H
#define KITH_TESTS_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_count;
static int test_failures;
static bool test_failed;

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                               \
            test_failed = true;                                                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define check_int(got, wanted)                                                                     \
    do {                                                                                           \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted);                          \
        if (got_ != wanted_) {                                                                     \
            printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, got_, wanted_);    \
            test_failed = true;                                                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define check_str(got, wanted)                                                                     \
    do {                                                                                           \
        const char *got_ = (got), *wanted_ = (wanted);                                             \
        if (strcmp(got_, wanted_) != 0) {                                                          \
            printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, got_,          \
                   wanted_);                                                                       \
            test_failed = true;                                                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define run(test)                                                                                  \
    do {                                                                                           \
        test_failed = false;                                                                       \
        test();                                                                                    \
        test_count++;                                                                              \
        test_failures += test_failed;                                                              \
        printf("%s %d - %s\n", test_failed ? "not ok" : "ok", test_count, #test);                  \
        fflush(stdout);                                                                            \
    } while (0)

#define skip(test, reason) printf("ok %d - %s # SKIP %s\n", ++test_count, #test, reason)

static inline int test_end(void)
{
    printf("1..%d\n", test_count);
    return test_failures ? 1 : 0;
}

#endif
