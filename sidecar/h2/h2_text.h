/* SPDX-License-Identifier: Apache-2.0 */
/* From the fields of an HTTP/2 header section to the text of an HTTP/1.1 head, or of a trailer
 * section (RFC 9113 8). Pure.
 *
 * A section is malformed, and its stream to be reset, when a field is none of HTTP/2: a name that
 * is no token or not in small letters, a value with a control byte or white space around it, a
 * pseudo-header that is unknown, said twice, missing or behind a field, anything that speaks of the
 * connection. So is a trailer section with more than HTTP/1.1 may have (http1_body.h). What a field
 * means is left to whoever parses the text, strictly. A head that is too large becomes a text that
 * is too large, too, so that its reader refuses it in his words. */
#pragma once

#include "common/base/buf.h"

enum h2_text_kind { H2_TEXT_REQUEST, H2_TEXT_ANSWER, H2_TEXT_TRAILERS };

enum h2_pseudo {
    H2_PSEUDO_METHOD,
    H2_PSEUDO_SCHEME,
    H2_PSEUDO_AUTHORITY,
    H2_PSEUDO_PATH,
    H2_PSEUDO_STATUS,
    H2_PSEUDO_COUNT
};

/* One serves all sections of a connection, one after the other. */
struct h2_text {
    bool has_length; /* there is a Content-Length; after h2_text_finish(): in the text */
    uint16_t status; /* of an answer; 0: there was none, so these are trailers */

    /* private */
    enum h2_text_kind kind;
    bool in_fields; /* past the pseudo-headers */
    bool clipped;
    bool te;
    bool has_host;
    bool has_cookie;
    bool promises_trailers;
    uint32_t seen; /* bit per enum h2_pseudo */
    uint32_t line_count;
    size_t room; /* bytes that it may still grow */
    struct {
        uint32_t at, n;
    } part[H2_PSEUDO_COUNT]; /* of `pseudo` */
    size_t head_max;
    struct buf pseudo; /* their values, one behind the other */
    struct buf host;
    struct buf cookie;
    struct buf length; /* Content-Length's line */
    struct buf lines;
};

/* `head_max`: of a head's text, in bytes. */
void h2_text_init(struct h2_text *t, size_t head_max);
void h2_text_deinit(struct h2_text *t);

/* A section begins. An answer that turns out to have no status is a trailer section. */
void h2_text_begin(struct h2_text *t, enum h2_text_kind kind);
/* False: malformed. */
bool h2_text_add(struct h2_text *t, struct str name, struct str value) MUST_CHECK;

/* A head goes with a body, in chunks unless there is a Content-Length; with none where there could
 * be one; or with none ever. A Content-Length gives way to chunks where trailers are promised, by
 * Trailer or because it is the answer to a gRPC call: HTTP/1.1 has no place for them behind it. */
enum h2_text_body { H2_TEXT_BODY, H2_TEXT_EMPTY, H2_TEXT_BODILESS };

enum { H2_TEXT_SLACK = 512 };

/* The section is complete: append its text to `ret`, which must have room for `head_max` and
 * H2_TEXT_SLACK. Trailers are their lines, without the empty one that ends them. False:
 * malformed. */
bool h2_text_finish(struct h2_text *t, enum h2_text_body body, struct buf *ret) MUST_CHECK;

/* Whether the request that was received is a HEAD. */
bool h2_text_is_head_request(const struct h2_text *t);
