/* SPDX-License-Identifier: Apache-2.0 */
/* `breaker`: what the breakers of all nodes do, and the same by hand. */
#include <inttypes.h>

#include "cli/breaker_tell.h"
#include "cli/change.h"
#include "cli/run.h"

static int order(struct cli *cli, const struct args *a, Switchyard__V1__BreakerOrder__Kind kind,
                 int *ret_status, struct err *err)
{
    Switchyard__V1__BreakerOrder action = SWITCHYARD__V1__BREAKER_ORDER__INIT;
    struct change ch;

    action.kind = kind;
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_BREAKER_ORDER;
    ch.request.breaker_order = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

#define ORDER_COMMAND(word, KIND)                                                                \
    int run_breaker_##word(struct cli *cli, const struct args *a, int *ret_status,               \
                           struct err *err)                                                      \
    {                                                                                            \
        return order(cli, a, SWITCHYARD__V1__BREAKER_ORDER__KIND__KIND_##KIND, ret_status, err); \
    }

ORDER_COMMAND(open, OPEN)
ORDER_COMMAND(close, CLOSE)
ORDER_COMMAND(reset, RESET)

/* ---- tune ------------------------------------------------------------------------------------ */

#define SETTINGS_MAX (ARRAY_LEN(((struct args *)0)->name) - 1)
#define SETTING_TEXT (NAME_SIZE * 2)

/* "errors=10"; with --default the name alone. */
struct setting {
    Switchyard__V1__BreakerSetting m;
    char name[SETTING_TEXT], value[SETTING_TEXT];
};

static int take_setting(const char *text, bool by_plan, struct setting *ret, struct err *err)
{
    struct str name = str_of(text), value = STR("");

    switchyard__v1__breaker_setting__init(&ret->m);
    if ((!by_plan && !str_cut(str_of(text), '=', &name, &value)) ||
        !str_copy(name, ret->name, sizeof ret->name) ||
        !str_copy(value, ret->value, sizeof ret->value)) {
        err_set(err, ERR_INVALID, "\"%s\" is no setting with its value", text);
        return err_hint(err, "write it as in errors=10 or window=600s");
    }
    ret->m.name = ret->name;
    ret->m.value = ret->value;
    return 0;
}

int run_breaker_tune(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__TuneBreaker action = SWITCHYARD__V1__TUNE_BREAKER__INIT;
    Switchyard__V1__BreakerSetting *list[SETTINGS_MAX];
    struct setting setting[SETTINGS_MAX];
    struct change ch;
    int r = 0;

    action.by_plan = args_has(a, OPT_DEFAULT);
    action.settings = list;
    for (unsigned i = 1; i < a->name_count && r == 0; i++) {
        struct setting *s = &setting[action.n_settings];

        r = take_setting(a->name[i], action.by_plan, s, err);
        list[action.n_settings++] = &s->m;
    }
    if (r < 0)
        return r;
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_TUNE_BREAKER;
    ch.request.tune_breaker = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

/* ---- show ------------------------------------------------------------------------------------ */

#define TABLE_MAX (8u << 20)

static void tell_fleet(const Switchyard__V1__FleetBreaker *f)
{
    cli_say("fleet: %s%s%s\n", f->state, f->why[0] ? ", " : "", f->why);
    if (f->since[0])
        cli_say("since: %s, by %s\n", f->since, f->operator_);
    if (f->until[0])
        cli_say("until: %s, then every node tries new\n", f->until);
    if (!f->armed)
        cli_say("the fleet opens nothing by itself at the moment\n");
}

static void tell_settings(const Switchyard__V1__BreakerDetails *m)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    buf_addf(&b, "SETTING\tVALUE\tPLAN\tSET BY\n");
    for (size_t i = 0; i < m->n_settings; i++) {
        const Switchyard__V1__BreakerKnob *k = m->settings[i];

        buf_addf(&b, "%s\t%s\t%s\t%s\n", k->name, k->value, k->plan, k->by_hand ? "hand" : "plan");
    }
    cli_print_table(buf_text(&b));
}

static void tell_nodes(const Switchyard__V1__BreakerDetails *m)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    buf_addf(&b, "NODE\tSTATE\tSINCE\tWHY\tERRORS\tSLOW\tREQUESTS\tNEXT\n");
    for (size_t i = 0; i < m->n_nodes; i++) {
        const Switchyard__V1__NodeBreaker *n = m->nodes[i];
        bool opened = strcmp(n->state, "closed") != 0 && n->cause[0];
        char next[BREAKER_WORDS];

        buf_addf(&b, "%s\t%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\n", n->node,
                 n->state, n->since[0] ? n->since : "-", opened ? n->cause : "-", n->errors,
                 n->slow, n->requests, breaker_next(n, next)[0] ? next : "-");
    }
    cli_print_table(buf_text(&b));
}

int run_breaker_show(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__BreakerRequest request = SWITCHYARD__V1__BREAKER_REQUEST__INIT;
    const Switchyard__V1__BreakerDetails *m;
    int r;

    request.migration = rpc_lend(a->name[0]);
    r = cli_call(cli, "GetBreaker", &request.base, dur_ms(0), &reply, err);
    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    m = (const Switchyard__V1__BreakerDetails *)reply;
    tell_fleet(m->fleet);
    tell_settings(m);
    if (m->n_nodes > 0)
        tell_nodes(m);
    return 0;
}
