/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/model/plan.h"
#include "coordinator/core/days.h"
#include "coordinator/service/convert.h"
#include "operator.pb-c.h"

#define SOURCE_MAX     256u
#define PERCENT_MAX    100.0
#define TIMEOUT_MAX_MS 60000u
#define HISTORY_MAX    50u

/* ---- text ------------------------------------------------------------------------------------ */

/* One line of UTF-8 that fits where it will be kept: logs, history and terminals show it as it
 * is. */
static int check_text(const char *what, const char *text, size_t max, struct err *err)
{
    struct str s = str_of(text);
    size_t bad = 0;

    if (s.n > max)
        return err_set(err, ERR_INVALID, "the %s has %zu bytes, at most %zu are allowed", what, s.n,
                       max);
    if (!str_utf8_valid(s, NULL))
        return err_set(err, ERR_INVALID, "the %s is not valid UTF-8", what);
    if (!str_is_line(s, &bad))
        return err_set(err, ERR_INVALID,
                       "the %s holds a control character at byte %zu; use one line of plain text",
                       what, bad + 1);
    return 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

typedef int (*take_fn)(const Switchyard__V1__Command *m, struct convert_command *ret,
                       struct err *err);

static int take_plan(const Switchyard__V1__Command *m, struct convert_command *ret, struct err *err)
{
    struct str text = {(const char *)m->apply->document.data, m->apply->document.len};
    int r = check_text("plan's file name", m->apply->source, SOURCE_MAX, err);

    if (r == 0)
        r = check_text("environment", m->apply->environment, NAME_SIZE - 1, err);
    if (r == 0)
        r = plan_parse_for(text, m->apply->source[0] ? m->apply->source : "plan",
                           m->apply->environment, &ret->plan, err);
    if (r < 0)
        return r;
    ret->core.plan = ret->plan;
    if (m->migration[0] && strcmp(m->migration, ret->plan->name.s) != 0)
        return err_set(err, ERR_INVALID, "the command names %s, the plan is of %s", m->migration,
                       ret->plan->name.s);
    ret->core.migration = ret->plan->name.s;
    return 0;
}

static int take_target(const Switchyard__V1__Command *m, struct convert_command *ret,
                       struct err *err)
{
    const Switchyard__V1__Place *seen = m->promote->seen;

    ret->core.seen = seen != NULL;
    ret->core.seen_stage = seen ? seen->stage : 0;
    ret->core.seen_wave = seen ? seen->wave : 0;
    ret->core.full = m->promote->full;
    switch (m->promote->target_case) {
    case SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE:
        ret->core.to_stage = m->promote->to_stage;
        return 0;
    case SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE_NAME:
        ret->core.to_stage_name = m->promote->to_stage_name;
        return check_text("stage's name", m->promote->to_stage_name, NAME_SIZE - 1, err);
    case SWITCHYARD__V1__PROMOTE__TARGET__NOT_SET:
    default:
        return 0;
    }
}

static int take_abort(const Switchyard__V1__Command *m, struct convert_command *ret,
                      struct err *err UNUSED)
{
    ret->core.gradual = m->abort->gradual;
    ret->core.step_every = dur_s(m->abort->step_s);
    return 0;
}

static int take_stage(const Switchyard__V1__Command *m, struct convert_command *ret,
                      struct err *err UNUSED)
{
    ret->core.to_stage = m->rollback->to_stage;
    return 0;
}

static int take_all(const Switchyard__V1__Command *m, struct convert_command *ret, struct err *err)
{
    ret->core.all = m->emergency->all;
    if (ret->core.all && m->migration[0])
        return err_set(err, ERR_INVALID, "either all migrations or %s, not both", m->migration);
    return 0;
}

/* A number is told as text, too: the plan knows what it means. */
static int take_approval(const Switchyard__V1__Command *m, struct convert_command *ret,
                         struct err *err)
{
    if (m->approve->stage[0])
        ret->core.to_stage_name = m->approve->stage;
    return check_text("stage's name", m->approve->stage, NAME_SIZE - 1, err);
}

static int take_percent(const char *what, double percent, uint32_t *ret_bp, struct err *err)
{
    double bp = round(percent * 100);

    if (!(percent >= 0 && percent <= PERCENT_MAX))
        return err_set(err, ERR_INVALID, "%s %g is not between 0 and 100 percent", what, percent);
    if (fabs(percent * 100 - bp) > 1e-6)
        return err_set(err, ERR_INVALID, "%s %g is finer than a hundredth of a percent", what,
                       percent);
    *ret_bp = (uint32_t)bp;
    return 0;
}

static int take_weight(const Switchyard__V1__Command *m, struct convert_command *ret,
                       struct err *err)
{
    return take_percent("weight", m->set_weight->weight, &ret->core.weight_bp, err);
}

static int take_mirror(const Switchyard__V1__Command *m, struct convert_command *ret,
                       struct err *err)
{
    ret->core.by_plan = m->set_mirror->by_plan;
    return take_percent("share", m->set_mirror->share, &ret->core.mirror_bp, err);
}

static int take_override(const Switchyard__V1__Command *m, struct convert_command *ret,
                         struct err *err)
{
    switch (m->set_override->system) {
    case SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED:
        ret->core.system = SYSTEM_NONE;
        return 0;
    case SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY:
        ret->core.system = SYSTEM_LEGACY;
        return 0;
    case SWITCHYARD__V1__SYSTEM__SYSTEM_NEW:
        ret->core.system = SYSTEM_NEW;
        return 0;
    case _SWITCHYARD__V1__SYSTEM_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INVALID, "unknown system %d", (int)m->set_override->system);
    }
}

