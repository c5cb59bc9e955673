/* SPDX-License-Identifier: Apache-2.0 */
/* From a document to a plan: the overlay first, then the tables of plan_schema.h, then the rules
 * between fields, which are only looked at when every field by itself is good. */
#include "common/base/mem.h"
#include "common/model/plan_schema.h"

static struct plan *new_with_defaults(void)
{
    struct plan *p = xnew(struct plan);
    struct route *route = &p->route;

    for (unsigned i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++) {
        route->upstream[i].connect_timeout_ms = 1000;
        route->upstream[i].response_timeout_ms = 15000;
        route->upstream[i].health_interval_ms = 5000;
        route->upstream[i].tls.verify = true;
    }
    route->fallback = (struct route_fallback){
        .on = FALLBACK_CONNECT_ERROR | FALLBACK_TIMEOUT | FALLBACK_5XX,
        .method = {"GET", "HEAD"},
        .method_count = 2,
        .max_body = 64 << 10,
    };
    route->mirror = (struct route_mirror){
        .off_above_bp = WEIGHT_BP_MAX / 2,
        .timeout_ms = 5000,
        .max_body = 64 << 10,
        .max_pending = 256,
        .max_bytes_per_s = 64 << 20,
        .method = {"GET", "HEAD"},
        .method_count = 2,
    };
    route->expose_system = true;
    route->tcp.idle_timeout_ms = 3600000;
    p->rollback_deadline = dur_s(30);
    return p;
}

static void fill_route(struct plan *p)
{
    struct route *route = &p->route;

    route->migration = p->name;
    if (!route->salt[0])
        str_fmt(route->salt, sizeof route->salt, "%s", p->name.s);
    str_fmt(route->stage, sizeof route->stage, "%s", plan_stage_name(p, 0));
    if (route->tcp.port == 0)
        return;
    route->expose_system = false;
    route->fallback.on &= FALLBACK_CONNECT_ERROR;
    route->fallback.method_count = 0;
}

/* Takes `root`, which becomes the plan's document. */
static int read_document(struct plan_reader *r, struct json *root, const char *environment,
                         struct plan **ret, struct err *err)
{
    CLEANUP(plan_freep) struct plan *p = new_with_defaults();
    int rc;

    r->plan = p;
    p->document = root;
    plan_overlay(r, root, environment);
    if (r->problems == 0)
        plan_reader_section(r, root, &plan_schema, p);
    if (r->problems == 0)
        plan_check_rules(r, root);
    rc = plan_reader_result(r, err);
    if (rc < 0)
        return rc;

    fill_route(p);
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

int plan_parse_for(struct str text, const char *source, const char *environment, struct plan **ret,
                   struct err *err)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    int rc = check_text(text, source, err);

    if (rc == 0)
        rc = yaml_parse(text, source, &doc, err);
    if (rc < 0)
        return rc;
    return read_document(&(struct plan_reader){.source = source, .doc = doc}, yaml_take_root(doc),
                         environment, ret, err);
}

int plan_parse(struct str text, const char *source, struct plan **ret, struct err *err)
{
    return plan_parse_for(text, source, "", ret, err);
}

int plan_load(const struct json *document, struct plan **ret, struct err *err)
{
    return read_document(&(struct plan_reader){.source = "stored plan", .lenient = true},
                         json_dup(document), "", ret, err);
}
