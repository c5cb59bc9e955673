/* SPDX-License-Identifier: Apache-2.0 */
/* `report`: the daily summary, the weekly review, and the report after a stage; as text, Markdown
 * or JSON. */
#include <inttypes.h>

#include "cli/doc.h"
#include "cli/health_tell.h"
#include "cli/history_tell.h"
#include "cli/migration.h"
#include "cli/only.h"
#include "cli/run.h"
#include "cli/stats_tell.h"
#include "cli/status_tell.h"
#include "cli/verdict.h"
#include "common/base/units.h"

#define TABLE_MAX (16u << 20)

/* ---- parts ----------------------------------------------------------------------------------- */

static void tell_history(const struct doc *d, const char *title,
                         Switchyard__V1__HistoryEntry *const *entry, size_t count)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    doc_section(d, "%s", title);
    if (count == 0) {
        doc_say(d, "none");
        return;
    }
    history_table(&b, entry, count);
    doc_table(d, buf_text(&b), false);
}

static void tell_stats(const struct doc *d, const char *title, const Switchyard__V1__Stats *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATS_TABLE_MAX);
    char window[UNIT_TEXT_MAX];

    doc_section(d, "%s", title);
    if (!stats_whole(s) || s->legacy->requests + s->new_->requests == 0) {
        doc_say(d, "no request was measured");
        return;
    }
    stats_table(&b, s);
    doc_table(d, buf_text(&b), false);
    doc_say(d, "%.2f %% of requests went to new, over %s.", s->share_new,
            unit_duration_text(dur_s((int64_t)s->window_s), window));
}

/* Nothing where nothing was copied. */
static void tell_copies(const struct doc *d, const Switchyard__V1__Stats *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATS_TABLE_MAX);

    if (!s || !s->mirror)
        return;
    doc_section(d, "Copies to new");
    stats_mirror_table(&b, s->mirror);
    doc_table(d, buf_text(&b), true);
}

static void add_side(struct buf *b, const Switchyard__V1__SystemStats *s)
{
    if (s && s->requests > 0)
        buf_addf(b, "\t%" PRIu64 "\t%.3f %%\t%.2f ms", s->requests, s->error_rate,
                 s->latency_ms ? s->latency_ms->p99 : 0.0);
    else
        buf_addf(b, "\t0\t-\t-");
}

static void add_copies(struct buf *b, const Switchyard__V1__MirrorStats *m)
{
    buf_addf(b, "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64, m ? m->sent : 0, m ? m->failed : 0,
             m ? m->dropped : 0);
}

/* The copies where there were any. */
static void tell_days(const struct doc *d, const Switchyard__V1__MigrationReview *m)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    const bool copied = m->stats && m->stats->mirror;

    doc_section(d, "%s, day by day", m->status->migration);
    buf_addf(&b, "DAY\tLEGACY\tERRORS\tP99\tNEW\tERRORS\tP99%s\n",
             copied ? "\tCOPIES\tFAILED\tDROPPED" : "");
    for (size_t i = 0; i < m->n_days; i++) {
        buf_addf(&b, "%s", m->days[i]->day);
        add_side(&b, m->days[i]->legacy);
        add_side(&b, m->days[i]->new_);
        if (copied)
            add_copies(&b, m->days[i]->mirror);
        buf_addf(&b, "\n");
    }
    doc_table(d, buf_text(&b), false);
}

static void tell_place(const struct doc *d, const Switchyard__V1__Status *s)
{
    doc_section(d, "%s: %s, %s, %g %% on new", s->migration, s->stage, s->phase, s->weight);
    doc_say(d, "%s, since %s.", s->why, s->since);
    if (s->emergency && s->emergency->active)
        doc_say(d, "EMERGENCY since %s, by %s: %s.", s->emergency->time, s->emergency->operator_,
                s->emergency->reason);
    if (s->suggested_command[0])
        doc_say(d, "Next: `%s`.", s->suggested_command);
}

/* ---- daily and weekly ------------------------------------------------------------------------ */

static void tell_migration(const struct doc *d, const Switchyard__V1__MigrationReview *m)
{
    if (!m->status)
        return;
    tell_place(d, m->status);
    tell_stats(d, "Both systems", m->stats);
    tell_copies(d, m->stats);
    if (m->n_days > 1)
        tell_days(d, m);
    tell_history(d, "Rollbacks", m->rollbacks, m->n_rollbacks);
    tell_history(d, "Changes", m->changes, m->n_changes);
}

static void tell_review(const struct doc *d, const char *title, const Switchyard__V1__Review *r)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    doc_title(d, "%s, %s to %s", title, r->from, r->until);
    if (r->health) {
        doc_section(d, "Health: %s", r->health->overall);
        health_table(&b, r->health);
        doc_table(d, buf_text(&b), true);
    }
    for (size_t i = 0; i < r->n_migrations; i++)
        tell_migration(d, r->migrations[i]);
    if (r->n_migrations == 0)
        doc_say(d, "There is no migration.");
}

static int review(struct cli *cli, const struct args *a, uint32_t days, const char *title,
                  struct err *err)
{
    const struct doc d = {.markdown = cli->output == OUTPUT_MARKDOWN};
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__ReviewRequest request = SWITCHYARD__V1__REVIEW_REQUEST__INIT;
    int r;

    request.migration = rpc_lend(a->name_count > 0 ? a->name[0] : "");
    request.days = days;
    r = cli_call(cli, "GetReview", &request.base, dur_ms(0), &reply, err);
    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    tell_review(&d, title, (const Switchyard__V1__Review *)reply);
    return 0;
}