static int take_quarantine(const Switchyard__V1__Command *m, struct convert_command *ret,
                           struct err *err)
{
    const Switchyard__V1__Recover *recover = m->recover;

    if (recover->n_quarantine > QUARANTINE_MAX)
        return err_set(err, ERR_INVALID, "more than %d nodes to be put in quarantine",
                       QUARANTINE_MAX);
    for (size_t i = 0; i < recover->n_quarantine; i++) {
        int r = check_text("node's name", recover->quarantine[i], NAME_SIZE - 1, err);

        if (r < 0)
            return r;
    }
    ret->core.quarantine = (const char *const *)recover->quarantine;
    ret->core.quarantine_count = (unsigned)recover->n_quarantine;
    ret->core.quarantine_laggards = recover->quarantine_laggards;
    return 0;
}

static int take_drill(const Switchyard__V1__Command *m, struct convert_command *ret,
                      struct err *err)
{
    ret->core.scope = m->drill->scope;
    ret->core.shadow = m->drill->shadow;
    ret->core.within_ms = m->drill->within_ms;
    return check_text("scope", m->drill->scope, SELECTOR_SIZE - 1, err);
}

static int take_checklist(const Switchyard__V1__Command *m, struct convert_command *ret,
                          struct err *err UNUSED)
{
    ret->core.checklist_done = m->decommission->checklist_done;
    return 0;
}

static int take_flag(const Switchyard__V1__Command *m, struct convert_command *ret, struct err *err)
{
    int r = check_text("flag's name", m->set_flag->flag, NAME_SIZE - 1, err);

    ret->core.all = m->set_flag->all;
    ret->core.flag = m->set_flag->flag;
    ret->core.flag_value = m->set_flag->value;
    if (r == 0)
        r = check_text("flag's value", m->set_flag->value, FLAG_VALUE - 1, err);
    if (r == 0 && ret->core.all && m->set_flag->flag[0])
        r = err_set(err, ERR_INVALID, "either all flags or %s, not both", m->set_flag->flag);
    return r;
}

static int take_breaker(const Switchyard__V1__Command *m, struct convert_command *ret,
                        struct err *err)
{
    switch (m->breaker_order->kind) {
    case SWITCHYARD__V1__BREAKER_ORDER__KIND__KIND_OPEN:
        ret->core.kind = CMD_BREAKER_OPEN;
        return 0;
    case SWITCHYARD__V1__BREAKER_ORDER__KIND__KIND_CLOSE:
        ret->core.kind = CMD_BREAKER_CLOSE;
        return 0;
    case SWITCHYARD__V1__BREAKER_ORDER__KIND__KIND_RESET:
        ret->core.kind = CMD_BREAKER_RESET;
        return 0;
    case SWITCHYARD__V1__BREAKER_ORDER__KIND__KIND_UNSPECIFIED:
    case _SWITCHYARD__V1__BREAKER_ORDER__KIND_IS_INT_SIZE:
        break;
    }
    return err_set(err, ERR_INVALID, "a breaker is ordered to open, close or reset");
}

