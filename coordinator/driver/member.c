/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/driver/member.h"

#include <inttypes.h>

#include "common/base/json.h"

bool member_write(const struct member_record *m, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();
    char text[WALL_TEXT_MAX], lease[24];

    str_fmt(lease, sizeof(lease), "%" PRIx64, m->lease);
    json_set_string(j, "id", m->member.id.s);
    json_set_string(j, "address", m->member.address);
    json_set_string(j, "boot", m->member.boot);
    json_set_string(j, "version", m->member.version);
    json_set_string(j, "since", wall_text(m->member.since, text));
    if (wall_is_set(m->leads_since))
        json_set_string(j, "leadsSince", wall_text(m->leads_since, text));
    json_set_string(j, "lease", lease);
    return json_print(j, false, b);
}

static int read_text(const struct json *j, const char *key, char *dst, size_t size, struct err *err)
{
    const char *value = json_get_string(j, key, NULL);
    size_t bad;

    if (!value || !str_is_line(str_of(value), &bad) || !str_copy(str_of(value), dst, size))
        return err_set(err, ERR_CORRUPT, "\"%s\" is missing, too long, or no line of text", key);
    return 0;
}

static int read_time(const struct json *j, const char *key, wall_t *ret, struct err *err)
{
    const char *value = json_get_string(j, key, NULL);

    if (value && value[0] && !wall_parse(str_of(value), ret))
        return err_set(err, ERR_CORRUPT, "\"%s\" is no time", key);
    return 0;
}

static int read_record(const struct json *j, struct member_record *ret, struct err *err)
{
    struct member *m = &ret->member;
    char id[NAME_SIZE], lease[24];
    int r = read_text(j, "id", id, sizeof(id), err);

    if (r == 0)
        r = name_parse_node(str_of(id), &m->id, err);
    if (r == 0)
        r = read_text(j, "address", m->address, sizeof(m->address), err);
    if (r == 0)
        r = read_text(j, "boot", m->boot, sizeof(m->boot), err);
    if (r == 0)
        r = read_text(j, "version", m->version, sizeof(m->version), err);
    if (r == 0)
        r = read_text(j, "lease", lease, sizeof(lease), err);
    if (r == 0 && !str_to_hex_u64(str_of(lease), UINT64_MAX, &ret->lease))
        r = err_set(err, ERR_CORRUPT, "\"lease\" is no number");
    if (r == 0)
        r = read_time(j, "since", &m->since, err);
    return r == 0 ? read_time(j, "leadsSince", &ret->leads_since, err) : r;
}

int member_read(struct str value, struct member_record *ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    struct err inner;

    *ret = (struct member_record){.lease = 0};
    if (json_parse(value, &j, &inner) < 0 || read_record(j, ret, &inner) < 0)
        return err_set(err, ERR_CORRUPT, "%s", inner.msg);
    return 0;
}

bool member_is(const struct member_record *m, const struct member *self, store_lease lease)
{
    return lease != 0 && m->lease == lease && name_eq(&m->member.id, &self->id) &&
           strcmp(m->member.boot, self->boot) == 0;
}

bool member_key(const char *key)
{
    return strcmp(key, KEY_LEADER) == 0 || str_starts(str_of(key), STR(KEY_COORDINATORS));
}
