/* SPDX-License-Identifier: Apache-2.0 */
/* `recover`: what an engineer does who finds a system unwell, step by step: look, see whether new
 * works when its breaker is open, try a rollback again that has not reached every node, look
 * again. */
#include <stdarg.h>

#include "cli/change_tell.h"
#include "cli/health_tell.h"
#include "cli/laggards.h"
#include "cli/migration.h"
#include "cli/node_call.h"
#include "cli/probe_tell.h"
#include "cli/run.h"
#include "common/base/mem.h"

#define STEP_MAX    LAGGARDS_TEXT_MAX
#define PROBE_TAKES dur_s(30)

/* The walk, told while it is made or, as JSON, at its end. */
struct walk {
    struct cli *cli;
    const struct args *a;
    const Switchyard__V1__Status *status; /* as it was found */
    struct json *steps;                   /* of "steps" */
    unsigned count;
    struct change_done done;
    bool well; /* at the end */
};

static void step(struct walk *w, const char *fmt, ...) PRINTF(2, 3);

static void step(struct walk *w, const char *fmt, ...)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(STEP_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    w->count++;
    json_append(w->steps, json_from_string(buf_text(&text)));
    if (w->cli->output == OUTPUT_TABLE)
        cli_say("%u. %s\n", w->count, buf_text(&text));
}

static void say_lines(const struct walk *w, const char *prefix, struct str lines)
{
    struct str line;

    while (lines.n > 0) {
        str_cut(lines, '\n', &line, &lines);
        json_append(w->steps, json_from_str(line));
        if (w->cli->output == OUTPUT_TABLE)
            cli_say("   %s%.*s\n", prefix, (int)line.n, line.p);
    }
}

/* ---- the steps ------------------------------------------------------------------------------- */

static int look_at_health(struct walk *w, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Health *h;
    int r = health_ask(w->cli, &reply, err);

    if (r < 0)
        return r;
    h = (const Switchyard__V1__Health *)reply;
    w->well = health_is_good(h);
    step(w, "health: %s", h->overall);
    for (size_t i = 0; i < h->n_components; i++) {
        const Switchyard__V1__Component *c = h->components[i];

        if (strcmp(c->state, "healthy") != 0)
            step(w, "health: %s is %s: %s", c->name, c->state, c->text);
    }
    return 0;
}

static void tell_probe(struct walk *w, const Switchyard__V1__ProbeResult *m)
{
    const Switchyard__V1__ProbeAnswer *a = m->n_answers > 0 ? m->answers[0] : NULL;

    if (a && a->status > 0)
        step(w, "probe: new answered %u after %.1f ms through %s: %s", a->status, a->took_ms,
             m->node,
             probe_is_good(m) ? "its breaker closes as soon as its own tries say so, too"
                              : "its breaker is right to be open");
    else
        step(w, "probe: new did not answer through %s: %s", m->node, a ? a->error : "no answer");
}

/* One real request, past the breaker: does new work by now? */
static void probe_new(struct walk *w)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__ProbeRequest request = SWITCHYARD__V1__PROBE_REQUEST__INIT;
    struct fleet_entry node;
    struct err why;
    int r;

    request.migration = w->status->migration;
    request.path = rpc_lend(args_has(w->a, OPT_PATH) ? w->a->option[OPT_PATH] : "/");
    request.system = SWITCHYARD__V1__SYSTEM__SYSTEM_NEW;
    request.bypass_breaker = true;
    r = node_find_any(w->cli, &node, &why);
    if (r == 0)
        r = node_call(w->cli, &node, "Probe", &request.base, PROBE_TAKES, &reply, &why);
    if (r < 0)
        step(w, "probe: new could not be tried: %s", why.msg);
    else
        tell_probe(w, (const Switchyard__V1__ProbeResult *)reply);
}

static void look_at_breaker(struct walk *w)
{
    const Switchyard__V1__BreakerStatus *b = w->status->breaker;

    if (b->open_nodes == 0)
        step(w, "breaker: %s", b->state);
    else
        step(w,
             "breaker: open on %u node%s, which send everything to legacy and try new again by "
             "themselves",
             b->open_nodes, b->open_nodes == 1 ? "" : "s");
    if (b->open_nodes > 0)
        probe_new(w);
}

