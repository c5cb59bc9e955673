/* SPDX-License-Identifier: Apache-2.0 */
/* `ab`: the same requests to both systems through a node, and their answers compared. */
#include "cli/ab_report.h"
#include "cli/ab_requests.h"
#include "cli/migration.h"
#include "cli/node_call.h"
#include "cli/run.h"
#include "cli/values.h"
#include "common/base/atomic_file.h"
#include "common/base/mem.h"
#include "common/model/probe.h"

#define FILE_MAX     (64u << 20)
#define REPORT_MAX   (1u << 20)
#define RUNS_MAX     1000000
#define RUNS_DEFAULT 100
/* More than both systems may take. */
#define PATIENCE dur_s(60)

struct run {
    struct cli *cli;
    struct fleet_entry node;
    struct plan *plan; /* owned */
    struct ab_requests requests;
    uint64_t runs;
    struct ab_about about;
    struct ab_study study;
};

/* ---- what is asked --------------------------------------------------------------------------- */

static int read_requests(const struct args *a, struct ab_requests *ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FILE_MAX);
    const char *file = a->option[OPT_REQUESTS], *path = a->option[OPT_PATH];
    int r;

    if (file && path)
        return err_set(err, ERR_INVALID, "--requests and --path: give one of them");
    if (!file)
        return ab_requests_read(str_of(path ? path : "/"), "--path", ret, err);
    r = cli_read(file, &text, err);
    return r < 0 ? r : ab_requests_read(buf_view(&text), file, ret, err);
}

/* What a report's name ends with says what it is. */
static bool is_json(const char *path)
{
    size_t n = strlen(path);

    return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

/* ---- running --------------------------------------------------------------------------------- */

static int run_once(struct run *run, const struct ab_request *q, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__ProbeRequest m = SWITCHYARD__V1__PROBE_REQUEST__INIT;
    const char *method = q->head_only ? "HEAD" : "GET";
    char shown[DISCREPANCY_PATH_SIZE];
    int r;

    m.migration = rpc_lend(run->about.migration);
    m.method = rpc_lend(method);
    m.path = q->path;
    m.bypass_breaker = true;
    m.keep_bytes = PROBE_BODY_KEPT;
    r = node_call(run->cli, &run->node, "Probe", &m.base, PATIENCE, &reply, err);
    if (r < 0)
        return err_ctx(err, "%s %.100s", method, q->path);
    str_fmt(shown, sizeof shown, "%s %.*s", method, (int)strcspn(q->path, "?"), q->path);
    ab_study_add(&run->study, shown, (const Switchyard__V1__ProbeResult *)reply);
    return 0;
}

static int run_all(struct run *run, struct err *err)
{
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < run->runs; i++)
        r = run_once(run, &run->requests.item[i % run->requests.count], err);
    return r;
}

/* ---- telling --------------------------------------------------------------------------------- */

static int write_report(const struct run *run, const char *path, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(REPORT_MAX);
    CLEANUP(json_freep) struct json *j = NULL;
    const struct doc d = {.markdown = true, .into = &b};

    if (is_json(path)) {
        j = ab_report_json(&run->about, &run->study);
        if (!json_print(j, true, &b))
            return err_set(err, ERR_EXHAUSTED, "the report is larger than %u bytes", REPORT_MAX);
    } else {
        ab_report_tell(&d, &run->about, &run->study);
    }
    return file_write(path, buf_view(&b), false, err);
}

static int tell(const struct run *run, struct err *err)
{
    const struct cli *cli = run->cli;
    const struct doc d = {.markdown = cli->output == OUTPUT_MARKDOWN};

    if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML) {
        CLEANUP(json_freep) struct json *j = ab_report_json(&run->about, &run->study);

        return cli_print_json(cli, j, err);
    }
    ab_report_tell(&d, &run->about, &run->study);
    return 0;
}

static int prepare(struct run *run, const struct args *a, struct err *err)
{
    const char *node = a->option[OPT_NODE];
    int r = read_requests(a, &run->requests, err);

    run->runs = run->requests.count > 1 ? run->requests.count : RUNS_DEFAULT;
    if (r == 0)
        r = value_count(a, OPT_RUNS, RUNS_MAX, &run->runs, err);
    if (r == 0)
        r = migration_plan(run->cli, a->name[0], &run->plan, NULL, err);
    if (r == 0)
        r = node ? node_find(run->cli, node, &run->node, err)
                 : node_find_any(run->cli, &run->node, err);
    if (r < 0)
        return r;
    run->about = (struct ab_about){.migration = a->name[0],
                                   .node = run->node.name,
                                   .requests = run->requests.count,
                                   .unsafe = run->requests.unsafe};
    run->study.rule = run->plan->route.compare.rule;
    run->study.rule_count = run->plan->route.compare.rule_count;
    return 0;
}

int run_ab(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(xfreep) struct run *run = xnew(struct run);
    int r;

    run->cli = cli;
    r = prepare(run, a, err);
    if (r == 0)
        r = run_all(run, err);
    if (r == 0)
        r = tell(run, err);
    if (r == 0 && a->option[OPT_REPORT])
        r = write_report(run, a->option[OPT_REPORT], err);
    *ret_status = ab_study_is_good(&run->study) ? 0 : 1;
    ab_requests_deinit(&run->requests);
    plan_free(run->plan);
    return r;
}
