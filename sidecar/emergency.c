/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/emergency.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/login.h"
#include "common/base/options.h"
#include "common/model/ids.h"
#include "sidecar/control/convert.h"
#include "sidecar/control/order_call.h"

#define ANSWER_WITHIN dur_s(5)

struct options {
    const char *data, *reason, *operator_name;
    const char *migration; /* NULL: every one */
};

static const struct option_row table[] = {
    {"data", "DIR", "the running sidecar's folder", OPTION_INTO(option_text, options, data)},
    {"reason", "TEXT", "why, recorded in the history", OPTION_INTO(option_text, options, reason)},
    {"migration", "NAME", "only this one (every one)",
     OPTION_INTO(option_text, options, migration)},
    {"operator", "NAME", "who gives the order, recorded (the login name)",
     OPTION_INTO(option_text, options, operator_name)},
    {.name = NULL},
};

static void print_help(void)
{
    CLEANUP(buf_deinitp) struct buf lines = BUF_INIT(4096);

    options_help(table, &lines);
    printf(/* allowed: the program's own help */
           "usage: switchyard-sidecar emergency --data DIR --reason TEXT [options]\n"
           "\n"
           "Sends everything on this node to legacy, now, whether a coordinator is there or not. "
           "Only\n"
           "`switchyard rollback --clear` lifts it.\n"
           "\n"
           "%s",
           buf_text(&lines));
}

static int take_options(int argc, char **argv, struct options *o, struct err *err)
{
    int r = options_parse(table, argc, argv, o, err);

    if (r == OPTIONS_HELP)
        print_help();
    else if (r == OPTIONS_VERSION)
        puts("switchyard-sidecar " SWITCHYARD_VERSION); /* allowed: the program's own version */
    else if (r == 0 && (!o->data || !o->reason))
        return err_set(err, ERR_INVALID, "--data and --reason are needed");
    return r;
}

/* Whether every migration asked for is served on legacy. */
static bool tell(const Switchyard__V1__OrderResult *m)
{
    for (size_t i = 0; i < m->n_migrations; i++)
        printf("%s: %s, order %" PRIu64 "\n", /* allowed: the answer */
               m->migrations[i]->migration,
               m->migrations[i]->serving ? "everything goes to legacy" : "NOT served yet",
               m->migrations[i]->epoch);
    if (m->measured_ms < 0) {
        puts("the proxy does not serve it yet: see the sidecar's log"); /* allowed: the answer */
        return false;
    }
    printf("node %s serves it, %.1f ms after the order\n", /* allowed: the answer */
           m->node, m->measured_ms);
    return true;
}

static int order(const struct options *o, bool *ret_served, struct err *err)
{
    CLEANUP(order_answer_freep) Switchyard__V1__OrderResult *answer = NULL;
    CLEANUP(loop_freep) struct loop *loop = NULL;
    Switchyard__V1__OrderRequest m = SWITCHYARD__V1__ORDER_REQUEST__INIT;
    char folder[PATH_MAX], target[PATH_MAX + 32], login[NAME_SIZE];
    int r;

    if (!realpath(o->data, folder))
        return err_errno(err, errno, "find %s", o->data);
    login_name(login, sizeof login);
    m.all = o->migration == NULL;
    m.migration = rpc_lend(o->migration ? o->migration : "");
    m.reason = rpc_lend(o->reason);
    m.operator_ = rpc_lend(o->operator_name ? o->operator_name : login);
    if (!str_fmt(target, sizeof target, "unix:%s/control.sock", folder))
        return err_set(err, ERR_INVALID, "the path of the data folder is too long");
    r = loop_new(clock_system, &loop, err);
    if (r == 0)
        r = order_call(loop, target, &m, ANSWER_WITHIN, &answer, err);
    if (r == -ERR_UNAVAILABLE)
        return err_hint(err,
                        "no sidecar runs on %s; one that starts there obeys the file "
                        "%s/emergency",
                        o->data, o->data);
    if (r == 0)
        *ret_served = tell(answer);
    return r;
}

int emergency_run(int argc, char **argv)
{
    struct options o = {.data = NULL};
    struct err err = {0};
    bool served = false;
    int r = take_options(argc, argv, &o, &err);

    if (r > 0)
        return 0;
    if (r < 0) {
        if (!err.hint[0])
            err_hint(&err, "`switchyard-sidecar emergency --help` lists the options");
    } else {
        rpc_start();
        r = order(&o, &served, &err);
        rpc_shutdown();
    }
    if (r == 0)
        return served ? 0 : 1;
    fprintf(stderr, "error: %s\nhint: %s\n", /* allowed: the answer */
            err.msg, err.hint[0] ? err.hint : "the sidecar's log may tell more");
    return err_exit_status(err.code);
}
