/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_tell.h"

#include "cli/verdict.h"

/* Checks take as long as the plan lets them, unless --timeout says how long. */
#define CHECKS_TAKE dur_s(3600)

int check_ask(struct cli *c, const char *migration, const char *stage, bool hurried,
              ProtobufCMessage **ret, struct err *err)
{
    Switchyard__V1__CheckStageRequest request = SWITCHYARD__V1__CHECK_STAGE_REQUEST__INIT;

    request.migration = rpc_lend(migration);
    request.stage = rpc_lend(stage);
    request.timeout_ms = hurried ? (uint32_t)dur_to_ms(c->timeout) : 0;
    return cli_call(c, "CheckStage", &request.base, hurried ? dur_s(5) : CHECKS_TAKE, ret, err);
}

int check_status(const Switchyard__V1__CheckReport *m)
{
    enum verdict_kind v = verdict_of(m->verdict);

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

void check_tell(const Switchyard__V1__CheckReport *m)
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
