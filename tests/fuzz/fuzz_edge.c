/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody else's proxy asks or tells, out of any bytes: a head and its body. Which request a
 * question is about lies inside the head; an outcome is counted, or refused with a reason. */
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/http1/http1_body.h"
#include "common/http1/http1_parse.h"
#include "sidecar/proxy/edge.h"
#include "sidecar/proxy/lane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str peer = {"192.0.2.1", 9};

static void check_inside(const struct http1_head *h, struct str s)
{
    CHECK(s.n == 0 || (s.p >= h->base && s.p + s.n <= h->base + h->size));
}

static void check_question(const struct http1_head *h)
{
    struct edge_origin o = edge_origin(h, peer);

    check_inside(h, o.host);
    CHECK(o.path.n > 0);
    if (!str_eq(o.path, STR("/")))
        check_inside(h, o.path);
    CHECK(o.client.n > 0);
    if (o.client.p != peer.p)
        check_inside(h, o.client);
}

/* Nothing is served, so nothing is counted. */
static void check_outcome(struct str text)
{
    static struct lane lane;
    unsigned counted = 0;
    const char *why = NULL;
    unsigned status = edge_count(&lane, text, &counted, &why);

    CHECK(counted == 0);
    CHECK(status == 0 || status == 400 || status == 404);
    CHECK(status == 0 || why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http1_header headers[32];
    struct http1_parser parser;
    struct http1_head head;
    struct http1_body body;
    size_t used, payload;

    /* Memory of the exact size, so that reading past the end is seen. */
    CLEANUP(xfreep) char *in = xmemdup(data, size ? size : 1);
    http1_parser_init(&parser, HTTP1_REQUEST,
                      (struct http1_limits){.line_max = 4096, .head_max = 16384}, &head, headers,
                      ARRAY_LEN(headers));
    if (http1_parse(&parser, in, size) != HTTP1_DONE)
        return 0;
    if (str_starts(http1_path(&head), EDGE_DECIDE))
        check_question(&head);
    http1_body_init(&body, http1_request_framing(&head));
    if (http1_body_squeeze(&body, in + head.size, size - head.size, &used, &payload) ==
        HTTP1_BODY_DONE)
        check_outcome((struct str){in + head.size, payload});
    return 0;
}
