/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/upgrade.h"

/* ---- lists of protocols ---------------------------------------------------------------------- */

/* Walks the members of all Upgrade fields of a head. */
struct protocols {
    const struct http1_head *head;
    uint32_t field;  /* the next one to look at */
    struct str rest; /* of the field before it */
};

static bool next_field(struct protocols *p)
{
    while (p->field < p->head->header_count) {
        uint32_t i = p->field++;

        if (p->head->headers[i].id == HTTP1_ID_UPGRADE) {
            p->rest = http1_value(p->head, i);
            return true;
        }
    }
    return false;
}

/* "name" or "name/version"; false at the end. Empty members mean nothing (RFC 9110 5.6.1.2). */
static bool next_protocol(struct protocols *p, struct str *ret)
{
    do {
        while (p->rest.n > 0) {
            str_cut(p->rest, ',', ret, &p->rest);
            *ret = str_trim(*ret);
            if (ret->n > 0)
                return true;
        }
    } while (next_field(p));
    return false;
}

static bool has_protocol(const struct http1_head *h, struct str wanted)
{
    struct protocols all = {.head = h};
    struct str one;

    while (next_protocol(&all, &one)) {
        if (str_ieq(one, wanted))
            return true;
    }
    return false;
}

/* ---- what passes ----------------------------------------------------------------------------- */

static bool is_http_or_tls(struct str protocol)
{
    static const struct str names[] = {{"h2c", 3}, {"h2", 2}, {"HTTP", 4}, {"TLS", 3}};
    struct str name, version;

    str_cut(protocol, '/', &name, &version);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_ieq(name, names[i]))
            return true;
    }
    return false;
}

bool upgrade_passes(const struct http1_head *request)
{
    struct protocols all = {.head = request};
    struct str one;
    unsigned count = 0;

    if (!request->upgrade || request->minor == 0)
        return false;
    for (; next_protocol(&all, &one); count++) {
        if (is_http_or_tls(one))
            return false;
    }
    return count > 0;
}

bool upgrade_agrees(const struct http1_head *request, const struct http1_head *answer)
{
    struct protocols all = {.head = answer};
    struct str one;
    unsigned count = 0;

    if (!answer->upgrade)
        return false;
    for (; next_protocol(&all, &one); count++) {
        if (!has_protocol(request, one))
            return false;
    }
    return count > 0;
}

bool upgrade_is_websocket(const struct http1_head *answer)
{
    return has_protocol(answer, STR("websocket"));
}
