/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ab_report.h"

#include <inttypes.h>

#include "cli/cell.h"

#define TABLE_MAX (256u << 10)

/* ---- for people ------------------------------------------------------------------------------ */

static void add_time(struct buf *b, const char *what, const struct ab_study *s, double q)
{
    double legacy = hist_quantile_ms(&s->side[SYSTEM_LEGACY].took, q);
    double new_ms = hist_quantile_ms(&s->side[SYSTEM_NEW].took, q);

    buf_addf(b, "%s\t%.3f ms\t%.3f ms\t", what, legacy, new_ms);
    if (legacy > 0)
        buf_addf(b, "%.2fx\n", new_ms / legacy);
    else
        buf_addf(b, "-\n");
}

static void tell_sides(const struct doc *d, const struct ab_study *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    const struct ab_side *legacy = &s->side[SYSTEM_LEGACY], *new_side = &s->side[SYSTEM_NEW];

    buf_addf(&b, "\tLEGACY\tNEW\tRATIO\n");
    buf_addf(&b, "answered\t%" PRIu64 "\t%" PRIu64 "\t\n", legacy->answered, new_side->answered);
    buf_addf(&b, "errors\t%" PRIu64 "\t%" PRIu64 "\t\n", legacy->errors, new_side->errors);
    add_time(&b, "p50", s, 0.5);
    add_time(&b, "p99", s, 0.99);
    doc_section(d, "Both systems");
    doc_table(d, buf_text(&b), false);
}

static void add_value(struct buf *b, const char *text, char end)
{
    cell_add(b, text[0] ? text : "-", end);
}

static void tell_places(const struct doc *d, const struct ab_study *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    if (s->place_count == 0)
        return;
    doc_section(d, "Where they differ");
    buf_addf(&b, "CLASS\tWHERE\tREQUESTS\tFIRST SEEN AT\tLEGACY\tNEW\n");
    for (unsigned i = 0; i < s->place_count; i++) {
        const struct ab_place *p = &s->place[i];

        buf_addf(&b, "%s\t", p->critical ? "critical" : "cosmetic");
        cell_add(&b, p->first.where, '\t');
        buf_addf(&b, "%" PRIu64 "\t", p->count);
        cell_add(&b, p->request, '\t');
        add_value(&b, p->first.legacy, '\t');
        add_value(&b, p->first.new_value, '\n');
    }
    doc_table(d, buf_text(&b), false);
    if (s->elsewhere)
        doc_say(d, "%" PRIu64 " more differences are not listed.", s->elsewhere);
}

void ab_report_tell(const struct doc *d, const struct ab_about *about, const struct ab_study *s)
{
    doc_title(d, "A/B run of %s", about->migration);
    doc_say(d,
            "%" PRIu64 " runs of %u request%s through node %s: %" PRIu64 " equal, %" PRIu64
            " differ cosmetically, %" PRIu64 " critically, %" PRIu64 " could not be compared.",
            s->runs, about->requests, about->requests == 1 ? "" : "s", about->node, s->equal,
            s->cosmetic, s->critical, s->not_compared);
    if (about->unsafe)
        doc_say(d, "Passed over: %u, since only GET and HEAD are run on both systems.",
                about->unsafe);
    doc_say(d, "%s", ab_study_is_good(s) ? "Nothing critical differs." : "The systems differ.");
    tell_sides(d, s);
    tell_places(d, s);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static struct json *side_json(const struct ab_side *side)
{
    struct json *j = json_object();

    json_set_u64(j, "answered", side->answered);
    json_set_u64(j, "errors", side->errors);
    json_set_number(j, "p50Ms", hist_quantile_ms(&side->took, 0.5));
    json_set_number(j, "p99Ms", hist_quantile_ms(&side->took, 0.99));
    json_set_number(j, "meanMs", hist_mean_ms(&side->took));
    return j;
}

static struct json *place_json(const struct ab_place *p)
{
    struct json *j = json_object();

    json_set_string(j, "class", p->critical ? "critical" : "cosmetic");
    json_set_string(j, "where", p->first.where);
    json_set_u64(j, "requests", p->count);
    json_set_string(j, "request", p->request);
    json_set_string(j, "legacy", p->first.legacy);
    json_set_string(j, "new", p->first.new_value);
    return j;
}

struct json *ab_report_json(const struct ab_about *about, const struct ab_study *s)
{
    struct json *j = json_object(), *places = json_array();

    json_set_string(j, "migration", about->migration);
    json_set_string(j, "node", about->node);
    json_set_bool(j, "good", ab_study_is_good(s));
    json_set_u64(j, "requests", about->requests);
    json_set_u64(j, "unsafe", about->unsafe);
    json_set_u64(j, "runs", s->runs);
    json_set_u64(j, "equal", s->equal);
    json_set_u64(j, "cosmetic", s->cosmetic);
    json_set_u64(j, "critical", s->critical);
    json_set_u64(j, "notCompared", s->not_compared);
    json_set(j, "legacy", side_json(&s->side[SYSTEM_LEGACY]));
    json_set(j, "new", side_json(&s->side[SYSTEM_NEW]));
    for (unsigned i = 0; i < s->place_count; i++)
        json_append(places, place_json(&s->place[i]));
    json_set(j, "differences", places);
    json_set_u64(j, "elsewhere", s->elsewhere);
    return j;
}
