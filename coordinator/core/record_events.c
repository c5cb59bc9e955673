/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/record_events.h"

#include "common/base/json.h"
#include "coordinator/core/record.h"

static void set_text(struct json *j, const char *key, const char *text)
{
    if (text[0])
        json_set_string(j, key, text);
}

static struct json *event_json(const struct event *e)
{
    struct json *j = json_object();
    char time[WALL_TEXT_MAX];

    json_set_string(j, "kind", e->kind);
    json_set_string(j, "time", wall_text(e->time, time));
    json_set_string(j, "operator", e->operator_name);
    set_text(j, "stage", e->stage);
    set_text(j, "node", e->node);
    set_text(j, "text", e->text);
    return j;
}

bool record_write_events(const struct event_batch *e, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();
    struct json *events = json_array();

    json_set_number(j, "version", RECORD_VERSION);
    for (unsigned i = 0; i < e->count; i++)
        json_append(events, event_json(&e->event[i]));
    json_set(j, "events", events);
    return json_print(j, false, b);
}

/* The texts are the tree's. */
static int read_event(const struct json *j, struct event *ret, struct err *err)
{
    *ret = (struct event){
        .kind = json_get_string(j, "kind", ""),
        .operator_name = json_get_string(j, "operator", ""),
        .stage = json_get_string(j, "stage", ""),
        .node = json_get_string(j, "node", ""),
        .text = json_get_string(j, "text", ""),
    };
    if (!ret->kind[0])
        return err_set(err, ERR_CORRUPT, "an event has no kind");
    if (!wall_parse(str_of(json_get_string(j, "time", "")), &ret->time))
        return err_set(err, ERR_CORRUPT, "time is not a time");
    return 0;
}

int record_read_events(struct str value, uint64_t first, struct event_batch **ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    struct event event[EVENTS_BATCH_MAX];
    unsigned count = 0;
    int r = record_parse(value, &j, err);

    if (r < 0)
        return r;
    JSON_FOREACH (item, json_get(j, "events")) {
        if (count == EVENTS_BATCH_MAX)
            return err_set(err, ERR_CORRUPT, "it has more than %d events", EVENTS_BATCH_MAX);
        r = read_event(item, &event[count++], err);
        if (r < 0)
            return r;
    }
    if (count == 0)
        return err_set(err, ERR_CORRUPT, "it has no events");
    *ret = event_batch_new(first, event, count);
    return 0;
}
