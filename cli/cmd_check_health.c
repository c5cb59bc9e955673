/* SPDX-License-Identifier: Apache-2.0 */
/* `check-health`: what the triggers and the gate say now; on demand, back at once. */
#include "cli/change.h"
#include "cli/migration.h"
#include "cli/run.h"
#include "cli/verdict.h"

#define REASON_SIZE 200

/* What was found, over triggers and gate. */
struct findings {
    unsigned passed, failed, held;
    char first[REASON_SIZE]; /* violation of a trigger or, if none, of the gate */
};

static void look_at(struct findings *f, const Switchyard__V1__GateStatus *g)
{
    for (size_t i = 0; i < g->n_checks; i++) {
        enum verdict_kind v = verdict_of(g->checks[i]->verdict);

        f->passed += v == VERDICT_IS_PASS;
        f->held += v == VERDICT_IS_HOLD;
        f->failed += v == VERDICT_IS_FAIL;
        if (v == VERDICT_IS_FAIL && !f->first[0])
            str_fmt(f->first, sizeof f->first, "%s: %s", g->checks[i]->name, g->checks[i]->text);
    }
}

/* Found out to be wrong beats not found out; nothing to find out is no success. */
static int status_of(const struct findings *f)
{
    if (f->failed > 0)
        return 1;
    return f->held > 0 ? 2 : 0;
}

static void tell_checks(struct buf *b, const char *whose, const Switchyard__V1__GateStatus *g)
{
    for (size_t i = 0; i < g->n_checks; i++)
        buf_addf(b, "%s\t%s\t%s\t%s\n", verdict_mark(g->checks[i]->verdict), whose,
                 g->checks[i]->name, g->checks[i]->text);
}

static void tell(const Switchyard__V1__Status *s, const struct findings *f)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(64u << 10);

    tell_checks(&b, "trigger", s->trigger);
    tell_checks(&b, "gate", s->gate);
    cli_print_table(buf_text(&b));
    if (f->failed > 0)
        cli_say("%s: %u violation%s\n", s->migration, f->failed, f->failed == 1 ? "" : "s");
    else if (f->held > 0)
        cli_say("%s: no violation, but %u cannot be told yet\n", s->migration, f->held);
    else if (f->passed > 0)
        cli_say("%s: no violation\n", s->migration);
    else
        cli_say("%s: nothing is judged at %s, %s\n", s->migration, s->stage, s->phase);
}

/* {"migration": ..., "verdict": "pass", "trigger": {...}, "gate": {...}} */
static int print(const struct cli *cli, const Switchyard__V1__Status *s, const struct findings *f,
                 struct err *err)
{
    static const char *const words[] = {"pass", "fail", "hold"};
    CLEANUP(json_freep) struct json *j = json_object();

    json_set_string(j, "migration", s->migration);
    json_set_string(j, "verdict", words[status_of(f)]);
    json_set(j, "trigger", cli_message_json(&s->trigger->base));
    json_set(j, "gate", cli_message_json(&s->gate->base));
    return cli_print_json(cli, j, err);
}

static int roll_back(struct cli *cli, const struct args *a, const Switchyard__V1__Status *s,
                     const struct findings *f, struct err *err)
{
    Switchyard__V1__Rollback action = SWITCHYARD__V1__ROLLBACK__INIT;
    char reason[TEXT_SIZE];
    int ignored = 0;
    struct change ch;

    str_fmt(reason, sizeof reason, "check-health: %s", f->first);
    action.to_stage = s->trigger_to;
    change_init(&ch, cli, a);
    if (!args_has(a, OPT_REASON))
        ch.request.reason = reason;
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_ROLLBACK;
    ch.request.rollback = &action;
    return change_run(cli, a, &ch, &ignored, err);
}

int run_check_health(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Status *s;
    struct findings f = {0};
    bool falls;
    int r = migration_status(cli, a->name[0], &reply, err);

    if (r < 0)
        return r;
    s = (const Switchyard__V1__Status *)reply;
    look_at(&f, s->trigger);
    look_at(&f, s->gate);
    *ret_status = status_of(&f);
    falls = f.failed > 0 && args_has(a, OPT_ROLLBACK) && s->stage_index > 0;
    if (cli->output == OUTPUT_TABLE)
        tell(s, &f);
    else if (!falls)
        return print(cli, s, &f, err);
    return falls ? roll_back(cli, a, s, &f, err) : 0;
}
