/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/plan.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/units.h"

struct plan *plan_free(struct plan *p)
{
    if (p) {
        json_free(p->document);
        xfreep(&p);
    }
    return NULL;
}

unsigned plan_stage_by_name(const struct plan *p, const char *name)
{
    for (unsigned i = 0; i < p->stage_count; i++) {
        if (strcmp(p->stage[i].name.s, name) == 0)
            return i + 1;
    }
    return 0;
}

const char *plan_stage_name(const struct plan *p, unsigned index)
{
    CHECK(index <= p->stage_count);
    return index == 0 ? "legacy" : p->stage[index - 1].name.s;
}

uint32_t plan_stage_weight_bp(const struct plan *p, unsigned index)
{
    CHECK(index <= p->stage_count);
    return index == 0 ? 0 : p->stage[index - 1].weight_bp;
}

static bool has_endpoint(const struct route_upstream *u, const struct endpoint *ep)
{
    for (unsigned i = 0; i < u->endpoint_count; i++) {
        if (endpoint_eq(&u->endpoint[i], ep))
            return true;
    }
    return false;
}

/* An endpoint of `old` that `other` has now. */
static const struct endpoint *find_moved(const struct route_upstream *old,
                                         const struct route_upstream *other)
{
    for (unsigned i = 0; i < old->endpoint_count; i++) {
        if (has_endpoint(other, &old->endpoint[i]))
            return &old->endpoint[i];
    }
    return NULL;
}

/* Instances may come and go; what was legacy must not become new, nor the reverse. */
static int check_same_sides(const struct route *old, const struct route *new, struct err *err)
{
    for (unsigned i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++) {
        unsigned other = i == SYSTEM_LEGACY ? SYSTEM_NEW : SYSTEM_LEGACY;
        const struct endpoint *moved = find_moved(&old->upstream[i], &new->upstream[other]);

        if (moved)
            return err_set(err, ERR_REFUSED,
                           "http://%s:%u was %s and would become %s in the middle of the rollout",
                           moved->host, moved->port, system_name((enum system)i),
                           system_name((enum system)other));
    }
    return 0;
}

static int check_same_key(const char *field, const struct route_key *old,
                          const struct route_key *new, struct err *err)
{
    char was[ROUTE_KEY_TEXT_SIZE], is[ROUTE_KEY_TEXT_SIZE];

    if (strcmp(route_key_text(old, was), route_key_text(new, is)) == 0)
        return 0;
    return err_set(err, ERR_REFUSED,
                   "%s changes from \"%s\" to \"%s\", which would move people between the systems",
                   field, was, is);
}

static int check_same_stages(const struct plan *old, const struct plan *new, unsigned stage,
                             struct err *err)
{
    for (unsigned i = 0; i < stage && i < old->stage_count; i++) {
        const struct plan_stage *was = &old->stage[i], *is = &new->stage[i];

        if (i >= new->stage_count)
            return err_set(err, ERR_REFUSED, "stage %u \"%s\" is gone, and the rollout is at %u",
                           i + 1, was->name.s, stage);
        if (!name_eq(&was->name, &is->name))
            return err_set(err, ERR_REFUSED,
                           "stage %u changes from \"%s\" to \"%s\", and the rollout is at %u",
                           i + 1, was->name.s, is->name.s, stage);
        if (was->weight_bp != is->weight_bp)
            return err_set(err, ERR_REFUSED,
                           "stage %u \"%s\" changes its weight from %g to %g, and the rollout is "
                           "at %u",
                           i + 1, was->name.s, weight_percent(was->weight_bp),
                           weight_percent(is->weight_bp), stage);
    }
    return 0;
}

int plan_check_change(const struct plan *old, const struct plan *new_plan, unsigned stage,
                      struct err *err)
{
    const struct route *was = &old->route, *is = &new_plan->route;
    int r = check_same_sides(was, is, err);

    if (r == 0)
        r = check_same_key("routing.key", &was->key, &is->key, err);
    if (r == 0)
        r = check_same_key("routing.fallbackKey", &was->fallback_key, &is->fallback_key, err);
    if (r == 0 && strcmp(was->salt, is->salt) != 0)
        r = err_set(err, ERR_REFUSED,
                    "routing.salt changes from \"%s\" to \"%s\", which would move people between "
                    "the systems",
                    was->salt, is->salt);
    if (r == 0)
        r = check_same_stages(old, new_plan, stage, err);
    if (r < 0)
        err_hint(err,
                 "change only what lies ahead, or `switchyard abort %s` first and apply it anew",
                 old->name.s);
    return r;
}

static bool share_host(const struct route *a, const struct route *b)
{
    for (unsigned i = 0; i < a->host_count; i++) {
        for (unsigned k = 0; k < b->host_count; k++) {
            if (strcmp(a->host[i], b->host[k]) == 0)
                return true;
        }
    }
    return a->host_count == 0 && b->host_count == 0;
}

bool plan_overlaps(const struct plan *a, const struct plan *b)
{
    return strcmp(a->route.path_prefix, b->route.path_prefix) == 0 &&
           share_host(&a->route, &b->route);
}

/* Written for a reader: `switchyard dev` users begin their own plan from it. */
static const char default_plan[] =
    "apiVersion: switchyard/v1\n"
    "kind: Migration\n"
    "metadata: {name: %s}\n"
    "spec:\n"
    "  systems:\n"
    "    legacy: {endpoints: [\"%s\"]}\n"
    "    new: {endpoints: [\"%s\"]}\n"
    "  routing: {key: \"header:X-User-Id\", fallbackKey: random}\n"
    "  triggers: {errorRate: 5%%, window: 10s, minRequests: 20}\n"
    "  stages:\n"
    "    - {name: shadow, weight: 0, approval: manual}\n"
    "    - {name: canary-10, weight: 10, approval: manual}\n"
    "    - {name: quarter, weight: 25, approval: manual}\n"
    "    - {name: half, weight: 50, approval: manual}\n"
    "    - {name: all, weight: 100, approval: manual}\n";

int plan_default(const char *name, const char *legacy_url, const char *new_url, struct buf *b,
                 struct err *err)
{
    struct endpoint legacy, new;
    struct name checked;
    int r = name_parse(str_of(name), "migration name", &checked, err);

    if (r == 0)
        r = endpoint_parse(str_of(legacy_url), &legacy, err);
    if (r == 0)
        r = endpoint_parse(str_of(new_url), &new, err);
    if (r < 0)
        return r;
    if (endpoint_eq(&legacy, &new))
        return err_set(err, ERR_INVALID, "legacy and new are both %s; the two must differ",
                       new_url);
    if (!buf_addf(b, default_plan, name, legacy_url, new_url))
        return err_set(err, ERR_EXHAUSTED, "the default plan does not fit into %zu bytes", b->max);
    return 0;
}
