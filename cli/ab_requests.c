/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ab_requests.h"

#include <stdlib.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/model/probe.h"

struct line {
    struct str method, path;
};

/* ---- one line -------------------------------------------------------------------------------- */

static int read_record(struct str text, struct json **ret, struct line *ret_line, struct err *err)
{
    int r = json_parse(text, ret, err);
    const char *path;

    if (r < 0)
        return r;
    path = json_get_string(*ret, "path", NULL);
    if (!path)
        return err_set(err, ERR_INVALID, "the record has no \"path\"");
    ret_line->path = str_of(path);
    ret_line->method = str_of(json_get_string(*ret, "method", "GET"));
    return 0;
}

static void read_words(struct str text, struct line *ret)
{
    ret->method = STR("GET");
    ret->path = text;
    if (text.p[0] == '/' || !str_cut(text, ' ', &ret->method, &ret->path))
        return;
    ret->path = str_trim(ret->path);
}

static int check_path(struct str path, struct err *err)
{
    if (path.n == 0 || path.p[0] != '/')
        return err_set(err, ERR_INVALID,
                       "a request is a path that begins with '/', with GET or "
                       "HEAD before it or nothing");
    if (path.n >= PROBE_PATH_SIZE)
        return err_set(err, ERR_INVALID, "the path is longer than %d bytes", PROBE_PATH_SIZE - 1);
    return 0;
}

static void add(struct ab_requests *r, const struct line *line)
{
    struct ab_request *item;

    /* By doubling: a power of two is full. */
    if ((r->count & (r->count - 1)) == 0)
        r->item = xrealloc(r->item, (r->count ? 2 * (size_t)r->count : 1) * sizeof *r->item);
    item = &r->item[r->count++];
    item->head_only = str_eq(line->method, STR("HEAD"));
    item->path = xcalloc(1, line->path.n + 1);
    memcpy(item->path, line->path.p, line->path.n);
}

static int read_line(struct str text, struct ab_requests *ret, struct err *err)
{
    CLEANUP(json_freep) struct json *record = NULL;
    struct line line;
    int r = 0;

    if (text.n == 0 || text.p[0] == '#')
        return 0;
    if (text.p[0] == '{')
        r = read_record(text, &record, &line, err);
    else
        read_words(text, &line);
    if (r == 0)
        r = check_path(line.path, err);
    if (r < 0)
        return r;
    if (!str_eq(line.method, STR("GET")) && !str_eq(line.method, STR("HEAD")))
        ret->unsafe++;
    else if (ret->count == AB_REQUESTS_MAX)
        return err_set(err, ERR_EXHAUSTED, "more than %d requests", AB_REQUESTS_MAX);
    else
        add(ret, &line);
    return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

int ab_requests_read(struct str text, const char *source, struct ab_requests *ret, struct err *err)
{
    struct str line;
    unsigned number = 0;

    *ret = (struct ab_requests){.count = 0};
    while (text.n > 0) {
        str_cut(text, '\n', &line, &text);
        number++;
        if (read_line(str_trim(line), ret, err) < 0) {
            ab_requests_deinit(ret);
            return err_ctx(err, "%s:%u", source, number);
        }
    }
    if (ret->count > 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "%s: no request that can be run, %u with other methods than "
                   "GET and HEAD",
                   source, ret->unsafe);
}

void ab_requests_deinit(struct ab_requests *r)
{
    for (unsigned i = 0; i < r->count; i++)
        free(r->item[i].path);
    free(r->item);
    *r = (struct ab_requests){.count = 0};
}
