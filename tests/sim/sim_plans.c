/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_plans.h"

#include "common/base/check.h"

/* One stage while it is written. */
struct writing {
    struct sim *sim;
    struct buf *b;
    unsigned stage;  /* from 0 */
    struct rng same; /* for what plans have in common */
};

static const struct {
    const char *name;
    unsigned weight;
} stages[SIM_PLAN_STAGES] = {{"shadow", 0},
                             {"canary", 10},
                             {"half", 50},
                             {"all", 100},
                             {"more", 100}};

static unsigned ms(struct sim *s, unsigned from, unsigned below)
{
    return from + (unsigned)sim_below(s, below);
}

/* ---- stages ---------------------------------------------------------------------------------- */

static void add_wave(struct writing *w, const char *select)
{
    struct sim *s = w->sim;

    CHECK(buf_addf(w->b, "        - {select: \"%s\"", select));
    if (strcmp(select, "*") != 0 && !sim_chance(s, 3))
        CHECK(buf_addf(w->b, ", bake: %ums", ms(s, 100, 1500)));
    CHECK(buf_addf(w->b, "%s}\n", sim_chance(s, 3) ? ", approval: manual" : ""));
}

/* The last one is added in parsing, where it is missing. Waves that change nothing are refused. */
static void add_waves(struct writing *w)
{
    static const char *const lists[][3] = {{"cluster=eu"},
                                           {"cluster=us", "*"},
                                           {"name=n2", "cluster=eu", "*"},
                                           {"cluster=eu,zone=a", "cluster=us"}};
    unsigned before = w->stage > 0 ? stages[w->stage - 1].weight : 0;
    const char *const *list = lists[rng_below(&w->same, ARRAY_LEN(lists))];

    if (rng_below(&w->same, 2) == 0 || stages[w->stage].weight == before)
        return;
    CHECK(buf_addf(w->b, "      waves:\n"));
    for (unsigned i = 0; i < ARRAY_LEN(lists[0]) && list[i]; i++)
        add_wave(w, list[i]);
}

static void add_work(struct writing *w)
{
    struct sim *s = w->sim;

    if (sim_chance(s, 3))
        CHECK(buf_addf(w->b, "      ready: [{tcp: \"127.0.0.1:1\", timeout: 2s}]\n"));
    if (sim_chance(s, 4))
        CHECK(buf_addf(w->b, "      backup: true\n"));
    if (sim_chance(s, 4))
        CHECK(buf_addf(
            w->b,
            "      before: [{scale: [up], timeout: 2s}, {command: [warm-up], timeout: 2s}]\n"));
    if (sim_chance(s, 4))
        CHECK(buf_addf(w->b, "      after: [{command: [load-test], timeout: 2s}]\n"));
}

static void add_rest(struct writing *w)
{
    if (rng_below(&w->same, 3) == 0)
        CHECK(buf_addf(w->b, "      flags: {depth: %u}\n", w->stage));
    if (w->stage == SIM_PLAN_STAGES - 1 && rng_below(&w->same, 2) == 0)
        CHECK(buf_addf(w->b, "      enforce: true\n"));
    if (sim_chance(w->sim, 20))
        CHECK(buf_addf(w->b, "      approvers: 1\n"));
}

static void add_gate_rest(struct writing *w)
{
    static const char *const what[] = {"hold", "warn", "rollback"};
    struct sim *s = w->sim;

    if (sim_chance(s, 3))
        CHECK(buf_addf(w->b, "        checks: [{tcp: \"127.0.0.1:1\"}]\n        every: 1s\n"));
    if (sim_chance(s, 3))
        CHECK(buf_addf(w->b, "        noTraffic: {after: %us, do: %s}\n", ms(s, 2, 3),
                       what[sim_below(s, ARRAY_LEN(what))]));
}

/* Names rise, weights rise, the rest by chance. */
static void add_stage(struct writing *w)
{
    struct sim *s = w->sim;
    unsigned weight = stages[w->stage].weight;

    CHECK(buf_addf(w->b, "    - name: %s\n      weight: %u\n", stages[w->stage].name, weight));
    if (!sim_chance(s, 4))
        CHECK(buf_addf(w->b, "      bake: %ums\n", ms(s, 200, 2500)));
    if (sim_chance(s, 3))
        CHECK(buf_addf(w->b, "      approval: manual\n"));
    if (weight > 0 && sim_chance(s, 3)) {
        CHECK(buf_addf(w->b,
                       "      gate:\n        errorRate: 5%%\n        minRequests: %u\n"
                       "        for: 2s\n",
                       ms(s, 1, 20)));
        if (s->config.rich)
            add_gate_rest(w);
    }
    if (!s->config.rich)
        return;
    if (weight < 50 && sim_chance(s, 2))
        CHECK(buf_addf(w->b, "      mirror: %u\n", ms(s, 0, 100)));
    add_waves(w);
    add_work(w);
    add_rest(w);
}