static int take_tuning(const Switchyard__V1__Command *m, struct convert_command *ret,
                       struct err *err)
{
    const Switchyard__V1__TuneBreaker *tune = m->tune_breaker;
    int r = 0;

    if (tune->n_settings > BREAKER_KNOB_COUNT)
        return err_set(err, ERR_INVALID, "more settings than a breaker has");
    for (size_t i = 0; r == 0 && i < tune->n_settings; i++) {
        struct core_setting *s = &ret->setting[i];

        *s = (struct core_setting){tune->settings[i]->name, tune->settings[i]->value};
        r = check_text("setting's name", s->name, NAME_SIZE - 1, err);
        if (r == 0)
            r = check_text("setting's value", s->value, BREAKER_KNOB_TEXT - 1, err);
    }
    ret->core.setting = ret->setting;
    ret->core.settings = (unsigned)tune->n_settings;
    ret->core.by_plan = tune->by_plan;
    return r;
}

/* One line per action of Command. */
static const struct action {
    Switchyard__V1__Command__ActionCase action;
    enum core_command_kind kind;
    bool needs_reason;
    take_fn take;
} actions[] = {
    {SWITCHYARD__V1__COMMAND__ACTION_APPLY, CMD_APPLY, false, take_plan},
    {SWITCHYARD__V1__COMMAND__ACTION_START, CMD_START, false, NULL},
    {SWITCHYARD__V1__COMMAND__ACTION_PROMOTE, CMD_PROMOTE, false, take_target},
    {SWITCHYARD__V1__COMMAND__ACTION_PAUSE, CMD_PAUSE, false, NULL},
    {SWITCHYARD__V1__COMMAND__ACTION_RESUME, CMD_RESUME, false, NULL},
    {SWITCHYARD__V1__COMMAND__ACTION_ABORT, CMD_ABORT, true, take_abort},
    {SWITCHYARD__V1__COMMAND__ACTION_ROLLBACK, CMD_ROLLBACK, true, take_stage},
    {SWITCHYARD__V1__COMMAND__ACTION_EMERGENCY, CMD_EMERGENCY, true, take_all},
    {SWITCHYARD__V1__COMMAND__ACTION_CLEAR_EMERGENCY, CMD_CLEAR, true, NULL},
    {SWITCHYARD__V1__COMMAND__ACTION_SET_WEIGHT, CMD_SET_WEIGHT, true, take_weight},
    {SWITCHYARD__V1__COMMAND__ACTION_SET_OVERRIDE, CMD_SET_OVERRIDE, true, take_override},
    {SWITCHYARD__V1__COMMAND__ACTION_DELETE, CMD_DELETE, false, NULL},
    {SWITCHYARD__V1__COMMAND__ACTION_DRILL, CMD_DRILL, true, take_drill},
    {SWITCHYARD__V1__COMMAND__ACTION_DECOMMISSION, CMD_DECOMMISSION, true, take_checklist},
    {SWITCHYARD__V1__COMMAND__ACTION_SET_FLAG, CMD_SET_FLAG, true, take_flag},
    {SWITCHYARD__V1__COMMAND__ACTION_SET_MIRROR, CMD_SET_MIRROR, true, take_mirror},
    {SWITCHYARD__V1__COMMAND__ACTION_RECOVER, CMD_RECOVER, false, take_quarantine},
    {SWITCHYARD__V1__COMMAND__ACTION_APPROVE, CMD_APPROVE, true, take_approval},
    {SWITCHYARD__V1__COMMAND__ACTION_TUNE_BREAKER, CMD_BREAKER_TUNE, true, take_tuning},
    {SWITCHYARD__V1__COMMAND__ACTION_BREAKER_ORDER, CMD_BREAKER_RESET, true, take_breaker},
};

