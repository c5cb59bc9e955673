/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan_report.h"

#include "common/base/yaml.h"

/* ---- lint ------------------------------------------------------------------------------------ */

struct linting {
    struct str text;
    const char *source;
    const char *environment; /* that is looked at */
    struct json *problems;   /* borrowed */
};

static bool is_told(const struct json *problems, const char *path, const char *text)
{
    JSON_FOREACH (problem, problems) {
        if (strcmp(json_get_string(problem, "environment", ""), "") == 0 &&
            strcmp(json_get_string(problem, "path", ""), path) == 0 &&
            strcmp(json_get_string(problem, "text", ""), text) == 0)
            return true;
    }
    return false;
}

static void add(const struct linting *l, const char *severity, const char *path, const char *text)
{
    struct json *problem;

    if (is_told(l->problems, path, text))
        return;
    problem = json_object();
    json_set_string(problem, "environment", l->environment);
    json_set_string(problem, "severity", severity);
    json_set_string(problem, "path", path);
    json_set_string(problem, "text", text);
    json_append(l->problems, problem);
}

static void add_warning(void *ctx, const char *path, const char *text)
{
    add(ctx, "warning", path, text);
}

static void lint_for(struct linting *l, const char *environment)
{
    CLEANUP(plan_freep) struct plan *plan = NULL;
    struct err err;

    l->environment = environment;
    if (plan_parse_for(l->text, l->source, environment, &plan, &err) < 0)
        add(l, "error", "", err.msg);
    else
        plan_lint(plan, add_warning, l);
}

/* The plan by itself, unless it asks to be told its environment, and in each of them. */
static void lint_all(struct linting *l)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct json *spec, *environments;

    if (yaml_parse(l->text, l->source, &doc, NULL) < 0) {
        lint_for(l, "");
        return;
    }
    spec = json_get(yaml_root(doc), "spec");
    environments = json_get(spec, "environments");
    if (json_count(environments) == 0 ||
        strcmp(json_get_string(spec, "environment", ""), "required") != 0)
        lint_for(l, "");
    if (json_kind(environments) == JSON_OBJECT)
        JSON_FOREACH (item, environments)
            lint_for(l, json_key(item));
}

struct json *plan_report_lint(struct str text, const char *source, const char *environment)
{
    struct json *report = json_object();
    struct linting l = {.text = text, .source = source, .problems = json_array()};

    json_set_string(report, "source", source);
    json_set(report, "problems", l.problems);
    if (environment)
        lint_for(&l, environment);
    else
        lint_all(&l);
    return report;
}

static void write_problem(struct buf *b, const struct json *problem)
{
    const char *environment = json_get_string(problem, "environment", "");
    const char *path = json_get_string(problem, "path", "");

    buf_addf(b, "%s: %s%s%s%s%s\n", json_get_string(problem, "severity", ""), path,
             path[0] ? ": " : "", json_get_string(problem, "text", ""),
             environment[0] ? ", in environment " : "", environment);
}

void plan_report_lint_text(const struct json *report, struct buf *b)
{
    const struct json *problems = json_get(report, "problems");

    if (json_count(problems) == 0)
        buf_addf(b, "%s: nothing looks wrong\n", json_get_string(report, "source", ""));
    JSON_FOREACH (problem, problems)
        write_problem(b, problem);
}

/* ---- diff ------------------------------------------------------------------------------------ */

static void set_side(struct json *difference, const char *side, const char *text)
{
    struct json *value;

    if (text[0] && json_parse(str_of(text), &value, NULL) == 0)
        json_set(difference, side, value);
}

static void add_difference(void *ctx, const char *path, const char *before, const char *after)
{
    struct json *difference = json_object();

    json_set_string(difference, "path", path);
    set_side(difference, "before", before);
    set_side(difference, "after", after);
    json_append(ctx, difference);
}

struct json *plan_report_diff(const struct plan *before, const struct plan *after)
{
    struct json *report = json_object(), *differences = json_array();

    json_set_string(report, "migration", after->name.s);
    json_set(report, "differences", differences);
    (void)plan_diff(before, after, add_difference, differences);
    return report;
}

static void write_side(struct buf *b, char sign, const struct json *value)
{
    if (!value)
        return;
    buf_addf(b, "  %c ", sign);
    if (!json_print(value, false, b))
        buf_addf(b, "...");
    buf_addf(b, "\n");
}

static void write_by_hand(struct buf *b, const struct json *h)
{
    const char *who = json_get_string(h, "operator", "");

    buf_addf(b, "by hand: %s %s, where the plan says %s", json_get_string(h, "setting", ""),
             json_get_string(h, "value", ""), json_get_string(h, "plan", ""));
    if (who[0])
        buf_addf(b, "; by %s at %s", who, json_get_string(h, "time", ""));
    buf_addf(b, "; `%s` ends it\n", json_get_string(h, "command", ""));
}

void plan_report_diff_text(const struct json *report, struct buf *b)
{
    const struct json *differences = json_get(report, "differences");

    if (json_count(differences) == 0)
        buf_addf(b, "%s: as in force\n", json_get_string(report, "migration", ""));
    JSON_FOREACH (difference, differences) {
        buf_addf(b, "%s\n", json_get_string(difference, "path", ""));
        write_side(b, '-', json_get(difference, "before"));
        write_side(b, '+', json_get(difference, "after"));
    }
    JSON_FOREACH (h, json_get(report, "byHand"))
        write_by_hand(b, h);
}
