/* SPDX-License-Identifier: Apache-2.0 */
/* `drill`: rehearse a rollback, wait until it is over, and tell what was measured. */
#include "cli/change.h"
#include "cli/migration.h"
#include "cli/run.h"
#include "common/base/units.h"

#define WITHIN_MIN dur_ms(1)
#define WITHIN_MAX dur_s(3600)
#define PART_LASTS dur_s(30)
#define LOOK_EACH  dur_ms(200)

static int take_within(const struct args *a, uint32_t *ret_ms, struct err *err)
{
    const char *text = a->option[OPT_WITHIN];
    dur_t within = {0};
    int r = text ? unit_parse_duration(str_of(text), &within, err) : 0;

    if (r < 0)
        return err_ctx(err, "--within");
    if (text && (within.ns < WITHIN_MIN.ns || within.ns > WITHIN_MAX.ns))
        return err_set(err, ERR_INVALID, "--within %s is not within 1ms and 1h", text);
    *ret_ms = (uint32_t)dur_to_ms(within);
    return 0;
}

static bool is_over(const Switchyard__V1__Status *s)
{
    return s->drill && s->drill->ended[0];
}

/* The coordinator ends both parts at their deadlines, by default 30 s as of a rollback; this waits
 * longer than that. */
static int wait_for_end(struct cli *cli, const char *name, uint32_t within_ms,
                        ProtobufCMessage **ret, struct err *err)
{
    int64_t part = within_ms + dur_to_ms(PART_LASTS);
    mono_t until =
        mono_add(clock_system->mono(clock_system), dur_ms(2 * part + dur_to_ms(cli->timeout)));
    int r;

    while ((r = migration_status(cli, name, ret, err)) == 0) {
        if (is_over((const Switchyard__V1__Status *)*ret))
            return 0;
        cli_reply_free(steal(*ret));
        if (!mono_before(clock_system->mono(clock_system), until)) {
            err_set(err, ERR_TIMEOUT, "the drill of %s has not ended in time", name);
            return err_hint(err, "switchyard status %s --watch", name);
        }
        cli_pause(cli, LOOK_EACH);
    }
    return err_ctx(err, "the drill has begun, waiting for its end failed");
}

static void tell_part(const char *what, double ms)
{
    if (ms >= 0)
        cli_say("  %s after %.1f ms\n", what, ms);
    else
        cli_say("  not %s by every node\n", what);
}

static void tell(const char *name, const Switchyard__V1__DrillStatus *d)
{
    cli_say("%s: the drill of %s on %u node%s %s%s\n", name, d->scope, d->nodes,
            d->nodes == 1 ? "" : "s", d->passed ? "PASSED" : "FAILED",
            d->shadow ? "; in shadow, nobody was moved" : "");
    tell_part("rolled back", d->measured_ms);
    tell_part("restored", d->restored_ms);
    if (d->why[0])
        cli_say("  why: %s\n", d->why);
}

static int tell_end(struct cli *cli, const Switchyard__V1__Status *s, int *ret_status,
                    struct err *err)
{
    int r = 0;

    *ret_status = s->drill->passed ? 0 : 1;
    if (!cli_print_message(cli, &s->drill->base, &r, err))
        tell(s->migration, s->drill);
    return r;
}

int run_drill(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(change_done_deinit) struct change_done done = {.result = NULL};
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__Drill action = SWITCHYARD__V1__DRILL__INIT;
    bool waits = !args_has(a, OPT_DRY_RUN) && !args_has(a, OPT_NO_WAIT);
    struct change ch;
    int r = take_within(a, &action.within_ms, err);

    if (r < 0)
        return r;
    change_init(&ch, cli, a);
    action.scope = rpc_lend(a->option[OPT_SCOPE]);
    action.shadow = args_has(a, OPT_SHADOW);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_DRILL;
    ch.request.drill = &action;
    ch.moves_nodes = false;
    if (!waits)
        return change_run(cli, a, &ch, ret_status, err);
    r = change_carry_out(cli, a, &ch, &done, err);
    if (r == 0)
        r = wait_for_end(cli, a->name[0], action.within_ms, &reply, err);
    return r < 0 ? r : tell_end(cli, (const Switchyard__V1__Status *)reply, ret_status, err);
}