static const struct action *action_of(const Switchyard__V1__Command *m)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (actions[i].action == m->action_case)
            return &actions[i];
    }
    return NULL;
}

/* `what`: of what needs a reason; NULL: may go without. */
static int check_author(const char *operator_name, const char *reason, const char *what,
                        struct err *err)
{
    int r = check_text("operator", operator_name, 2 * NAME_SIZE - 1, err);

    if (r == 0)
        r = check_text("reason", reason, TEXT_SIZE - 1, err);
    if (r < 0)
        return r;
    if (str_trim(str_of(operator_name)).n == 0) {
        err_set(err, ERR_INVALID, "the command does not say who gives it");
        return err_hint(err, "add --operator NAME");
    }
    if (what && str_trim(str_of(reason)).n == 0) {
        err_set(err, ERR_INVALID, "%s needs a reason", what);
        return err_hint(err, "add --reason TEXT; it is recorded");
    }
    return 0;
}

static int check_words(const Switchyard__V1__Command *m, const struct action *a, struct err *err)
{
    int r = check_text("migration's name", m->migration, NAME_SIZE - 1, err);

    if (r == 0)
        r = check_text("request id", m->request_id, REQUEST_ID_SIZE - 1, err);
    if (r == 0)
        r = check_author(m->operator_, m->reason,
                         a->needs_reason ? core_command_name(a->kind) : NULL, err);
    return r;
}

int convert_command(const ProtobufCMessage *command, struct convert_command *ret, struct err *err)
{
    const Switchyard__V1__Command *m = (const Switchyard__V1__Command *)command;
    const struct action *a = action_of(m);
    int r;

    *ret = (struct convert_command){.plan = NULL};
    if (!a)
        return err_set(err, ERR_INVALID, "the command has no action that this version knows");
    r = check_words(m, a, err);
    if (r < 0)
        return r;
    ret->core = (struct core_command){
        .kind = a->kind,
        .migration = m->migration,
        .operator_name = m->operator_,
        .reason = m->reason,
        .request = m->request_id,
        .dry_run = m->dry_run,
    };
    r = a->take ? a->take(m, ret, err) : 0;
    if (r == 0 && ret->core.migration[0] == '\0' && !ret->core.all)
        r = err_set(err, ERR_INVALID, "%s of which migration?", core_command_name(a->kind));
    if (r < 0)
        convert_command_deinit(ret);
    return r;
}

void convert_command_deinit(struct convert_command *c)
{
    c->plan = plan_free(c->plan);
}

int convert_restore(const ProtobufCMessage *part, struct convert_restore *ret, struct err *err)
{
    const Switchyard__V1__RestorePart *m = (const Switchyard__V1__RestorePart *)part;
    int r = check_author(m->operator_, m->reason, "a restore", err);

    if (r < 0)
        return r;
    CHECK(str_copy(str_of(m->operator_), ret->operator_name, sizeof(ret->operator_name)));
    CHECK(str_copy(str_of(m->reason), ret->reason, sizeof(ret->reason)));
    return 0;
}

int convert_measure(const ProtobufCMessage *request, struct core_measure *ret, struct err *err)
{
    const Switchyard__V1__MeasureRequest *m = (const Switchyard__V1__MeasureRequest *)request;
    char shown[SHOW_SIZE];
    int r = check_text("migration's name", m->migration, NAME_SIZE - 1, err);

    *ret = (struct core_measure){.migration = m->migration, .value = m->value};
    if (r == 0)
        r = check_text("source", m->source, SOURCE_MAX, err);
    if (r < 0)
        return r;
    if (m->migration[0] == '\0')
        return err_set(err, ERR_INVALID, "measured of which migration?");
    if (!core_measure_parse(str_of(m->name), &ret->kind)) {
        err_set(err, ERR_INVALID, "%s is nothing that is reported",
                ids_show(str_of(m->name), shown));
        return err_hint(err, "report %s, %s or %s", core_measure_name(MEASURE_RESTARTS),
                        core_measure_name(MEASURE_DISCREPANCIES),
                        core_measure_name(MEASURE_SYNC_LAG));
    }
    if (!isfinite(m->value) || m->value < 0)
        return err_set(err, ERR_INVALID, "%s %g is not a number from 0 up", m->name, m->value);
    return 0;
}

