/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/backup.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/json.h"
#include "common/base/mem.h"

#define ROOT        "/switchyard/v1/"
#define API_VERSION "switchyard/v1"
#define KIND        "Backup"

/* The texts are in the document already; beside them there is the list. */
#define ARENA_MAX (BACKUP_BYTES_MAX + BACKUP_KEYS_MAX * (sizeof(struct backup_kv) + 64))

bool backup_has(struct str key)
{
    static const char *const folders[] = {ROOT "plans/", ROOT "rollouts/", ROOT "emergency/",
                                          ROOT "history/", ROOT "days/"};

    for (unsigned i = 0; i < ARRAY_LEN(folders); i++)
        if (str_starts(key, str_of(folders[i])))
            return true;
    return false;
}

/* The keys of one transaction have one revision. */
static int compare(const struct backup_kv *a, const struct backup_kv *b)
{
    if (a->rev != b->rev)
        return a->rev < b->rev ? -1 : 1;
    return strcmp(a->key, b->key);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Takes `line`. */
static int add_line(struct buf *dst, struct json *line, struct err *err)
{
    CLEANUP(json_freep) struct json *owned = line;

    if (json_print(owned, false, dst) && buf_add(dst, "\n", 1))
        return 0;
    return err_set(err, ERR_EXHAUSTED, "the state is larger than a backup may be, %zu bytes",
                   dst->max);
}

static int add_head(struct buf *dst, const struct backup_head *head, unsigned keys, struct err *err)
{
    struct json *line = json_object();
    char created[WALL_TEXT_MAX];

    json_set_string(line, "apiVersion", API_VERSION);
    json_set_string(line, "kind", KIND);
    json_set_string(line, "createdAt", wall_text(head->created_at, created));
    json_set_string(line, "incarnation", head->incarnation);
    json_set_u64(line, "revision", head->revision);
    json_set_u64(line, "keys", keys);
    return add_line(dst, line, err);
}

static int add_kv(struct buf *dst, const struct backup_kv *kv, struct err *err)
{
    struct json *line;

    if (!str_utf8_valid(kv->value, NULL) || (kv->value.n && memchr(kv->value.p, 0, kv->value.n)))
        return err_set(err, ERR_CORRUPT, "the value of key %s is no text", kv->key);
    line = json_object();
    json_set_string(line, "key", kv->key);
    json_set_u64(line, "revision", kv->rev);
    json_set(line, "value", json_from_str(kv->value));
    return add_line(dst, line, err);
}

static int add_sum(struct buf *dst, size_t start, struct err *err)
{
    struct sha256 sum = sha256_of(dst->data + start, dst->len - start);
    struct json *line = json_object();
    char hex[SHA256_HEX];

    json_set_string(line, "sha256", sha256_hex(&sum, hex));
    return add_line(dst, line, err);
}

static int compare_pointers(const void *a, const void *b)
{
    return compare(*(const struct backup_kv *const *)a, *(const struct backup_kv *const *)b);
}

/* What belongs into a backup, sorted; *ret is to be freed. */
static unsigned choose(const struct backup_kv *kv, unsigned count, const struct backup_kv ***ret)
{
    const struct backup_kv **chosen = xcalloc(count + 1, sizeof *chosen);
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        if (backup_has(str_of(kv[i].key)))
            chosen[n++] = &kv[i];
    qsort(chosen, n, sizeof *chosen, compare_pointers);
    *ret = chosen;
    return n;
}

int backup_write(const struct backup_head *head, const struct backup_kv *kv, unsigned count,
                 struct buf *dst, struct err *err)
{
    CLEANUP(xfreep) const struct backup_kv **chosen = NULL;
    unsigned n = choose(kv, count, &chosen);
    size_t start = dst->len;
    int r;

    if (n > BACKUP_KEYS_MAX)
        return err_set(err, ERR_EXHAUSTED, "the state has %u keys, a backup at most %u", n,
                       BACKUP_KEYS_MAX);
    r = add_head(dst, head, n, err);
    for (unsigned i = 0; i < n && r == 0; i++)
        r = add_kv(dst, chosen[i], err);
    return r < 0 ? r : add_sum(dst, start, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    struct str rest;
    unsigned line; /* that was read last; counts from 1 */
};

/* The next line, parsed. */
static int next_line(struct reader *r, struct json **ret, struct err *err)
{
    struct err inner;
    struct str line;

    r->line++;
    if (r->rest.n == 0)
        return err_set(err, ERR_CORRUPT, "cut short: the line with the checksum is missing");
    if (!str_cut(r->rest, '\n', &line, &r->rest))
        return err_set(err, ERR_CORRUPT, "cut short: the line has no end");
    if (json_parse(line, ret, &inner) < 0)
        return err_set(err, ERR_CORRUPT, "%s", inner.msg);
    return 0;
}

static int take_head(const struct json *j, struct backup_head *ret, struct err *err)
{
    const char *version = json_get_string(j, "apiVersion", "");
    uint64_t keys = json_get_u64(j, "keys", UINT64_MAX);

    if (strcmp(json_get_string(j, "kind", ""), KIND) != 0)
        return err_set(err, ERR_CORRUPT, "this is no backup of switchyard");
    if (strcmp(version, API_VERSION) != 0) {
        err_set(err, ERR_UNSUPPORTED, "the backup is of version \"%.32s\", not " API_VERSION,
                version);
        return err_hint(err, "use the version of switchyard that made it, or a newer one");
    }
    ret->revision = json_get_u64(j, "revision", 0);
    ret->keys = (unsigned)keys;
    if (!wall_parse(str_of(json_get_string(j, "createdAt", "")), &ret->created_at) ||
        !str_copy(str_of(json_get_string(j, "incarnation", "")), ret->incarnation,
                  sizeof ret->incarnation) ||
        !ret->incarnation[0] || (keys > 0 && ret->revision == 0))
        return err_set(err, ERR_CORRUPT, "the head lacks its time, incarnation, revision or keys");
    if (keys > BACKUP_KEYS_MAX)
        return err_set(err, ERR_EXHAUSTED, "the backup says it has more than %u keys",
                       BACKUP_KEYS_MAX);
    return 0;
}

static int check_key(const char *key, struct err *err)
{
    struct str s = str_of(key);

    if (s.n > BACKUP_KEY_MAX || !str_is_line(s, NULL) || !backup_has(s))
        return err_set(err, ERR_CORRUPT, "\"%.64s\" is no key of a backup",
                       str_is_line(s, NULL) ? key : "?");
    return 0;
}

static int take_kv(const struct json *j, struct backup *b, struct backup_kv *ret, struct err *err)
{
    const char *key = json_get_string(j, "key", NULL);
    struct str value = str_of(json_get_string(j, "value", NULL));
    int r;

    ret->rev = json_get_u64(j, "revision", 0);
    if (!key || !value.p || ret->rev == 0 || ret->rev > b->head.revision)
        return err_set(err, ERR_CORRUPT, "a key with its revision and value is expected");
    r = check_key(key, err);
    if (r < 0)
        return r;
    if (value.n > BACKUP_VALUE_MAX)
        return err_set(err, ERR_CORRUPT, "the value of %s has more than %u bytes", key,
                       BACKUP_VALUE_MAX);
    ret->key = arena_strdup(&b->arena, str_of(key));
    ret->value = (struct str){arena_strdup(&b->arena, value), value.n};
    if (!ret->key || !ret->value.p)
        return err_set(err, ERR_EXHAUSTED, "the backup is larger than %u MiB",
                       BACKUP_BYTES_MAX >> 20);
    return 0;
}

static int take_sum(const struct json *j, struct str before, struct err *err)
{
    struct sha256 said, sum = sha256_of(before.p, before.n);

    if (!sha256_parse(str_of(json_get_string(j, "sha256", "")), &said))
        return err_set(err, ERR_CORRUPT, "the checksum is expected here");
    if (!sha256_eq(&said, &sum))
        return err_set(err, ERR_CORRUPT,
                       "the checksum does not fit: a line before was changed, or lost");
    return 0;
}

static int read_head(struct reader *r, struct backup *b, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    int status = next_line(r, &j, err);

    return status < 0 ? status : take_head(j, &b->head, err);
}

static int read_kv(struct reader *r, struct backup *b, unsigned i, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    int status = next_line(r, &j, err);

    if (status == 0)
        status = take_kv(j, b, &b->kv[i], err);
    if (status == 0 && i > 0 && compare(&b->kv[i - 1], &b->kv[i]) >= 0)
        return err_set(err, ERR_CORRUPT, "%s is out of order", b->kv[i].key);
    return status;
}

static int read_sum(struct reader *r, const char *start, struct err *err)
{
    struct str before = {start, (size_t)(r->rest.p - start)};
    CLEANUP(json_freep) struct json *j = NULL;
    int status = next_line(r, &j, err);

    if (status == 0)
        status = take_sum(j, before, err);
    if (status == 0 && r->rest.n > 0)
        return err_set(err, ERR_CORRUPT, "something follows the line with the checksum");
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(const struct backup_kv *const *)a)->key,
                  (*(const struct backup_kv *const *)b)->key);
}

