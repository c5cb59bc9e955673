/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/ids.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* The one shape of names; `inner` lists what may stand between alphanumerics. */
static bool has_name_shape(struct str s, const char *inner)
{
    if (s.n == 0 || s.n >= NAME_SIZE || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(inner, s.p[i])))
            return false;
    }
    return true;
}

int name_parse(struct str s, const char *what, struct name *ret, struct err *err)
{
    char shown[SHOW_SIZE];

    if (!has_name_shape(s, "-"))
        return err_set(err, ERR_INVALID,
                       "%s is not a %s: use 1 to %d of a-z, 0-9 and '-', a letter or digit first "
                       "and last",
                       ids_show(s, shown), what, NAME_SIZE - 1);
    memset(ret->s, 0, sizeof ret->s);
    memcpy(ret->s, s.p, s.n);
    return 0;
}

int name_parse_node(struct str s, struct name *ret, struct err *err)
{
    char shown[SHOW_SIZE];

    if (!has_name_shape(s, "-._"))
        return err_set(err, ERR_INVALID,
                       "%s is not a node name: use 1 to %d of a-z, 0-9, '-', '.' and '_', a letter "
                       "or digit first and last",
                       ids_show(s, shown), NAME_SIZE - 1);
    memset(ret->s, 0, sizeof ret->s);
    memcpy(ret->s, s.p, s.n);
    return 0;
}

char *ids_show(struct str s, char *dst)
{
    const size_t room = SHOW_SIZE - sizeof "\"...\"";
    size_t n = s.n < room ? s.n : room;
    char *d = dst;

    /* Never cut inside a UTF-8 sequence. */
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    *d++ = '"';
    for (size_t i = 0; i < n; i++)
        *d++ = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i];
    memcpy(d, n < s.n ? "...\"" : "\"", n < s.n ? sizeof "...\"" : sizeof "\"");
    return dst;
}

static bool is_label_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!is_alnum(c) && !(c >= 'A' && c <= 'Z') && (c == '\0' || !strchr("-._/", c)))
            return false;
    }
    return s.n < LABEL_SIZE;
}

bool labels_next(const struct labels *l, struct label *label)
{
    const char *at = label->key ? label->value + strlen(label->value) + 1 : l->text;

    if (at == l->text + l->used)
        return false;
    label->key = at;
    label->value = at + strlen(at) + 1;
    return true;
}

/* The first label whose key is not before `key`; false: all are. */
static bool find_place(const struct labels *l, struct str key, struct label *ret)
{
    *ret = (struct label){.key = NULL};
    while (labels_next(l, ret))
        if (strncmp(ret->key, key.p, key.n) >= 0)
            return true;
    return false;
}

static void insert(struct labels *l, size_t at, struct str key, struct str value)
{
    size_t size = key.n + value.n + 2;
    char *dst = l->text + at;

    memmove(dst + size, dst, l->used - at);
    memcpy(dst, key.p, key.n);
    dst[key.n] = '\0';
    if (value.n > 0)
        memcpy(dst + key.n + 1, value.p, value.n);
    dst[size - 1] = '\0';
    l->used = (uint16_t)(l->used + size);
    l->count++;
}

int labels_add(struct labels *l, struct str key, struct str value, struct err *err)
{
    char shown[SHOW_SIZE];
    struct label next;
    bool before;

    if (key.n == 0 || !is_label_text(key) || !is_label_text(value))
        return err_set(err, ERR_INVALID,
                       "label %s: key and value are up to %d of a-z, A-Z, 0-9, '-', '.', '_' and "
                       "'/'; the key is not empty",
                       ids_show(key, shown), LABEL_SIZE - 1);
    before = find_place(l, key, &next);
    if (before && str_eq(str_of(next.key), key))
        return err_set(err, ERR_INVALID, "label \"%s\" is given twice", next.key);
    if (l->count == LABELS_MAX)
        return err_set(err, ERR_EXHAUSTED, "more than %d labels", LABELS_MAX);
    if (l->used + key.n + value.n + 2 > LABELS_SIZE)
        return err_set(err, ERR_EXHAUSTED, "labels of more than %d bytes together", LABELS_SIZE);
    insert(l, before ? (size_t)(next.key - l->text) : l->used, key, value);
    return 0;
}

int labels_parse(struct str s, struct labels *ret, struct err *err)
{
    struct labels l = {.count = 0};

    while (s.n > 0) {
        struct str item, key, value;
        char shown[SHOW_SIZE];
        int r;

        bool more = str_cut(s, ',', &item, &s);
        if (!str_cut(item, '=', &key, &value))
            return err_set(err, ERR_INVALID,
                           "label %s has no value: write key=value, as in \"cluster=eu-1,zone=a\"",
                           ids_show(item, shown));
        r = labels_add(&l, str_trim(key), str_trim(value), err);
        if (r < 0)
            return r;
        if (more && s.n == 0)
            return err_set(err, ERR_INVALID, "labels end with ','");
    }
    *ret = l;
    return 0;
}

const char *labels_get(const struct labels *l, const char *key)
{
    struct label label = {.key = NULL};

    while (labels_next(l, &label))
        if (strcmp(label.key, key) == 0)
            return label.value;
    return NULL;
}

static const char *const system_names[SYSTEM_COUNT] = {
    [SYSTEM_NONE] = "none",
    [SYSTEM_LEGACY] = "legacy",
    [SYSTEM_NEW] = "new",
};

const char *system_name(enum system s)
{
    return (unsigned)s < SYSTEM_COUNT ? system_names[s] : "?";
}

bool system_parse(struct str s, enum system *ret)
{
    for (unsigned i = 0; i < SYSTEM_COUNT; i++) {
        if (str_eq(s, str_of(system_names[i]))) {
            *ret = (enum system)i;
            return true;
        }
    }
    return false;
}
