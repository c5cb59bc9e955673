/* SPDX-License-Identifier: Apache-2.0 */
/* `set`: what an operator gives by hand. */
#include "cli/change.h"
#include "cli/run.h"
#include "common/base/units.h"
#include "common/model/flags.h"

int run_set_weight(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__SetWeight action = SWITCHYARD__V1__SET_WEIGHT__INIT;
    struct change ch;
    uint32_t bp;
    int r;

    r = unit_parse_weight(str_of(a->name[1]), &bp, err);
    if (r < 0)
        return err_ctx(err, "weight");
    action.weight = weight_percent(bp);
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_WEIGHT;
    ch.request.set_weight = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

int run_set_override(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    static const Switchyard__V1__System wire[] = {
        [SYSTEM_NONE] = SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED,
        [SYSTEM_LEGACY] = SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY,
        [SYSTEM_NEW] = SWITCHYARD__V1__SYSTEM__SYSTEM_NEW,
    };
    Switchyard__V1__SetOverride action = SWITCHYARD__V1__SET_OVERRIDE__INIT;
    enum system system;
    struct change ch;

    if (!system_parse(str_of(a->name[1]), &system))
        return err_set(err, ERR_INVALID, "override \"%s\": use legacy, new or none", a->name[1]);
    action.system = wire[system];
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_OVERRIDE;
    ch.request.set_override = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

/* ---- the mirror ------------------------------------------------------------------------------ */

/* SHARE, off, or --default. */
static int take_share(const struct args *a, bool by_plan, uint32_t *ret_bp, struct err *err)
{
    if (a->name_count != 1u + !by_plan) {
        err_set(err, ERR_INVALID, "%s",
                by_plan ? "either a share or --default, not both" : "the share is missing");
        return err_hint(err, "switchyard set mirror NAME PCT, or off, or --default instead");
    }
    *ret_bp = 0;
    if (by_plan || strcmp(a->name[1], "off") == 0)
        return 0;
    if (unit_parse_weight(str_of(a->name[1]), ret_bp, err) < 0)
        return err_ctx(err, "share");
    return 0;
}

int run_set_mirror(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    Switchyard__V1__SetMirror action = SWITCHYARD__V1__SET_MIRROR__INIT;
    struct change ch;
    uint32_t bp;
    int r;

    action.by_plan = args_has(a, OPT_DEFAULT);
    r = take_share(a, action.by_plan, &bp, err);
    if (r < 0)
        return r;
    action.share = weight_percent(bp);
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_MIRROR;
    ch.request.set_mirror = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

/* ---- flags ----------------------------------------------------------------------------------- */

/* NAME FLAG VALUE, NAME FLAG --default, NAME --all VALUE or NAME --all --default. */
struct flag_words {
    const char *flag, *value; /* NULL: all; the stage's */
};

static int take_flag_words(const struct args *a, struct flag_words *ret, struct err *err)
{
    bool all = args_has(a, OPT_ALL), by_stage = args_has(a, OPT_DEFAULT);
    unsigned next = 1, wanted = 1 + !all + !by_stage;

    if (a->name_count != wanted) {
        err_set(
            err, ERR_INVALID, "%s",
            a->name_count < wanted ? "a flag or a value is missing" : "there is a word too many");
        return err_hint(err,
                        "switchyard set flag NAME FLAG VALUE, or --default instead of VALUE, "
                        "or --all instead of FLAG");
    }
    ret->flag = all ? NULL : a->name[next++];
    ret->value = by_stage ? NULL : a->name[next];
    return 0;
}

/* A JSON scalar as it is; any other word is a string, so that nobody has to quote quotes. */
static int scalar_of(const char *word, struct buf *b, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    bool parsed = json_parse(str_of(word), &j, NULL) == 0;
    enum json_kind kind = parsed ? json_kind(j) : JSON_STRING;

    if (kind == JSON_OBJECT || kind == JSON_ARRAY || kind == JSON_NULL)
        return err_set(err, ERR_INVALID,
                       "a flag's value is true, false, a number or a text, not %s",
                       json_kind_name(kind));
    if (parsed ? buf_addf(b, "%s", word) : json_print_string(word, b))
        return 0;
    return err_set(err, ERR_INVALID, "the value is longer than %u bytes", FLAG_VALUE - 1);
}

int run_set_flag(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(FLAG_VALUE - 1);
    Switchyard__V1__SetFlag action = SWITCHYARD__V1__SET_FLAG__INIT;
    struct flag_words words = {NULL, NULL};
    struct change ch;
    int r;

    r = take_flag_words(a, &words, err);
    if (r == 0 && words.value)
        r = scalar_of(words.value, &value, err);
    if (r < 0)
        return r;
    action.all = !words.flag;
    action.flag = rpc_lend(words.flag ? words.flag : "");
    action.value = rpc_lend(buf_text(&value));
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_FLAG;
    ch.request.set_flag = &action;
    return change_run(cli, a, &ch, ret_status, err);
}
