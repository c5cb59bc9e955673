/* SPDX-License-Identifier: Apache-2.0 */
/* Where a system's servers are, as people write it. */
#include "common/model/ruleset.h"

static const struct {
    struct str prefix;
    struct str port;
    enum endpoint_scheme scheme;
} schemes[] = {
    {{"http://", 7}, {"80", 2}, ENDPOINT_HTTP},
    {{"https://", 8}, {"443", 3}, ENDPOINT_HTTPS},
    {{"tcp://", 6}, {"", 0}, ENDPOINT_TCP}, /* has none that goes without saying */
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name(const char *s)
{
    for (const char *c = s; *c; c++) {
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && !strchr("-._", *c))
            return false;
    }
    return *s != '\0';
}

static bool is_v6_address(const char *s)
{
    return strchr(s, ':') && strspn(s, "0123456789abcdef:.") == strlen(s);
}

/* "host[:port]" or "[v6][:port]", at the end of an URL. */
static bool read_authority(struct str s, struct str port, struct endpoint *ep)
{
    struct str host;
    bool v6 = str_starts(s, STR("["));
    uint64_t number;

    if (v6) {
        if (!str_cut((struct str){s.p + 1, s.n - 1}, ']', &host, &s))
            return false;
        if (s.n > 0 && s.p[0] != ':')
            return false;
        if (s.n > 0)
            port = (struct str){s.p + 1, s.n - 1};
    } else if (str_cut(s, ':', &host, &s)) {
        port = s;
    }
    if (!str_to_u64(port, UINT16_MAX, &number) || number == 0)
        return false;
    ep->port = (uint16_t)number;

    if (!str_copy(host, ep->host, sizeof ep->host))
        return false;
    for (char *c = ep->host; *c; c++)
        *c = lower(*c);
    return v6 ? is_v6_address(ep->host) : is_name(ep->host);
}

static bool read_url(struct str url, struct endpoint *ep)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct str rest = url;

        if (!str_starts(url, schemes[i].prefix))
            continue;
        rest.p += schemes[i].prefix.n;
        rest.n -= schemes[i].prefix.n;
        /* RFC 9110 4.2.3: an empty path and "/" are the same. */
        if (rest.n > 0 && rest.p[rest.n - 1] == '/')
            rest.n--;
        ep->scheme = schemes[i].scheme;
        return read_authority(rest, schemes[i].port, ep);
    }
    return false;
}

int endpoint_parse(struct str url, struct endpoint *ret, struct err *err)
{
    struct endpoint ep = {.port = 0};
    char shown[SHOW_SIZE];

    if (!read_url(url, &ep))
        return err_set(err, ERR_INVALID,
                       "%s is not an endpoint: write http://HOST:PORT, https://HOST:PORT or "
                       "tcp://HOST:PORT with nothing after it, as in \"http://127.0.0.1:8000\"",
                       ids_show(url, shown));
    *ret = ep;
    return 0;
}

const char *endpoint_scheme_text(enum endpoint_scheme s)
{
    return schemes[s].prefix.p;
}

const char *endpoint_url(const struct endpoint *e, char *dst)
{
    bool v6 = strchr(e->host, ':') != NULL;

    str_fmt(dst, ENDPOINT_URL_SIZE, "%s%s%s%s:%u", schemes[e->scheme].prefix.p, v6 ? "[" : "",
            e->host, v6 ? "]" : "", e->port);
    return dst;
}

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}
