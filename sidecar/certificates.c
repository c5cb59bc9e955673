/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/certificates.h"

#include <inttypes.h>

#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "sidecar/handshakes.h"

/* A change is taken when the files have been the same for two looks at them. */
#define CHECK_EVERY dur_s(2)
#define FILE_SHOWN  256

struct certificates {
    struct loop *loop;         /* borrowed */
    struct tls_server *server; /* owned */
    struct timer timer;
};

/* ---- files ----------------------------------------------------------------------------------- */

static void tell_warning(const struct certificates *c)
{
    const char *warning = tls_server_warning(c->server);

    if (warning[0])
        log_line(LOG_WARN, LOG_CERTIFICATES, "warning=%s", LOGQ(warning));
}

static void tell_loaded(const struct certificates *c, const char *how)
{
    for (unsigned i = 0; i < tls_server_cert_count(c->server); i++) {
        const struct tls_cert_info k = tls_server_cert(c->server, i);
        char when[WALL_TEXT_MAX];

        log_line(LOG_INFO, LOG_CERTIFICATES, "action=%s file=%s names=%s expires=%s", how,
                 LOGQ(k.file), LOGQ(k.names), wall_text(k.expires, when));
    }
    tell_warning(c);
}

static void check(struct certificates *c, bool force)
{
    struct err err = {0};
    int r = tls_server_check(c->server, force, loop_wall(c->loop), &err);

    if (r == TLS_RELOADED)
        tell_loaded(c, "reloaded");
    else if (r < 0)
        log_err(LOG_ERROR, LOG_CERTIFICATES, &err, "action=refused");
}

static void tell_faults(struct certificates *c)
{
    struct tls_fault fault;

    while (tls_faults_tell(tls_server_faults(c->server), loop_now(c->loop), &fault))
        handshakes_tell_client(&fault);
}

static void on_timer(struct timer *t)
{
    struct certificates *c = container_of(t, struct certificates, timer);

    check(c, false);
    tell_faults(c);
    timer_set(c->loop, &c->timer, CHECK_EVERY, on_timer, "certificates");
}

void certificates_reload(struct certificates *c)
{
    check(c, true);
}

/* ---- shown ----------------------------------------------------------------------------------- */

static uint64_t count_failed(const struct tls_tally *n)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < TLS_FAILURE_COUNT; i++)
        sum += n->failed[i];
    return sum;
}

struct json *certificates_page(const struct certificates *c)
{
    struct json *j, *list;
    struct tls_tally n;

    if (!c)
        return json_null();
    j = json_object();
    list = json_array();
    n = tls_server_tally(c->server);
    for (unsigned i = 0; i < tls_server_cert_count(c->server); i++) {
        const struct tls_cert_info k = tls_server_cert(c->server, i);
        struct json *one = json_object();
        char when[WALL_TEXT_MAX];

        json_set_string(one, "file", k.file);
        json_set_string(one, "names", k.names);
        json_set_string(one, "expires", wall_text(k.expires, when));
        json_append(list, one);
    }
    json_set(j, "certificates", list);
    json_set_u64(j, "handshakes", n.handshakes);
    json_set_u64(j, "resumed", n.resumed);
    json_set_u64(j, "failed", count_failed(&n));
    json_set_string(j, "warning", tls_server_warning(c->server));
    return j;
}

/* As a label's value. */
static const char *show_file(const char *file, char dst[FILE_SHOWN])
{
    str_fmt(dst, FILE_SHOWN, "%s", file);
    for (char *p = dst; *p; p++) {
        if (*p == '"' || *p == '\\' || *p == '\n')
            *p = '_';
    }
    return dst;
}

void certificates_metrics(struct metrics *m, struct tls_server *s)
{
    struct tls_tally n;

    if (!s)
        return;
    n = tls_server_tally(s);
    metrics_family(m, METRIC_TLS_EXPIRES);
    for (unsigned i = 0; i < tls_server_cert_count(s); i++) {
        const struct tls_cert_info k = tls_server_cert(s, i);
        char file[FILE_SHOWN];

        metrics_value(m, (double)k.expires.ns / 1e9, "file=\"%s\"", show_file(k.file, file));
    }
    metrics_family(m, METRIC_TLS_HANDSHAKES);
    metrics_count(m, n.handshakes - n.resumed, "kind=\"%s\"", "full");
    metrics_count(m, n.resumed, "kind=\"%s\"", "resumed");
    metrics_family(m, METRIC_TLS_FAILURES);
    for (unsigned i = 0; i < TLS_FAILURE_COUNT; i++)
        metrics_count(m, n.failed[i], "reason=\"%s\"", tls_failure_name((enum tls_failure)i));
    metrics_family(m, METRIC_TLS_RELOADS);
    metrics_count(m, n.reloads, "result=\"%s\"", "done");
    metrics_count(m, n.reloads_refused, "result=\"%s\"", "refused");
}

/* ---- life ------------------------------------------------------------------------------------ */

int certificates_new(const struct tls_server_config *config, struct loop *l,
                     struct certificates **ret, struct err *err)
{
    struct certificates *c = xnew(struct certificates);
    int r = tls_server_new(config, loop_wall(l), &c->server, err);

    if (r < 0) {
        xfreep(&c);
        return r;
    }
    c->loop = l;
    timer_set(l, &c->timer, CHECK_EVERY, on_timer, "certificates");
    tell_loaded(c, "loaded");
    *ret = c;
    return 0;
}

void certificates_free(struct certificates *c)
{
    if (!c)
        return;
    timer_cancel(&c->timer);
    tls_server_free(c->server);
    xfreep(&c);
}

struct tls_server *certificates_server(struct certificates *c)
{
    return c->server;
}
