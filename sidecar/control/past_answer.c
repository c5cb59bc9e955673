/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/past_answer.h"

#include "common/base/mem.h"
#include "sidecar/control/past_part.h"

/* Every coordinator asks when a node joins it or one of the others; a fleet has few of them. */
#define WAITING_MAX    8u
#define ANSWERS_MAX    8u /* that begin within ANSWERS_WITHIN */
#define ANSWERS_WITHIN dur_s(2)

struct wish {
    char id[NAME_SIZE];
    dur_t window;
    struct past_cursor cursor;
};

struct past_answer {
    struct loop *loop;
    struct past *past;
    past_send_fn send;
    void *ctx;
    struct wish wish[WAITING_MAX]; /* the first is being answered */
    unsigned count;
    bool begun;
    mono_t since; /* the answers below are counted */
    unsigned answers;
};

struct past_answer *past_answer_new(struct loop *l, struct past *past, past_send_fn send, void *ctx)
{
    struct past_answer *a = xnew(struct past_answer);

    a->loop = l;
    a->past = past;
    a->send = send;
    a->ctx = ctx;
    return a;
}

struct past_answer *past_answer_free(struct past_answer *a)
{
    xfreep(&a);
    return NULL;
}

void past_answer_want(struct past_answer *a, const char *id, dur_t window)
{
    struct wish *w = &a->wish[a->count];

    if (a->count == WAITING_MAX || strlen(id) >= sizeof w->id)
        return;
    *w = (struct wish){.window = window.ns < PAST_SPAN.ns ? window : PAST_SPAN};
    str_fmt(w->id, sizeof w->id, "%s", id);
    a->count++;
}

void past_answer_forget(struct past_answer *a)
{
    a->count = 0;
    a->begun = false;
}

static bool may_begin(struct past_answer *a)
{
    mono_t now = loop_now(a->loop);

    if (mono_sub(now, a->since).ns >= ANSWERS_WITHIN.ns) {
        a->since = now;
        a->answers = 0;
    }
    return a->answers < ANSWERS_MAX;
}

/* Whether a full part has left something for the next one. */
static bool fill(struct past_answer *a, struct past_part *part, struct past_cursor *c)
{
    mono_t now = loop_now(a->loop);
    mono_t oldest = mono_add(now, (dur_t){-a->wish[0].window.ns});
    struct past_cursor before = *c;
    struct past_item item;

    while (past_read(a->past, c, oldest, &item)) {
        if (!past_part_add(part, &item, now)) {
            *c = before;
            return true;
        }
        before = *c;
    }
    return false;
}

/* Everything until now is in the last part, so reports go on from there. */
static bool send_part(struct past_answer *a)
{
    struct wish *w = &a->wish[0];
    struct past_cursor cursor = w->cursor;
    CLEANUP(past_part_freep) struct past_part *part = past_part_new(w->id);
    bool more = fill(a, part, &cursor);

    if (!a->send(a->ctx, past_part_message(part, more)))
        return false;
    w->cursor = cursor;
    a->begun = more;
    if (!more)
        memmove(w, w + 1, --a->count * sizeof *w);
    return true;
}

void past_answer_work(struct past_answer *a)
{
    while (a->count > 0 && (a->begun || may_begin(a))) {
        a->answers += !a->begun;
        if (!send_part(a))
            return;
    }
}
