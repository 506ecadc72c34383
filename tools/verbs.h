/* tools/verbs.h: what dht-cli can do, each in a file of its own. */
#ifndef KITH_TOOLS_VERBS_H
#define KITH_TOOLS_VERBS_H

#include "tools/options.h"

int kith_verb_peers(const struct kith_args *args);
int kith_verb_whois(const struct kith_args *args);

#endif
