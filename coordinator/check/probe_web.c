/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/base/json.h"
#include "coordinator/check/judge.h"
#include "coordinator/check/probe.h"

#define BODY_MAX (1u << 20)
#define URL_MAX  8192

/* ---- http ------------------------------------------------------------------------------------ */

static int get(const struct probe *p, const char *url, dur_t timeout, unsigned *ret_status,
               struct buf *body, struct err *err)
{
    struct web_request req = {.url = url, .timeout = timeout};

    if (timeout.ns < dur_ms(1).ns)
        return err_set(err, ERR_TIMEOUT, "there was no time left to ask");
    return web_call(p->web, &req, ret_status, body, err);
}

static bool is_fine(unsigned status, unsigned wanted)
{
    return wanted ? status == wanted : status >= 200 && status <= 299;
}

void probe_http(const struct probe *p, const struct patience *patience, struct check_result *ret)
{
    const struct plan_check *c = &p->check;
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(BODY_MAX);
    char wanted[16] = "a 2xx";
    unsigned status;
    struct err err;
    int r;

    if (c->status)
        str_fmt(wanted, sizeof wanted, "%u", c->status);
    r = get(p, c->target, patience_left(patience), &status, &body, &err);
    if (r == -ERR_REFUSED)
        return judge_failed(ret, "%s", err.msg);
    if (r < 0)
        return judge_unknown(ret, "%s", err.msg);
    ret->has_value = true;
    ret->value = status;
    if (!is_fine(status, c->status))
        judge_failed(ret, "status %u; %s is asked for", status, wanted);
    else if (c->contains && !memmem(buf_text(&body), body.len, c->contains, strlen(c->contains)))
        judge_failed(ret, "status %u, but its body does not contain \"%s\"", status, c->contains);
    else
        judge_passed(ret, "status %u", status);
}

/* ---- endpoints ------------------------------------------------------------------------------- */

/* Each gets its share of the time that is left, so that one that hangs does not hide the others. */
void probe_endpoints(const struct probe *p, const struct patience *patience,
                     struct check_result *ret)
{
    const struct route_upstream *u = p->upstream;
    struct plan_check check = p->check;
    char found[TEXT_SIZE * 4], server[ENDPOINT_URL_SIZE], url[ENDPOINT_URL_SIZE + PATH_SIZE];
    CLEANUP(buf_deinitp) struct buf silent = BUF_INIT(TEXT_SIZE * 2);
    unsigned healthy = 0;

    for (unsigned i = 0; i < u->endpoint_count; i++) {
        const struct endpoint *e = &u->endpoint[i];
        dur_t share = dur_ns(patience_left(patience).ns / (u->endpoint_count - i));
        CLEANUP(buf_deinitp) struct buf body = BUF_INIT(BODY_MAX);
        unsigned status = 0;
        int r;

        str_fmt(url, sizeof url, "%s%s", endpoint_url(e, server), check.target);
        r = get(p, url, share, &status, &body, NULL);
        if (r == 0 && is_fine(status, 0))
            healthy++;
        else if (r == 0)
            buf_addf(&silent, "%s %s:%u (status %u)", silent.len ? "," : "; not", e->host, e->port,
                     status);
        else
            buf_addf(&silent, "%s %s:%u", silent.len ? "," : "; not", e->host, e->port);
    }
    if (atomic_load(p->stop))
        return;
    str_fmt(found, sizeof found, "%u of %u endpoints answer %s%s", healthy, u->endpoint_count,
            check.target, buf_text(&silent));
    if (!check.has_min && !check.has_max) {
        check.has_min = true;
        check.min = u->endpoint_count;
    }
    judge_value(&check, healthy, found, ret);
}

/* ---- Prometheus ------------------------------------------------------------------------------ */

static bool add_escaped(struct buf *b, const char *text)
{
    bool fits = true;

    for (const unsigned char *c = (const unsigned char *)text; *c && fits; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || strchr("-._~", *c);

        fits = buf_addf(b, plain ? "%c" : "%%%02X", *c);
    }
    return fits;
}

static bool query_url(const struct plan_check *c, struct buf *url)
{
    size_t n = strlen(c->target);

    while (n > 0 && c->target[n - 1] == '/')
        n--;
    return buf_addf(url, "%.*s/api/v1/query?query=", (int)n, c->target) &&
           add_escaped(url, c->query);
}

/* `pair` is [time, "value"]. */
static void judge_sample(const struct plan_check *c, const struct json *pair,
                         struct check_result *ret)
{
    const struct json *time = json_first(pair);
    const char *text = time ? json_string(json_next(time), NULL) : NULL;
    char found[128];
    double value;

    if (!text || !probe_number(str_of(text), &value)) {
        judge_unknown(ret, "Prometheus answers with a value that is no number");
        return;
    }
    str_fmt(found, sizeof found, "the query gives %.60s", text);
    judge_value(c, value, found, ret);
}

static void judge_data(const struct plan_check *c, const struct json *data,
                       struct check_result *ret)
{
    const char *type = json_get_string(data, "resultType", "");
    const struct json *result = json_get(data, "result");
    size_t count = json_count(result);

    if (strcmp(type, "scalar") == 0)
        judge_sample(c, result, ret);
    else if (strcmp(type, "vector") != 0)
        judge_unknown(ret, "the query gives no value but a \"%.20s\"", type);
    else if (count == 0)
        judge_unknown(ret, "the query gives no value: nothing matches");
    else if (count > 1)
        judge_unknown(ret, "the query gives %zu values, and one is needed: sum() or max() over it",
                      count);
    else
        judge_sample(c, json_get(json_first(result), "value"), ret);
}

static void judge_answer(const struct plan_check *c, unsigned status, const struct json *answer,
                         struct check_result *ret)
{
    const char *word = json_get_string(answer, "status", "");

    if (strcmp(word, "success") == 0 && status == 200)
        judge_data(c, json_get(answer, "data"), ret);
    else if (strcmp(word, "error") == 0)
        judge_unknown(ret, "Prometheus refuses the query: %s",
                      json_get_string(answer, "error", "it does not say why"));
    else
        judge_unknown(ret, "status %u, and not what Prometheus answers", status);
}

void probe_prometheus(const struct probe *p, const struct patience *patience,
                      struct check_result *ret)
{
    CLEANUP(buf_deinitp) struct buf url = BUF_INIT(URL_MAX);
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(BODY_MAX);
    CLEANUP(json_freep) struct json *answer = NULL;
    unsigned status;
    struct err err;

    if (!query_url(&p->check, &url))
        judge_unknown(ret, "the query is too long");
    else if (get(p, buf_text(&url), patience_left(patience), &status, &body, &err) < 0)
        judge_unknown(ret, "%s", err.msg);
    else if (json_parse(buf_view(&body), &answer, NULL) < 0)
        judge_unknown(ret, "status %u, and no JSON, as Prometheus would answer", status);
    else
        judge_answer(&p->check, status, answer, ret);
}
