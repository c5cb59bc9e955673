/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/convert_blocks.h"

#include "common/base/check.h"

void *block_alloc(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);

    CHECK(p);
    return p;
}

char *block_text(struct arena *a, const char *s)
{
    char *copy = arena_strdup(a, str_of(s));

    CHECK(copy);
    return copy;
}

char *block_time(struct arena *a, wall_t t)
{
    char dst[WALL_TEXT_MAX];

    return block_text(a, wall_text(t, dst));
}

double block_percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

Switchyard__V1__Label **block_labels(struct arena *a, const struct labels *l)
{
    Switchyard__V1__Label **list = NEW_LIST(a, l->count, Label);
    struct label next = {.key = NULL};

    for (unsigned i = 0; labels_next(l, &next); i++) {
        list[i] = NEW(a, Label, label);
        list[i]->key = block_text(a, next.key);
        list[i]->value = block_text(a, next.value);
    }
    return list;
}

Switchyard__V1__Convergence *block_convergence(struct arena *a, const struct view_convergence *c)
{
    Switchyard__V1__Convergence *m = NEW(a, Convergence, convergence);

    m->nodes = c->nodes;
    m->serving = c->serving;
    m->lagging = c->lagging;
    m->laggards = block_alloc(a, (c->laggard_count + 1) * sizeof(char *));
    for (unsigned i = 0; i < c->laggard_count; i++)
        m->laggards[m->n_laggards++] = block_text(a, c->laggard[i]);
    return m;
}

Switchyard__V1__Check *block_check(struct arena *a, const struct view_check *c)
{
    Switchyard__V1__Check *m = NEW(a, Check, check);

    m->name = block_text(a, c->name);
    m->verdict = block_text(a, verdict_name(c->verdict));
    m->value = c->value;
    m->limit = c->limit;
    m->unit = block_text(a, c->unit);
    m->text = block_text(a, c->text);
    return m;
}

Switchyard__V1__CheckResult *block_check_result(struct arena *a, const struct check_result *r)
{
    Switchyard__V1__CheckResult *m = NEW(a, CheckResult, check_result);

    m->name = block_text(a, r->name.s);
    m->kind = block_text(a, plan_check_word(r->kind));
    m->verdict = block_text(a, check_outcome_name(r->outcome));
    m->has_value = r->has_value;
    m->value = r->value;
    m->text = block_text(a, r->text);
    m->took_ms = r->took_ms;
    m->output = block_text(a, r->output);
    return m;
}
