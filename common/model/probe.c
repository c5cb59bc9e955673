/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/probe.h"

/* RFC 9112 3.2.1: origin form; no byte that ends the request line. */
static bool is_path(const char *s)
{
    if (*s != '/')
        return false;
    for (; *s; s++) {
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || *s == '#')
            return false;
    }
    return true;
}

/* RFC 9110 5.6.2. */
static bool is_token(const char *s)
{
    for (const char *c = s; *c; c++) {
        bool alnum =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');

        if (!alnum && !strchr("!#$%&'*+-.^_`|~", *c))
            return false;
    }
    return *s != '\0';
}

/* RFC 9110 5.5. */
static bool is_value(const char *s)
{
    for (; *s; s++) {
        if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
            return false;
    }
    return true;
}

/* The prober's own, or of no use to a request without a body. */
static bool is_kept(const char *name)
{
    static const char *const ours[] = {
        "Connection", "Content-Length",    "Expect",  "Keep-Alive",        "Proxy-Connection", "TE",
        "Trailer",    "Transfer-Encoding", "Upgrade", "X-Switchyard-Probe"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_ieq(str_of(name), str_of(ours[i])))
            return true;
    return false;
}

static int check_header(const struct probe_header *h, struct err *err)
{
    char shown[SHOW_SIZE];

    if (!is_token(h->name) || !is_value(h->value))
        return err_set(err, ERR_INVALID, "header %s is none: write it as in \"Accept: text/html\"",
                       ids_show(str_of(h->name), shown));
    if (is_kept(h->name))
        return err_set(err, ERR_INVALID, "header %s is the prober's own", h->name);
    return 0;
}

int probe_check(const struct probe *p, struct err *err)
{
    char shown[SHOW_SIZE];

    if (!is_path(p->path))
        return err_set(
            err, ERR_INVALID,
            "%s is not a path: it starts with '/' and has no spaces; write others as %%XX",
            ids_show(str_of(p->path), shown));
    if (p->header_count > PROBE_HEADERS_MAX)
        return err_set(err, ERR_INVALID, "more than %d headers", PROBE_HEADERS_MAX);
    for (unsigned i = 0; i < p->header_count; i++) {
        int r = check_header(&p->header[i], err);

        if (r < 0)
            return r;
    }
    if (p->keep > PROBE_BODY_KEPT)
        return err_set(err, ERR_INVALID, "at most %d bytes of an answer are kept", PROBE_BODY_KEPT);
    if (p->timeout.ns < 0 || p->timeout.ns > PROBE_TIMEOUT_MAX.ns)
        return err_set(err, ERR_INVALID, "a probe takes at most 60 s");
    return 0;
}
