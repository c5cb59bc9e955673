/* SPDX-License-Identifier: Apache-2.0 */
/* What the answer to a gRPC call says of how the call went. HTTP's status is 200 whatever came of
 * it; the call's own is a field, grpc-status, behind the last message or, where there is none, in
 * the head ("trailers only"). Pure.
 *
 * Which answers are those of calls is the system's word, Content-Type, and never the client's: else
 * anybody could make a system that speaks no gRPC look ill. grpc-web is another protocol, whose
 * status is in the body. */
#pragma once

#include "common/http1/http1.h"

enum { HTTP1_GRPC_UNSAID = -1, HTTP1_GRPC_CODES = 17 };

/* Zeroed: no gRPC. */
struct http1_grpc {
    bool is_call;
    bool is_failed; /* known to be the system's failure, as a 5xx is: see http1_grpc.c */
    int8_t status;  /* HTTP1_GRPC_UNSAID: none yet, or none that is one of gRPC's */
};

/* Whether a Content-Type is that of a call. */
bool http1_grpc_is_type(struct str type);
/* The head is here. Another status of HTTP than 200 says by itself how it went. */
void http1_grpc_begin(struct http1_grpc *g, const struct http1_head *answer);
/* So is all of a call's answer, with these trailers (http1_trailers.h). */
void http1_grpc_end(struct http1_grpc *g, struct str trailers);

/* Whether a call that ended with this code is the system's failure. One without a code is, and one
 * with a code that is none of gRPC's. */
bool http1_grpc_is_failure(int code);

/* "UNAVAILABLE"; NULL: it is unsaid, or no call. */
const char *http1_grpc_name(const struct http1_grpc *g);
