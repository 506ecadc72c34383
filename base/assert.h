/* base/assert.h: checks for what only a bug of ours can cause. On in every build. */
#ifndef KITH_BASE_ASSERT_H
#define KITH_BASE_ASSERT_H

/* Print the condition and its place to standard error and abort. */
_Noreturn void kith_assert_fail(const char *condition, const char *file, int line);

#define kith_assert(condition)                                                                     \
    ((condition) ? (void)0 : kith_assert_fail(#condition, __FILE__, __LINE__))

#endif
