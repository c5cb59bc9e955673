/* SPDX-License-Identifier: Apache-2.0 */
/* `alerts`: what somebody has to look at now, for people and for monitoring. */
#include "cli/alerts.h"
#include "cli/migration.h"
#include "cli/only.h"
#include "cli/run.h"
#include "cli/stats_tell.h"
#include "common/base/units.h"

#define TABLE_MAX (1u << 20)

/* What all migrations raise, told in the format that was chosen. */
struct listing {
    struct json *list; /* owned */
    struct buf table;
    unsigned count;
};

static void add_alert(struct listing *l, const char *migration, const struct alert *a)
{
    struct json *j = json_object();
    char within[UNIT_TEXT_MAX];

    json_set_string(j, "name", alert_name(a->kind));
    json_set_string(j, "migration", migration);
    json_set_string(j, "severity", alert_severity(a));
    json_set_number(j, "respondWithinS", (double)dur_to_ms(a->respond_within) / 1000);
    json_set_string(j, "text", a->text);
    json_set_string(j, "advice", a->advice);
    json_append(l->list, j);
    buf_addf(&l->table, "%s\t%s\t%s\twithin %s\t%s\n\t\t\t\t%s\n", alert_severity(a),
             alert_name(a->kind), migration, unit_duration_text(a->respond_within, within), a->text,
             a->advice);
    l->count++;
}

static int look_at(struct cli *cli, const char *migration, struct listing *l, struct err *err)
{
    Switchyard__V1__StatsRequest request = SWITCHYARD__V1__STATS_REQUEST__INIT;
    CLEANUP(cli_reply_freep) ProtobufCMessage *where = NULL;
    CLEANUP(cli_reply_freep) ProtobufCMessage *measured = NULL;
    struct alert raised[ALERT_COUNT];
    unsigned n;
    int r;

    request.migration = rpc_lend(migration);
    request.window_s = ALERT_WINDOW_S;
    r = migration_status(cli, migration, &where, err);
    if (r == 0)
        r = cli_call(cli, "GetStats", &request.base, dur_ms(0), &measured, err);
    if (r < 0)
        return r;
    if (!stats_whole((const Switchyard__V1__Stats *)measured))
        return err_set(err, ERR_CORRUPT, "the coordinator's answer lacks a system's counters");
    n = alerts_raised((const Switchyard__V1__Status *)where,
                      (const Switchyard__V1__Stats *)measured, loop_wall(cli->loop), raised);
    for (unsigned i = 0; i < n; i++)
        add_alert(l, migration, &raised[i]);
    return 0;
}

static int look_at_all(struct cli *cli, struct listing *l, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__PlansRequest request = SWITCHYARD__V1__PLANS_REQUEST__INIT;
    const Switchyard__V1__Plans *plans;
    int r = cli_call(cli, "ListPlans", &request.base, dur_ms(0), &reply, err);

    plans = (const Switchyard__V1__Plans *)reply;
    for (size_t i = 0; r == 0 && i < plans->n_plans; i++) {
        r = look_at(cli, plans->plans[i]->name, l, err);
        if (r == -ERR_NOT_FOUND)
            r = 0; /* deleted meanwhile */
    }
    return r;
}

static int tell(const struct cli *cli, struct listing *l, struct err *err)
{
    CLEANUP(json_freep) struct json *j = json_object();

    json_set(j, "alerts", steal(l->list));
    if (cli->output != OUTPUT_TABLE)
        return cli_print_json(cli, j, err);
    if (l->count == 0)
        cli_say("no alert\n");
    cli_print_table(buf_text(&l->table));
    return 0;
}

int run_alerts(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    struct listing l = {.list = json_array(), .table = BUF_INIT(TABLE_MAX)};
    char name[NAME_SIZE];
    int r = a->name_count > 0 ? only_migration(cli, a, name, err) : 0;

    if (r == 0)
        r = a->name_count > 0 ? look_at(cli, name, &l, err) : look_at_all(cli, &l, err);
    if (r == 0) {
        *ret_status = l.count > 0;
        r = tell(cli, &l, err);
    }
    json_free(l.list);
    buf_deinit(&l.table);
    return r;
}