/* The same key at two revisions. The line that is named is the later one. */
static int check_twice(const struct backup *b, struct reader *r, struct err *err)
{
    CLEANUP(xfreep) const struct backup_kv **sorted = xcalloc(b->head.keys + 1, sizeof *sorted);

    for (unsigned i = 0; i < b->head.keys; i++)
        sorted[i] = &b->kv[i];
    qsort(sorted, b->head.keys, sizeof *sorted, compare_keys);
    for (unsigned i = 1; i < b->head.keys; i++) {
        const struct backup_kv *one = sorted[i - 1], *two = sorted[i];

        if (strcmp(one->key, two->key) != 0)
            continue;
        r->line = (unsigned)((one > two ? one : two) - b->kv) + 2;
        return err_set(err, ERR_CORRUPT, "the key %s stands twice", one->key);
    }
    return 0;
}

static int read_all(struct reader *r, struct backup *b, struct err *err)
{
    const char *start = r->rest.p;
    int status = read_head(r, b, err);

    if (status < 0)
        return status;
    b->kv = arena_alloc(&b->arena, b->head.keys * sizeof *b->kv);
    for (unsigned i = 0; i < b->head.keys && status == 0; i++)
        status = read_kv(r, b, i, err);
    if (status == 0)
        status = read_sum(r, start, err);
    return status < 0 ? status : check_twice(b, r, err);
}

int backup_read(struct str text, struct backup *ret, struct err *err)
{
    struct reader r = {.rest = text};
    int status;

    if (text.n > BACKUP_BYTES_MAX)
        return err_set(err, ERR_EXHAUSTED, "the backup is larger than %u MiB",
                       BACKUP_BYTES_MAX >> 20);
    *ret = (struct backup){.kv = NULL};
    arena_init(&ret->arena, ARENA_MAX);
    status = read_all(&r, ret, err);
    if (status < 0) {
        backup_deinit(ret);
        return err_ctx(err, "line %u", r.line);
    }
    return 0;
}

void backup_deinit(struct backup *b)
{
    arena_deinit(&b->arena);
    *b = (struct backup){.kv = NULL};
}
