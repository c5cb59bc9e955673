/* SPDX-License-Identifier: Apache-2.0 */
/* `switchyard dev`: a coordinator and sidecars as one process tree on the embedded store, with a
 * plan. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/children.h"
#include "cli/cli.h"
#include "cli/listen.h"
#include "cli/run.h"
#include "cli/values.h"
#include "common/base/atomic_file.h"
#include "common/base/yaml.h"
#include "common/loop/signals.h"
#include "common/model/plan.h"

#define NODES_MAX     16
#define START_WAIT    dur_s(20)
#define POLL          dur_ms(20)
#define STOP_GRACE    dur_s(12)
#define COORDINATOR   "switchyard-coordinator"
#define SIDECAR       "switchyard-sidecar"
#define DEFAULT_API   "127.0.0.1:7400"
#define PLAN_NAME     "app"
#define DEV_OPERATION "applied by `switchyard dev`"

struct dev {
    struct cli *cli;
    struct children *children;   /* owned */
    struct signals *signals;     /* owned */
    const char *api, *log_level; /* borrowed from the arguments */
    struct listen_address proxy; /* of the first node; the others have the next ports */
    unsigned nodes;
    char data[PATH_MAX];
    bool data_is_ours; /* a temporary folder: removed at the end */
    bool stop;
    struct buf plan; /* the document to apply */
    char plan_source[PATH_MAX + 32];
    char migration[NAME_SIZE]; /* its name, once applied */
};

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, 0};

static void tell(const char *text)
{
    fprintf(stderr, "switchyard dev: %s\n", text); /* allowed: the program's own words */
}

static void on_stop_signal(void *ctx, int signo)
{
    struct dev *d = ctx;

    (void)signo;
    if (d->stop)
        children_hurry(d->children);
    else
        tell("stopping; again to end at once");
    d->stop = true;
}

static void on_child_event(void *ctx, const char *text)
{
    (void)ctx;
    tell(text);
}

/* ---- what to run ----------------------------------------------------------------------------- */

static int take_api(struct dev *d, const char *text, struct err *err)
{
    struct listen_address api;
    int r = listen_parse("api", text, &api, err);

    if (r == 0)
        r = listen_check_free("api", &api, err);
    if (r < 0)
        return r;
    d->api = text;
    /* Whatever the settings say: dev talks to its own coordinator. */
    str_fmt(d->cli->endpoints, sizeof d->cli->endpoints, "%s", text);
    return 0;
}

static int take_proxies(struct dev *d, const char *text, struct err *err)
{
    int r = listen_parse("listen", text, &d->proxy, err);

    if (r == 0 && d->proxy.port + d->nodes > 65536)
        r = err_set(err, ERR_INVALID, "no room for %u ports from %u on", d->nodes, d->proxy.port);
    for (unsigned i = 0; i < d->nodes && r == 0; i++) {
        struct listen_address a = d->proxy;

        a.port += i;
        r = listen_check_free("listen", &a, err);
    }
    return r;
}

static int take_nodes(struct dev *d, const struct args *a, struct err *err)
{
    uint64_t n = 1;
    int r = value_count(a, OPT_NODES, NODES_MAX, &n, err);

    d->nodes = (unsigned)n;
    return r;
}

static int take_data(struct dev *d, const char *folder, struct err *err)
{
    const char *tmp = getenv("TMPDIR"); /* allowed: where temporary files go */

    if (folder) {
        if (!str_fmt(d->data, sizeof d->data, "%s", folder))
            return err_set(err, ERR_INVALID, "--data: the path is too long");
        return dir_make(d->data, err);
    }
    if (!str_fmt(d->data, sizeof d->data, "%s/switchyard-dev-XXXXXX", tmp && tmp[0] ? tmp : "/tmp"))
        return err_set(err, ERR_INVALID, "TMPDIR: the path is too long");
    if (!mkdtemp(d->data))
        return err_errno(err, errno, "cannot make a temporary folder like %s", d->data);
    d->data_is_ours = true;
    return 0;
}

/* The mapping at `key` of `parent`, made when there is none. */
static struct json *mapping(struct json *parent, const char *key)
{
    if (json_kind(json_get(parent, key)) != JSON_OBJECT)
        json_set(parent, key, json_object());
    return json_get(parent, key);
}

/* Point one system of a plan document at `url`. A document without a spec is the coordinator's to
 * refuse. */
