/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http1/http1_trailers.h"

/* Lower case, as all that they are compared with. */
static const struct str forbidden[] = {
    /* framing and the connection */
    {"connection", 10},
    {"content-length", 14},
    {"keep-alive", 10},
    {"te", 2},
    {"trailer", 7},
    {"transfer-encoding", 17},
    {"upgrade", 7},
    /* where it goes and where it came from */
    {"forwarded", 9},
    {"host", 4},
    {"via", 3},
    /* who asks */
    {"authorization", 13},
    {"cookie", 6},
    {"set-cookie", 10},
    {"www-authenticate", 16},
    /* how it is to be handled */
    {"age", 3},
    {"cache-control", 13},
    {"date", 4},
    {"expect", 6},
    {"expires", 7},
    {"location", 8},
    {"max-forwards", 12},
    {"pragma", 6},
    {"range", 5},
    {"retry-after", 11},
    {"vary", 4},
    {"warning", 7},
    /* what the body is */
    {"content-encoding", 16},
    {"content-range", 13},
    {"content-type", 12},
};

static const struct str forbidden_prefixes[] = {
    {"if-", 3},
    {"proxy-", 6},
    {"x-forwarded-", 12},
    {"x-switchyard-", 13},
};

/* Small letters, and - for _. */
static char plain(char c)
{
    if (c == '_')
        return '-';
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool begins_with(struct str name, struct str prefix)
{
    if (name.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++) {
        if (plain(name.p[i]) != prefix.p[i])
            return false;
    }
    return true;
}

bool http1_trailer_passes(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        if (name.n == forbidden[i].n && begins_with(name, forbidden[i]))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(forbidden_prefixes); i++) {
        if (begins_with(name, forbidden_prefixes[i]))
            return false;
    }
    return true;
}

bool http1_trailers_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    struct str line;

    if (rest->n == 0)
        return false;
    str_cut(*rest, '\n', &line, rest);
    str_cut(line, ':', ret_name, ret_value);
    *ret_value = str_trim((struct str){ret_value->p, ret_value->n - 1});
    return true;
}

bool http1_trailers_end_line(struct buf *b, size_t from)
{
    char *line = buf_reserve(b, 3) ? b->data + from : NULL;
    struct str name, value;
    size_t n = 0;

    if (!line)
        return false;
    str_cut((struct str){line, b->len - from}, ':', &name, &value);
    value = str_trim(value);
    if (http1_trailer_passes(name)) {
        n = name.n + 2;
        memmove(line + n, value.p, value.n);
        line[n - 1] = ' ';
        n += value.n + 2;
        memcpy(line + n - 2, "\r\n", 2);
    }
    b->len = from + n;
    line[n] = '\0';
    return true;
}
