/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as one rule and as the file a node starts from: refused with one line, or a route that
 * the proxy may be given, that decides for every bucket, and that is the same after the file. The
 * first byte of the input chooses. */
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/decide/decide.h"
#include "sidecar/agent/agent_state.h"
#include "sidecar/control/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_explained(const struct err *err)
{
    CHECK(err->code != ERR_NONE && err->msg[0] && !strpbrk(err->msg, "\r\n"));
}

static void check_decides(const struct ruleset *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        for (uint32_t bucket = 0; bucket < BUCKETS; bucket += 999) {
            enum system s = decide(&set->entry[i], bucket, BREAKER_CLOSED).system;

            CHECK(s == SYSTEM_LEGACY || s == SYSTEM_NEW || s == SYSTEM_NONE);
        }
    }
}

static void check_kept(const struct ruleset *set, const struct epochs *epochs)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    CLEANUP(ruleset_unrefp) struct ruleset *back = NULL;
    CLEANUP(xfreep) struct epochs *orders = xnew(struct epochs);
    struct err err = {0};

    CHECK(agent_state_encode(set, epochs, &text));
    CHECK(agent_state_decode(buf_view(&text), convert_route, &back, orders, &err) == 0);
    CHECK(sha256_eq(&back->checksum, &set->checksum) && back->count == set->count);
    CHECK(orders->count == epochs->count);
}

static void try_rule(struct str rule)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("fuzz", 1, 1);
    CLEANUP(xfreep) struct epochs *none = xnew(struct epochs);
    struct route route;
    struct err err = {0};

    if (rule.n > AGENT_RULE_MAX)
        return;
    if (convert_route(rule, &route, &err) < 0) {
        check_explained(&err);
        return;
    }
    CHECK(route_check(&route, &err) == 0);
    CHECK(ruleset_add(set, &route, rule, &err) == 0 && ruleset_finish(set, &err) == 0);
    check_decides(set);
    check_kept(set, none);
}

static void try_file(struct str text)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = NULL;
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct err err = {0};

    if (agent_state_decode(text, convert_route, &set, epochs, &err) < 0) {
        check_explained(&err);
        return;
    }
    check_decides(set);
    check_kept(set, epochs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data + 1, size - 1};

    if (size == 0)
        return 0;
    if (data[0] == '{')
        try_file((struct str){(const char *)data, size});
    else
        try_rule(rest);
    return 0;
}