static void set_endpoint(struct json *root, const char *system, const char *url)
{
    struct json *spec = json_get(root, "spec"), *list;

    if (!url || json_kind(spec) != JSON_OBJECT)
        return;
    list = json_array();
    json_append(list, json_from_string(url));
    json_set(mapping(mapping(spec, "systems"), system), "endpoints", list);
}

static int take_plan_file(struct dev *d, const char *path, const char *legacy, const char *new_url,
                          struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    CLEANUP(json_freep) struct json *root = NULL;
    int r;

    str_fmt(d->plan_source, sizeof d->plan_source, "%s", path);
    r = file_read(path, &text, err);
    if (r < 0)
        return r;
    if (!legacy && !new_url)
        return buf_add_str(&d->plan, buf_view(&text))
                   ? 0
                   : err_set(err, ERR_EXHAUSTED, "%s is too large", path);
    r = yaml_parse(buf_view(&text), path, &doc, err);
    if (r < 0)
        return r;
    /* Lines are no longer those of the file. */
    str_fmt(d->plan_source, sizeof d->plan_source, "%s with --legacy and --new", path);
    root = json_dup(yaml_root(doc));
    set_endpoint(root, "legacy", legacy);
    set_endpoint(root, "new", new_url);
    return json_print(root, true, &d->plan) ? 0
                                            : err_set(err, ERR_EXHAUSTED, "%s is too large", path);
}

static int take_plan(struct dev *d, const struct args *a, struct err *err)
{
    const char *legacy = a->option[OPT_LEGACY], *new_url = a->option[OPT_NEW],
               *path = a->option[OPT_PLAN];

    d->plan = BUF_INIT(YAML_MAX_BYTES);
    if (path)
        return take_plan_file(d, path, legacy, new_url, err);
    if (!legacy || !new_url) {
        err_set(err, ERR_INVALID,
                "which services? --legacy URL and --new URL are needed without --plan");
        return err_hint(err,
                        "for example: switchyard dev --legacy http://127.0.0.1:8000 --new "
                        "http://127.0.0.1:8001");
    }
    str_fmt(d->plan_source, sizeof d->plan_source, "the default plan");
    return plan_default(PLAN_NAME, legacy, new_url, &d->plan, err);
}

static const char *or_else(const char *given, const char *otherwise)
{
    return given ? given : otherwise;
}

static int take_options(struct dev *d, const struct args *a, struct err *err)
{
    int r;

    d->log_level = or_else(a->option[OPT_LOG_LEVEL], "warn");
    r = take_nodes(d, a, err);
    if (r == 0)
        r = take_plan(d, a, err);
    if (r == 0)
        r = take_api(d, or_else(a->option[OPT_API], DEFAULT_API), err);
    if (r == 0)
        r = take_proxies(d, or_else(a->option[OPT_LISTEN], "127.0.0.1:8080"), err);
    if (r == 0)
        r = take_data(d, a->option[OPT_DATA], err);
    return r;
}

/* ---- starting -------------------------------------------------------------------------------- */

static int start_coordinator(struct dev *d, struct err *err)
{
    char data[PATH_MAX + 16];
    const char *argv[] = {COORDINATOR,  "--listen",          d->api, "--data", data, "--log-level",
                          d->log_level, "--die-with-parent", NULL};

    str_fmt(data, sizeof data, "%s/coordinator", d->data);
    return children_start(d->children, argv, err);
}

static int start_sidecar(struct dev *d, unsigned i, struct err *err)
{
    char data[PATH_MAX + 32], node[32], listen[ENDPOINT_SIZE + 16];
    const char *argv[] = {SIDECAR,       "--node",
                          node,          "--labels",
                          "cluster=dev", "--listen",
                          listen,        "--coordinator",
                          d->api,        "--data",
                          data,          "--log-level",
                          d->log_level,  "--die-with-parent",
                          NULL};

    str_fmt(node, sizeof node, "dev-%u", i + 1);
    str_fmt(data, sizeof data, "%s/%s", d->data, node);
    str_fmt(listen, sizeof listen, "%s:%u", d->proxy.host, d->proxy.port + i);
    return children_start(d->children, argv, err);
}

/* Ask `fact` until it holds. CANCELLED when the user stops us, UNAVAILABLE when a program does not
 * stay up, TIMEOUT with the last answer. */
static int wait_for(struct dev *d, const char *what, bool (*fact)(struct dev *d, struct err *err),
                    struct err *err)
{
    mono_t until = mono_add(loop_now(d->cli->loop), START_WAIT);

