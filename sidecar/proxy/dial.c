/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/dial.h"

#include "sidecar/transport/tls.h"
#include "sidecar/transport/tls_client.h"

bool dial(struct transport *t, struct loop *loop, const struct address *a, struct tls_client *tls,
          enum upstream_protocol protocol, struct tls_session *session, transport_fn fn)
{
    int fd = address_connect(a);

    if (fd < 0)
        return false;
    if (tls)
        return tls_connect(t, loop, fd, tls, protocol == UPSTREAM_H2 ? "h2" : NULL, session,
                           LOOP_WRITE, fn);
    return transport_open(t, loop, fd, LOOP_WRITE, fn);
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
