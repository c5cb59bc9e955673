/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/content.h"

#include "common/compare/unpack.h"

/* ---- the coding ------------------------------------------------------------------------------ */

/* One more of a list; RFC 9110 8.4.1.3: x-gzip is another name of gzip. */
static void add_coding(struct content *c, struct str name)
{
    if (str_ieq(name, STR("x-gzip")))
        name = STR("gzip");
    if (name.n == 0 || str_ieq(name, STR("identity")))
        return;
    str_join(c->coding, sizeof c->coding, "+", "%.*s", (int)name.n, name.p);
}

/* All values of the field are one list. A body of no bytes is not encoded, whatever its head says:
 * an answer to HEAD has the fields of one to GET. */
static void read_coding(struct content *c, const struct compare_answer *a)
{
    if (!a->header || (a->body.n == 0 && !a->cut))
        return;
    for (unsigned i = 0;; i++) {
        struct str rest = a->header(a->head, STR("Content-Encoding"), i), name;

        if (!rest.p)
            return;
        while (rest.n > 0) {
            str_cut(rest, ',', &name, &rest);
            add_coding(c, str_trim(name));
        }
    }
}

static bool find_format(const struct content *c, enum unpack_format *ret)
{
    *ret = str_ieq(str_of(c->coding), STR("gzip")) ? UNPACK_GZIP : UNPACK_DEFLATE;
    return *ret == UNPACK_GZIP || str_ieq(str_of(c->coding), STR("deflate"));
}

/* ---- what it holds --------------------------------------------------------------------------- */

void content_init(struct content *ret, const struct compare_answer *a)
{
    *ret = (struct content){
        .bytes = a->body,
        .cut = a->cut,
        .size = a->cut ? a->body_size : a->body.n,
        .hash = a->body_hash,
    };
    read_coding(ret, a);
    ret->state = ret->coding[0] ? CONTENT_PACKED : CONTENT_HERE;
}

static enum content_state open_whole(struct content *c, enum unpack_format format, size_t keep)
{
    struct unpacked u = {.head = BUF_INIT(keep)};
    int r = unpack(format, c->bytes, &u);

    if (r != 0) {
        buf_deinit(&u.head);
        return r == UNPACK_BROKEN ? CONTENT_BROKEN : CONTENT_TOO_LARGE;
    }
    c->room = u.head;
    c->bytes = buf_view(&c->room);
    c->cut = u.size > u.head.len;
    c->size = u.size;
    c->hash = u.hash;
    return CONTENT_HERE;
}

void content_open(struct content *c, size_t keep)
{
    enum unpack_format format;

    if (c->state == CONTENT_PACKED && find_format(c, &format))
        c->state = c->cut ? CONTENT_CUT : open_whole(c, format, keep);
}

void content_deinit(struct content *c)
{
    buf_deinit(&c->room);
}

static uint64_t hash_of(const struct content *c)
{
    return c->cut ? c->hash : compare_hash(COMPARE_HASH_START, c->bytes);
}

bool content_is_coded_alike(const struct content *a, const struct content *b)
{
    return str_ieq(str_of(a->coding), str_of(b->coding));
}

/* One may be cut where the other is not: what is kept of an encoded one is its own matter. */
bool content_eq(const struct content *a, const struct content *b)
{
    if (a->size != b->size)
        return false;
    return a->cut || b->cut ? hash_of(a) == hash_of(b) : str_eq(a->bytes, b->bytes);
}

void content_describe(const struct content *c, char *dst, size_t size)
{
    static const char *const why[CONTENT_STATE_COUNT] = {
        [CONTENT_PACKED] = ", not unpacked",
        [CONTENT_BROKEN] = ", broken",
        [CONTENT_CUT] = ", too long",
        [CONTENT_TOO_LARGE] = ", too large",
    };
    const bool packed = c->state != CONTENT_HERE;

    str_fmt(dst, size, "%llu bytes%s%s, %016llx%s", (unsigned long long)c->size,
            packed ? " of " : "", packed ? c->coding : "", (unsigned long long)hash_of(c),
            packed ? why[c->state] : "");
}
