/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, orders and updates for the agent's tests. A rule's bytes are "NAME:WEIGHT". */
#pragma once

#include "tests/lib/unit.h"

#include "sidecar/agent/agent.h"

#define FIXTURE_MAX 16

/* The node of these tests. */
static inline struct agent *fixture_agent(void)
{
    struct labels labels;

    assert_int_equal(labels_parse(STR("cluster=eu-1,zone=a"), &labels, NULL), 0);
    return agent_new(&(struct name){"n1"}, &labels);
}

static inline struct route fixture_route(const char *migration, uint32_t weight_bp)
{
    struct route r = {.weight_bp = weight_bp, .key = {.source = KEY_RANDOM}};

    (void)str_fmt(r.migration.s, sizeof r.migration.s, "%s", migration);
    (void)str_fmt(r.salt, sizeof r.salt, "%s", migration);
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        struct route_upstream *up = &r.upstream[s];

        up->endpoint_count = 1;
        (void)str_fmt(up->endpoint[0].host, sizeof up->endpoint[0].host, "127.0.0.1");
        up->endpoint[0].port = (uint16_t)(8000 + s);
        up->connect_timeout_ms = 1000;
        up->response_timeout_ms = 15000;
    }
    return r;
}

/* What the coordinator would send. */
struct fixture_update {
    struct agent_update u;
    struct agent_route route[FIXTURE_MAX];
    char rule[FIXTURE_MAX][NAME_SIZE + 16];
    struct name remove[FIXTURE_MAX];
    struct emergency order[FIXTURE_MAX];
};

static inline void fixture_begin(struct fixture_update *f, uint64_t revision)
{
    *f = (struct fixture_update){
        .u = {.to = {.incarnation = "aaaa", .term = 1, .revision = revision}, .full = true}};
    f->u.upsert = f->route;
    f->u.remove = f->remove;
    f->u.emergency = f->order;
}

static inline void fixture_add(struct fixture_update *f, const char *migration, uint32_t weight_bp)
{
    unsigned i = f->u.upsert_count++;

    assert_true(i < FIXTURE_MAX);
    (void)str_fmt(f->rule[i], sizeof f->rule[i], "%s:%u", migration, weight_bp);
    f->route[i].route = fixture_route(migration, weight_bp);
    f->route[i].rule = str_of(f->rule[i]);
}

static inline void fixture_order(struct fixture_update *f, const char *migration, uint64_t epoch,
                                 bool active)
{
    struct emergency *o = &f->order[f->u.emergency_count++];

    assert_true(f->u.emergency_count <= FIXTURE_MAX);
    *o = (struct emergency){.epoch = epoch, .active = active, .ordered_at = {(int64_t)epoch}};
    (void)str_fmt(o->migration.s, sizeof o->migration.s, "%s", migration);
    (void)str_fmt(o->reason, sizeof o->reason, "INC-%u", (unsigned)epoch);
}

static inline void fixture_remove(struct fixture_update *f, const char *migration)
{
    (void)str_fmt(f->remove[f->u.remove_count++].s, NAME_SIZE, "%s", migration);
}

/* The checksum of these routes as a whole set. */
static inline struct sha256 fixture_sum(const struct fixture_update *f)
{
    struct ruleset *set = ruleset_new("aaaa", 1, 1);
    struct sha256 sum;

    for (unsigned i = 0; i < f->u.upsert_count; i++)
        assert_int_equal(ruleset_add(set, &f->route[i].route, f->route[i].rule, NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    sum = set->checksum;
    ruleset_unref(set);
    return sum;
}

/* A full update with one route "app" at `weight_bp`, ready to take. */
static inline void fixture_full(struct fixture_update *f, uint64_t revision, uint32_t weight_bp)
{
    fixture_begin(f, revision);
    fixture_add(f, "app", weight_bp);
    f->u.checksum = fixture_sum(f);
}
