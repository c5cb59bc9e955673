/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/keys.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "coordinator/core/days.h"

#define SEQUENCE_MAX UINT64_C(999999999999)

static const struct {
    enum key_kind kind;
    const char *folder;
} folders[] = {
    {KEYS_PLAN, "plans"},      {KEYS_ROLLOUT, "rollouts"}, {KEYS_EMERGENCY, "emergency"},
    {KEYS_REMOVED, "removed"}, {KEYS_HISTORY, "history"},  {KEYS_EVENTS, "events"},
    {KEYS_DAY, "days"},
};

static const char *folder_of(enum key_kind kind)
{
    for (unsigned i = 0; i < ARRAY_LEN(folders); i++)
        if (folders[i].kind == kind)
            return folders[i].folder;
    check_die("no folder for keys of kind %d", (int)kind);
}

static bool has_sequence(enum key_kind kind)
{
    return kind == KEYS_HISTORY || kind == KEYS_EVENTS || kind == KEYS_DAY;
}

const char *keys_write(enum key_kind kind, const struct name *migration, uint64_t sequence,
                       char *dst)
{
    char day[DAY_TEXT_MAX];

    if (kind == KEYS_REMOVED)
        CHECK(str_fmt(dst, KEY_SIZE, KEYS_ROOT "%s", folder_of(kind)));
    else if (kind == KEYS_DAY)
        CHECK(str_fmt(dst, KEY_SIZE, KEYS_ROOT "%s/%s/%s", folder_of(kind), migration->s,
                      day_text((int64_t)sequence, day)));
    else if (has_sequence(kind))
        CHECK(str_fmt(dst, KEY_SIZE, KEYS_ROOT "%s/%s/%012" PRIu64, folder_of(kind), migration->s,
                      sequence));
    else
        CHECK(str_fmt(dst, KEY_SIZE, KEYS_ROOT "%s/%s", folder_of(kind), migration->s));
    return dst;
}

static enum key_kind kind_of(struct str folder)
{
    for (unsigned i = 0; i < ARRAY_LEN(folders); i++)
        if (str_eq(folder, str_of(folders[i].folder)))
            return folders[i].kind;
    return KEYS_OTHER;
}

static bool read_sequence(enum key_kind kind, struct str text, uint64_t *ret)
{
    int64_t day;

    if (kind != KEYS_DAY)
        return str_to_u64(text, SEQUENCE_MAX, ret);
    if (!day_parse(text, &day))
        return false;
    *ret = (uint64_t)day;
    return true;
}

int keys_read(const char *key, enum key_kind *ret_kind, struct name *ret_migration,
              uint64_t *ret_sequence, struct err *err)
{
    struct str rest = str_of(key), folder, name, sequence;
    struct err inner;

    *ret_kind = KEYS_OTHER;
    *ret_sequence = 0;
    if (!str_starts(rest, STR(KEYS_ROOT)))
        return 0;
    rest.p += sizeof KEYS_ROOT - 1;
    rest.n -= sizeof KEYS_ROOT - 1;
    str_cut(rest, '/', &folder, &rest);
    *ret_kind = kind_of(folder);
    if (*ret_kind == KEYS_OTHER || *ret_kind == KEYS_REMOVED)
        return 0;

    bool numbered = str_cut(rest, '/', &name, &sequence);
    if (name_parse(name, "migration's name", ret_migration, &inner) < 0)
        return err_set(err, ERR_CORRUPT, "key %s: %s", key, inner.msg);
    if (numbered != has_sequence(*ret_kind))
        return err_set(err, ERR_CORRUPT, "key %s has not the shape of its folder", key);
    if (numbered && !read_sequence(*ret_kind, sequence, ret_sequence))
        return err_set(err, ERR_CORRUPT, "key %s does not end in a %s", key,
                       *ret_kind == KEYS_DAY ? "date" : "number");
    return 0;
}
