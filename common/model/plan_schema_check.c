/* SPDX-License-Identifier: Apache-2.0 */
/* Checks: one field names the kind and has the target; which other fields go with it stands in a
 * table of kinds. */
#include "common/base/mem.h"
#include "common/base/units.h"
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_targets.h"
#include "common/model/plan_values.h"

/* ---- what goes with them ---- */

/* Which fields a kind may have beside those that all have, and which it must. */
enum { QUERY = 1u << 0, MIN = 1u << 1, MAX = 1u << 2, STATUS = 1u << 3, CONTAINS = 1u << 4 };

static const char *const extra_fields[] = {"query", "min", "max", "status", "contains"};

static const struct {
    unsigned may, must;
} kinds[PLAN_CHECK_COUNT] = {
    [PLAN_CHECK_HTTP] = {STATUS | CONTAINS, 0},
    [PLAN_CHECK_POSTGRES] = {QUERY | MIN | MAX, 0},
    [PLAN_CHECK_PROMETHEUS] = {QUERY | MIN | MAX, QUERY},
    [PLAN_CHECK_DISK] = {MIN, MIN},
    [PLAN_CHECK_MEMORY] = {MIN, MIN},
    [PLAN_CHECK_NODES] = {MIN, MIN},
    [PLAN_CHECK_ENDPOINTS] = {MIN, MIN},
};

static bool is_in_bytes(enum plan_check_kind kind)
{
    return kind == PLAN_CHECK_DISK || kind == PLAN_CHECK_MEMORY;
}

static void read_bound(struct plan_reader *r, const struct json *v, enum plan_check_kind kind,
                       double *ret)
{
    const char *text = json_string(v, NULL);
    char shown[SHOW_SIZE];
    uint64_t bytes;

    if (json_kind(v) == JSON_NUMBER)
        *ret = json_number(v, 0);
    else if (!text || !is_in_bytes(kind))
        plan_reader_wrong_kind(r, v, is_in_bytes(kind) ? "a size like 10GiB" : "a number");
    else if (unit_parse_size(str_of(text), &bytes, NULL) < 0)
        plan_reader_problem(r, v, "%s is not a size; write it as in 512MiB or 10GiB",
                            ids_show(str_of(text), shown));
    else
        *ret = (double)bytes;
}

static void read_min(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    struct plan_check *check = dst;

    check->has_min = true;
    read_bound(r, v, check->kind, &check->min);
}

static void read_max(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    struct plan_check *check = dst;

    check->has_max = true;
    read_bound(r, v, check->kind, &check->max);
}

static void read_text(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst)
{
    const char **ret = dst;
    struct str text;

    if (!plan_value_text(r, v, f->form, &text))
        return;
    *ret = text.p;
    if (str_trim(text).n == 0)
        plan_reader_problem(r, v, "it is empty; take it out, or say what is meant");
}

