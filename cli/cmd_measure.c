/* SPDX-License-Identifier: Apache-2.0 */
/* `measure`: values that gates and triggers judge by and that are measured elsewhere. */
#include "cli/cli.h"
#include "cli/run.h"
#include "common/base/units.h"

struct measurement {
    char name[NAME_SIZE];
    double value;
};

/* "restartsPerMinute=0.5"; also of a time, as in "syncLag=250ms". */
static int take(const char *text, struct measurement *ret, struct err *err)
{
    struct str name, value;
    dur_t d;

    if (!str_cut(str_of(text), '=', &name, &value) ||
        !str_copy(name, ret->name, sizeof ret->name)) {
        err_set(err, ERR_INVALID, "\"%s\" is no measurement", text);
        return err_hint(err, "write it as in syncLag=2.5");
    }
    if (str_to_decimal(value, &ret->value))
        return 0;
    if (unit_parse_duration(value, &d, NULL) < 0)
        return err_set(err, ERR_INVALID, "%s: the value is neither a number nor a duration", text);
    ret->value = (double)d.ns / 1e9;
    return 0;
}

static int report(struct cli *cli, const char *migration, const struct measurement *m,
                  struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__MeasureRequest request = SWITCHYARD__V1__MEASURE_REQUEST__INIT;

    request.migration = rpc_lend(migration);
    request.name = rpc_lend(m->name);
    request.value = m->value;
    request.source = rpc_lend(cli->operator_name);
    return cli_call(cli, "Measure", &request.base, dur_ms(0), &reply, err);
}

int run_measure(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    struct measurement m[ARRAY_LEN(a->name)];
    int r = 0;

    for (unsigned i = 1; i < a->name_count && r == 0; i++)
        r = take(a->name[i], &m[i], err);
    for (unsigned i = 1; i < a->name_count && r == 0; i++)
        r = report(cli, a->name[0], &m[i], err);
    if (r < 0)
        return r;
    for (unsigned i = 1; i < a->name_count; i++)
        cli_say("%s: %s is %g\n", a->name[0], m[i].name, m[i].value);
    return 0;
}
