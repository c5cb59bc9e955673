/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two plans, field by field of their documents. */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/yaml.h"
#include "common/model/plan.h"

#define VALUE_MAX (8 * YAML_MAX_BYTES) /* a document as JSON text */

struct diff {
    plan_diff_fn fn;
    void *ctx;
    struct buf path;
    unsigned count;
};

/* As JSON on one line; "" for what is not there. */
static void write_value(const struct json *v, struct buf *b)
{
    if (v && !json_print(v, false, b))
        buf_addf(b, "...");
}

static void tell(struct diff *d, const struct json *before, const struct json *after)
{
    CLEANUP(buf_deinitp) struct buf was = BUF_INIT(VALUE_MAX), is = BUF_INIT(VALUE_MAX);

    write_value(before, &was);
    write_value(after, &is);
    d->count++;
    d->fn(d->ctx, buf_text(&d->path), buf_text(&was), buf_text(&is));
}

static void compare(struct diff *d, const struct json *before, const struct json *after);

static void leave(struct diff *d, size_t mark)
{
    d->path.len = mark;
    if (d->path.data)
        d->path.data[mark] = '\0';
}

static void compare_member(struct diff *d, const char *key, const struct json *before,
                           const struct json *after)
{
    size_t mark = d->path.len;

    buf_addf(&d->path, "%s%s", mark ? "." : "", key);
    compare(d, before, after);
    leave(d, mark);
}

/* In the order of `before`, then what is new. */
static void compare_objects(struct diff *d, const struct json *before, const struct json *after)
{
    JSON_FOREACH (item, before)
        compare_member(d, json_key(item), item, json_get(after, json_key(item)));
    JSON_FOREACH (item, after) {
        if (!json_get(before, json_key(item)))
            compare_member(d, json_key(item), NULL, item);
    }
}

static void compare_lists(struct diff *d, const struct json *before, const struct json *after)
{
    const struct json *was = json_first(before), *is = json_first(after);

    for (unsigned i = 0; was || is; i++) {
        size_t mark = d->path.len;

        buf_addf(&d->path, "[%u]", i);
        compare(d, was, is);
        leave(d, mark);
        was = was ? json_next(was) : NULL;
        is = is ? json_next(is) : NULL;
    }
}

static bool same_scalar(const struct json *a, const struct json *b)
{
    CLEANUP(buf_deinitp) struct buf left = BUF_INIT(VALUE_MAX), right = BUF_INIT(VALUE_MAX);

    write_value(a, &left);
    write_value(b, &right);
    return str_eq(buf_view(&left), buf_view(&right));
}

/* The depth is the document's, which is limited. */
static void compare(struct diff *d, const struct json *before, const struct json *after)
{
    bool comparable = before && after && json_kind(before) == json_kind(after);

    if (comparable && json_kind(before) == JSON_OBJECT)
        compare_objects(d, before, after);
    else if (comparable && json_kind(before) == JSON_ARRAY)
        compare_lists(d, before, after);
    else if (!comparable || !same_scalar(before, after))
        tell(d, before, after);
}

unsigned plan_diff(const struct plan *before, const struct plan *after, plan_diff_fn fn, void *ctx)
{
    struct diff d = {.fn = fn, .ctx = ctx, .path = BUF_INIT(VALUE_MAX)};

    compare(&d, before->document, after->document);
    buf_deinit(&d.path);
    return d.count;
}
