/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/explain_wire.h"

#include "common/base/units.h"
#include "common/rpc/rpc.h"

static int take_labels(const Switchyard__V1__ExplainRequest *m, struct labels *ret, struct err *err)
{
    for (size_t i = 0; i < m->n_labels; i++) {
        int r = labels_add(ret, str_of(m->labels[i]->key), str_of(m->labels[i]->value), err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int take_key(const char *key, struct str *ret, struct err *err)
{
    *ret = str_of(key);
    if (ret->n == 0)
        return err_set(err, ERR_INVALID, "the decision on which key?");
    if (ret->n > EXPLAIN_KEY_MAX)
        return err_set(err, ERR_INVALID, "the key has %zu bytes, at most %d are allowed", ret->n,
                       EXPLAIN_KEY_MAX);
    return 0;
}

int explain_request_read(const Switchyard__V1__ExplainRequest *m, struct explain_request *ret,
                         struct err *err)
{
    int r;

    *ret = (struct explain_request){.node = {""}};
    r = name_parse(str_of(m->migration), "migration name", &ret->migration, err);
    if (r == 0)
        r = take_key(m->key, &ret->key, err);
    if (r == 0 && m->node[0])
        r = name_parse_node(str_of(m->node), &ret->node, err);
    if (r == 0 && m->node[0] && m->n_labels > 0)
        r = err_set(err, ERR_INVALID, "give either a node or labels");
    return r < 0 ? r : take_labels(m, &ret->labels, err);
}

static void fill_steps(struct explain_answer *a, const struct explanation *x)
{
    for (unsigned i = 0; i < EXPLAIN_LAYER_COUNT; i++) {
        switchyard__v1__explain_step__init(&a->step[i]);
        a->step[i].layer = rpc_lend(explain_layer_name(x->step[i].layer));
        a->step[i].decides = x->step[i].decides;
        a->step[i].text = rpc_lend(x->step[i].text);
        a->step_at[i] = &a->step[i];
    }
    a->m.steps = a->step_at;
    a->m.n_steps = EXPLAIN_LAYER_COUNT;
}

static void fill_flags(struct explain_answer *a, const struct route *r)
{
    for (unsigned i = 0; i < r->flags.count; i++) {
        switchyard__v1__flag__init(&a->flag[i]);
        a->flag[i].migration = rpc_lend(r->migration.s);
        a->flag[i].name = rpc_lend(r->flags.flag[i].name);
        a->flag[i].value = rpc_lend(r->flags.flag[i].value);
        a->flag_at[i] = &a->flag[i];
    }
    a->m.flags = a->flag_at;
    a->m.n_flags = r->flags.count;
}

void explain_answer_init(struct explain_answer *a, const struct explanation *x, const char *node,
                         uint64_t revision)
{
    switchyard__v1__explanation__init(&a->m);
    a->m.system = rpc_lend(system_name(x->decision.system));
    a->m.bucket = x->decision.bucket;
    a->m.weight = weight_percent(x->route.weight_bp);
    a->m.stage = rpc_lend(x->route.stage);
    a->m.node = rpc_lend(node);
    a->m.revision = revision;
    fill_steps(a, x);
    fill_flags(a, &x->route);
}
