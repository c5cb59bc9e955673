/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/dial.h"

#include "sidecar/transport/tls.h"
#include "sidecar/transport/tls_client.h"

bool dial(struct transport *t, struct loop *loop, const struct address *a, struct tls_client *tls,
          enum upstream_protocol protocol, struct tls_session *session, transport_fn fn)
{
    const struct tls_connect_how how = {
        .client = tls,
        .peer = &a->u.any,
        .alpn = protocol == UPSTREAM_H2 ? "h2" : NULL,
        .session = session,
    };
    int fd = address_connect(a);

    if (fd < 0)
        return false;
    if (tls)
        return tls_connect(t, loop, fd, &how, LOOP_WRITE, fn);
    return transport_open(t, loop, fd, LOOP_WRITE, fn);
}

/* Of an answer that is not a user's. */
#define HEAD_MAX 32768

static bool dial_h2(void *ctx, struct transport *t, transport_fn fn)
{
    const struct dial_to *to = ctx;

    return dial(t, to->loop, to->address, to->tls, UPSTREAM_H2, to->session, fn);
}

bool dial_once(struct transport *t, const struct dial_to *to, enum upstream_protocol protocol,
               transport_fn fn, struct h2_client **ret_h2)
{
    const struct h2_config h2 = {
        .secure = to->tls != NULL, .head_max = HEAD_MAX, .idle = dur_s(60)};
    bool reused;

    *ret_h2 = NULL;
    if (protocol != UPSTREAM_H2)
        return dial(t, to->loop, to->address, to->tls, protocol, to->session, fn);
    *ret_h2 = h2_client_new(to->loop, &h2, dial_h2, (void *)(uintptr_t)to);
    return h2_client_open(*ret_h2, t, LOOP_WRITE, fn, &reused);
}

static struct tls_client *make(const struct route_tls *t, const struct endpoint *e)
{
    return tls_client_get(&(struct tls_client_config){
        .name = t->name[0] ? t->name : e->host,
        .ca = t->ca_file,
        .cert = t->cert_file,
        .key = t->key_file,
        .no_verify = !t->verify,
    });
}

struct tls_client *dial_tls(const struct route_upstream *u, const struct endpoint *e,
                            struct tls_client *const *before, unsigned count)
{
    struct tls_client *c = u->tls.on ? make(&u->tls, e) : NULL;

    if (!c || !tls_client_fault(c)[0])
        return c;
    for (unsigned i = 0; i < count; i++) {
        if (before[i] && tls_client_is_like(before[i], c) && !tls_client_fault(before[i])[0]) {
            tls_client_unref(c);
            return tls_client_ref(before[i]);
        }
    }
    return c;
}
