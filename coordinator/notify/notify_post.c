/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/json.h"
#include "coordinator/notify/notify_state.h"

#define ANSWER_MAX  (64u << 10)
#define SIGNED_MAX  (BODY_MAX + 64)
#define NS_PER_S    INT64_C(1000000000)
#define STATUS_OK   200u
#define STATUS_NEXT 300u

static void write_body(const struct notify_event *e, uint64_t lost, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();
    char time[WALL_TEXT_MAX];

    json_set_u64(j, "revision", e->at.revision);
    json_set_u64(j, "sequence", e->at.sequence);
    json_set_string(j, "kind", e->event->kind);
    json_set_string(j, "migration", e->at.migration.s);
    json_set_string(j, "time", wall_text(e->event->time, time));
    json_set_string(j, "operator", e->event->operator_name);
    json_set_string(j, "stage", e->event->stage);
    json_set_string(j, "node", e->event->node);
    json_set_string(j, "text", e->event->text);
    json_set_u64(j, "lost", lost);
    CHECK(json_print(j, false, b));
}

/* Over "TIMESTAMP.BODY": an old post cannot be given as a new one. */
static void sign(struct str secret, const char *timestamp, struct str body, char ret[SHA256_HEX])
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(SIGNED_MAX);
    struct sha256 mac;

    CHECK(buf_addf(&text, "%s.", timestamp) && buf_add_str(&text, body));
    mac = hash_hmac_sha256(secret, buf_view(&text));
    sha256_hex(&mac, ret);
}

static void add_header(struct notify_post *p, const char *name, const char *value)
{
    unsigned i = 0;

    while (p->headers[i])
        i++;
    CHECK(i < HEADERS);
    str_fmt(p->header[i], HEADER_SIZE, "%s: %s", name, value);
    p->headers[i] = p->header[i];
}

void notify_post_make(struct notify_post *p, const struct notify_event *e, uint64_t lost,
                      struct str secret, wall_t now)
{
    char id[NAME_SIZE + 32], timestamp[32], hex[SHA256_HEX], signature[SHA256_HEX + 8];

    buf_clear(&p->body);
    memset(p->headers, 0, sizeof(p->headers));
    write_body(e, lost, &p->body);
    str_fmt(id, sizeof(id), "%s-%" PRIu64, e->at.migration.s, e->at.sequence);
    str_fmt(timestamp, sizeof(timestamp), "%" PRId64, now.ns / NS_PER_S);
    add_header(p, "Content-Type", "application/json");
    add_header(p, "User-Agent", "switchyard/" SWITCHYARD_VERSION);
    add_header(p, "X-Switchyard-Event", e->event->kind);
    add_header(p, "X-Switchyard-Delivery", id);
    add_header(p, "X-Switchyard-Timestamp", timestamp);
    if (secret.n == 0)
        return;
    sign(secret, timestamp, buf_view(&p->body), hex);
    str_fmt(signature, sizeof(signature), "sha256=%s", hex);
    add_header(p, "X-Switchyard-Signature", signature);
}

void notify_post_run(struct worker_job *j)
{
    struct notify_post *p = container_of(j, struct notify_post, job);
    const struct web_request request = {
        .method = "POST",
        .url = p->url,
        .header = p->headers,
        .body = buf_view(&p->body),
        .timeout = p->timeout,
    };
    CLEANUP(buf_deinitp) struct buf answer = BUF_INIT(ANSWER_MAX);
    unsigned status = 0;

    p->err.code = ERR_NONE;
    if (web_call(p->web, &request, &status, &answer, &p->err) < 0)
        return;
    if (status < STATUS_OK || status >= STATUS_NEXT)
        err_set(&p->err, ERR_UNAVAILABLE, "it answers %u", status);
    else
        p->err.code = ERR_NONE;
}