/* ---- plans ----------------------------------------------------------------------------------- */

static void add_triggers(struct sim *s, unsigned count, struct buf *b)
{
    CHECK(buf_addf(b,
                   "  triggers:\n    errorRate: 5%%\n    minRequests: 10\n"
                   "    window: 3s\n%s",
                   count > 1 && sim_chance(s, 3) ? "    rollbackTo: canary\n" : ""));
    if (s->config.rich && sim_chance(s, 5))
        CHECK(buf_addf(b, "    checks: [{tcp: \"127.0.0.1:1\"}]\n    every: 1s\n"));
}

/* Many errors leave something to the triggers. */
static void add_breaker(struct sim *s, struct buf *b)
{
    static const unsigned errors[] = {1, 4, 4, 60};
    static const char *const rest[] = {"", ", errorRate: 20%, minRequests: 10",
                                       ", slow: 20ms, slowRate: 50%, minRequests: 5"};

    if (sim_chance(s, 6))
        return;
    CHECK(buf_addf(b, "  breaker: {errors: %u, window: 5s, openFor: %ums%s%s%s}\n",
                   errors[sim_below(s, ARRAY_LEN(errors))], ms(s, 1000, 3000),
                   rest[sim_below(s, ARRAY_LEN(rest))], sim_chance(s, 2) ? ", reRamp: 3s" : "",
                   sim_chance(s, 2) ? ", fleet: {minRequests: 20}" : ""));
}

/* One that holds soon, and for seconds. */
static void add_freeze(struct sim *s, struct buf *b)
{
    wall_t from = wall_add(sim_wall(s), dur_s((int64_t)sim_below(s, 6)));
    char since[WALL_TEXT_MAX], until[WALL_TEXT_MAX];

    wall_text(from, since);
    wall_text(wall_add(from, dur_s(1 + (int64_t)sim_below(s, 5))), until);
    CHECK(buf_addf(b, "  freeze: [{from: \"%.19sZ\", until: \"%.19sZ\", reason: a test}]\n", since,
                   until));
}

static void add_promises(struct sim *s, struct buf *b)
{
    CHECK(buf_addf(b, "  flags: {depth: 0}\n"));
    if (sim_chance(s, 3))
        add_freeze(s, b);
    if (sim_chance(s, 12))
        CHECK(buf_addf(b, "  drill: {maxAge: 1m}\n"));
    if (sim_chance(s, 3))
        CHECK(buf_addf(b, "  standby: {for: %us%s}\n", ms(s, 1, 3),
                       sim_chance(s, 2) ? ", checklist: [legacy is saved]" : ""));
}

void sim_plans_write(struct sim *s, const char *migration, unsigned count, struct buf *b)
{
    if (count == 0)
        count = 2 + (unsigned)sim_below(s, SIM_PLAN_STAGES - 1);
    CHECK(buf_addf(b,
                   "apiVersion: switchyard/v1\nkind: Migration\nmetadata:\n  name: %s\nspec:\n"
                   "  systems:\n"
                   "    legacy:\n      endpoints: [\"http://127.0.0.1:8001\"]\n"
                   "    new:\n      endpoints: [\"http://127.0.0.1:8002\"]\n"
                   "  routing:\n    key: client-ip\n    salt: %s\n    path: /%s\n",
                   migration, migration, migration));
    if (!sim_chance(s, 4))
        add_triggers(s, count, b);
    add_breaker(s, b);
    CHECK(buf_addf(b, "  rollback:\n    deadline: %us\n", ms(s, 1, 4)));
    if (s->config.rich) {
        if (sim_chance(s, 3))
            CHECK(buf_addf(b, "    resumeWithin: %us\n", ms(s, 1, 20)));
        add_promises(s, b);
    }
    CHECK(buf_addf(b, "  stages:\n"));
    for (unsigned i = 0; i < count; i++) {
        struct writing w = {.sim = s, .b = b, .stage = i};

        rng_seed(&w.same, s->config.seed * 64 + (uint64_t)migration[0] * 8 + i);
        if (s->config.rich && sim_chance(s, 30)) /* another plan altogether */
            rng_seed(&w.same, sim_below(s, UINT32_MAX));
        add_stage(&w);
    }
}
