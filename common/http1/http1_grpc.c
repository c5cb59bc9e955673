/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http1/http1_grpc.h"

#include "common/http1/http1_trailers.h"

/* A failure says that the system is not well, or is not the one that it replaces. All else says
 * something of the request, and a system that is well says it, too. docs/internals/breaker.md has
 * the reasons; the codes are those that Envoy counts as 5xx. */
static const struct {
    const char *name;
    bool is_failure;
} codes[HTTP1_GRPC_CODES] = {
    {"OK", false},
    {"CANCELLED", false},
    {"UNKNOWN", true},
    {"INVALID_ARGUMENT", false},
    {"DEADLINE_EXCEEDED", true},
    {"NOT_FOUND", false},
    {"ALREADY_EXISTS", false},
    {"PERMISSION_DENIED", false},
    {"RESOURCE_EXHAUSTED", false},
    {"FAILED_PRECONDITION", false},
    {"ABORTED", false},
    {"OUT_OF_RANGE", false},
    {"UNIMPLEMENTED", true},
    {"INTERNAL", true},
    {"UNAVAILABLE", true},
    {"DATA_LOSS", true},
    {"UNAUTHENTICATED", false},
};

static const struct str field = {"grpc-status", 11};

/* "application/grpc", and what may follow it: "+proto", or parameters. */
bool http1_grpc_is_type(struct str type)
{
    static const struct str grpc = {"application/grpc", 16};

    if (!str_istarts(type, grpc))
        return false;
    return type.n == grpc.n || memchr("+; \t", type.p[grpc.n], 4) != NULL;
}

static int8_t read_status(struct str value)
{
    uint64_t code;

    return str_to_u64(value, HTTP1_GRPC_CODES - 1, &code) ? (int8_t)code : HTTP1_GRPC_UNSAID;
}

bool http1_grpc_is_failure(int code)
{
    return code < 0 || code >= HTTP1_GRPC_CODES || codes[code].is_failure;
}

/* Nothing more comes. */
static void judge(struct http1_grpc *g)
{
    g->is_failed = http1_grpc_is_failure(g->status);
}

void http1_grpc_begin(struct http1_grpc *g, const struct http1_head *answer)
{
    struct str value;

    *g = (struct http1_grpc){.status = HTTP1_GRPC_UNSAID};
    if (answer->status != 200 || !http1_find(answer, STR("Content-Type"), &value))
        return;
    g->is_call = http1_grpc_is_type(value);
    if (!g->is_call)
        return;
    if (http1_find(answer, field, &value))
        g->status = read_status(value);
    if (answer->has_length && answer->content_length == 0)
        judge(g);
}

/* Who reads the whole answer goes by the trailers, if they say anything. */
void http1_grpc_end(struct http1_grpc *g, struct str trailers)
{
    struct str name, value;

    while (http1_trailers_next(&trailers, &name, &value)) {
        if (str_ieq(name, field)) {
            g->status = read_status(value);
            break;
        }
    }
    judge(g);
}

const char *http1_grpc_name(const struct http1_grpc *g)
{
    return g->is_call && g->status != HTTP1_GRPC_UNSAID ? codes[g->status].name : NULL;
}
