/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/words.h"

#include <inttypes.h>

#include "common/base/units.h"

const char *words_duration(dur_t d, char *dst)
{
    int64_t ms = d.ns < 0 ? 0 : dur_to_ms(d);
    int64_t s = ms / 1000;
    int64_t part[] = {s / 86400, s / 3600 % 24, s / 60 % 60, s % 60};
    static const char unit[] = "dhms";
    size_t at = 0;

    if (ms > 0 && ms < 1000) {
        str_fmt(dst, WORDS_DURATION_MAX, "%" PRId64 "ms", ms);
        return dst;
    }
    dst[0] = '\0';
    /* Two units are enough for a person: "2h 5m", "3m 10s". */
    for (unsigned i = 0, shown = 0; i < ARRAY_LEN(part) && shown < 2; i++) {
        if (part[i] == 0)
            continue;
        str_fmt(dst + at, WORDS_DURATION_MAX - at, "%s%" PRId64 "%c", shown ? " " : "", part[i],
                unit[i]);
        at = strlen(dst);
        shown++;
    }
    if (at == 0)
        str_fmt(dst, WORDS_DURATION_MAX, "0s");
    return dst;
}

const char *words_ratio(uint32_t ppm, char *dst)
{
    str_fmt(dst, WORDS_RATIO_MAX, "%g %%", (double)ppm / 10000.0);
    return dst;
}

const char *words_weight(uint32_t bp, char *dst)
{
    str_fmt(dst, WORDS_RATIO_MAX, "%g %%", weight_percent(bp));
    return dst;
}

#define WORDS_WAVE_MAX 32

/* ", wave 1 of 3"; "" for a stage without waves. */
static const char *words_wave(const struct plan *plan, const struct rollout *r, char *dst)
{
    unsigned count =
        r->stage >= 1 && r->stage <= plan->stage_count ? plan->stage[r->stage - 1].wave_count : 0;

    dst[0] = '\0';
    if (r->wave > 0 && r->wave <= count)
        str_fmt(dst, WORDS_WAVE_MAX, ", wave %u of %u", r->wave, count);
    return dst;
}

const char *words_place(const struct plan *plan, const struct rollout *r, char *dst)
{
    char weight[WORDS_RATIO_MAX], wave[WORDS_WAVE_MAX];
    const char *all = "";
    size_t at;

    if (r->override != SYSTEM_NONE)
        all = r->override == SYSTEM_NEW ? ", all to new" : ", all to legacy";
    if (r->stage == 0 && r->override == SYSTEM_NONE)
        str_fmt(dst, WORDS_PLACE_MAX, "legacy, %s", phase_name(r->phase));
    else
        str_fmt(dst, WORDS_PLACE_MAX, "%s (%s%s%s), %s", plan_stage_name(plan, r->stage),
                words_weight(r->weight_bp, weight), words_wave(plan, r, wave), all,
                phase_name(r->phase));
    at = strlen(dst);
    if (r->phase == PHASE_PREPARING)
        str_fmt(dst + at, WORDS_PLACE_MAX - at, " %s", plan_stage_name(plan, r->entering_stage));
    return dst;
}

const char *words_given(const char *migration, const struct emergency *order, char *dst)
{
    if (order->active)
        str_fmt(dst, WORDS_GIVEN_MAX, "%s goes to legacy already, by emergency order %" PRIu64,
                migration, order->epoch);
    else
        str_fmt(dst, WORDS_GIVEN_MAX,
                "%s went to legacy by this order, and it was lifted since: it is not given again",
                migration);
    return dst;
}
