/* SPDX-License-Identifier: Apache-2.0 */
/* One request, or the end of one connection, as a line of JSON. What clients send is cut to a size
 * and escaped. */
#include <inttypes.h>

#include "common/base/hash.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lane.h"

#define HOST_MAX        256
#define LOGGED_PATH_MAX 1024
#define TRACE_MAX       64
#define KEY_BYTES       8 /* of the key's hash; two digits each */

/* ---- JSON ------------------------------------------------------------------------------------ */

/* At most `max` bytes of `s`, in quotes. Bytes that are no printable ASCII become \u00XX, so that a
 * line is valid whatever a client sent. */
static bool put_text(struct buf *b, struct str s, size_t max)
{
    bool fits = buf_add(b, "\"", 1);

    for (size_t i = 0; i < s.n && i < max && fits; i++) {
        unsigned char ch = (unsigned char)s.p[i];

        if (ch == '"' || ch == '\\')
            fits = buf_addf(b, "\\%c", ch);
        else if (ch < 0x20 || ch >= 0x7f)
            fits = buf_addf(b, "\\u%04x", ch);
        else
            fits = buf_add(b, &s.p[i], 1);
    }
    return fits && buf_add(b, "\"", 1);
}

static bool put_field(struct buf *b, const char *name, struct str value, size_t max)
{
    return buf_addf(b, ",\"%s\":", name) && put_text(b, value, max);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* The key itself may be a person's name or token: only a keyed hash of it is told, the same for the
 * same key in one migration. */
static bool put_key(struct buf *b, const struct conn *c)
{
    const struct route *route = &c->req->route->entry->route;
    char hex[SHA256_HEX];
    struct sha256 hash;
    struct str key;

    if (!conn_find_key(c, http1_path(&c->req->head), (struct str){c->peer, c->peer_len}, &key))
        return buf_addf(b, ",\"key\":null");
    hash = hash_hmac_sha256(str_of(route->salt), key);
    return buf_addf(b, ",\"key\":\"%.*s\"", 2 * KEY_BYTES, sha256_hex(&hash, hex));
}

static bool put_upstream(struct buf *b, const struct request *req)
{
    const struct view_system *s = &req->route->system[req->system];
    char text[ADDRESS_TEXT_SIZE];

    if (!buf_addf(b, ",\"endpoints_failed\":%d", __builtin_popcount(req->tried)))
        return false;
    if (req->system == SYSTEM_NONE || req->endpoint >= s->count)
        return buf_addf(b, ",\"upstream\":null");
    address_text(&s->pool[req->endpoint]->address, text);
    return buf_addf(b, strchr(text, ':') ? ",\"upstream\":\"[%s]:%u\"" : ",\"upstream\":\"%s:%u\"",
                    text, address_port(&s->pool[req->endpoint]->address));
}

static bool put_decision(struct buf *b, const struct conn *c)
{
    const struct request *req = c->req;
    const struct route *route = req->route ? &req->route->entry->route : NULL;
    struct loop *loop = c->lane->loop;

    if (!route)
        return buf_addf(b, ",\"migration\":null");
    return buf_addf(b,
                    ",\"migration\":\"%s\",\"stage\":\"%s\",\"revision\":%" PRIu64
                    ",\"system\":\"%s\",\"reason\":\"%s\",\"fallback\":%s,\"breaker\":\"%s\"",
                    route->migration.s, route->stage, req->view->live->set->revision,
                    system_name(req->system), decide_reason_name(req->reason),
                    req->rescued ? "true" : "false",
                    breaker_state_name(
                        breaker_look(req->route->breaker, loop_now(loop), loop_wall(loop)))) &&
           put_key(b, c) && put_upstream(b, req);
}

/* As far as its head was understood. */
static bool put_request(struct buf *b, const struct conn *c, bool with_query)
{
    const struct http1_head *h = &c->req->head;
    struct str path, query, trace;

    if (h->size == 0)
        return true;
    path = http1_path(h);
    if (!with_query)
        str_cut(path, '?', &path, &query);
    if (!put_field(b, "method", http1_str(h, h->method_name), TRACE_MAX) ||
        !put_field(b, "host", http1_host(h), HOST_MAX) ||
        !put_field(b, "path", path, LOGGED_PATH_MAX))
        return false;
    return !http1_find(h, STR("traceparent"), &trace) ||
           put_field(b, "traceparent", trace, TRACE_MAX);
}

/* Of a call, and null as long as the system has not said it. */
static bool put_grpc(struct buf *b, const struct request *req)
{
    const char *name = http1_grpc_name(&req->grpc);

    if (!req->answered || !req->grpc.is_call)
        return true;
    return name ? buf_addf(b, ",\"grpc_status\":\"%s\"", name)
                : buf_addf(b, ",\"grpc_status\":null");
}

static bool put_ending(struct buf *b, enum ending e)
{
    return e == ENDING_NONE ? buf_addf(b, ",\"end\":null")
                            : buf_addf(b, ",\"end\":\"%s\"", ending_name(e));
}

/* The client did not get all of an answer that lasts. */
static bool put_cut(struct buf *b, const struct request *req)
{
    return req->cut == ENDING_NONE || put_ending(b, req->cut);
}

bool access_log_format(const struct conn *c, bool with_query, struct buf *line)
{
    const struct request *req = c->req;
    struct loop *loop = c->lane->loop;
    dur_t took = mono_sub(loop_now(loop), req->began);
    char time[WALL_TEXT_MAX];

    buf_clear(line);
    return buf_addf(line,
                    "{\"time\":\"%s\",\"status\":%u,\"bytes\":%" PRIu64 ",\"bytes_in\":%" PRIu64
                    ",\"duration_ms\":%.3f",
                    wall_text(loop_wall(loop), time),
                    req->answered ? req->answer.status : c->status, req->to_client,
                    req->head.size + req->upload.body.payload, dur_in_ms(took)) &&
           put_cut(line, req) && put_grpc(line, req) && put_decision(line, c) &&
           put_request(line, c, with_query) && buf_add(line, "}\n", 2);
}

/* ---- connections whose bytes pass unseen ----------------------------------------------------- */

bool access_log_format_origin(const struct conn *c, bool with_query, struct buf *part)
{
    const struct request *req = c->req;
    const bool stands = req->up && req->up->connected;
    dur_t took = mono_sub(loop_now(c->lane->loop), req->began);

    buf_clear(part);
    if (c->tcp && stands && !buf_addf(part, ",\"connect_ms\":%.3f", dur_in_ms(took)))
        return false;
    return put_decision(part, c) && put_request(part, c, with_query);
}

bool access_log_format_end(const struct access_end *end, struct buf *line)
{
    char time[WALL_TEXT_MAX];

    buf_clear(line);
    return buf_addf(line, "{\"time\":\"%s\",\"kind\":\"%s\"", wall_text(end->at, time),
                    end->kind) &&
           put_ending(line, end->ending) &&
           buf_addf(line,
                    ",\"bytes\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"duration_ms\":%.3f%s}\n",
                    end->bytes_out, end->bytes_in, dur_in_ms(end->took), end->origin);
}
