/* SPDX-License-Identifier: Apache-2.0 */
/* `diag`: everything that support asks for, in one file, without secrets. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/bundle.h"
#include "cli/redact.h"
#include "cli/run.h"
#include "common/base/atomic_file.h"
#include "common/base/yaml.h"

#define PACKED_MAX (256u << 20)
#define CONFIG_MAX (64u << 10)
#define ENTRY_MAX  (32u << 10)
#define NAME_BYTES 64

/* ---- this side ------------------------------------------------------------------------------- */

/* "SWITCHYARD_...", and what else decides how the CLI finds its settings and shows them. */
static bool is_ours(struct str name)
{
    static const char *const names[] = {"PATH", "HOME", "USER", "LANG", "TZ", "TERM"};
    static const char *const beginnings[] = {"SWITCHYARD_", "XDG_", "LC_", "GRPC_", "http"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        if (str_starts(name, str_of(beginnings[i])))
            return true;
    return false;
}

static struct json *environment(void)
{
    struct json *j = json_object();

    for (char **entry = environ; *entry; entry++) {
        struct str name, value;
        char key[NAME_BYTES];

        if (str_cut(str_of(*entry), '=', &name, &value) && is_ours(name) &&
            str_copy(name, key, sizeof key))
            json_set(j, key, json_from_str(value));
    }
    return j;
}

static struct json *configuration(void)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(CONFIG_MAX);
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    char path[4096];
    struct err why;

    if (!cli_config_path(path, sizeof path))
        return json_null();
    if (file_read(path, &text, &why) < 0 || yaml_parse(buf_view(&text), path, &doc, &why) < 0)
        return json_from_string(why.msg);
    return json_dup(yaml_root(doc));
}

static void add_this_side(struct bundle *b)
{
    struct json *j = json_object();
    char made[WALL_TEXT_MAX];

    json_set_string(j, "version", SWITCHYARD_VERSION);
    json_set_string(j, "made", wall_text(b->made, made));
    json_set_string(j, "endpoints", b->cli->endpoints);
    json_set_string(j, "operator", b->cli->operator_name);
    json_set(j, "configuration", configuration());
    json_set(j, "environment", environment());
    bundle_add_json(b, "cli.json", j);
}

/* ---- the coordinators, each by itself -------------------------------------------------------- */

/* An address as a file's name. */
static void file_name(const char *endpoint, char *ret, size_t size)
{
    str_fmt(ret, size, "%s", endpoint);
    for (char *c = ret; *c; c++)
        if (*c == ':' || *c == '/')
            *c = '_';
}

static void ask_one(struct bundle *b, const char *endpoint)
{
    Switchyard__V1__CoordinatorsRequest coordinators = SWITCHYARD__V1__COORDINATORS_REQUEST__INIT;
    Switchyard__V1__HealthRequest health = SWITCHYARD__V1__HEALTH_REQUEST__INIT;
    char path[NAME_BYTES + 32], name[NAME_BYTES];
    struct cli one = *b->cli, *all = b->cli;

    file_name(endpoint, name, sizeof name);
    str_fmt(one.endpoints, sizeof one.endpoints, "%s", endpoint);
    b->cli = &one;
    b->silent = false;
    str_fmt(path, sizeof path, "coordinators/%s-health.json", name);
    bundle_ask(b, path, "GetHealth", &health.base, NULL);
    str_fmt(path, sizeof path, "coordinators/%s-coordinators.json", name);
    bundle_ask(b, path, "ListCoordinators", &coordinators.base, NULL);
    str_fmt(path, sizeof path, "coordinators/%s.log", name);
    bundle_add_log(b, path, NULL);
    all->asked = all->asked || one.asked;
    b->cli = all;
}

