/* SPDX-License-Identifier: Apache-2.0 */
/* `switchyard dev`: a coordinator and sidecars as one process tree on the embedded store, with a
 * plan. */
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/children.h"
#include "cli/cli.h"
#include "cli/run.h"
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
#define PLAN_NAME     "app"
#define DEV_OPERATION "applied by `switchyard dev`"

struct dev {
    struct cli *cli;
    struct children *children;   /* owned */
    struct signals *signals;     /* owned */
    const char *api, *log_level; /* borrowed from the arguments */
    char host[ENDPOINT_SIZE];
    unsigned port; /* of the first proxy */
    unsigned nodes;
    char data[PATH_MAX];
    bool data_is_ours; /* a temporary folder: removed at the end */
    bool stop;
    struct buf plan; /* the document to apply */
    const char *plan_source;
};

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, 0};

static void on_stop_signal(void *ctx, int signo)
{
    struct dev *d = ctx;

    (void)signo;
    d->stop = true;
}

static void on_child_event(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "switchyard dev: %s\n", text); /* allowed: the program's own words */
}

/* ---- what to run
 * --------------------------------------------------------------------------------------- */

static int take_listen(struct dev *d, const char *listen, struct err *err)
{
    const char *colon = strrchr(listen, ':');
    uint64_t port;

    if (!colon ||
        !str_copy((struct str){listen, (size_t)(colon - listen)}, d->host, sizeof d->host) ||
        !str_to_u64(str_of(colon + 1), 65535, &port) || port == 0) {
        err_set(err, ERR_INVALID, "--listen %s is not ADDRESS:PORT", listen);
        return err_hint(err, "for example --listen 127.0.0.1:8080");
    }
    d->port = (unsigned)port;
    return 0;
}

static int take_nodes(struct dev *d, const char *text, struct err *err)
{
    uint64_t n = 1;

    if (text && (!str_to_u64(str_of(text), NODES_MAX, &n) || n == 0))
        return err_set(err, ERR_INVALID, "--nodes %s is not a number from 1 to %d", text,
                       NODES_MAX);
    d->nodes = (unsigned)n;
    if (d->port + d->nodes > 65536)
        return err_set(err, ERR_INVALID, "no room for %u ports after %u", d->nodes, d->port);
    return 0;
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
        return err_set(err, ERR_DENIED, "cannot make a temporary folder like %s", d->data);
    d->data_is_ours = true;
    return 0;
}

/* Point one system of a plan document at `url`. */
static void set_endpoint(struct json *root, const char *system, const char *url)
{
    struct json *spec = json_get(root, "spec"), *systems = json_get(spec, "systems"),
                *list = json_array(), *one;

    if (!url || json_kind(spec) != JSON_OBJECT)
        return;
    if (json_kind(systems) != JSON_OBJECT) {
        json_set(spec, "systems", json_object());
        systems = json_get(spec, "systems");
    }
    if (json_kind(json_get(systems, system)) != JSON_OBJECT)
        json_set(systems, system, json_object());
    one = json_get(systems, system);
    json_append(list, json_from_string(url));
    json_set(one, "endpoints", list);
}

static int take_plan_file(struct dev *d, const char *path, const char *legacy, const char *new_url,
                          struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    CLEANUP(json_freep) struct json *root = NULL;
    int r;

    d->plan_source = path;
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
    d->plan_source = "the default plan";
    return plan_default(PLAN_NAME, legacy, new_url, &d->plan, err);
}

static int take_options(struct dev *d, const struct args *a, struct err *err)
{
    const char *listen = a->option[OPT_LISTEN];
    int r;

    d->api = a->option[OPT_API] ? a->option[OPT_API] : "127.0.0.1:7400";
    if (!str_fmt(d->cli->endpoints, sizeof d->cli->endpoints, "%s", d->api))
        return err_set(err, ERR_INVALID, "--api: the address is too long");
    d->log_level = a->option[OPT_LOG_LEVEL] ? a->option[OPT_LOG_LEVEL] : "warn";
    r = take_listen(d, listen ? listen : "127.0.0.1:8080", err);
    if (r == 0)
        r = take_nodes(d, a->option[OPT_NODES], err);
    if (r == 0)
        r = take_plan(d, a, err);
    if (r == 0)
        r = take_data(d, a->option[OPT_DATA], err);
    return r;
}

/* ---- starting
 * ----------------------------------------------------------------------------------------- */

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
    str_fmt(listen, sizeof listen, "%s:%u", d->host, d->port + i);
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
            return err_ctx(err, "%s within %d s", what, 20);
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
    char reason[] = DEV_OPERATION, source[PATH_MAX];

    str_fmt(source, sizeof source, "%s", d->plan_source);
    apply.document = (ProtobufCBinaryData){d->plan.len, (uint8_t *)d->plan.data};
    apply.source = source;
    command.operator_ = d->cli->operator_name;
    command.reason = reason;
    command.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPLY;
    command.apply = &apply;
    return cli_call(d->cli, "Execute", &command.base, dur_ms(0), &reply, err);
}

static int start_all(struct dev *d, struct err *err)
{
    int r;

    r = start_coordinator(d, err);
    if (r == 0)
        r = wait_for(d, "the coordinator answers", coordinator_answers, err);
    if (r == 0)
        r = apply_plan(d, err);
    for (unsigned i = 0; i < d->nodes && r == 0; i++)
        r = start_sidecar(d, i, err);
    if (r == 0)
        r = wait_for(d, "every node serves the plan", all_serve, err);
    return r;
}

static void tell_ready(const struct dev *d)
{
    for (unsigned i = 1; i < d->nodes; i++)
        cli_say("node dev-%u: proxy http://%s:%u\n", i + 1, d->host, d->port + i);
    cli_say("ready: proxy http://%s:%u api %s\n", d->host, d->port, d->api);
}

/* ---- ending
 * ------------------------------------------------------------------------------------------- */

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
