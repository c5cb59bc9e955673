/* SPDX-License-Identifier: Apache-2.0 */
/* One stage in words: how it is entered, whom it reaches, how it is left. */
#include "common/base/units.h"
#include "common/model/plan_words.h"

#define INDENT "   "

static void say_entry(struct plan_words *w, const struct plan_stage *s, unsigned index)
{
    if (index == 1)
        plan_words_say(w, INDENT "Entered by `switchyard start`");
    else if (s->approval)
        plan_words_say(w, INDENT "Entered by an operator's `switchyard promote`");
    else
        plan_words_say(w, INDENT "Entered by itself when the stage before is done");
    if (s->approvers)
        plan_words_say(w, ", when %u operator%s agreed with `switchyard approve`", s->approvers,
                       s->approvers == 1 ? " has" : "s have");
    plan_words_say(w, ".\n");
}

static void say_checks(struct plan_words *w, const struct plan_stage *s)
{
    char timeout[UNIT_TEXT_MAX];

    if (s->ready_count == 0)
        return;
    plan_words_say(w, INDENT "First these checks pass: ");
    for (unsigned i = 0; i < s->ready_count; i++)
        plan_words_say(w, "%s%s (%s, within %s)", i ? ", " : "", s->ready[i].name.s,
                       plan_check_word(s->ready[i].kind),
                       unit_duration_text(s->ready[i].timeout, timeout));
    plan_words_say(w, ".\n");
}

static void say_hooks(struct plan_words *w, const char *when, const struct plan_hook *hook,
                      unsigned count)
{
    char timeout[UNIT_TEXT_MAX];

    for (unsigned i = 0; i < count; i++) {
        const struct plan_hook *h = &hook[i];

        plan_words_say(w, INDENT "%s %s %s:", when, h->name.s,
                       h->scale ? "makes it larger" : "runs");
        for (const char *const *word = h->argv; *word; word++)
            plan_words_say(w, " %s", *word);
        plan_words_say(w, ", within %s", unit_duration_text(h->timeout, timeout));
        if (h->capacity)
            plan_words_say(w, ", and until a check of %s passes",
                           plan_check_word(h->capacity->kind));
        plan_words_say(w, ".\n");
    }
}

static void say_mirror(struct plan_words *w, const struct plan_stage *s)
{
    if (s->mirror_bp > 0)
        plan_words_say(w,
                       INDENT
                       "New also gets copies of %g %% of legacy's requests; nobody gets its "
                       "answers to them.\n",
                       weight_percent(s->mirror_bp));
}

static void say_flags(struct plan_words *w, const struct plan_stage *s)
{
    if (s->flags.count == 0)
        return;
    plan_words_say(w, INDENT "Switches ");
    for (unsigned i = 0; i < s->flags.count; i++)
        plan_words_say(w, "%s%s to %s", i ? ", " : "", s->flags.flag[i].name,
                       s->flags.flag[i].value);
    plan_words_say(w, ".\n");
}

static void say_waves(struct plan_words *w, const struct plan_stage *s)
{
    char bake[UNIT_TEXT_MAX];

    if (s->wave_count == 0)
        return;
    plan_words_say(w, INDENT "Reaches ");
    for (unsigned i = 0; i < s->wave_count; i++) {
        const struct plan_wave *wave = &s->wave[i];
        bool all = selector_is_all(&wave->select);

        plan_words_say(w, "%s%s%s", i ? ", then " : "", all ? "everybody" : wave->select.text,
                       wave->approval ? " by an operator's promote" : "");
        if (!all)
            plan_words_say(w, " (bakes %s)", unit_duration_text(wave->bake, bake));
    }
    plan_words_say(w, ".\n");
}

static void say_bake(struct plan_words *w, const struct plan_stage *s)
{
    char bake[UNIT_TEXT_MAX];

    if (s->bake.ns == 0)
        return;
    plan_words_say(w, INDENT "Bakes %s", unit_duration_text(s->bake, bake));
    if (s->risk != RISK_NONE)
        plan_words_say(w, ", at %s risk", plan_risk_name(s->risk));
    plan_words_say(w, ".\n");
}

static void say_objectives(struct plan_words *w, const struct plan_stage *s)
{
    for (unsigned i = 0; i < s->objective_count; i++)
        plan_words_say(w, INDENT "%s %s\n",
                       i ? "               " : "People look at:", s->objective[i]);
}

void plan_words_stage(struct plan_words *w, const struct plan *p, unsigned index)
{
    const struct plan_stage *s = &p->stage[index - 1];

    plan_words_say(w, "\n%u. %s: %g %% of the users on new%s.\n", index, s->name.s,
                   weight_percent(s->weight_bp),
                   s->enforce ? ", and legacy is forbidden but for emergency orders" : "");
    say_entry(w, s, index);
    say_checks(w, s);
    if (s->backup)
        plan_words_say(w, INDENT "Then the control state is backed up.\n");
    say_hooks(w, "Then", s->before, s->before_count);
    say_mirror(w, s);
    say_flags(w, s);
    say_waves(w, s);
    say_bake(w, s);
    if (s->has_gate) {
        plan_words_say(w, INDENT "Goes on when all of these hold ");
        plan_words_limits(w, INDENT, &s->gate);
    }
    say_hooks(w, "At its end", s->after, s->after_count);
    say_objectives(w, s);
}