static void add_coordinators(struct bundle *b)
{
    char endpoint[ENDPOINT_SIZE];

    for (unsigned i = 0; cli_endpoint(b->cli, i, endpoint); i++)
        ask_one(b, endpoint);
    b->silent = false;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Which versions run: of this program, of every coordinator, and of how many nodes. */
static void add_versions(struct bundle *b, const Switchyard__V1__Coordinators *c,
                         const Switchyard__V1__Nodes *n)
{
    struct json *j = json_object(), *coordinators = json_object(), *nodes = json_object();

    for (size_t i = 0; c && i < c->n_coordinators; i++)
        json_set_string(coordinators, c->coordinators[i]->name, c->coordinators[i]->version);
    for (size_t i = 0; n && i < n->n_nodes; i++)
        json_set_number(nodes, n->nodes[i]->version,
                        json_get_number(nodes, n->nodes[i]->version, 0) + 1);
    json_set_string(j, "cli", SWITCHYARD_VERSION);
    json_set(j, "coordinators", coordinators);
    json_set(j, "nodes", nodes);
    bundle_add_json(b, "versions.json", j);
}

static void add_fleet(struct bundle *b)
{
    Switchyard__V1__CoordinatorsRequest coordinators = SWITCHYARD__V1__COORDINATORS_REQUEST__INIT;
    Switchyard__V1__HealthRequest health = SWITCHYARD__V1__HEALTH_REQUEST__INIT;
    Switchyard__V1__NodesRequest nodes = SWITCHYARD__V1__NODES_REQUEST__INIT;
    Switchyard__V1__FlagsRequest flags = SWITCHYARD__V1__FLAGS_REQUEST__INIT;
    CLEANUP(cli_reply_freep) ProtobufCMessage *who = NULL;
    CLEANUP(cli_reply_freep) ProtobufCMessage *where = NULL;

    bundle_ask(b, "health.json", "GetHealth", &health.base, NULL);
    bundle_ask(b, "coordinators.json", "ListCoordinators", &coordinators.base, &who);
    bundle_ask(b, "nodes.json", "ListNodes", &nodes.base, &where);
    bundle_ask(b, "flags.json", "GetFlags", &flags.base, NULL);
    bundle_add_events(b, "events.json");
    add_versions(b, (const Switchyard__V1__Coordinators *)who,
                 (const Switchyard__V1__Nodes *)where);
    if (where)
        bundle_add_node_logs(b, (const Switchyard__V1__Nodes *)where);
}

/* ---- the migrations -------------------------------------------------------------------------- */

/* Bytes are not shown in messages; the document is a tree of its own here. */
static void add_plan(struct bundle *b, const char *path, char *migration)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__PlanRequest request = SWITCHYARD__V1__PLAN_REQUEST__INIT;
    const Switchyard__V1__PlanDocument *plan;
    struct json *document = NULL;
    struct err why;

    request.migration = migration;
    if (b->silent)
        return bundle_miss(b, path, "not asked for: no coordinator answers");
    if (cli_call(b->cli, "GetPlan", &request.base, dur_ms(0), &reply, &why) < 0)
        return bundle_miss(b, path, why.msg);
    plan = (const Switchyard__V1__PlanDocument *)reply;
    if (json_parse((struct str){(const char *)plan->document.data, plan->document.len}, &document,
                   &why) < 0)
        return bundle_miss(b, path, why.msg);
    bundle_add_json(b, path, document);
}

static void path_of(const char *migration, const char *what, char *ret, size_t size)
{
    str_fmt(ret, size, "migrations/%s-%s.json", migration, what);
}

static void add_migration(struct bundle *b, char *name)
{
    Switchyard__V1__StatusRequest status = SWITCHYARD__V1__STATUS_REQUEST__INIT;
    Switchyard__V1__StatsRequest stats = SWITCHYARD__V1__STATS_REQUEST__INIT;
    Switchyard__V1__HistoryRequest history = SWITCHYARD__V1__HISTORY_REQUEST__INIT;
    char path[NAME_SIZE + 32];

    status.migration = stats.migration = history.migration = name;
    path_of(name, "status", path, sizeof path);
    bundle_ask(b, path, "GetStatus", &status.base, NULL);
    path_of(name, "stats", path, sizeof path);
    bundle_ask(b, path, "GetStats", &stats.base, NULL);
    path_of(name, "history", path, sizeof path);
    bundle_ask(b, path, "GetHistory", &history.base, NULL);
    path_of(name, "plan", path, sizeof path);
    add_plan(b, path, name);
}

static void add_migrations(struct bundle *b)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__PlansRequest request = SWITCHYARD__V1__PLANS_REQUEST__INIT;
    const Switchyard__V1__Plans *plans;

    bundle_ask(b, "migrations.json", "ListPlans", &request.base, &reply);
    plans = (const Switchyard__V1__Plans *)reply;
    for (size_t i = 0; plans && i < plans->n_plans; i++)
        add_migration(b, plans->plans[i]->name);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* "switchyard-diag-20261121T100704Z.tar.gz" */
static void default_name(wall_t now, char *ret, size_t size)
{
    char when[WALL_TEXT_MAX], digits[WALL_TEXT_MAX];
    size_t n = 0;

    wall_text(now, when);
    for (const char *c = when; *c && *c != '.'; c++)
        if (*c != '-' && *c != ':')
            digits[n++] = *c;
    digits[n] = '\0';
    str_fmt(ret, size, "switchyard-diag-%sZ.tar.gz", digits);
}

static int write_it(struct bundle *b, const char *path, bool replace, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf packed = BUF_INIT(PACKED_MAX);
    int r = bundle_pack(b, &packed, err);

    if (r == 0)
        r = file_write(path, buf_view(&packed), replace, err);
    if (r == -ERR_EXISTS)
        return err_hint(err, "give another name with -o FILE, or replace it with --force");
    if (r < 0)
        return r;
    cli_say("wrote %s: %u files, %.1f KiB, for its owner only\n", path, b->files,
            (double)packed.len / 1024);
    return 0;
}

static void tell_missing(const struct bundle *b)
{
    JSON_FOREACH (one, b->missing)
        cli_say("  not collected: %s: %s\n", json_get_string(one, "what", ""),
                json_get_string(one, "why", ""));
}

int run_diag(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    const char *path = a->option[OPT_FILE];
    char name[NAME_BYTES];
    struct bundle b;
    int r;

    bundle_init(&b, cli);
    default_name(b.made, name, sizeof name);
    add_this_side(&b);
    add_fleet(&b);
    add_migrations(&b);
    add_coordinators(&b);
    cli->asked = true; /* what fails from here on is no mistake of the caller's */
    r = write_it(&b, path ? path : name, args_has(a, OPT_FORCE), err);
    if (r == 0)
        tell_missing(&b);
    if (json_count(b.missing) > 0)
        *ret_status = 1;
    bundle_deinit(&b);
    return r;
}
