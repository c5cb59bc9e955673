/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backup_summary.h"

#include <stdlib.h>

#include "common/base/mem.h"

#define ROOT "/switchyard/v1/"

struct plan_facts {
    struct str name;
    bool emergency;
    unsigned history;
    struct json *rollout; /* owned; NULL: none, or not understood */
};

/* ROOT "FOLDER/NAME[/...]" */
static struct str split_key(const char *key, struct str *ret_name)
{
    struct str rest = str_of(key + sizeof ROOT - 1), folder, number;

    str_cut(rest, '/', &folder, &rest);
    str_cut(rest, '/', ret_name, &number);
    return folder;
}

static int by_name(const void *a, const void *b)
{
    struct str x = ((const struct plan_facts *)a)->name, y = ((const struct plan_facts *)b)->name;
    size_t n = x.n < y.n ? x.n : y.n;
    int r = n > 0 ? memcmp(x.p, y.p, n) : 0;

    return r != 0 ? r : (x.n > y.n) - (x.n < y.n);
}

static unsigned list_plans(const struct backup *b, struct plan_facts *ret)
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->head.keys; i++)
        if (str_eq(split_key(b->kv[i].key, &ret[n].name), STR("plans")))
            n++;
    qsort(ret, n, sizeof *ret, by_name);
    return n;
}

static struct json *parse(struct str value)
{
    struct json *j = NULL;

    return json_parse(value, &j, NULL) < 0 ? NULL : j;
}

static bool is_active(struct str value)
{
    CLEANUP(json_freep) struct json *j = parse(value);

    return json_get_bool(j, "active", false);
}

/* What belongs to no plan any more is not told: history goes with its plan, orders outlive it. */
static void add_key(struct plan_facts *plans, unsigned count, const struct backup_kv *kv)
{
    struct plan_facts key = {.history = 0}, *f;
    struct str folder = split_key(kv->key, &key.name);

    f = bsearch(&key, plans, count, sizeof *plans, by_name);
    if (!f)
        return;
    if (str_eq(folder, STR("history")))
        f->history++;
    else if (str_eq(folder, STR("emergency")))
        f->emergency = is_active(kv->value);
    else if (str_eq(folder, STR("rollouts")) && !f->rollout)
        f->rollout = parse(kv->value);
}

static struct json *plan_json(const struct plan_facts *f)
{
    struct json *j = json_object();

    json_set(j, "name", json_from_str(f->name));
    json_set_string(j, "phase", json_get_string(f->rollout, "phase", ""));
    json_set_string(j, "stage", json_get_string(f->rollout, "stageName", ""));
    json_set_number(j, "weight", json_get_number(f->rollout, "weight", 0));
    json_set_bool(j, "emergency", f->emergency);
    json_set_number(j, "history", f->history);
    return j;
}

struct json *backup_summary(const struct backup *b)
{
    CLEANUP(xfreep) struct plan_facts *plans = xcalloc(b->head.keys + 1, sizeof *plans);
    unsigned count = list_plans(b, plans);
    struct json *j = json_object(), *list = json_array();
    char created[WALL_TEXT_MAX];

    for (unsigned i = 0; i < b->head.keys; i++)
        add_key(plans, count, &b->kv[i]);
    for (unsigned i = 0; i < count; i++) {
        json_append(list, plan_json(&plans[i]));
        json_free(plans[i].rollout);
    }
    json_set_string(j, "createdAt", wall_text(b->head.created_at, created));
    json_set_string(j, "incarnation", b->head.incarnation);
    json_set_u64(j, "revision", b->head.revision);
    json_set_u64(j, "keys", b->head.keys);
    json_set(j, "plans", list);
    return j;
}
