/* SPDX-License-Identifier: Apache-2.0 */
/* A plan in sentences, with every default that counts. */
#include <stdarg.h>

#include "common/base/units.h"
#include "common/model/plan_words.h"

void plan_words_say(struct plan_words *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    w->cut |= !buf_vaddf(w->b, fmt, ap);
    va_end(ap);
}

static void say_tls(struct plan_words *w, const struct route_tls *t)
{
    if (!t->on)
        return;
    if (!t->verify)
        plan_words_say(w, "Its certificate is not looked at: whoever answers there is trusted.\n");
    else
        plan_words_say(w, "Its certificate must be for %s, signed by one of %s.\n",
                       t->name[0] ? t->name : "the endpoint's host",
                       t->ca_file[0] ? t->ca_file : "those that the node trusts");
    if (t->cert_file[0])
        plan_words_say(w, "Nodes show it the certificate in %s.\n", t->cert_file);
}

static void say_system(struct plan_words *w, const char *name, const struct route_upstream *u)
{
    char connect[UNIT_TEXT_MAX], response[UNIT_TEXT_MAX], url[ENDPOINT_URL_SIZE];

    plan_words_say(w, "%s is ", name);
    for (unsigned i = 0; i < u->endpoint_count; i++)
        plan_words_say(w, "%s%s", i ? ", " : "", endpoint_url(&u->endpoint[i], url));
    if (u->protocol == UPSTREAM_H2)
        plan_words_say(w, " by HTTP/2");
    plan_words_say(w, ": %s for a connection",
                   unit_duration_text(dur_ms(u->connect_timeout_ms), connect));
    if (u->endpoint[0].scheme != ENDPOINT_TCP)
        plan_words_say(w, ", %s for an answer",
                       unit_duration_text(dur_ms(u->response_timeout_ms), response));
    plan_words_say(w, ".\n");
    say_tls(w, &u->tls);
    if (u->health_path[0])
        plan_words_say(w, "Each node asks each of its endpoints for %s every %s.\n",
                       u->health_path[0] == '/' ? u->health_path : "a connection",
                       unit_duration_text(dur_ms(u->health_interval_ms), response));
    if (u->max_connections)
        plan_words_say(w, "A node opens at most %u connections to one endpoint of it.\n",
                       u->max_connections);
}

static void say_connections(struct plan_words *w, const struct route *r)
{
    char key[ROUTE_KEY_TEXT_SIZE], idle[UNIT_TEXT_MAX];

    plan_words_say(w, "It is about connections to port %u of each node%s%s, told apart by %s.\n",
                   r->tcp.port, r->tcp.address[0] ? " at " : "", r->tcp.address,
                   route_key_text(&r->key, key));
    plan_words_say(w, "One on which nothing moves for %s is closed.\n",
                   unit_duration_text(dur_ms(r->tcp.idle_timeout_ms), idle));
}

static void say_requests(struct plan_words *w, const struct route *r)
{
    char key[ROUTE_KEY_TEXT_SIZE], other[ROUTE_KEY_TEXT_SIZE];

    plan_words_say(w, "It is about requests to ");
    for (unsigned i = 0; i < r->host_count; i++)
        plan_words_say(w, "%s%s", i ? ", " : "", r->host[i]);
    plan_words_say(w, "%s%s%s.\n", r->host_count ? "" : "every host",
                   r->path_prefix[0] ? " under " : "", r->path_prefix);
    plan_words_say(
        w, "Users are told apart by %s, without it by %s.\n", route_key_text(&r->key, key),
        r->fallback_key.source == KEY_NONE ? "chance" : route_key_text(&r->fallback_key, other));
}

static void say_fallback(struct plan_words *w, const struct route_fallback *f)
{
    static const struct {
        unsigned bit;
        const char *word;
    } failures[] = {{FALLBACK_CONNECT_ERROR, "no connection"},
                    {FALLBACK_TIMEOUT, "no answer in time"},
                    {FALLBACK_5XX, "a 5xx"}};
    char body[UNIT_TEXT_MAX];
    const char *between = "";

    if (f->on == 0) {
        plan_words_say(w, "What new fails, users see: fallback is off.\n");
        return;
    }
    plan_words_say(w, "When new fails (");
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        if (!(f->on & failures[i].bit))
            continue;
        plan_words_say(w, "%s%s", between, failures[i].word);
        between = ", ";
    }
    plan_words_say(w, "), legacy answers instead");
    for (unsigned i = 0; i < f->method_count; i++)
        plan_words_say(w, "%s%s", i ? ", " : ": ", f->method[i]);
    if (f->method_count > 0)
        plan_words_say(w, ", with at most %s of body", unit_size_text(f->max_body, body));
    if (f->budget_bp)
        plan_words_say(w, ", for at most %s %% of the requests to new",
                       unit_weight_text(f->budget_bp, body));
    plan_words_say(w, ".\n");
}

