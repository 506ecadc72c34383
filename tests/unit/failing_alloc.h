/* tests/unit/failing_alloc.h: an allocator that says no. For programs linked with --wrap of malloc,
 * calloc, realloc, aligned_alloc and free: every allocation that kith's own code asks for is
 * counted, and from a chosen one on, one or all fail. What libraries allocate for themselves is
 * theirs. */
#ifndef KITH_TESTS_UNIT_FAILING_ALLOC_H
#define KITH_TESTS_UNIT_FAILING_ALLOC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *at);

static atomic_long alloc_calls; /* since alloc_fail_at */
static atomic_long alloc_live;  /* given and not yet freed */
static long alloc_first;        /* the first call that fails, 0: none does */
static bool alloc_all;          /* and all after it, too */

/* Count from 1 anew; the `first`-th call fails, 0: none, and with `all` those after it. */
static void alloc_fail_at(long first, bool all)
{
    atomic_store(&alloc_calls, 0);
    alloc_first = first;
    alloc_all = all;
}

static bool alloc_fails(void)
{
    long call = atomic_fetch_add(&alloc_calls, 1) + 1;
    return alloc_first && (call == alloc_first || (alloc_all && call > alloc_first));
}

static void *alloc_given(void *at)
{
    if (at) atomic_fetch_add(&alloc_live, 1);
    return at;
}

void *__wrap_malloc(size_t size)
{
    return alloc_fails() ? NULL : alloc_given(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return alloc_fails() ? NULL : alloc_given(__real_calloc(count, size));
}

void *__wrap_realloc(void *at, size_t size)
{
    if (alloc_fails()) return NULL;
    void *moved = __real_realloc(at, size);
    return at ? moved : alloc_given(moved);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return alloc_fails() ? NULL : alloc_given(__real_aligned_alloc(align, size));
}

void __wrap_free(void *at)
{
    if (at) atomic_fetch_sub(&alloc_live, 1);
    __real_free(at);
}

#endif
