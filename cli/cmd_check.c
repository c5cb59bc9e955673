/* SPDX-License-Identifier: Apache-2.0 */
/* `check`: is the next stage ready to be entered? */
#include "cli/cli.h"
#include "cli/run.h"
#include "cli/verdict.h"

/* Checks take as long as the plan lets them, unless --timeout says how long. */
#define CHECKS_TAKE dur_s(3600)

static int status_of(enum verdict_kind v)
{
    return v == VERDICT_IS_PASS ? 0 : v == VERDICT_IS_FAIL ? 1 : 2;
}

/* What a command wrote, below its line. */
static void tell_output(const Switchyard__V1__CheckResult *r)
{
    struct str line, rest = str_of(r->output);

    if (verdict_of(r->verdict) == VERDICT_IS_PASS)
        return;
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        cli_say("  %s | %.*s\n", r->name, (int)line.n, line.p);
    }
}

static void tell(const Switchyard__V1__CheckReport *m)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(64u << 10);

    for (size_t i = 0; i < m->n_checks; i++)
        buf_addf(&b, "%s\t%s\t%s\t%.0f ms\n", verdict_mark(m->checks[i]->verdict),
                 m->checks[i]->name, m->checks[i]->text, m->checks[i]->took_ms);
    for (size_t i = 0; i < m->n_conditions; i++)
        buf_addf(&b, "%s\t%s\t%s\t\n", verdict_mark(m->conditions[i]->verdict),
                 m->conditions[i]->name, m->conditions[i]->text);
    cli_print_table(buf_text(&b));
    for (size_t i = 0; i < m->n_checks; i++)
        tell_output(m->checks[i]);
    if (verdict_of(m->verdict) == VERDICT_IS_PASS)
        cli_say("%s: %s is ready\n", m->migration, m->stage);
    else if (verdict_of(m->verdict) == VERDICT_IS_FAIL)
        cli_say("%s: %s is not ready\n", m->migration, m->stage);
    else
        cli_say("%s: %s has to wait\n", m->migration, m->stage);
}

int run_check(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__CheckStageRequest request = SWITCHYARD__V1__CHECK_STAGE_REQUEST__INIT;
    bool hurried = args_has(a, OPT_TIMEOUT);
    const Switchyard__V1__CheckReport *m;
    int r;

    request.migration = rpc_lend(a->name[0]);
    request.stage = rpc_lend(args_has(a, OPT_STAGE) ? a->option[OPT_STAGE] : "");
    request.timeout_ms = hurried ? (uint32_t)dur_to_ms(cli->timeout) : 0;
    r = cli_call(cli, "CheckStage", &request.base, hurried ? dur_s(5) : CHECKS_TAKE, &reply, err);
    if (r < 0)
        return r;
    m = (const Switchyard__V1__CheckReport *)reply;
    *ret_status = status_of(verdict_of(m->verdict));
    if (!cli_print_message(cli, reply, &r, err))
        tell(m);
    return r;
}