static void say_conditions(struct plan_words *w, const struct route_breaker *b)
{
    char text[UNIT_TEXT_MAX];
    const char *between = "";

    plan_words_say(w, "A node that sees ");
    if (b->errors) {
        plan_words_say(w, "%u errors of new", b->errors);
        between = ", or ";
    }
    if (b->error_rate_bp) {
        plan_words_say(w, "%snew fail %s %% of %u or more requests", between,
                       unit_weight_text(b->error_rate_bp, text), b->min_requests);
        between = ", or ";
    }
    if (b->slow_rate_bp) {
        plan_words_say(w, "%s%s %% of %u or more answers of new take over ", between,
                       unit_weight_text(b->slow_rate_bp, text), b->min_requests);
        plan_words_say(w, "%s", unit_duration_text(dur_ms(b->slow_ms), text));
    }
}

static void say_fleet_breaker(struct plan_words *w, const struct plan_fleet_breaker *p)
{
    char quorum[UNIT_TEXT_MAX], rate[UNIT_TEXT_MAX];
    bool both = p->quorum_bp > 0 && p->error_rate_bp > 0;

    if (!plan_has_fleet_breaker(p))
        return;
    plan_words_say(w, "When ");
    if (p->quorum_bp > 0)
        plan_words_say(w, "%s %% of the nodes have done so%s",
                       unit_weight_text(p->quorum_bp, quorum), both ? ", or " : "");
    if (p->error_rate_bp > 0)
        plan_words_say(w, "over %s %% of %u or more requests of the fleet to new fail",
                       unit_weight_text(p->error_rate_bp, rate), p->min_requests);
    plan_words_say(w, ", and %u or more nodes are sick, all of them do.\n", p->min_nodes);
}

static void say_breaker(struct plan_words *w, const struct route_breaker *b,
                        const struct plan_fleet_breaker *fleet)
{
    char window[UNIT_TEXT_MAX], open[UNIT_TEXT_MAX], ramp[UNIT_TEXT_MAX];

    if (!route_breaker_is_on(b))
        return;
    say_conditions(w, b);
    plan_words_say(w, " in %s sends all to legacy for %s, then tries new with %u requests.\n",
                   unit_duration_text(dur_ms(b->window_ms), window),
                   unit_duration_text(dur_ms(b->open_for_ms), open), b->half_open_requests);
    if (b->re_ramp_ms)
        plan_words_say(w, "Once they go well, new gets its share back over %s.\n",
                       unit_duration_text(dur_ms(b->re_ramp_ms), ramp));
    say_fleet_breaker(w, fleet);
    if (b->mode == BREAKER_MODE_WATCH)
        plan_words_say(w, "For now the breaker only watches: it diverts nothing.\n");
}

static void say_mirror(struct plan_words *w, const struct plan *p)
{
    const struct route_mirror *m = &p->route.mirror;
    char body[UNIT_TEXT_MAX], time[UNIT_TEXT_MAX], bytes[UNIT_TEXT_MAX];

    if (!plan_mirrors(p))
        return;
    plan_words_say(w, "Copied to new, where a stage says so, are ");
    for (unsigned i = 0; i < m->method_count; i++)
        plan_words_say(w, "%s%s", i ? ", " : "", m->method[i]);
    plan_words_say(w, " with at most %s of body, each within %s; on a node %u at once",
                   unit_size_text(m->max_body, body),
                   unit_duration_text(dur_ms(m->timeout_ms), time), m->max_pending);
    if (m->max_bytes_per_s)
        plan_words_say(w, " and %s a second", unit_size_text(m->max_bytes_per_s, bytes));
    plan_words_say(w, "; none above weight %g.\n", weight_percent(m->off_above_bp));
}

static void say_compare(struct plan_words *w, const struct route_compare *c)
{
    char sample[UNIT_TEXT_MAX], noise[UNIT_TEXT_MAX], above[UNIT_TEXT_MAX];

    if (c->sample_bp == 0)
        return;
    plan_words_say(w, "Of %s %% of the requests the answers of both systems are compared by %u ",
                   unit_weight_text(c->sample_bp, sample), c->rule_count);
    plan_words_say(w, "rule%s", c->rule_count == 1 ? "" : "s");
    if (c->noise_bp)
        plan_words_say(w, ", of %s %% of those legacy's with itself",
                       unit_weight_text(c->noise_bp, noise));
    plan_words_say(w, "; none above weight %s.\n", unit_weight_text(c->off_above_bp, above));
}

