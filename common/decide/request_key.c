/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/request_key.h"

/* HTTP/2 clients may split the cookie header (RFC 9113 8.2.3), HTTP/1 ones send one. */
#define COOKIE_HEADERS_MAX 16

/* RFC 6265 4.2.1: pairs between "; ". As 5.2 does for Set-Cookie, white space around name and value
 * goes and quotes stay part of the value. The first pair of the name wins. */
static struct str find_cookie(struct str header, struct str name)
{
    while (header.n > 0) {
        struct str pair, key, value;

        str_cut(header, ';', &pair, &header);
        if (str_cut(pair, '=', &key, &value) && str_eq(str_trim(key), name))
            return str_trim(value);
    }
    return (struct str){NULL, 0};
}

static struct str cookie_of(const struct request_view *req, struct str name)
{
    for (unsigned i = 0; i < COOKIE_HEADERS_MAX; i++) {
        struct str header = req->header(req->head, STR("cookie"), i);
        struct str value = find_cookie(header, name);

        if (!header.p || value.p)
            return value;
    }
    return (struct str){NULL, 0};
}

/* Segment `n` from 1: "/a/b?q" has a and b. */
static struct str segment_of(struct str path, unsigned n)
{
    struct str segment = {NULL, 0};

    str_cut(path, '?', &path, &(struct str){NULL, 0});
    if (!str_starts(path, STR("/")))
        return segment;
    path = (struct str){path.p + 1, path.n - 1};
    for (unsigned i = 0; i < n; i++) {
        if (!str_cut(path, '/', &segment, &path) && i + 1 < n)
            return (struct str){NULL, 0};
    }
    return segment;
}

static struct str key_of(const struct route_key *k, const struct request_view *req)
{
    switch (k->source) {
    case KEY_HEADER:
        return str_trim(req->header(req->head, str_of(k->name), 0));
    case KEY_COOKIE:
        return cookie_of(req, str_of(k->name));
    case KEY_PATH_SEGMENT:
        return segment_of(req->path, k->segment);
    case KEY_CLIENT_ADDRESS:
        return req->client_address;
    case KEY_NONE:
    case KEY_RANDOM:
    case KEY_SOURCE_COUNT:
        break;
    }
    return (struct str){NULL, 0};
}

bool request_key_find(const struct route *r, const struct request_view *req, struct str *ret_key)
{
    struct str key = key_of(&r->key, req);

    /* An explicit random key has no fallback: it asked for no stickiness. */
    if (key.n == 0 && r->key.source != KEY_RANDOM)
        key = key_of(&r->fallback_key, req);
    if (key.n == 0)
        return false;
    *ret_key = key;
    return true;
}