static bool is_falling(const Switchyard__V1__Status *s)
{
    return strcmp(s->phase, "rolling_back") == 0 || strcmp(s->phase, "rollback_failed") == 0;
}

static void name_laggards(struct walk *w)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(LAGGARDS_TEXT_MAX);

    laggards_describe(w->cli, w->status->convergence, &text);
    say_lines(w, "lagging: ", buf_view(&text));
}

/* "a, b" in pieces, cut in place; `ret` has room for as many as the list has bytes. */
static unsigned cut_names(char *list, char **ret)
{
    unsigned n = 0;

    for (char *next; list; list = next) {
        next = strchr(list, ',');
        if (next)
            *next++ = '\0';
        list += strspn(list, " ");
        list[strcspn(list, " ")] = '\0';
        if (list[0])
            ret[n++] = list;
    }
    return n;
}

static int try_again(struct walk *w, struct err *err)
{
    Switchyard__V1__Recover action = SWITCHYARD__V1__RECOVER__INIT;
    const char *who = w->a->option[OPT_QUARANTINE];
    CLEANUP(xfreep) char *list = xstrdup(who ? who : "");
    CLEANUP(xfreep) char **names = xcalloc(strlen(list) + 1, sizeof *names);
    struct change ch;

    if (who && strcmp(who, "laggards") == 0)
        action.quarantine_laggards = true;
    else
        action.n_quarantine = cut_names(list, names);
    action.quarantine = names;
    change_init(&ch, w->cli, w->a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_RECOVER;
    ch.request.recover = &action;
    step(w, "rollback: %s, so it is tried again", w->status->phase);
    name_laggards(w);
    return change_carry_out(w->cli, w->a, &ch, &w->done, err);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static int nothing_to_do(struct walk *w, struct err *err)
{
    char text[TEXT_SIZE];

    str_fmt(text, sizeof text, "there is nothing to recover: %s is %s", w->status->migration,
            w->status->phase);
    if (w->cli->output == OUTPUT_TABLE) {
        cli_say("%s\n", text);
        return 0;
    }
    CLEANUP(json_freep) struct json *j = json_object();
    struct json *changes = json_array(), *change = json_object();

    json_set_string(change, "migration", w->status->migration);
    json_set_string(change, "summary", text);
    json_append(changes, change);
    json_set(j, "changes", changes);
    json_set(j, "steps", json_dup(w->steps));
    return cli_print_json(w->cli, j, err);
}

static int tell_end(struct walk *w, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (w->cli->output == OUTPUT_TABLE)
        return 0;
    j = w->done.result ? change_json((const Switchyard__V1__CommandResult *)w->done.result,
                                     (const Switchyard__V1__AwaitResult *)w->done.nodes)
                       : json_object();
    json_set(j, "steps", json_dup(w->steps));
    return cli_print_json(w->cli, j, err);
}

static int walk(struct walk *w, int *ret_status, struct err *err)
{
    bool falling = is_falling(w->status);
    int r;

    if (!falling && w->status->breaker->open_nodes == 0)
        return nothing_to_do(w, err);
    r = look_at_health(w, err);
    if (r < 0)
        return r;
    look_at_breaker(w);
    if (falling)
        r = try_again(w, err);
    if (r == 0 && w->done.result && w->cli->output == OUTPUT_TABLE)
        change_say(w->cli, &w->done);
    if (r == 0)
        r = look_at_health(w, err);
    if (r < 0)
        return r;
    *ret_status = change_lags(&w->done) || (!falling && !w->well) ? 1 : 0;
    return tell_end(w, err);
}

int run_recover(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *status = NULL;
    CLEANUP(json_freep) struct json *steps = json_array();
    struct walk w = {.cli = cli, .a = a, .steps = steps};
    int r;

    if (args_has(a, OPT_QUARANTINE) && !args_has(a, OPT_REASON)) {
        err_set(err, ERR_INVALID, "--quarantine needs a reason");
        return err_hint(err, "add --reason TEXT; it is recorded in the history");
    }
    r = migration_status(cli, a->name[0], &status, err);
    if (r < 0)
        return r;
    w.status = (const Switchyard__V1__Status *)status;
    r = walk(&w, ret_status, err);
    change_done_deinit(&w.done);
    return r;
}
