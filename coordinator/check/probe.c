/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/check/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sys/statvfs.h>

#include "common/base/atomic_file.h"
#include "common/base/json.h"
#include "common/base/units.h"
#include "common/pg/pg.h"
#include "coordinator/check/command.h"
#include "coordinator/check/judge.h"

#define VALUE_MAX   256
#define MEMINFO_MAX (16u << 10)

bool probe_number(struct str text, double *ret)
{
    if (str_eq(text, STR("NaN")) || str_eq(text, STR("+Inf")) || str_eq(text, STR("-Inf"))) {
        *ret = text.p[0] == 'N'   ? (double)NAN
               : text.p[0] == '+' ? (double)INFINITY
                                  : -(double)INFINITY;
        return true;
    }
    return json_parse_number(text, ret);
}

/* ---- PostgreSQL ------------------------------------------------------------------------------ */

static void judge_row(const struct plan_check *c, const struct buf *value, uint64_t rows,
                      struct check_result *ret)
{
    char found[VALUE_MAX + 64];
    double number;

    if (rows == 0 || value->len == 0) {
        judge_unknown(ret, "the query gives %s", rows == 0 ? "no row" : "no value");
        return;
    }
    str_fmt(found, sizeof found, "the query gives %s", buf_text(value));
    if (strcmp(buf_text(value), "t") == 0 || strcmp(buf_text(value), "f") == 0)
        judge_value(c, buf_text(value)[0] == 't', found, ret);
    else if (probe_number(buf_view(value), &number))
        judge_value(c, number, found, ret);
    else
        judge_unknown(ret, "%s, which is no number", found);
}

static void probe_postgres(const struct probe *p, const struct patience *patience,
                           struct check_result *ret)
{
    const struct plan_check *c = &p->check;
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(VALUE_MAX);
    uint64_t rows = 0;
    struct err err;
    int r = pg_ask(c->target, c->query ? c->query : "SELECT 1", patience_left(patience), p->stop,
                   &value, &rows, &err);

    if (r < 0)
        judge_unknown(ret, "%s", err.msg);
    else if (c->has_min || c->has_max)
        judge_row(c, &value, rows, ret);
    else if (c->query)
        judge_passed(ret, "the query ran, with %" PRIu64 " rows", rows);
    else
        judge_passed(ret, "it takes connections");
}

/* ---- commands -------------------------------------------------------------------------------- */

static const char *last_line(const char *output)
{
    size_t n = strlen(output);

    while (n > 0 && output[n - 1] == '\n')
        n--;
    while (n > 0 && output[n - 1] != '\n')
        n--;
    return output + n;
}

static void judge_command(const struct command_report *report, dur_t timeout,
                          struct check_result *ret)
{
    const char *said = last_line(report->output);
    const char *colon = said[0] ? ": " : "";
    char text[UNIT_TEXT_MAX];

    switch (report->end) {
    case COMMAND_EXITED:
        ret->has_value = true;
        ret->value = report->code;
        if (report->code == 0)
            judge_passed(ret, "it ended with status 0%s%s", colon, said);
        else
            judge_failed(ret, "it ended with status %d%s%s", report->code, colon, said);
        return;
    case COMMAND_SIGNALLED:
        judge_unknown(ret, "it was ended by SIG%s%s%s",
                      sigabbrev_np(report->code) ? sigabbrev_np(report->code) : "?", colon, said);
        return;
    case COMMAND_TIMED_OUT:
        judge_unknown(ret, "it did not end within %s, and was ended%s%s",
                      unit_duration_text(timeout, text), colon, said);
        return;
    case COMMAND_STOPPED:
        judge_unknown(ret, "it was given up");
        return;
    case COMMAND_STUCK:
        judge_unknown(ret, "it did not end within %s, and cannot be killed",
                      unit_duration_text(timeout, text));
        return;
    }
}

static void probe_command(const struct probe *p, const struct patience *patience,
                          struct check_result *ret)
{
    struct command command = {.argv = p->check.argv,
                              .environment = p->environment,
                              .folder = p->folder,
                              .timeout = patience_left(patience),
                              .stop = p->stop};
    struct command_report report;
    struct err err;

    if (!p->commands) {
        judge_unknown(ret,
                      "coordinator %s may not run commands: start it with --allow-commands, or let "
                      "one lead that may",
                      p->id);
        return;
    }
    if (command_run(&command, &report, &err) < 0) {
        judge_unknown(ret, "%s", err.msg);
        return;
    }
    judge_command(&report, p->check.timeout, ret);
    str_fmt(ret->output, sizeof ret->output, "%s", report.output);
}

