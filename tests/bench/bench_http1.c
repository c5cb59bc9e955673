/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what one head costs: parsed, and re-serialised for the next hop. Build with the release
 * preset; the figures of one run are only worth comparing with each other. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/http1/http1_parse.h"
#include "common/http1/http1_write.h"

enum { HEADS = 1000000, ROUNDS = 5 };

/* What a browser sends behind a load balancer: ten fields, about 600 bytes. */
static const char request[] =
    "GET /api/v2/orders/4711?expand=lines,customer&page=2 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: application/json, text/plain, */*\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://shop.example.com/orders/4711/history\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; cart=17\r\n"
    "X-User-Id: user-000000042\r\n"
    "X-Request-Id: 5f0c1f6e-5f0a-4f0e-9d4c-2a3b4c5d6e7f\r\n"
    "\r\n";

static const char small_request[] = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

static const char response[] =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx/1.22.1\r\n"
    "Date: Sat, 21 Nov 2026 10:07:04 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 1024\r\n"
    "Connection: keep-alive\r\n"
    "ETag: \"6560a1b2-400\"\r\n"
    "Cache-Control: private, max-age=0\r\n"
    "Vary: Accept-Encoding\r\n"
    "Accept-Ranges: bytes\r\n"
    "\r\n";

struct work {
    const char *name;
    enum http1_kind kind;
    struct str wire;
    size_t (*write)(const struct http1_head *h, const struct http1_out *out, char *dst,
                    size_t size);
};

static enum http1_result parse(const struct work *w, struct http1_head *h)
{
    static struct http1_header headers[HTTP1_HEADERS_MAX];
    struct http1_parser p;

    http1_parser_init(&p, w->kind, HTTP1_LIMITS_DEFAULT, h, headers, HTTP1_HEADERS_MAX);
    return http1_parse(&p, w->wire.p, w->wire.n);
}

static double parse_ns(const struct work *w)
{
    mono_t start = clock_system->mono(clock_system);
    struct http1_head h;

    for (int i = 0; i < HEADS; i++) {
        if (parse(w, &h) != HTTP1_DONE)
            return -1;
    }
    return (double)mono_sub(clock_system->mono(clock_system), start).ns / HEADS;
}

static double write_ns(const struct work *w)
{
    const struct http1_extra extra[] = {
        {STR("X-Forwarded-For"), STR("192.0.2.17"), true},
        {STR("X-Switchyard-System"), STR("new"), true},
    };
    const struct http1_out out = {.extra = extra, .extra_count = ARRAY_LEN(extra)};
    static char dst[4096];
    struct http1_head h;

    if (parse(w, &h) != HTTP1_DONE)
        return -1;
    mono_t start = clock_system->mono(clock_system);

    for (int i = 0; i < HEADS; i++) {
        if (w->write(&h, &out, dst, sizeof(dst)) == 0)
            return -1;
    }
    return (double)mono_sub(clock_system->mono(clock_system), start).ns / HEADS;
}

static double best_of(double (*measure)(const struct work *w), const struct work *w)
{
    double best = measure(w);

    for (int i = 1; i < ROUNDS; i++) {
        double ns = measure(w);

        best = ns < best ? ns : best;
    }
    return best;
}

int main(void)
{
    const struct work works[] = {
        {"request, 10 fields", HTTP1_REQUEST, STR(request), http1_write_request},
        {"request, 1 field", HTTP1_REQUEST, STR(small_request), http1_write_request},
        {"response, 9 fields", HTTP1_RESPONSE, STR(response), http1_write_response},
    };

    printf("%-20s %6s %10s %10s\n", "head", "bytes", "parse ns", "write ns");
    for (size_t i = 0; i < ARRAY_LEN(works); i++)
        printf("%-20s %6zu %10.0f %10.0f\n", works[i].name, works[i].wire.n,
               best_of(parse_ns, &works[i]), best_of(write_ns, &works[i]));
    return 0;
}
