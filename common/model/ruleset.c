/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/ruleset.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct ruleset *ruleset_new(const char *incarnation, uint64_t term, uint64_t revision)
{
    struct ruleset *r = xnew(struct ruleset);

    CHECK(str_copy(str_of(incarnation), r->incarnation, sizeof r->incarnation));
    r->term = term;
    r->revision = revision;
    atomic_init(&r->refs, 1);
    return r;
}

/* The count is the one part of a published set that changes. */
static struct ruleset *countable(const struct ruleset *r)
{
    return (struct ruleset *)(uintptr_t)r;
}

struct ruleset *ruleset_ref(const struct ruleset *r)
{
    struct ruleset *counted = countable(r);

    atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return counted;
}

void ruleset_unref(const struct ruleset *r)
{
    struct ruleset *counted = countable(r);

    /* Release: what this thread read is read before another one frees; acquire: by the one that
     * does. */
    if (!r || atomic_fetch_sub_explicit(&counted->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < counted->count; i++) {
        void *rule = (void *)(uintptr_t)counted->entry[i].rule.p;

        xfreep(&rule);
    }
    xfreep(&counted->entry);
    xfreep(&counted);
}

int ruleset_add(struct ruleset *r, const struct route *route, struct str rule, struct err *err)
{
    struct ruleset_entry *e;

    if (r->count == RULESET_ROUTES_MAX)
        return err_set(err, ERR_EXHAUSTED, "a rule set has at most %d routes", RULESET_ROUTES_MAX);
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? r->capacity * 2 : 1;
        r->entry = xrealloc(r->entry, r->capacity * sizeof *r->entry);
    }
    e = &r->entry[r->count++];
    *e = (struct ruleset_entry){.route = *route};
    if (rule.n > 0)
        e->rule = (struct str){xmemdup(rule.p, rule.n), rule.n};
    return 0;
}

void ruleset_order(struct ruleset *r, const struct emergency *order)
{
    for (unsigned i = 0; i < r->count; i++) {
        struct ruleset_entry *e = &r->entry[i];

        if (name_eq(&e->route.migration, &order->migration) && order->epoch > e->emergency.epoch)
            e->emergency = *order;
    }
}

static int by_migration(const void *a, const void *b)
{
    const struct ruleset_entry *x = a, *y = b;

    return strcmp(x->route.migration.s, y->route.migration.s);
}

/* As fleet.proto says it at RouteUpdate. */
static struct sha256 sum_entries(const struct ruleset *r)
{
    struct sha256_ctx *sum = sha256_new();

    for (unsigned i = 0; i < r->count; i++) {
        const struct ruleset_entry *e = &r->entry[i];
        struct sha256 rule = sha256_of(e->rule.p, e->rule.n);
        size_t length = strlen(e->route.migration.s);

        sha256_add(sum, &(uint8_t){(uint8_t)length}, 1);
        sha256_add(sum, e->route.migration.s, length);
        sha256_add(sum, rule.b, sizeof rule.b);
    }
    return sha256_final(sum);
}

int ruleset_finish(struct ruleset *r, struct err *err)
{
    if (r->count > 0)
        qsort(r->entry, r->count, sizeof *r->entry, by_migration);
    for (unsigned i = 1; i < r->count; i++) {
        if (by_migration(&r->entry[i - 1], &r->entry[i]) == 0)
            return err_set(err, ERR_INVALID, "migration \"%s\" has two routes in one rule set",
                           r->entry[i].route.migration.s);
    }
    r->checksum = sum_entries(r);
    return 0;
}

static int compare_migration(const void *key, const void *entry)
{
    const struct ruleset_entry *e = entry;

    return strcmp(key, e->route.migration.s);
}

const struct ruleset_entry *ruleset_find(const struct ruleset *r, const char *migration)
{
    if (r->count == 0)
        return NULL;
    return bsearch(migration, r->entry, r->count, sizeof *r->entry, compare_migration);
}

/* How specific one host pattern is for `host`: 0 no match, else above every shorter wildcard. */
static size_t score_host(const char *pattern, struct str host)
{
    struct str p = str_of(pattern);

    if (!str_starts(p, STR("*.")))
        return str_ieq(p, host) ? SIZE_MAX : 0;
    p = (struct str){p.p + 1, p.n - 1};
    /* "*.x" is below x: at least one byte stands before ".x". */
    if (host.n <= p.n || !str_ieq(p, (struct str){host.p + host.n - p.n, p.n}))
        return 0;
    return 1 + p.n;
}

/* 0: another host's route; 1: any host's; more: the more specific pattern. */
static size_t score_hosts(const struct route *r, struct str host)
{
    size_t best = r->host_count == 0;

    for (unsigned i = 0; i < r->host_count; i++) {
        size_t score = score_host(r->host[i], host);

        if (score > best)
            best = score;
    }
    return best;
}

/* Whole segments: "/api" is a prefix of "/api", "/api/x" and "/api?x", not of "/apix". */
static bool has_prefix(struct str path, struct str prefix)
{
    if (!str_starts(path, prefix))
        return false;
    return prefix.n == 0 || path.n == prefix.n || prefix.p[prefix.n - 1] == '/' ||
           path.p[prefix.n] == '/' || path.p[prefix.n] == '?';
}

const struct ruleset_entry *ruleset_match(const struct ruleset *r, struct str host, struct str path)
{
    const struct ruleset_entry *best = NULL;
    size_t best_host = 0, best_path = 0;

    for (unsigned i = 0; i < r->count; i++) {
        const struct route *route = &r->entry[i].route;
        struct str prefix = str_of(route->path_prefix);
        size_t score = route->tcp.port ? 0 : score_hosts(route, host);

        if (score == 0 || score < best_host || !has_prefix(path, prefix))
            continue;
        if (!best || score > best_host || prefix.n > best_path) {
            best = &r->entry[i];
            best_host = score;
            best_path = prefix.n;
        }
    }
    return best;
}