/* ---- this machine ---------------------------------------------------------------------------- */

static void judge_bytes(const struct plan_check *c, uint64_t bytes, const char *what,
                        struct check_result *ret)
{
    unsigned shift = bytes >= UINT64_C(10) << 30 ? 30 : bytes >= UINT64_C(10) << 20 ? 20 : 0;
    char found[64], size[UNIT_TEXT_MAX];

    /* Whole GiB or MiB read better, and are exact enough. */
    str_fmt(found, sizeof found, "%s are %s", unit_size_text(bytes >> shift << shift, size), what);
    judge_value(c, (double)bytes, found, ret);
}

static void probe_disk(const struct plan_check *c, struct check_result *ret)
{
    struct statvfs v;

    if (statvfs(c->target, &v) < 0)
        judge_unknown(ret, "%s: %s", c->target, strerror(errno));
    else
        judge_bytes(c, (uint64_t)v.f_bavail * v.f_frsize, "left", ret);
}

/* "MemAvailable:   12345 kB" */
static bool read_available(struct str text, uint64_t *ret_kib)
{
    struct str line, key, value;

    while (text.n > 0) {
        str_cut(text, '\n', &line, &text);
        if (!str_cut(line, ':', &key, &value) || !str_eq(key, STR("MemAvailable")))
            continue;
        str_cut(str_trim(value), ' ', &value, &line);
        return str_to_u64(value, UINT64_MAX >> 10, ret_kib);
    }
    return false;
}

static void probe_memory(const struct plan_check *c, struct check_result *ret)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(MEMINFO_MAX);
    uint64_t kib;
    struct err err;

    if (file_read("/proc/meminfo", &text, &err) < 0)
        judge_unknown(ret, "%s", err.msg);
    else if (!read_available(buf_view(&text), &kib))
        judge_unknown(ret, "/proc/meminfo does not tell what is available");
    else
        judge_bytes(c, kib << 10, "available", ret);
}

/* ---- what the loop knew ---------------------------------------------------------------------- */

static void probe_flags(const struct probe *p, struct check_result *ret)
{
    if (p->missing)
        judge_failed(ret, "the plan has no flag %s", p->missing);
    else
        judge_passed(ret, "the plan has these flags");
}

static void probe_nodes(const struct probe *p, struct check_result *ret)
{
    char found[SELECTOR_SIZE + 64];

    str_fmt(found, sizeof found,
            p->nodes == 1 ? "%u connected node matches %s" : "%u connected nodes match %s",
            p->nodes, p->check.target);
    judge_value(&p->check, p->nodes, found, ret);
}

/* ---- any ------------------------------------------------------------------------------------- */

static void run(const struct probe *p, const struct patience *patience, struct check_result *ret)
{
    switch (p->check.kind) {
    case PLAN_CHECK_HTTP:
        return probe_http(p, patience, ret);
    case PLAN_CHECK_TCP:
        return probe_tcp(p, patience, ret);
    case PLAN_CHECK_POSTGRES:
        return probe_postgres(p, patience, ret);
    case PLAN_CHECK_REDIS:
        return probe_redis(p, patience, ret);
    case PLAN_CHECK_PROMETHEUS:
        return probe_prometheus(p, patience, ret);
    case PLAN_CHECK_COMMAND:
        return probe_command(p, patience, ret);
    case PLAN_CHECK_DISK:
        return probe_disk(&p->check, ret);
    case PLAN_CHECK_MEMORY:
        return probe_memory(&p->check, ret);
    case PLAN_CHECK_FLAGS:
        return probe_flags(p, ret);
    case PLAN_CHECK_NODES:
        return probe_nodes(p, ret);
    case PLAN_CHECK_ENDPOINTS:
        return probe_endpoints(p, patience, ret);
    case PLAN_CHECK_COUNT:
        break;
    }
    judge_unknown(ret, "this coordinator knows no such check");
}

void probe_run(const struct probe *p, struct check_result *ret)
{
    struct patience patience = patience_for(p->check.timeout, p->stop);
    mono_t begun = clock_system->mono(clock_system);

    *ret = (struct check_result){.name = p->check.name, .kind = p->check.kind};
    judge_unknown(ret, "it was given up");
    if (!atomic_load(p->stop))
        run(p, &patience, ret);
    ret->took_ms = (double)dur_to_us(mono_sub(clock_system->mono(clock_system), begun)) / 1000;
}
