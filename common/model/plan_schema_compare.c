/* SPDX-License-Identifier: Apache-2.0 */
/* spec.compare: a sample of requests is answered by both systems, and what may differ. */
#include "common/model/compare_rule.h"
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

#define BODY_MAX (INT64_C(1) << 20)

static const char *const kind_names[COMPARE_RULE_COUNT] = {
    [COMPARE_HEADER] = "headers",      [COMPARE_IGNORE] = "ignore",
    [COMPARE_CRITICAL] = "critical",   [COMPARE_COSMETIC] = "cosmetic",
    [COMPARE_UNORDERED] = "unordered", [COMPARE_TOLERANCE] = "tolerance",
};

static bool is_given(const struct route_compare *c, const struct compare_rule *rule)
{
    for (unsigned i = 0; i < c->rule_count; i++) {
        if (c->rule[i].kind == rule->kind && strcmp(c->rule[i].path, rule->path) == 0)
            return true;
    }
    return false;
}

static void add_rule(struct plan_reader *r, const struct json *at, struct compare_rule rule,
                     struct str path, struct route_compare *c)
{
    struct err err;

    if (!str_copy(path, rule.path, sizeof rule.path))
        plan_reader_problem(r, at, "a path has at most %d bytes", COMPARE_PATH_SIZE - 1);
    else if (compare_rule_check(&rule, &err) < 0)
        plan_reader_problem(r, at, "%s", err.msg);
    else if (is_given(c, &rule))
        plan_reader_problem(r, at, "\"%s\" is given twice", rule.path);
    else if (c->rule_count == COMPARE_RULES_MAX)
        plan_reader_problem(r, at, "a comparison has at most %d rules", COMPARE_RULES_MAX);
    else
        c->rule[c->rule_count++] = rule;
}

struct rules {
    struct route_compare *compare;
    enum compare_rule_kind kind;
};

static void read_rule(struct plan_reader *r, const struct json *item, unsigned index UNUSED,
                      void *dst)
{
    struct rules *rules = dst;
    struct str path;

    if (plan_value_text(r, item, "a text", &path))
        add_rule(r, item, (struct compare_rule){.kind = rules->kind}, path, rules->compare);
}

static void read_rules(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst)
{
    struct rules rules = {.compare = dst};

    while (strcmp(kind_names[rules.kind], f->name) != 0)
        rules.kind++;
    plan_reader_list(r, v, "rules", 0, COMPARE_RULES_MAX, read_rule, &rules);
}

/* A number, or the text of one. */
static double tolerance_of(const struct json *v)
{
    double number = json_number(v, 0);
    const char *text = json_string(v, NULL);

    return text && !str_to_decimal(str_of(text), &number) ? 0 : number;
}

static void read_tolerance(struct plan_reader *r, const struct json *v,
                           const struct plan_field *f UNUSED, void *dst)
{
    if (json_kind(v) != JSON_OBJECT) {
        plan_reader_wrong_kind(r, v, "a mapping");
        return;
    }
    JSON_FOREACH (item, v) {
        const struct compare_rule rule = {.kind = COMPARE_TOLERANCE,
                                          .tolerance = tolerance_of(item)};
        size_t mark = plan_reader_enter_key(r, item);

        add_rule(r, item, rule, str_of(json_key(item)), dst);
        plan_reader_leave(r, mark);
    }
}

#define AT(member) offsetof(struct route_compare, member)
static const struct plan_field compare_fields[] = {
    FIELD("sample", plan_value_weight, AT(sample_bp), .preset = "10",
          .help = "Share of the requests whose answers are compared, in percent; of those that "
                  "may be copied (`spec.mirror.methods`) and carry no condition."),
    FIELD("noise", plan_value_weight, AT(noise_bp), .preset = "10",
          .help = "Share of the sample for which legacy is asked once more: where it differs from "
                  "itself, new may differ, too."),
    FIELD("offAbove", plan_value_weight, AT(off_above_bp), .preset = "90",
          .help = "Nothing is compared while the weight is above this."),
    FIELD("maxBody", plan_value_size, AT(max_body), .min = 1, .max = BODY_MAX, .preset = "64KiB",
          .help = "Longer answers are compared by size and hash."),
    FIELD("headers", read_rules, 0, .form = "list of names", .preset = "none",
          .help = "Fields whose values count; status, media type and body always do."),
    FIELD(
        "ignore", read_rules, 0, .form = "list of places", .preset = "none",
        .help =
            "What may differ: `$.a.b`, `$.items[*].id`, `$..id`, `status`, `grpc-status`, `body`, "
            "`header NAME`. Of several rules the one that names a place most closely "
            "decides."),
    FIELD("critical", read_rules, 0, .form = "list of places",
          .preset = "everything that no rule covers",
          .help = "Differences here are critical. Where places in JSON are given, the rest of it "
                  "is cosmetic."),
    FIELD("cosmetic", read_rules, 0, .form = "list of places", .preset = "none",
          .help = "Differences here are counted and told, and no gate minds them."),
    FIELD("unordered", read_rules, 0, .form = "list of paths", .preset = "none",
          .help = "Arrays whose order does not count."),
    FIELD("tolerance", read_tolerance, 0, .form = "mapping of paths to numbers over 0",
          .preset = "none", .help = "Numbers that may differ by so much."),
};
#undef AT

const struct plan_section plan_compare_section = SECTION(compare_fields);

/* Defaults count only with the section: without it nothing is compared. */
void plan_read_compare(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    struct route_compare *compare = dst;

    *compare = (struct route_compare){
        .sample_bp = 1000,
        .noise_bp = 1000,
        .off_above_bp = 9000,
        .max_body = 64 << 10,
    };
    plan_reader_section(r, v, &plan_compare_section, compare);
    if (compare->max_body == 0)
        plan_reader_problem_of(r, v, "maxBody", "has to be over 0: bodies are compared, too");
}
