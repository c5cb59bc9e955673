/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/pg_target.h"

#include <libpq-fe.h>

#include "common/base/check.h"
#include "common/base/lookup.h"
#include "common/pg/pg.h"

/* ---- the connection string ------------------------------------------------------------------- */

/* libpq marks what is shown as "*": passwords. */
static bool is_secret(const PQconninfoOption *o)
{
    return strchr(o->dispchar, '*') != NULL;
}

/* What libpq says about a string it cannot read may quote a password, so its words are not used. */
static int parse(const char *conninfo, PQconninfoOption **ret, struct err *err)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);

    if (!options) {
        err_set(err, ERR_INVALID, "this is no connection string of PostgreSQL");
        return err_hint(err, "write \"host=db.example port=5432 dbname=app user=switchyard\"");
    }
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->val && is_secret(o)) {
            err_set(err, ERR_INVALID, "the connection string holds a %s", o->keyword);
            PQconninfoFree(options);
            return err_hint(err, "put it into ~/.pgpass of the coordinator's user, mode 0600");
        }
    *ret = options;
    return 0;
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return o->val && o->val[0] ? o->val : NULL;
    return NULL;
}

int pg_address(const char *conninfo, char *dst, size_t size, struct err *err)
{
    static const char *const shown[] = {"service", "host", "hostaddr", "port", "dbname"};
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(size - 1);
    PQconninfoOption *options;
    int r = parse(conninfo, &options, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        const char *value = option(options, shown[i]);

        if (value)
            buf_addf(&text, "%s%s=%s", text.len ? " " : "", shown[i], value);
    }
    PQconninfoFree(options);
    str_fmt(dst, size, "%s", text.len ? buf_text(&text) : "the default server");
    for (char *c = dst; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_socket(struct str host)
{
    return host.n > 0 && (host.p[0] == '/' || host.p[0] == '@');
}

static int add(struct buf *list, bool first, const char *text, struct err *err)
{
    if (buf_addf(list, "%s%s", first ? "" : ",", text))
        return 0;
    return err_set(err, ERR_EXHAUSTED, "the connection string names too many hosts");
}

static int add_place(struct pg_target *t, const char *host, const char *addr, const char *port,
                     struct err *err)
{
    bool first = t->host.len == 0;
    int r = add(&t->host, first, host, err);

    if (r == 0)
        r = add(&t->hostaddr, first, addr, err);
    return r < 0 ? r : add(&t->port, first, port, err);
}

static int add_host(struct pg_target *t, struct str host, struct str port, const struct patience *p,
                    struct err *err)
{
    char name[256], number[16], addr[LOOKUP_TEXT_SIZE];
    struct lookup found;
    int r;

    if (!str_copy(host, name, sizeof name) || !str_copy(port, number, sizeof number))
        return err_set(err, ERR_INVALID, "the connection string names no host that can be");
    if (is_socket(host))
        return add_place(t, name, "", number, err);
    r = lookup_host(name, number[0] ? number : "5432", p, &found, err);
    for (unsigned i = 0; r == 0 && i < found.count; i++)
        r = add_place(t, name, lookup_text(&found.address[i], addr), number, err);
    return r;
}

/* Every address of every host, as libpq would try them. One port is for all of the hosts. */
static int look_up(struct pg_target *t, const char *hosts, const char *ports,
                   const struct patience *p, struct err *err)
{
    struct str rest = str_of(hosts);
    struct str port_rest = str_of(ports ? ports : "");
    struct str host, port;
    bool one_port = !memchr(port_rest.p, ',', port_rest.n);
    bool more;
    int r;

    do {
        more = str_cut(rest, ',', &host, &rest);
        if (one_port)
            port = port_rest;
        else
            str_cut(port_rest, ',', &port, &port_rest);
        r = host.n > 0 ? add_host(t, host, port, p, err) : 0;
    } while (r == 0 && more);
    return r;
}

/* The string's hosts, or those of the environment and its service. */
static int find_hosts(struct pg_target *t, const struct patience *p, struct err *err)
{
    PQconninfoOption *defaults = PQconndefaults();
    const char *host = option(t->options, "host");
    const char *port = option(t->options, "port");
    int r = 0;

    if (!host && !option(t->options, "service"))
        host = option(defaults, "host");
    if (!port && !option(t->options, "service"))
        port = option(defaults, "port");
    if (host && !option(t->options, "hostaddr") && !option(defaults, "hostaddr"))
        r = look_up(t, host, port, p, err);
    PQconninfoFree(defaults);
    return r;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void set(struct pg_target *t, const char *keyword, const char *value)
{
    if (t->count == PG_WORDS_MAX)
        return;
    t->keyword[t->count] = keyword;
    t->value[t->count] = value;
    t->count++;
}

static bool is_looked_up(const struct pg_target *t, const char *keyword)
{
    return t->host.len > 0 && (strcmp(keyword, "host") == 0 || strcmp(keyword, "port") == 0);
}

int pg_target_init(struct pg_target *t, const char *conninfo, const struct patience *p,
                   struct err *err)
{
    PQconninfoOption *options = NULL;
    int r;

    *t = (struct pg_target){.host = BUF_INIT(PG_LIST_MAX),
                            .hostaddr = BUF_INIT(PG_LIST_MAX),
                            .port = BUF_INIT(PG_LIST_MAX)};
    r = parse(conninfo, &options, err);
    t->options = options;
    if (r == 0)
        r = find_hosts(t, p, err);
    if (r < 0)
        return r;
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->val && !is_looked_up(t, o->keyword))
            set(t, o->keyword, o->val);
    if (t->host.len > 0) {
        set(t, "host", buf_text(&t->host));
        set(t, "hostaddr", buf_text(&t->hostaddr));
        set(t, "port", buf_text(&t->port));
    }
    set(t, "fallback_application_name", "switchyard");
    set(t, "client_encoding", "UTF8");
    return 0;
}

void pg_target_deinit(struct pg_target *t)
{
    PQconninfoFree(t->options);
    buf_deinit(&t->host);
    buf_deinit(&t->hostaddr);
    buf_deinit(&t->port);
}