static void say_flags(struct plan_words *w, const struct flags *f)
{
    if (f->count == 0)
        return;
    plan_words_say(w, "Flags before the first stage: ");
    for (unsigned i = 0; i < f->count; i++)
        plan_words_say(w, "%s%s %s", i ? ", " : "", f->flag[i].name, f->flag[i].value);
    plan_words_say(w, ".\n");
}

static void say_rollback(struct plan_words *w, const struct plan *p)
{
    char deadline[UNIT_TEXT_MAX], resume[UNIT_TEXT_MAX];

    if (p->has_triggers) {
        plan_words_say(w,
                       "Rolled back to %s at once, on every node, when one of these does not hold ",
                       plan_stage_name(p, p->rollback_to));
        plan_words_limits(w, "", &p->triggers);
    } else {
        plan_words_say(w, "Nothing rolls back by itself.\n");
    }
    plan_words_say(w, "Nodes that have not acknowledged a rollback after %s are named.\n",
                   unit_duration_text(p->rollback_deadline, deadline));
    if (p->resume_within.ns)
        plan_words_say(w, "For %s after one, stages that had baked before do not bake again.\n",
                       unit_duration_text(p->resume_within, resume));
}

/* "Fri 16:00" */
static void say_minute(struct plan_words *w, unsigned minute)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

    plan_words_say(w, "%s %02u:%02u", days[minute / 1440 % 7], minute / 60 % 24, minute % 60);
}

static void say_freeze(struct plan_words *w, const struct plan_freeze *f)
{
    char from[WALL_TEXT_MAX], until[WALL_TEXT_MAX];

    plan_words_say(w, "Nothing is raised from ");
    if (f->weekly) {
        say_minute(w, f->from_minute);
        plan_words_say(w, " until ");
        say_minute(w, f->until_minute);
        plan_words_say(w, " UTC, each week");
    } else {
        plan_words_say(w, "%s until %s", wall_text(f->from, from), wall_text(f->until, until));
    }
    plan_words_say(w, "%s%s.\n", f->reason[0] ? ": " : "", f->reason);
}

static void say_drill(struct plan_words *w, const struct plan *p)
{
    char age[UNIT_TEXT_MAX], within[UNIT_TEXT_MAX];

    if (p->drill_max_age.ns)
        plan_words_say(w, "A raise needs a drill of the last %s%s%s.\n",
                       unit_duration_text(p->drill_max_age, age),
                       p->drill_within.ns ? " that took at most " : "",
                       p->drill_within.ns ? unit_duration_text(p->drill_within, within) : "");
}

static void say_standby(struct plan_words *w, const struct plan *p)
{
    char standby[UNIT_TEXT_MAX];

    if (p->standby.ns)
        plan_words_say(w, "\nAfter the last stage legacy is kept ready for %s.\n",
                       unit_duration_text(p->standby, standby));
    for (unsigned i = 0; i < p->checklist_count; i++)
        plan_words_say(
            w, "%s %s\n",
            i ? "                          " : "Before it is taken down:  ", p->checklist[i]);
}

bool plan_explain(const struct plan *p, struct buf *b)
{
    struct plan_words w = {.b = b};

    plan_words_say(&w, "%s moves %s from legacy to new in %u stage%s%s%s.\n", p->name.s,
                   p->route.tcp.port > 0 ? "connections" : "requests", p->stage_count,
                   p->stage_count == 1 ? "" : "s", p->environment[0] ? ", as for " : "",
                   p->environment);
    say_system(&w, "legacy", &p->route.upstream[SYSTEM_LEGACY]);
    say_system(&w, "new", &p->route.upstream[SYSTEM_NEW]);
    if (p->route.tcp.port > 0)
        say_connections(&w, &p->route);
    else
        say_requests(&w, &p->route);
    say_fallback(&w, &p->route.fallback);
    say_breaker(&w, &p->route.breaker, &p->fleet_breaker);
    say_mirror(&w, p);
    say_compare(&w, &p->route.compare);
    say_flags(&w, &p->flags);
    say_rollback(&w, p);
    for (unsigned i = 0; i < p->freeze_count; i++)
        say_freeze(&w, &p->freeze[i]);
    say_drill(&w, p);
    for (unsigned i = 1; i <= p->stage_count; i++)
        plan_words_stage(&w, p, i);
    say_standby(&w, p);
    return !w.cut;
}
