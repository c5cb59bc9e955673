/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/plan_targets.h"

#include "common/model/plan_schema.h"
#include "common/model/plan_values.h"

static bool has_space(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

/* What stands between "://" and the path. */
static struct str authority(struct str url)
{
    const char *mark = strstr(url.p, "://");
    struct str rest = mark ? str_of(mark + 3) : (struct str){url.p + url.n, 0};

    rest.n = strcspn(rest.p, "/?#");
    return rest;
}

void plan_target_url(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    struct plan_check *check = dst;
    char shown[SHOW_SIZE];
    struct str text;

    if (!plan_value_text(r, v, "a URL like \"http://127.0.0.1:8001/health\"", &text))
        return;
    check->target = text.p;
    if (memchr(authority(text).p, '@', authority(text).n))
        plan_reader_problem(r, v,
                            "a plan is shown and stored, so it holds no user or password; take "
                            "what stands before the @ out");
    else if ((!str_starts(text, STR("http://")) && !str_starts(text, STR("https://"))) ||
             authority(text).n == 0 || has_space(text))
        plan_reader_problem(r, v,
                            "%s is not a URL: write it as in \"http://127.0.0.1:8001/health\"",
                            ids_show(text, shown));
}

/* "host:port", with the port written out; brackets around IPv6. */
static bool is_host_port(struct str s)
{
    CLEANUP(buf_deinitp) struct buf url = BUF_INIT(2 * ENDPOINT_SIZE);
    const char *colon = strrchr(s.p, ':'), *bracket = strrchr(s.p, ']');
    struct endpoint endpoint;

    if (!colon || colon < bracket || has_space(s) || strpbrk(s.p, "/@"))
        return false;
    return buf_addf(&url, "http://%s", s.p) && endpoint_parse(buf_view(&url), &endpoint, NULL) == 0;
}

void plan_target_address(struct plan_reader *r, const struct json *v,
                         const struct plan_field *f UNUSED, void *dst)
{
    struct plan_check *check = dst;
    char shown[SHOW_SIZE];
    struct str text;

    if (!plan_value_text(r, v, "host:port", &text))
        return;
    check->target = text.p;
    if (!is_host_port(text))
        plan_reader_problem(r, v, "%s is not host:port, as in \"127.0.0.1:6379\"",
                            ids_show(text, shown));
}

/* A connection string of libpq, as a URI or as words. */
static bool has_password(struct str s)
{
    struct str who = authority(s);
    const char *at = memchr(who.p, '@', who.n);

    if (at && memchr(who.p, ':', (size_t)(at - who.p)))
        return true;
    for (const char *word = s.p; (word = strstr(word, "password")); word++) {
        if (word[8 + strspn(word + 8, " \t\r\n")] == '=')
            return true;
    }
    return false;
}

void plan_target_database(struct plan_reader *r, const struct json *v,
                          const struct plan_field *f UNUSED, void *dst)
{
    struct plan_check *check = dst;
    struct str text;

    if (!plan_value_text(r, v, "a connection string like \"host=db dbname=app user=switchyard\"",
                         &text))
        return;
    check->target = text.p;
    if (has_password(text))
        plan_reader_problem(r, v,
                            "a plan is shown and stored, so it holds no password; put it in the "
                            "coordinator's ~/.pgpass");
    else if (text.n == 0 || !str_is_line(text, NULL))
        plan_reader_problem(r, v, "a connection string is one line, not empty");
}

void plan_target_disk(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct plan_check *check = dst;
    char shown[SHOW_SIZE];
    struct str text;

    if (!plan_value_text(r, v, "a path like \"/var/lib/switchyard\"", &text))
        return;
    check->target = text.p;
    if (!str_starts(text, STR("/")))
        plan_reader_problem(r, v, "%s is not a path from the root, as \"/var/lib/switchyard\"",
                            ids_show(text, shown));
}

void plan_target_memory(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                        void *dst)
{
    struct plan_check *check = dst;

    check->target = f->words[0];
    plan_value_word(r, v, f, NULL);
}

void plan_target_nodes(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    struct plan_check *check = dst;
    struct selector selector;
    struct str text;
    struct err err;

    if (!plan_value_text(r, v, "a selector like \"cluster=eu-1\"", &text))
        return;
    check->target = text.p;
    if (selector_parse(text, &selector, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
}

void plan_target_path(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct plan_check *check = dst;
    char shown[SHOW_SIZE];
    struct str text;

    if (!plan_value_text(r, v, "a path like \"/health\"", &text))
        return;
    check->target = text.p;
    if (!str_starts(text, STR("/")) || has_space(text))
        plan_reader_problem(r, v, "%s is not a path, as in \"/health\"", ids_show(text, shown));
}

static void read_word(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    const char **argv = dst;
    struct str text;

    if (!plan_value_text(r, item, "text in quotes", &text))
        return;
    argv[index] = text.p;
    if (text.n == 0 && index == 0)
        plan_reader_problem(r, item, "the first word is the program; it may not be empty");
}

void plan_read_argv(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                    void *dst)
{
    plan_reader_list(r, v, "words", 1, PLAN_CHECK_ARGS, read_word, dst);
}