    while (!fact(d, err)) {
        if (d->stop)
            return err_set(err, ERR_CANCELLED, "stopped while waiting for %s", what);
        if (children_gave_up(d->children))
            return err_set(err, ERR_UNAVAILABLE,
                           "a program does not stay up; see its last lines above");
        loop_turn(d->cli->loop, POLL);
        if (mono_before(until, loop_now(d->cli->loop)))
            return err_ctx(err, "waited in vain for %s", what);
    }
    return 0;
}

static bool coordinator_answers(struct dev *d, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__HealthRequest request = SWITCHYARD__V1__HEALTH_REQUEST__INIT;

    return cli_call(d->cli, "GetHealth", &request.base, dur_ms(0), &reply, err) == 0;
}

static bool all_serve(struct dev *d, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;
    const Switchyard__V1__Nodes *nodes;
    unsigned serving = 0;

    if (cli_call(d->cli, "ListNodes", &request.base, dur_ms(0), &reply, err) < 0)
        return false;
    nodes = (const Switchyard__V1__Nodes *)reply;
    for (size_t i = 0; i < nodes->n_nodes; i++)
        serving += strcmp(nodes->nodes[i]->state, "serving") == 0;
    if (serving >= d->nodes)
        return true;
    err_set(err, ERR_TIMEOUT, "%u of %u nodes serve", serving, d->nodes);
    return false;
}

static int apply_plan(struct dev *d, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__Command command = SWITCHYARD__V1__COMMAND__INIT;
    Switchyard__V1__Apply apply = SWITCHYARD__V1__APPLY__INIT;
    char reason[] = DEV_OPERATION;
    const Switchyard__V1__CommandResult *done;
    int r;

    apply.document = (ProtobufCBinaryData){d->plan.len, (uint8_t *)d->plan.data};
    apply.source = d->plan_source;
    command.operator_ = d->cli->operator_name;
    command.reason = reason;
    command.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPLY;
    command.apply = &apply;
    r = cli_call(d->cli, "Execute", &command.base, dur_ms(0), &reply, err);
    if (r < 0)
        return r;
    done = (const Switchyard__V1__CommandResult *)reply;
    if (done->n_changes > 0)
        str_fmt(d->migration, sizeof d->migration, "%s", done->changes[0]->migration);
    return 0;
}

static int start_all(struct dev *d, struct err *err)
{
    int r;

    r = start_coordinator(d, err);
    if (r == 0)
        r = wait_for(d, "the coordinator to answer", coordinator_answers, err);
    if (r == 0)
        r = apply_plan(d, err);
    for (unsigned i = 0; i < d->nodes && r == 0; i++)
        r = start_sidecar(d, i, err);
    if (r == 0)
        r = wait_for(d, "every node to serve the plan", all_serve, err);
    return r;
}

static void tell_ready(const struct dev *d)
{
    for (unsigned i = 1; i < d->nodes; i++)
        cli_say("node dev-%u: proxy http://%s:%u\n", i + 1, d->proxy.host, d->proxy.port + i);
    cli_say("ready: proxy http://%s:%u api %s\n", d->proxy.host, d->proxy.port, d->api);
    if (strcmp(d->api, DEFAULT_API) == 0)
        cli_say("next: switchyard status %s\n", d->migration);
    else
        cli_say("next: switchyard status %s --endpoints %s\n", d->migration, d->api);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void end(struct dev *d)
{
    if (d->children)
        children_stop(d->children, STOP_GRACE);
    children_free(d->children);
    signals_free(d->signals);
    buf_deinit(&d->plan);
    if (d->data_is_ours)
        nftw(d->data, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int keep_running(struct dev *d, struct err *err)
{
    while (!d->stop) {
        loop_turn(d->cli->loop, dur_s(1));
        if (children_gave_up(d->children))
            return err_set(err, ERR_UNAVAILABLE,
                           "a program does not stay up; see its last lines above");
    }
    return 0;
}

static int run(struct dev *d, const struct args *a, struct err *err)
{
    int r;

    signals_block(stop_signals);
    r = take_options(d, a, err);
    if (r == 0)
        r = children_new(d->cli->loop, on_child_event, d, &d->children, err);
    if (r == 0)
        r = signals_new(d->cli->loop, stop_signals, on_stop_signal, d, &d->signals, err);
    if (r == 0)
        r = start_all(d, err);
    if (r < 0)
        return r;
    tell_ready(d);
    return keep_running(d, err);
}

int run_dev(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    struct dev d = {.cli = cli};
    int r;

    (void)ret_status;
    r = run(&d, a, err);
    end(&d);
    return r;
}
