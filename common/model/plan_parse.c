/* SPDX-License-Identifier: Apache-2.0 */
/* From a document to a plan: the tables of plan_schema.c first, then the rules between fields,
 * which are only looked at when every field by itself is good. */
#include "common/base/mem.h"
#include "common/base/units.h"
#include "common/model/plan_schema.h"

static struct plan *new_with_defaults(void)
{
    struct plan *p = xnew(struct plan);
    struct route *route = &p->route;

    for (unsigned i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++) {
        route->upstream[i].connect_timeout_ms = 1000;
        route->upstream[i].response_timeout_ms = 15000;
    }
    route->fallback = (struct route_fallback){
        .on = FALLBACK_CONNECT_ERROR | FALLBACK_TIMEOUT | FALLBACK_5XX,
        .method = {"GET", "HEAD"},
        .method_count = 2,
        .max_body = 64 << 10,
    };
    route->expose_system = true;
    p->rollback_deadline = dur_s(30);
    return p;
}

static const struct json *child_at(const struct json *list, unsigned index)
{
    const struct json *item = json_first(list);

    while (index-- > 0)
        item = json_next(item);
    return item;
}

static unsigned line_of(const struct plan_reader *r, const struct json *node)
{
    return r->doc ? yaml_line(r->doc, node) : 0;
}

/* Legacy that is also new would make every rollback a lie. */
static void check_systems(struct plan_reader *r, const struct json *systems)
{
    const struct route_upstream *legacy = &r->plan->route.upstream[SYSTEM_LEGACY];
    const struct route_upstream *new = &r->plan->route.upstream[SYSTEM_NEW];
    const struct json *endpoints = json_get(json_get(systems, "new"), "endpoints");

    for (unsigned i = 0; i < new->endpoint_count; i++) {
        for (unsigned k = 0; k < legacy->endpoint_count; k++) {
            size_t mark;

            if (!endpoint_eq(&new->endpoint[i], &legacy->endpoint[k]))
                continue;
            mark = plan_reader_enter(r, "spec.systems.new.endpoints[%u]", i);
            plan_reader_problem(r, child_at(endpoints, i),
                                "legacy has the same endpoint; the two systems must differ");
            plan_reader_leave(r, mark);
        }
    }
}

static void check_stage_name(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct plan_stage *stage = r->plan->stage;

    for (unsigned k = 0; k < i; k++) {
        size_t mark;

        if (!name_eq(&stage[k].name, &stage[i].name))
            continue;
        mark = plan_reader_enter(r, "spec.stages[%u].name", i);
        plan_reader_problem(r, json_get(child_at(stages, i), "name"),
                            "duplicate name \"%s\", first used in line %u", stage[i].name.s,
                            line_of(r, json_get(child_at(stages, k), "name")));
        plan_reader_leave(r, mark);
        return;
    }
}

/* A stage that lowers the weight would move people back to legacy in the name of progress. */
static void check_stage_order(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct plan_stage *stage = &r->plan->stage[i], *previous = stage - 1;
    const struct json *weight = json_get(child_at(stages, i), "weight");
    size_t mark;

    if (i == 0 || stage->weight_bp >= previous->weight_bp)
        return;
    mark = plan_reader_enter(r, "spec.stages[%u].weight", i);
    plan_reader_problem(r, weight,
                        "stages out of order: \"%s\" (line %u) has weight %g after \"%s\" (line "
                        "%u) with %g; weights never fall along the stages",
                        stage->name.s, line_of(r, weight), weight_percent(stage->weight_bp),
                        previous->name.s, line_of(r, json_get(child_at(stages, i - 1), "weight")),
                        weight_percent(previous->weight_bp));
    plan_reader_leave(r, mark);
}

/* A name or number of a stage, 0 and "legacy" included. */
static bool find_stage(const struct plan *p, const struct json *v, uint32_t *ret)
{
    const char *name = json_string(v, NULL);
    double n = json_number(v, -1);

    if (name) {
        *ret = plan_stage_by_name(p, name);
        return *ret > 0 || strcmp(name, "legacy") == 0;
    }
    if (!(n >= 0 && n <= p->stage_count))
        return false;
    *ret = (uint32_t)n;
    return (double)*ret == n;
}

static void resolve_rollback_to(struct plan_reader *r, const struct json *v)
{
    size_t mark;

    if (!v || find_stage(r->plan, v, &r->plan->rollback_to))
        return;
    mark = plan_reader_enter(r, "spec.triggers.rollbackTo");
    if (json_kind(v) == JSON_STRING) {
        char shown[SHOW_SIZE];

        plan_reader_problem(r, v, "no stage is named %s",
                            ids_show(str_of(json_string(v, "")), shown));
    } else {
        plan_reader_problem(r, v, "%.15g is not a stage's number; 0 is legacy, %u is \"%s\"",
                            json_number(v, 0), r->plan->stage_count,
                            plan_stage_name(r->plan, r->plan->stage_count));
    }
    plan_reader_leave(r, mark);
}

static void check_rules(struct plan_reader *r, const struct json *root)
{
    const struct json *spec = json_get(root, "spec");
    const struct json *stages = json_get(spec, "stages");

    check_systems(r, json_get(spec, "systems"));
    for (unsigned i = 0; i < r->plan->stage_count; i++) {
        check_stage_name(r, stages, i);
        check_stage_order(r, stages, i);
    }
    resolve_rollback_to(r, json_get(json_get(spec, "triggers"), "rollbackTo"));
}

static void fill_route(struct plan *p)
{
    struct route *route = &p->route;

    route->migration = p->name;
    if (!route->salt[0])
        str_fmt(route->salt, sizeof route->salt, "%s", p->name.s);
    str_fmt(route->stage, sizeof route->stage, "%s", plan_stage_name(p, 0));
}

static int read_document(struct plan_reader *r, const struct json *root, struct plan **ret,
                         struct err *err)
{
    CLEANUP(plan_freep) struct plan *p = new_with_defaults();
    int rc;

    r->plan = p;
    plan_reader_section(r, root, &plan_schema, p);
    if (r->problems == 0)
        check_rules(r, root);
    rc = plan_reader_result(r, err);
    if (rc < 0)
        return rc;

    fill_route(p);
    p->document = json_dup(root);
    *ret = steal(p);
    return 0;
}

/* Size and encoding, before anything walks the text. */
static int check_text(struct str text, const char *source, struct err *err)
{
    unsigned line = 1;
    size_t bad;

    if (text.n > YAML_MAX_BYTES)
        return err_set(err, ERR_INVALID, "%s: %zu bytes are too many; a plan has at most %u KiB",
                       source, text.n, YAML_MAX_BYTES >> 10);
    if (str_utf8_valid(text, &bad))
        return 0;
    for (size_t i = 0; i < bad; i++)
        line += text.p[i] == '\n';
    return err_set(err, ERR_INVALID, "%s:%u: invalid UTF-8 at byte %zu (0x%02x)", source, line, bad,
                   (unsigned char)text.p[bad]);
}

int plan_parse(struct str text, const char *source, struct plan **ret, struct err *err)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    int rc = check_text(text, source, err);

    if (rc == 0)
        rc = yaml_parse(text, source, &doc, err);
    if (rc < 0)
        return rc;
    return read_document(&(struct plan_reader){.source = source, .doc = doc}, yaml_root(doc), ret,
                         err);
}

int plan_load(const struct json *document, struct plan **ret, struct err *err)
{
    return read_document(&(struct plan_reader){.source = "stored plan", .lenient = true}, document,
                         ret, err);
}
