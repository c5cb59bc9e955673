/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/plan.h"

#include "common/base/check.h"
#include "common/base/mem.h"

static void free_hooks(struct plan_hook *hook, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        xfreep(&hook[i].capacity);
    xfreep(&hook);
}

static void free_stage(struct plan_stage *s)
{
    xfreep(&s->ready);
    xfreep(&s->gate.check);
    free_hooks(s->before, s->before_count);
    free_hooks(s->after, s->after_count);
}

struct plan *plan_free(struct plan *p)
{
    if (p) {
        for (unsigned i = 0; i < PLAN_STAGES_MAX; i++)
            free_stage(&p->stage[i]);
        xfreep(&p->triggers.check);
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

uint32_t plan_stage_mirror_bp(const struct plan *p, unsigned index)
{
    CHECK(index <= p->stage_count);
    return index == 0 ? 0 : p->stage[index - 1].mirror_bp;
}

bool plan_mirrors(const struct plan *p)
{
    for (unsigned i = 0; i < p->stage_count; i++) {
        if (p->stage[i].mirror_bp > 0)
            return true;
    }
    return false;
}

void plan_flags(const struct plan *p, unsigned index, struct flags *ret)
{
    CHECK(index <= p->stage_count);
    *ret = p->flags;
    for (unsigned i = 0; i < index; i++)
        CHECK(flags_merge(ret, &p->stage[i].flags, NULL) == 0); /* stages declare none */
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

/* Does a listener at the address take every connection to its port? */
static bool is_everywhere(const char *address)
{
    return address[0] == '\0' || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

static bool share_port(const struct route_tcp *a, const struct route_tcp *b)
{
    return a->port == b->port && (is_everywhere(a->address) || is_everywhere(b->address) ||
                                  strcmp(a->address, b->address) == 0);
}

bool plan_overlaps(const struct plan *a, const struct plan *b)
{
    if (a->route.tcp.port || b->route.tcp.port)
        return share_port(&a->route.tcp, &b->route.tcp);
    return strcmp(a->route.path_prefix, b->route.path_prefix) == 0 &&
           share_host(&a->route, &b->route);
}
