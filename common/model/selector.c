/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/selector.h"

static const char everybody[] = "*";

static int check_node_name(const struct labels *l, struct err *err)
{
    const char *wanted = labels_get(l, SELECTOR_NAME_KEY);
    struct name node;

    return wanted ? name_parse_node(str_of(wanted), &node, err) : 0;
}

static bool write_pairs(const struct labels *l, struct selector *ret)
{
    struct label label = {.key = NULL};
    size_t used = 0;

    while (labels_next(l, &label)) {
        char *at = ret->text + used;

        if (!str_fmt(at, SELECTOR_SIZE - used, "%s%s=%s", used > 0 ? "," : "", label.key,
                     label.value))
            return false;
        used += strlen(at);
    }
    return true;
}

int selector_parse(struct str s, struct selector *ret, struct err *err)
{
    struct selector selector = {.text = ""};
    struct labels l;
    char shown[SHOW_SIZE];
    int r;

    s = str_trim(s);
    if (s.n == 0)
        return err_set(err, ERR_INVALID,
                       "a selector is empty: write key=value, as in \"cluster=eu-1,zone=a\", "
                       "name=NODE for one node, or * for all");
    if (str_eq(s, str_of(everybody))) {
        memcpy(selector.text, everybody, sizeof everybody);
        *ret = selector;
        return 0;
    }
    r = labels_parse(s, &l, err);
    if (r == 0)
        r = check_node_name(&l, err);
    if (r < 0)
        return err_ctx(err, "selector %s", ids_show(s, shown));
    if (!write_pairs(&l, &selector))
        return err_set(err, ERR_INVALID, "selector %s is longer than %d bytes", ids_show(s, shown),
                       SELECTOR_SIZE - 1);
    *ret = selector;
    return 0;
}

/* What the node is under this key; NULL: nothing. */
static const char *find_value(struct str key, const struct name *node, const struct labels *l)
{
    struct label label = {.key = NULL};

    if (str_eq(key, STR(SELECTOR_NAME_KEY)))
        return node->s;
    while (labels_next(l, &label))
        if (str_eq(key, str_of(label.key)))
            return label.value;
    return NULL;
}

bool selector_matches(const struct selector *s, const struct name *node, const struct labels *l)
{
    struct str rest = str_of(s->text);

    if (selector_is_all(s))
        return true;
    while (rest.n > 0) {
        struct str pair, key, value;
        const char *has;

        str_cut(rest, ',', &pair, &rest);
        str_cut(pair, '=', &key, &value);
        has = find_value(key, node, l);
        if (!has || !str_eq(value, str_of(has)))
            return false;
    }
    return s->text[0] != '\0';
}

bool selector_is_all(const struct selector *s)
{
    return strcmp(s->text, everybody) == 0;
}
