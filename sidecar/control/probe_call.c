/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/probe_call.h"

#include <utlist.h>

#include "common/base/mem.h"
#include "sidecar.pb-c.h"
#include "sidecar/control/convert.h"

struct probe_call {
    struct probe_call *prev, *next;
    struct probe_call **list;
    const char *node;
    struct rpc_call *call; /* NULL: nobody waits any longer */
};

/* ---- the request ----------------------------------------------------------------------------- */

static int take_method(const char *method, bool *ret_head_only, struct err *err)
{
    *ret_head_only = strcmp(method, "HEAD") == 0;
    if (*ret_head_only || method[0] == '\0' || strcmp(method, "GET") == 0)
        return 0;
    return err_set(err, ERR_INVALID, "a probe changes nothing: its method is GET or HEAD");
}

static int take_headers(const Switchyard__V1__ProbeRequest *m, struct probe *ret, struct err *err)
{
    if (m->n_headers > PROBE_HEADERS_MAX)
        return err_set(err, ERR_INVALID, "more than %d headers", PROBE_HEADERS_MAX);
    for (size_t i = 0; i < m->n_headers; i++) {
        struct probe_header *h = &ret->header[i];
        int r = convert_text("a header's name", m->headers[i]->key, h->name, sizeof h->name, err);

        if (r == 0)
            r = convert_text("a header", m->headers[i]->value, h->value, sizeof h->value, err);
        if (r < 0)
            return r;
    }
    ret->header_count = (unsigned)m->n_headers;
    return 0;
}

static int take_request(const Switchyard__V1__ProbeRequest *m, struct probe *ret, struct err *err)
{
    int r = name_parse(str_of(m->migration), "migration name", &ret->migration, err);

    if (r == 0)
        r = convert_system("system", m->system, &ret->system, err);
    if (r == 0)
        r = take_method(m->method, &ret->head_only, err);
    if (r == 0)
        r = convert_text("the path", m->path[0] ? m->path : "/", ret->path, sizeof ret->path, err);
    if (r == 0)
        r = take_headers(m, ret, err);
    ret->bypass_breaker = m->bypass_breaker;
    ret->timeout = dur_ms(m->timeout_ms);
    ret->keep = m->keep_bytes;
    return r;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const Switchyard__V1__System systems[SYSTEM_COUNT] = {
    [SYSTEM_NONE] = SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED,
    [SYSTEM_LEGACY] = SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY,
    [SYSTEM_NEW] = SWITCHYARD__V1__SYSTEM__SYSTEM_NEW,
};

struct answer_message {
    Switchyard__V1__ProbeAnswer m;
    Switchyard__V1__Label header[PROBE_ANSWER_HEADERS], *header_at[PROBE_ANSWER_HEADERS];
    char text[PROBE_ANSWER_HEADERS][PROBE_VALUE_SIZE];
};

/* proto3 texts are UTF-8; fields of HTTP need not be. */
static char *clean(const char *from, char *to)
{
    size_t n = strlen(from);

    memcpy(to, from, n + 1);
    for (size_t bad; !str_utf8_valid((struct str){to, n}, &bad);)
        to[bad] = '?';
    return to;
}

static void fill(struct answer_message *ret, const struct probe_answer *a)
{
    switchyard__v1__probe_answer__init(&ret->m);
    ret->m.system = systems[a->system];
    ret->m.endpoint = rpc_lend(a->endpoint);
    ret->m.ok = a->status > 0 && a->status < 500;
    ret->m.status = a->status;
    ret->m.took_ms = dur_in_ms(a->took);
    ret->m.error = rpc_lend(a->error);
    for (unsigned i = 0; i < a->header_count; i++) {
        switchyard__v1__label__init(&ret->header[i]);
        ret->header[i].key = rpc_lend(a->header[i].name);
        ret->header[i].value = clean(a->header[i].value, ret->text[i]);
        ret->header_at[i] = &ret->header[i];
    }
    ret->m.headers = ret->header_at;
    ret->m.n_headers = a->header_count;
    ret->m.body = (ProtobufCBinaryData){a->body_kept, (uint8_t *)(uintptr_t)a->body};
    ret->m.body_bytes = a->body_bytes;
    ret->m.body_hash = a->body_hash;
}

static void reply(const struct probe_call *p, const struct probe_answer *answer, unsigned count)
{
    CLEANUP(xfreep) struct answer_message *item = xcalloc(SYSTEM_COUNT, sizeof *item);
    Switchyard__V1__ProbeAnswer *answers[SYSTEM_COUNT];
    Switchyard__V1__ProbeResult m = SWITCHYARD__V1__PROBE_RESULT__INIT;

    for (unsigned i = 0; i < count; i++) {
        fill(&item[i], &answer[i]);
        answers[i] = &item[i].m;
    }
    m.node = rpc_lend(p->node);
    m.answers = answers;
    m.n_answers = count;
    rpc_call_reply(p->call, &m.base);
}

static void on_done(void *ctx, const struct probe_answer *answer, unsigned count,
                    const struct err *why)
{
    struct probe_call *p = ctx;

    if (p->call && why)
        rpc_call_fail(p->call, why);
    else if (p->call)
        reply(p, answer, count);
    if (p->call)
        DL_DELETE(*p->list, p);
    xfreep(&p);
}

void probe_call_begin(const struct order_service_config *c, struct probe_call **list,
                      struct rpc_call *call, const ProtobufCMessage *request)
{
    CLEANUP(xfreep) struct probe *probe = xnew(struct probe);
    struct probe_call *p = xnew(struct probe_call);
    struct err err;

    *p = (struct probe_call){.list = list, .node = c->node, .call = call};
    if (take_request((const Switchyard__V1__ProbeRequest *)request, probe, &err) < 0 ||
        c->probe(c->ctx, probe, on_done, p, &err) < 0) {
        rpc_call_fail(call, &err);
        xfreep(&p);
        return;
    }
    DL_APPEND(*list, p);
}

void probe_call_end_all(struct probe_call **list)
{
    struct err why;

    err_set(&why, ERR_CANCELLED, "the node stops");
    while (*list) {
        struct probe_call *p = *list;

        DL_DELETE(*list, p);
        rpc_call_fail(steal(p->call), &why);
    }
}
