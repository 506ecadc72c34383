/* base/mutant.h: bugs planted on purpose, to show that the simulator's checks find them. Ordinary
 * builds have none: the macros are false and nothing. One test program (tests/swarm/mutants.c) is
 * built with KITH_MUTATIONS, says which bug is alive, and defines the two functions. */
#ifndef KITH_BASE_MUTANT_H
#define KITH_BASE_MUTANT_H

#include <stdbool.h>
#include <stddef.h>

/* Defined by that test program alone: whether this bug is alive; allocate and never free. */
bool kith_mutant_is(const char *name);
void kith_mutant_leak(size_t len);

#ifdef KITH_MUTATIONS
#define KITH_MUTANT(name) kith_mutant_is(name)
#define KITH_MUTANT_LEAK(name, len)                                                                \
    do {                                                                                           \
        if (kith_mutant_is(name)) kith_mutant_leak(len);                                           \
    } while (0)
#else
#define KITH_MUTANT(name)           false
#define KITH_MUTANT_LEAK(name, len) ((void)0)
#endif

#endif
