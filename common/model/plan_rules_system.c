/* SPDX-License-Identifier: Apache-2.0 */
/* What holds between the two systems, and between the fields of one. */
#include "common/model/plan_schema.h"

/* Legacy that is also new would make every rollback a lie. */
static void check_apart(struct plan_reader *r, const struct json *systems)
{
    const struct route_upstream *legacy = &r->plan->route.upstream[SYSTEM_LEGACY];
    const struct route_upstream *new = &r->plan->route.upstream[SYSTEM_NEW];
    const struct json *item = json_first(json_get(json_get(systems, "new"), "endpoints"));

    for (unsigned i = 0; i < new->endpoint_count; i++, item = json_next(item)) {
        for (unsigned k = 0; k < legacy->endpoint_count; k++) {
            size_t mark;

            if (!endpoint_eq(&new->endpoint[i], &legacy->endpoint[k]))
                continue;
            mark = plan_reader_enter(r, "spec.systems.new.endpoints[%u]", i);
            plan_reader_problem(r, item,
                                "legacy has the same endpoint; the two systems must differ");
            plan_reader_leave(r, mark);
        }
    }
}

static void check_tls(struct plan_reader *r, const struct json *tls, const struct route_tls *t)
{
    if (t->cert_file[0] && !t->key_file[0])
        plan_reader_problem_of(r, tls, "certFile", "needs keyFile, the key of the certificate");
    if (t->key_file[0] && !t->cert_file[0])
        plan_reader_problem_of(r, tls, "keyFile", "needs certFile, the certificate of the key");
    if (!t->verify && t->ca_file[0])
        plan_reader_problem_of(r, tls, "caFile",
                               "says whom to trust, and verify: false trusts everybody; take one "
                               "of the two out");
}

static void check_system(struct plan_reader *r, const struct json *systems, enum system s)
{
    const struct json *tls = json_get(json_get(systems, system_name(s)), "tls");
    const struct route_upstream *u = &r->plan->route.upstream[s];
    size_t mark;

    if (!tls)
        return;
    mark = plan_reader_enter(r, "spec.systems.%s.tls", system_name(s));
    if (u->endpoint[0].scheme == ENDPOINT_TCP)
        plan_reader_problem(r, tls,
                            "its endpoints are tcp://, and what passes to them is not looked at; "
                            "take tls out");
    else if (!u->tls.on)
        plan_reader_problem(r, tls, "its endpoints are http://; write https://, or take tls out");
    else
        check_tls(r, tls, &u->tls);
    plan_reader_leave(r, mark);
}

void plan_check_systems(struct plan_reader *r, const struct json *systems)
{
    check_apart(r, systems);
    check_system(r, systems, SYSTEM_LEGACY);
    check_system(r, systems, SYSTEM_NEW);
}
