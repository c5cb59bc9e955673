/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ab_study.h"

#include "common/base/mem.h"
#include "common/model/probe.h"

/* ---- one answer ------------------------------------------------------------------------------ */

static struct str find_header(const void *head, struct str name, unsigned nth)
{
    const Switchyard__V1__ProbeAnswer *a = head;

    for (size_t i = 0; i < a->n_headers; i++)
        if (str_ieq(str_of(a->headers[i]->key), name) && nth-- == 0)
            return str_of(a->headers[i]->value);
    return (struct str){NULL, 0};
}

static struct compare_answer answer_of(const Switchyard__V1__ProbeAnswer *a)
{
    struct str type = find_header(a, STR("Content-Type"), 0);

    return (struct compare_answer){
        .status = a->status,
        .media_type = type.p ? type : STR(""),
        .body = {(const char *)a->body.data, a->body.len},
        .cut = a->body_bytes > a->body.len,
        .body_size = a->body_bytes,
        .body_hash = a->body_hash,
        .keep = PROBE_BODY_KEPT,
        .header = find_header,
        .head = a,
    };
}

static const Switchyard__V1__ProbeAnswer *answer_by(const Switchyard__V1__ProbeResult *r,
                                                    Switchyard__V1__System system)
{
    for (size_t i = 0; i < r->n_answers; i++)
        if (r->answers[i]->system == system && r->answers[i]->status > 0)
            return r->answers[i];
    return NULL;
}

static void count(struct ab_side *side, const Switchyard__V1__ProbeAnswer *a)
{
    side->errors += !a || a->status >= 500;
    if (!a)
        return;
    side->answered++;
    if (a->took_ms >= 0 && a->took_ms < 1e9)
        hist_add(&side->took, (uint64_t)(a->took_ms * 1000));
}

/* ---- places ---------------------------------------------------------------------------------- */

static struct ab_place *place_for(struct ab_study *s, const struct compare_difference *d)
{
    bool critical = d->class == COMPARE_DIFFERS_CRITICAL;

    for (unsigned i = 0; i < s->place_count; i++)
        if (s->place[i].critical == critical && s->place[i].first.place == d->place)
            return &s->place[i];
    if (s->place_count == AB_PLACES_MAX)
        return NULL;
    s->place[s->place_count] = (struct ab_place){.critical = critical, .first = *d};
    return &s->place[s->place_count++];
}

static void note(struct ab_study *s, const char *request, const struct compare_difference *d)
{
    struct ab_place *place = place_for(s, d);

    if (!place)
        return;
    s->elsewhere -= d->count;
    if (place->count++ == 0)
        str_fmt(place->request, sizeof place->request, "%s", request);
}

static void judge(struct ab_study *s, const char *request, const struct compare_answer *legacy,
                  const struct compare_answer *new_answer)
{
    CLEANUP(xfreep) struct compare_verdict *v = xnew(struct compare_verdict);

    compare_answers(s->rule, s->rule_count, legacy, new_answer, v);
    s->equal += v->class == COMPARE_EQUAL;
    s->cosmetic += v->class == COMPARE_DIFFERS_COSMETIC;
    s->critical += v->class == COMPARE_DIFFERS_CRITICAL;
    s->elsewhere += v->count;
    for (unsigned i = 0; i < v->kept; i++)
        note(s, request, &v->difference[i]);
}

/* ---- all of them ----------------------------------------------------------------------------- */

void ab_study_add(struct ab_study *s, const char *request, const Switchyard__V1__ProbeResult *r)
{
    const Switchyard__V1__ProbeAnswer *legacy = answer_by(r, SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY);
    const Switchyard__V1__ProbeAnswer *new_ = answer_by(r, SWITCHYARD__V1__SYSTEM__SYSTEM_NEW);
    struct compare_answer a, b;

    s->runs++;
    count(&s->side[SYSTEM_LEGACY], legacy);
    count(&s->side[SYSTEM_NEW], new_);
    if (!legacy || !new_) {
        s->not_compared++;
        return;
    }
    a = answer_of(legacy);
    b = answer_of(new_);
    judge(s, request, &a, &b);
}

bool ab_study_is_good(const struct ab_study *s)
{
    return s->runs > 0 && s->critical == 0 && s->not_compared == 0;
}