static void read_check_name(struct plan_reader *r, const struct json *v,
                            const struct plan_field *f UNUSED, void *dst)
{
    struct str text;
    struct err err;

    if (plan_value_text(r, v, "a check's name", &text) &&
        name_parse(text, "check name", dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
}

#define AT(member) offsetof(struct plan_check, member)
static const struct plan_field check_fields[] = {
    FIELD("name", read_check_name, AT(name), .form = "a-z, 0-9 and -, at most 63",
          .preset = "its kind and place, `http-1`", .help = "Unique in the list."),
    FIELD("http", plan_target_url, 0, .form = "URL", .preset = "-",
          .help = "GET it; the status must be `status`, and `contains` in the body."),
    FIELD("tcp", plan_target_address, 0, .form = "host:port", .preset = "-",
          .help = "Connect to it."),
    FIELD("postgres", plan_target_database, 0, .form = "connection string, without password",
          .preset = "-",
          .help = "Connect, and run `query` if there is one; its first value is judged by `min` "
                  "and `max`. Passwords stand in the coordinator's ~/.pgpass."),
    FIELD("redis", plan_target_address, 0, .form = "host:port", .preset = "-",
          .help = "PING it, and expect PONG."),
    FIELD("prometheus", plan_target_url, 0, .form = "URL of the server", .preset = "-",
          .help = "Ask it for `query`; the value is judged by `min` or `max`, or both."),
    FIELD("command", plan_read_argv, AT(argv), .form = "list of 1 to 32 words", .preset = "-",
          .help = "Run it on the leading coordinator, which must allow commands; exit status 0 is "
                  "success."),
    FIELD("disk", plan_target_disk, 0, .form = "path", .preset = "-",
          .help = "Space left where this path is on the coordinator; at least `min`."),
    FIELD("memory", plan_target_memory, 0, .words = WORDS("available"), .preset = "-",
          .help = "Memory that is available on the coordinator; at least `min`."),
    FIELD("flags", plan_read_argv, AT(argv), .form = "list of 1 to 32 names", .preset = "-",
          .help = "These flags are known to the plan."),
    FIELD("nodes", plan_target_nodes, 0, .form = "selector, or *", .preset = "-",
          .help = "Connected nodes that match; at least `min`."),
    FIELD("endpoints", plan_target_path, 0, .form = "path, /health", .preset = "-",
          .help = "Endpoints of new that answer a GET of this path with 2xx; at least `min`."),
    FIELD("query", read_text, AT(query), .form = "a query", .preset = "none",
          .help = "For postgres, run read-only, and for prometheus."),
    FIELD("min", read_min, 0, .form = "number, or size for disk and memory", .preset = "not judged",
          .help = "The value must not be lower."),
    FIELD("max", read_max, 0, .form = "number", .preset = "not judged",
          .help = "The value must not be higher."),
    FIELD("status", plan_value_count, AT(status), .min = 100, .max = 599, .preset = "any 2xx",
          .help = "The answer's status, for http."),
    FIELD("contains", read_text, AT(contains), .form = "a text", .preset = "anything",
          .help = "A text in the answer's body, for http."),
    FIELD("timeout", plan_value_duration, AT(timeout), .min = 100 * MS, .max = HOUR,
          .preset = "10s, commands 60s",
          .help = "With no answer by then it is not known, which never passes."),
};
#undef AT

const struct plan_section plan_check_section = SECTION(check_fields);

/* ---- one check ---- */

/* The kind that the fields name; PLAN_CHECK_COUNT after reporting that they name none, or two. */
static enum plan_check_kind find_kind(struct plan_reader *r, const struct json *v)
{
    enum plan_check_kind found = PLAN_CHECK_COUNT;
    char known[128] = "";

    for (unsigned i = 0; i < PLAN_CHECK_COUNT; i++) {
        const char *word = plan_check_word((enum plan_check_kind)i);
        size_t used = strlen(known);

        str_fmt(known + used, sizeof known - used, "%s%s", i ? ", " : "", word);
        if (!json_get(v, word))
            continue;
        if (found != PLAN_CHECK_COUNT) {
            plan_reader_problem(r, v, "a check is of one kind, not both %s and %s; make it two",
                                plan_check_word(found), word);
            return PLAN_CHECK_COUNT;
        }
        found = (enum plan_check_kind)i;
    }
    if (found == PLAN_CHECK_COUNT) {
        struct plan_check ignored = {.kind = PLAN_CHECK_COUNT};
        unsigned before = r->problems;

        /* What is misspelt says more than what is missing. */
        plan_reader_section(r, v, &plan_check_section, &ignored);
        if (r->problems == before)
            plan_reader_problem(r, v, "does not say what to check; one of %s is needed", known);
    }
    return found;
}

static void check_extras(struct plan_reader *r, const struct json *v, enum plan_check_kind kind)
{
    for (unsigned i = 0; i < ARRAY_LEN(extra_fields); i++) {
        const struct json *given = json_get(v, extra_fields[i]);

        if (given && !(kinds[kind].may & 1u << i))
            plan_reader_problem_of(r, v, extra_fields[i],
                                   "\"%s\" means nothing to a %s check; take it out",
                                   extra_fields[i], plan_check_word(kind));
        if (!given && kinds[kind].must & 1u << i)
            plan_reader_problem(r, v, "a %s check needs \"%s\"", plan_check_word(kind),
                                extra_fields[i]);
    }
}

static void check_bounds(struct plan_reader *r, const struct json *v, const struct plan_check *c)
{
    bool bounded = c->has_min || c->has_max;

    if (c->kind == PLAN_CHECK_PROMETHEUS && !bounded)
        plan_reader_problem(r, v,
                            "a prometheus check needs \"min\" or \"max\", or its value "
                            "would not be judged");
    else if (c->kind == PLAN_CHECK_POSTGRES && bounded && !c->query)
        plan_reader_problem(r, v,
                            "\"min\" and \"max\" judge the value of a \"query\", and there "
                            "is none");
    else if (c->has_min && c->has_max && c->min > c->max)
        plan_reader_problem(r, v, "\"min\" is over \"max\", so it could never pass");
}

void plan_read_check(struct plan_reader *r, const struct json *v, const char *name,
                     struct plan_check *ret)
{
    unsigned before = r->problems;

    if (json_kind(v) != JSON_OBJECT) {
        plan_reader_wrong_kind(r, v, "a check like {http: \"http://127.0.0.1:8001/health\"}");
        return;
    }
    ret->kind = find_kind(r, v);
    if (ret->kind == PLAN_CHECK_COUNT)
        return;
    ret->timeout = ret->kind == PLAN_CHECK_COMMAND ? dur_s(60) : PLAN_CHECK_TIMEOUT;
    plan_reader_section(r, v, &plan_check_section, ret);
    if (!ret->name.s[0])
        str_fmt(ret->name.s, sizeof ret->name.s, "%s", name);
    if (r->problems > before)
        return;
    check_extras(r, v, ret->kind);
    if (r->problems == before)
        check_bounds(r, v, ret);
}

/* ---- lists ---- */

static const char *word_of(const struct json *item)
{
    for (unsigned i = 0; i < PLAN_CHECK_COUNT; i++) {
        if (json_get(item, plan_check_word((enum plan_check_kind)i)))
            return plan_check_word((enum plan_check_kind)i);
    }
    return "check";
}

static void read_item(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct plan_check *check = dst;
    char name[NAME_SIZE];

    str_fmt(name, sizeof name, "%s-%u", word_of(item), index + 1);
    plan_read_check(r, item, name, &check[index]);
    for (unsigned i = 0; i < index; i++) {
        if (name_eq(&check[i].name, &check[index].name) && check[i].name.s[0])
            plan_reader_problem(r, item, "the name \"%s\" stands twice, the first time in [%u]",
                                check[i].name.s, i);
    }
}

static void read_list(struct plan_reader *r, const struct json *v, struct plan_check **ret,
                      unsigned *ret_count)
{
    *ret = xcalloc(PLAN_CHECKS_MAX, sizeof **ret);
    *ret_count = plan_reader_list(r, v, "checks", 1, PLAN_CHECKS_MAX, read_item, *ret);
}

void plan_read_ready(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    struct plan_stage *stage = dst;

    read_list(r, v, &stage->ready, &stage->ready_count);
}

void plan_read_limit_checks(struct plan_reader *r, const struct json *v,
                            const struct plan_field *f UNUSED, void *dst)
{
    struct plan_limits *limits = dst;

    read_list(r, v, &limits->check, &limits->check_count);
}
