/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/json.h"
#include "coordinator/notify/notify_state.h"

#define VERSION 1

static void add_passed(void *ctx, const char *migration, uint64_t sequence)
{
    json_set_u64(ctx, migration, sequence);
}

bool notify_write(const struct hook *h, wall_t now, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();
    const struct notify_progress *p = &h->progress;
    struct json *passed = json_object();
    char time[WALL_TEXT_MAX];

    json_set_number(j, "version", VERSION);
    json_set_string(j, "address", h->shown);
    json_set_string(j, "time", wall_text(now, time));
    json_set_string(j, "store", p->incarnation);
    json_set_u64(j, "revision", p->at.revision);
    json_set_string(j, "migration", p->at.migration.s);
    json_set_u64(j, "sequence", p->at.sequence);
    event_tally_each(p->passed, add_passed, passed);
    json_set(j, "passed", passed);
    if (wall_is_set(p->failing)) {
        json_set_string(j, "failing", wall_text(p->failing, time));
        json_set_string(j, "why", p->why);
    }
    return json_print(j, false, b);
}

static void read_passed(const struct json *j, struct event_tally **ret)
{
    struct event_place at = {.revision = 0};

    JSON_FOREACH (item, j) {
        if (!str_copy(str_of(json_key(item)), at.migration.s, sizeof(at.migration.s)))
            continue;
        at.sequence = json_u64(item, 0);
        event_tally_pass(ret, &at, 0, true);
    }
}

bool notify_read(struct str text, struct notify_progress *ret)
{
    CLEANUP(json_freep) struct json *j = NULL;
    struct err err;

    if (json_parse(text, &j, &err) < 0 || json_kind(j) != JSON_OBJECT ||
        json_get_number(j, "version", 0.0) > VERSION)
        return false;
    event_tally_free(ret->passed);
    *ret = (struct notify_progress){.at = {.revision = json_get_u64(j, "revision", 0),
                                           .sequence = json_get_u64(j, "sequence", 0)}};
    str_fmt(ret->at.migration.s, sizeof(ret->at.migration.s), "%s",
            json_get_string(j, "migration", ""));
    str_fmt(ret->incarnation, sizeof(ret->incarnation), "%s", json_get_string(j, "store", ""));
    read_passed(json_get(j, "passed"), &ret->passed);
    if (wall_parse(str_of(json_get_string(j, "failing", "")), &ret->failing))
        str_fmt(ret->why, sizeof(ret->why), "%s", json_get_string(j, "why", ""));
    return true;
}
