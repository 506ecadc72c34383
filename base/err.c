#include "base/err.h"

struct err_row {
    const char *name;
    const char *text;
};

static const struct err_row rows[KITH_ERR_COUNT] = {[0] = {"none", "no error"},
#define X(name, text) [KITH_ERR_MAGNITUDE_##name] = {#name, text},
                                                    KITH_ERR_MAP(X)
#undef X
};

static const struct err_row *row_of(int err)
{
    if (err > 0 || err <= -KITH_ERR_COUNT) return (const struct err_row *)0;
    return &rows[-err];
}

const char *kith_err_name(int err)
{
    const struct err_row *row = row_of(err);
    return row ? row->name : "UNKNOWN";
}

const char *kith_err_text(int err)
{
    const struct err_row *row = row_of(err);
    return row ? row->text : "unknown error";
}