int run_report_daily(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    return review(cli, a, 1, "Daily summary", err);
}

int run_report_weekly(struct cli *cli, const struct args *a, int *ret_status UNUSED,
                      struct err *err)
{
    return review(cli, a, 7, "Weekly review", err);
}

/* ---- after a stage --------------------------------------------------------------------------- */

/* What a stage is judged by, asked for one after the other. */
struct stage_report {
    ProtobufCMessage *status, *stats, *history; /* owned */
    wall_t entered;                             /* unset: before what the history keeps */
    size_t entries;                             /* of the history, since then */
};

static void stage_report_deinit(struct stage_report *s)
{
    cli_reply_free(s->status);
    cli_reply_free(s->stats);
    cli_reply_free(s->history);
}

static const Switchyard__V1__Status *status_of(const struct stage_report *s)
{
    return (const Switchyard__V1__Status *)s->status;
}

static bool begins_with(const char *text, const char *word)
{
    size_t n = strlen(word);

    return strncmp(text, word, n) == 0 && (text[n] == ' ' || text[n] == ',' || text[n] == '\0');
}

/* The newest entry that came to the stage from another one. */
static void find_entered(struct stage_report *s)
{
    const Switchyard__V1__History *h = (const Switchyard__V1__History *)s->history;
    const char *stage = status_of(s)->stage;

    s->entries = h->n_entries;
    for (size_t i = 0; i < h->n_entries; i++) {
        const Switchyard__V1__HistoryEntry *e = h->entries[i];

        if (!begins_with(e->to, stage) || begins_with(e->from, stage))
            continue;
        s->entries = i + 1;
        if (wall_parse(str_of(e->time), &s->entered))
            return;
    }
}

static int ask_history(struct cli *cli, char *name, struct stage_report *s, struct err *err)
{
    Switchyard__V1__HistoryRequest request = SWITCHYARD__V1__HISTORY_REQUEST__INIT;
    int r;

    request.migration = name;
    r = cli_call(cli, "GetHistory", &request.base, dur_ms(0), &s->history, err);
    if (r == 0)
        find_entered(s);
    return r;
}

/* Over the stage, as far back as is measured. */
static int ask_stats(struct cli *cli, char *name, struct stage_report *s, struct err *err)
{
    Switchyard__V1__StatsRequest request = SWITCHYARD__V1__STATS_REQUEST__INIT;
    const dur_t day = dur_s(24 * 3600);

    request.migration = name;
    if (wall_is_set(s->entered)) {
        dur_t since = wall_sub(loop_wall(cli->loop), s->entered);

        since = since.ns > day.ns ? day : since;
        request.window_s = since.ns > 0 ? (uint32_t)(dur_to_ms(since) / 1000) + 1 : 1;
    }
    return cli_call(cli, "GetStats", &request.base, dur_ms(0), &s->stats, err);
}

static int print_stage(const struct cli *cli, const struct stage_report *s, struct err *err)
{
    CLEANUP(json_freep) struct json *j = json_object();

    json_set(j, "status", cli_message_json(s->status));
    json_set(j, "stats", cli_message_json(s->stats));
    json_set(j, "history", cli_message_json(s->history));
    return cli_print_json(cli, j, err);
}

static void tell_checks(const struct doc *d, const char *what, const Switchyard__V1__GateStatus *g)
{
    doc_section(d, "%s: %s", what, g->verdict);
    for (size_t i = 0; i < g->n_checks; i++)
        doc_item(d, "%s %s", verdict_mark(g->checks[i]->verdict), g->checks[i]->text);
}

static void tell_stage(const struct doc *d, const struct stage_report *s)
{
    const Switchyard__V1__Status *st = status_of(s);
    const Switchyard__V1__History *h = (const Switchyard__V1__History *)s->history;
    char entered[WALL_TEXT_MAX];

    doc_title(d, "Stage report of %s: %s (%u of %u)", st->migration, st->stage, st->stage_index,
              st->stages);
    if (wall_is_set(s->entered))
        doc_say(d, "Entered at %s.", wall_text(s->entered, entered));
    tell_place(d, st);
    if (st->n_objectives > 0)
        doc_section(d, "Objectives");
    for (size_t i = 0; i < st->n_objectives; i++)
        doc_item(d, "%s", st->objectives[i]);
    tell_checks(d, "Gate", st->gate);
    tell_checks(d, "Triggers", st->trigger);
    tell_stats(d, "Both systems", (const Switchyard__V1__Stats *)s->stats);
    tell_copies(d, (const Switchyard__V1__Stats *)s->stats);
    tell_history(d, "What was done", h->entries, s->entries);
}

static int ask_stage(struct cli *cli, char *name, struct stage_report *s, struct err *err)
{
    int r = migration_status(cli, name, &s->status, err);

    if (r == 0)
        r = ask_history(cli, name, s, err);
    return r == 0 ? ask_stats(cli, name, s, err) : r;
}

int run_report_stage(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    const struct doc d = {.markdown = cli->output == OUTPUT_MARKDOWN};
    CLEANUP(stage_report_deinit) struct stage_report s = {.status = NULL};
    char name[NAME_SIZE];
    int r = only_migration(cli, a, name, err);

    if (r == 0)
        r = ask_stage(cli, name, &s, err);
    if (r < 0)
        return r;
    if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML)
        return print_stage(cli, &s, err);
    tell_stage(&d, &s);
    return 0;
}
