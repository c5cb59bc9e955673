/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about plans that change nothing: lint, diff, explain. */
#include "cli/cli.h"
#include "cli/migration.h"
#include "cli/plan_report.h"
#include "cli/run.h"
#include "common/base/mem.h"
#include "common/base/yaml.h"

#define TEXT_LIMIT (64u << 20)

static const char *source_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static int read_plan_text(const char *path, struct buf *text, struct err *err)
{
    int r = cli_read(path, text, err);

    if (r == -ERR_EXHAUSTED)
        return err_hint(err, "a plan is at most 1 MiB; is %s a plan?", path);
    return r;
}

static int read_plan(const struct args *a, struct plan **ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    const char *environment = a->option[OPT_ENV];
    int r = read_plan_text(a->name[0], &text, err);

    if (r < 0)
        return r;
    return plan_parse_for(buf_view(&text), source_of(a->name[0]), environment ? environment : "",
                          ret, err);
}

/* As JSON or YAML when that was asked for, else as `write` puts it. */
static int tell(const struct cli *cli, const struct json *report,
                void (*write)(const struct json *report, struct buf *b), struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);

    if (cli->output != OUTPUT_TABLE)
        return cli_print_json(cli, report, err);
    write(report, &b);
    cli_say("%s", buf_text(&b));
    return 0;
}

int run_plan_lint(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    CLEANUP(json_freep) struct json *report = NULL;
    int r = read_plan_text(a->name[0], &text, err);

    if (r < 0)
        return r;
    report = plan_report_lint(buf_view(&text), source_of(a->name[0]), a->option[OPT_ENV]);
    *ret_status = json_count(json_get(report, "problems")) > 0;
    return tell(cli, report, plan_report_lint_text, err);
}

/* What lies over the plan, which is in force whatever the file says. */
static void add_by_hand(const Switchyard__V1__PlanDocument *m, struct json *report)
{
    struct json *list;

    if (m->n_by_hand == 0)
        return;
    list = json_array();
    for (size_t i = 0; i < m->n_by_hand; i++)
        json_append(list, cli_message_json(&m->by_hand[i]->base));
    json_set(report, "byHand", list);
}

int run_plan_diff(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(plan_freep) struct plan *file = NULL, *in_force = NULL;
    CLEANUP(cli_reply_freep) ProtobufCMessage *document = NULL;
    CLEANUP(json_freep) struct json *report = NULL;
    int r = read_plan(a, &file, err);

    if (r == 0)
        r = migration_plan(cli, file->name.s, &in_force, &document, err);
    if (r < 0)
        return r;
    report = plan_report_diff(in_force, file);
    add_by_hand((const Switchyard__V1__PlanDocument *)document, report);
    *ret_status = json_count(json_get(report, "differences")) > 0;
    return tell(cli, report, plan_report_diff_text, err);
}

/* Names have no dot and no slash. */
static bool is_file(const char *s)
{
    return strcmp(s, "-") == 0 || strpbrk(s, "./");
}

static int print_sentences(const struct cli *cli, const struct plan *plan, const struct buf *text,
                           struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (cli->output == OUTPUT_TABLE) {
        cli_say("%s", buf_text(text));
        return 0;
    }
    j = json_object();
    json_set_string(j, "migration", plan->name.s);
    json_set_string(j, "environment", plan->environment);
    json_set_string(j, "text", buf_text(text));
    return cli_print_json(cli, j, err);
}

int run_plan_explain(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TEXT_LIMIT);
    CLEANUP(plan_freep) struct plan *plan = NULL;
    int r;

    (void)ret_status;
    if (is_file(a->name[0]))
        r = read_plan(a, &plan, err);
    else if (args_has(a, OPT_ENV))
        return err_set(err, ERR_INVALID, "--env goes with a file; %s is in force in its own",
                       a->name[0]);
    else
        r = migration_plan(cli, a->name[0], &plan, NULL, err);
    if (r < 0)
        return r;
    if (!plan_explain(plan, &text))
        return err_set(err, ERR_EXHAUSTED, "the sentences are longer than %u MiB",
                       TEXT_LIMIT >> 20);
    return print_sentences(cli, plan, &text, err);
}
