/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health_tell.h"

int health_ask(struct cli *c, ProtobufCMessage **ret, struct err *err)
{
    Switchyard__V1__HealthRequest request = SWITCHYARD__V1__HEALTH_REQUEST__INIT;

    return cli_call(c, "GetHealth", &request.base, dur_ms(0), ret, err);
}

bool health_is_good(const Switchyard__V1__Health *h)
{
    return strcmp(h->overall, "healthy") == 0;
}

void health_table(struct buf *b, const Switchyard__V1__Health *h)
{
    for (size_t i = 0; i < h->n_components; i++) {
        const Switchyard__V1__Component *c = h->components[i];

        buf_addf(b, "  %s\t%s\t%s\n", c->name, c->state, c->text);
    }
}
