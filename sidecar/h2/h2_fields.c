/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_fields.h"

#include "common/base/check.h"
#include "common/http1/http1_trailers.h"

static void add(struct h2_fields *f, struct str name, struct str value)
{
    CHECK(f->count < H2_FIELDS_MAX);
    f->nv[f->count++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.p,
        .namelen = name.n,
        .value = (uint8_t *)(uintptr_t)value.p,
        .valuelen = value.n,
    };
}

/* Content-Length counts as framing there and goes on here: nghttp2 holds DATA against it. */
static bool stays_behind(const struct http1_header *h)
{
    return (h->hop && h->id != HTTP1_ID_CONTENT_LENGTH) || h->id == HTTP1_ID_HOST;
}

static void add_fields(const struct http1_head *h, struct h2_fields *f)
{
    for (uint32_t i = 0; i < h->header_count; i++) {
        if (!stays_behind(&h->headers[i]))
            add(f, http1_name(h, i), http1_value(h, i));
    }
}

static bool wants_trailers(const struct http1_head *h)
{
    struct str value;

    if (http1_find(h, STR("Content-Type"), &value) && str_starts(value, STR("application/grpc")))
        return true;
    return h->wants_trailers;
}

void h2_fields_request(const struct http1_head *h, bool secure, struct h2_fields *ret)
{
    const bool is_connect = h->form == HTTP1_FORM_AUTHORITY;

    ret->count = 0;
    add(ret, STR(":method"), http1_str(h, h->method_name));
    if (!is_connect)
        add(ret, STR(":scheme"), secure ? STR("https") : STR("http"));
    if (h->host.n > 0)
        add(ret, STR(":authority"), http1_host(h));
    if (!is_connect)
        add(ret, STR(":path"), http1_path(h));
    add_fields(h, ret);
    if (wants_trailers(h))
        add(ret, STR("te"), STR("trailers"));
}

void h2_fields_answer(const struct http1_head *h, struct h2_fields *ret)
{
    ret->count = 0;
    str_fmt(ret->status, sizeof ret->status, "%03u", h->status % 1000u);
    add(ret, STR(":status"), (struct str){ret->status, 3});
    add_fields(h, ret);
}

void h2_fields_trailers(struct str lines, struct h2_fields *ret)
{
    struct str name, value;

    ret->count = 0;
    while (ret->count < H2_FIELDS_MAX && http1_trailers_next(&lines, &name, &value))
        add(ret, name, value);
}
