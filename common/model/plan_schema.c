/* SPDX-License-Identifier: Apache-2.0 */
/* The document's outline: metadata, and what `spec` is made of. */
#include "common/model/plan_schema.h"

#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

static void read_name(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct str text;
    struct err err;

    if (plan_value_text(r, v, "a migration name", &text) &&
        name_parse(text, "migration name", dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
}

static void read_labels(struct plan_reader *r, const struct json *v,
                        const struct plan_field *f UNUSED, void *dst)
{
    if (json_kind(v) != JSON_OBJECT) {
        plan_reader_wrong_kind(r, v, "a mapping");
        return;
    }
    JSON_FOREACH (item, v) {
        size_t mark = plan_reader_enter_key(r, item);
        struct str text;
        struct err err;

        if (plan_value_text(r, item, "text in quotes", &text) &&
            labels_add(dst, str_of(json_key(item)), text, &err) < 0)
            plan_reader_problem(r, item, "%s", err.msg);
        plan_reader_leave(r, mark);
    }
}

static const struct plan_field metadata_fields[] = {
    FIELD("name", read_name, offsetof(struct plan, name), .required = true,
          .form = "a-z, 0-9 and -, at most 63", .help = "What commands call the migration."),
    FIELD("labels", read_labels, offsetof(struct plan, labels),
          .form = "mapping of at most 16 texts", .preset = "none", .help = "For people."),
};

static const struct plan_section metadata_section = SECTION(metadata_fields);

#define AT(member) offsetof(struct plan, member)
static const struct plan_field spec_fields[] = {
    FIELD("systems", plan_value_section, AT(route.upstream), .section = &plan_systems_section,
          .required = true, .help = "The two sides."),
    FIELD("routing", plan_value_section, AT(route), .section = &plan_routing_section,
          .required = true, .help = "Which requests, and how users are told apart."),
    FIELD("fallback", plan_value_section, AT(route.fallback), .section = &plan_fallback_section,
          .preset = "its fields' defaults",
          .help = "When new fails a request, legacy answers it in the same request."),
    FIELD("breaker", plan_read_breaker, AT(route.breaker), .section = &plan_breaker_section,
          .preset = "no breaker", .help = "On each node by itself: stop asking a new that fails."),
    FIELD("mirror", plan_value_section, AT(route.mirror), .section = &plan_mirror_section,
          .preset = "its fields' defaults",
          .help = "The limits of copies: requests that legacy answered are sent to new as well, "
                  "whose answers nobody gets. A stage's `mirror` says how many."),
    FIELD("compare", plan_read_compare, AT(route.compare), .section = &plan_compare_section,
          .preset = "nothing is compared",
          .help = "A sample of requests is answered by both systems, the answers are compared, and "
                  "`criticalDiscrepancies` in gates and triggers has something to judge. Copies "
                  "keep to the limits of `spec.mirror`."),
    FIELD("flags", plan_read_flags, AT(flags), .form = "mapping of at most 32 names to defaults",
          .preset = "none",
          .help = "Feature flags that the stages switch: each with the value before the first "
                  "stage, true or false, a number or a text."),
    FIELD("triggers", plan_read_triggers, 0, .section = &plan_triggers_section,
          .preset = "no triggers",
          .help = "Roll back at once and by itself when a limit is violated, over the whole fleet. "
                  "At least one limit."),
    FIELD("rollback", plan_value_section, 0, .section = &plan_rollback_section,
          .preset = "its fields' defaults", .help = "How rollbacks are judged."),
    FIELD("freeze", plan_read_freeze, 0, .section = &plan_freeze_section, .preset = "none",
          .form = "list of at most 16 mappings",
          .help = "Times at which nothing is raised; going back is always allowed."),
    FIELD("drill", plan_value_section, 0, .section = &plan_drill_section, .preset = "not demanded",
          .help = "A rehearsed rollback that must have gone well before a raise."),
    FIELD("standby", plan_read_standby, 0, .section = &plan_standby_section,
          .preset = "legacy is not kept",
          .help = "After the last stage legacy is kept ready so long: a duration, or a mapping."),
    FIELD("environment", plan_read_environment, AT(environment), .form = "`required`, or a name",
          .preset = "none is needed",
          .help = "`required`: the plan is applied with `--env NAME` only. Stored plans have the "
                  "name of theirs here."),
    FIELD("environments", plan_read_environments, 0,
          .form = "mapping of at most 16 names to overlays", .preset = "none",
          .help = "What is different in one: laid over `spec` with `--env NAME`. Mappings are "
                  "merged, lists are replaced, null takes a field out (RFC 7396)."),
    FIELD("stages", plan_read_stages, 0, .section = &plan_stage_section, .required = true,
          .form = "list of 1 to 32 mappings", .help = "The way from legacy to new, in order."),
};
#undef AT

const struct plan_section plan_spec_section = SECTION(spec_fields, .later = WORDS("tenants"));

static const struct plan_field root_fields[] = {
    FIELD("apiVersion", plan_value_word, 0, .words = WORDS("switchyard/v1"), .required = true,
          .help = "The version of this language."),
    FIELD("kind", plan_value_word, 0, .words = WORDS("Migration"), .required = true,
          .help = "The only kind there is."),
    FIELD("metadata", plan_value_section, 0, .section = &metadata_section, .required = true,
          .help = "What it is called."),
    FIELD("spec", plan_value_section, 0, .section = &plan_spec_section, .required = true,
          .help = "What is to happen."),
};

const struct plan_section plan_schema = SECTION(root_fields);
