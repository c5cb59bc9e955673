/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/coordinator_state.h"

static int submit(void *ctx, const struct core_command *cmd, struct err *err)
{
    struct coordinator *c = ctx;

    return driver_command(c->driver, cmd, err);
}

static void measure(void *ctx, const struct core_measure *m)
{
    struct coordinator *c = ctx;

    driver_measure(c->driver, m);
}

static void ordered(void *ctx, uint64_t revision, mono_t taken)
{
    struct coordinator *c = ctx;

    driver_ordered(c->driver, revision, taken);
}

static void unstored(void *ctx, const char *migration, uint64_t epoch, struct view_convergence *ret)
{
    struct coordinator *c = ctx;

    driver_unstored_convergence(c->driver, migration, epoch, ret);
}

static bool unstored_order(void *ctx, const char *migration, struct emergency *ret)
{
    struct coordinator *c = ctx;

    return driver_unstored_order(c->driver, migration, ret);
}

static const struct core *core(void *ctx)
{
    struct coordinator *c = ctx;

    return driver_core(c->driver);
}

static void facts(void *ctx, struct service_facts *ret)
{
    struct coordinator *c = ctx;
    struct driver_health h;

    driver_health(c->driver, &h);
    *ret = (struct service_facts){
        .started_at = c->self.since,
        .leads = h.leadership.here,
        .commands = c->config.allow_commands,
        .leader = h.leadership.leader.id,
        .leads_since = h.leadership.since,
        .term = h.leadership.term,
        .revision = h.revision,
        .complete = h.complete,
        .store = h.store,
        .unstored = h.unstored,
        .reports_dropped =
            h.reports_dropped + fleet_reports_dropped(c->fleet) + peers_reports_dropped(c->peers),
    };
}

static int check(void *ctx, const struct plan *plan, const struct plan_check *check, unsigned count,
                 service_checked_fn fn, void *fn_ctx, void **ret_run, struct err *err)
{
    const struct coordinator *c = ctx;
    struct check_run *run;
    int r = check_begin(c->checker, plan, check, count, fn, fn_ctx, &run, err);

    if (r == 0)
        *ret_run = run;
    return r;
}

static void stop_checks(void *ctx UNUSED, void *run)
{
    check_stop(run);
}

static unsigned webhooks(void *ctx, struct service_webhook ret[SERVICE_WEBHOOKS_MAX])
{
    return webhooks_status(((struct coordinator *)ctx)->webhooks, ret);
}

struct service_host host_of(struct coordinator *c)
{
    return (struct service_host){
        .ctx = c,
        .submit = submit,
        .measure = measure,
        .hand_on = mesh_hand_on,
        .ordered = ordered,
        .unstored = unstored,
        .unstored_order = unstored_order,
        .core = core,
        .facts = facts,
        .coordinators = mesh_coordinators,
        .check = check,
        .stop_checks = stop_checks,
        .webhooks = webhooks,
        .backup = backup_ports_host(&c->backup),
    };
}
