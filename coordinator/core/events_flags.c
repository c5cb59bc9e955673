/* SPDX-License-Identifier: Apache-2.0 */
/* A flag has one value for the nodes that the stage has reached and may have another one for the
 * rest: one event tells of both. */
#include "coordinator/core/compile.h"
#include "coordinator/core/events_rules.h"

static const char *value_in(const struct flags *f, const char *name)
{
    const struct flag *flag = flags_find(f, name);

    return flag ? flag->value : "unset";
}

/* What nodes of the waves that have begun serve; without waves they are like the rest. */
static const struct flags *ahead(const struct route *r)
{
    return r->ahead.selector_count > 0 ? &r->ahead.flags : &r->flags;
}

/* "" when nothing changed. */
static const char *say(const struct event_change *d, const struct route *before,
                       const struct route *after, const char *name)
{
    const char *old = value_in(&before->flags, name), *now = value_in(&after->flags, name);
    const char *old_ahead = value_in(ahead(before), name),
               *now_ahead = value_in(ahead(after), name);

    if (strcmp(old, now) != 0)
        return update_fmt(d->u, "%s is %s now, and was %s", name, now, old);
    if (strcmp(old_ahead, now_ahead) != 0)
        return update_fmt(d->u, "%s is %s now for the waves that have begun, and was %s", name,
                          now_ahead, old_ahead);
    return "";
}

/* The sentences, each once. */
struct flag_news {
    const char *text[4 * FLAGS_MAX];
    unsigned count;
};

static void look(const struct event_change *d, const struct route *before,
                 const struct route *after, const struct flags *of, struct flag_news *ret)
{
    for (unsigned i = 0; i < of->count; i++) {
        const char *text = say(d, before, after, of->flag[i].name);
        bool again = !text[0];

        for (unsigned j = 0; j < ret->count && !again; j++)
            again = strcmp(ret->text[j], text) == 0;
        if (!again)
            ret->text[ret->count++] = text;
    }
}

static unsigned room(const struct event_change *d)
{
    unsigned said = d->s->said_count + 1;

    if (!d->each_flag)
        return 0;
    return said < EVENTS_BATCH_MAX ? EVENTS_BATCH_MAX - said : 0;
}

void events_flags_apply(const struct event_change *d)
{
    struct route before, after;
    struct flag_news news = {.count = 0};
    unsigned most = room(d), i;

    if (!d->s->m->is.plan || !d->s->next.plan || d->s->removed)
        return;
    compile_route(&d->s->m->is, &before);
    compile_route(&d->s->next, &after);
    if (flags_eq(&before.flags, &after.flags) && flags_eq(ahead(&before), ahead(&after)))
        return;
    look(d, &before, &after, &after.flags, &news);
    look(d, &before, &after, ahead(&after), &news);
    look(d, &before, &after, &before.flags, &news);
    look(d, &before, &after, ahead(&before), &news);
    for (i = 0; i < news.count && i < most; i++)
        events_say(d->c, d->u, d->s, EVENT_FEATURE_FLAG_CHANGED, "", news.text[i]);
    if (i < news.count)
        events_say(d->c, d->u, d->s, EVENT_FEATURE_FLAG_CHANGED, "",
                   update_fmt(d->u, "%u%s flag%s changed", news.count - i, i ? " more" : "",
                              news.count - i == 1 ? "" : "s"));
}
