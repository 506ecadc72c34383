/* kith swarm show: the rules of a swarm and its id. */
#include "base/bytes.h"
#include "host/conf_file.h"
#include "tools/dispatch.h"

int kith_cmd_swarm_show(const struct kith_args *args)
{
    struct kith_rules rules;
    char error[KITH_CONF_ERROR_MAX];
    char hex[2 * KITH_ID_LEN + 1];
    kith_rules_default(&rules);
    if (args->operand_count > 0 && kith_conf_load(args->operand[0], &rules, error) != 0)
        return kith_fail(args, "%s", error);
    struct kith_id id = kith_rules_id(&rules);
    kith_hex_encode(id.bytes, sizeof id.bytes, hex);
    printf("# id: %s\n", hex);
    kith_conf_write(&rules, stdout);
    return 0;
}