/* ---- the other requests ---------------------------------------------------------------------- */

static void take_await(const ProtobufCMessage *request, struct convert_query *ret)
{
    const Switchyard__V1__AwaitRequest *m = (const Switchyard__V1__AwaitRequest *)request;

    ret->migration = m->migration;
    ret->revision = m->revision;
    ret->unstored_epoch = m->unstored_epoch;
    ret->timeout = dur_ms(m->timeout_ms < TIMEOUT_MAX_MS ? m->timeout_ms : TIMEOUT_MAX_MS);
}

static void take_status(const ProtobufCMessage *request, struct convert_query *ret)
{
    ret->migration = ((const Switchyard__V1__StatusRequest *)request)->migration;
}

static void take_plan_query(const ProtobufCMessage *request, struct convert_query *ret)
{
    ret->migration = ((const Switchyard__V1__PlanRequest *)request)->migration;
}

static void take_stats(const ProtobufCMessage *request, struct convert_query *ret)
{
    const Switchyard__V1__StatsRequest *m = (const Switchyard__V1__StatsRequest *)request;

    ret->migration = m->migration;
    ret->window = dur_s(m->window_s);
}

static void take_history(const ProtobufCMessage *request, struct convert_query *ret)
{
    const Switchyard__V1__HistoryRequest *m = (const Switchyard__V1__HistoryRequest *)request;

    ret->migration = m->migration;
    ret->limit = m->limit == 0 || m->limit > HISTORY_MAX ? HISTORY_MAX : m->limit;
}

static void take_discrepancies(const ProtobufCMessage *request, struct convert_query *ret)
{
    const Switchyard__V1__DiscrepanciesRequest *m =
        (const Switchyard__V1__DiscrepanciesRequest *)request;

    ret->migration = m->migration;
    ret->window = m->window_s == 0 ? dur_s(3600) : dur_s(m->window_s);
    ret->limit =
        m->limit == 0 || m->limit > COMPARED_EXAMPLES_MAX ? COMPARED_EXAMPLES_MAX : m->limit;
    ret->critical_only = m->critical_only;
}

static void take_review(const ProtobufCMessage *request, struct convert_query *ret)
{
    const Switchyard__V1__ReviewRequest *m = (const Switchyard__V1__ReviewRequest *)request;

    ret->migration = m->migration;
    ret->days = m->days == 0 ? 1 : m->days > DAYS_KEPT ? DAYS_KEPT : m->days;
}

static void take_flags(const ProtobufCMessage *request, struct convert_query *ret)
{
    ret->migration = ((const Switchyard__V1__FlagsRequest *)request)->migration;
}

static void take_breaker_query(const ProtobufCMessage *request, struct convert_query *ret)
{
    ret->migration = ((const Switchyard__V1__BreakerRequest *)request)->migration;
}

static const struct {
    const ProtobufCMessageDescriptor *request;
    void (*take)(const ProtobufCMessage *request, struct convert_query *ret);
} queries[] = {
    {&switchyard__v1__await_request__descriptor, take_await},
    {&switchyard__v1__status_request__descriptor, take_status},
    {&switchyard__v1__plan_request__descriptor, take_plan_query},
    {&switchyard__v1__stats_request__descriptor, take_stats},
    {&switchyard__v1__history_request__descriptor, take_history},
    {&switchyard__v1__flags_request__descriptor, take_flags},
    {&switchyard__v1__breaker_request__descriptor, take_breaker_query},
    {&switchyard__v1__review_request__descriptor, take_review},
    {&switchyard__v1__discrepancies_request__descriptor, take_discrepancies},
};

int convert_query(const ProtobufCMessage *request, struct convert_query *ret, struct err *err)
{
    *ret = (struct convert_query){.migration = ""};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        if (queries[i].request == request->descriptor)
            queries[i].take(request, ret);
    }
    return check_text("migration's name", ret->migration, NAME_SIZE - 1, err);
}
