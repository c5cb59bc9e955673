/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/debug_tap.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/mem.h"
#include "common/http1/http1.h"
#include "sidecar/proxy/lane.h"

struct debug_tap {
    atomic_bool open;
    _Atomic uint64_t lost; /* since the last call */

    pthread_mutex_t lock; /* protects what follows. Leaf; lanes only try to take it */
    struct name migration;
    char key[DEBUG_KEY_SIZE];
    size_t key_size; /* 0: every request */
    uint64_t asked;  /* questions so far; this is the latest */
    mono_t until;
    mono_t second; /* that `in_second` lines were written in */
    unsigned in_second;
    struct buf origin, line, lines;
};

struct debug_tap *debug_tap_new(void)
{
    struct debug_tap *t = xnew(struct debug_tap);

    pthread_mutex_init(&t->lock, NULL);
    buf_init(&t->origin, ACCESS_LINE_MAX);
    buf_init(&t->line, ACCESS_LINE_MAX);
    buf_init(&t->lines, DEBUG_TAP_BYTES);
    return t;
}

void debug_tap_free(struct debug_tap *t)
{
    if (!t)
        return;
    buf_deinit(&t->origin);
    buf_deinit(&t->line);
    buf_deinit(&t->lines);
    pthread_mutex_destroy(&t->lock);
    xfreep(&t);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool is_over(const struct debug_tap *t, mono_t now)
{
    return mono_sub(now, t->until).ns >= 0;
}

static bool is_for(const struct debug_tap *t, const struct name *migration, struct str key)
{
    return name_eq(&t->migration, migration) && str_eq((struct str){t->key, t->key_size}, key);
}

static int open_for(struct debug_tap *t, const struct name *migration, struct str key, mono_t now,
                    struct err *err)
{
    bool same = is_for(t, migration, key);

    if (atomic_load(&t->open) && !same && !is_over(t, now)) {
        err_set(err, ERR_REFUSED, "somebody debugs requests of %s on this node", t->migration.s);
        return err_hint(err, "wait until they have finished, a few seconds at most after that");
    }
    if (!same || !atomic_load(&t->open)) {
        t->migration = *migration;
        memcpy(t->key, key.p, key.n);
        t->key_size = key.n;
        t->asked++;
        buf_clear(&t->lines);
        atomic_store(&t->lost, 0);
    }
    t->until = mono_add(now, DEBUG_PATIENCE);
    atomic_store(&t->open, true);
    return 0;
}

int debug_tap_ask(struct debug_tap *t, const struct name *migration, struct str key, mono_t now,
                  struct buf *ret, uint64_t *ret_lost, struct err *err)
{
    int r;

    if (key.n > DEBUG_KEY_SIZE)
        return err_set(err, ERR_INVALID, "a key of more than %d bytes", DEBUG_KEY_SIZE);
    pthread_mutex_lock(&t->lock);
    r = open_for(t, migration, key, now, err);
    if (r == 0 && t->lines.len > 0 && !buf_add_str(ret, buf_view(&t->lines)))
        r = err_set(err, ERR_EXHAUSTED, "the lines do not fit into the answer");
    if (r == 0) {
        *ret_lost = atomic_exchange(&t->lost, 0);
        buf_clear(&t->lines);
    }
    pthread_mutex_unlock(&t->lock);
    return r;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

bool debug_tap_is_open(const struct debug_tap *t)
{
    return atomic_load_explicit(&t->open, memory_order_relaxed);
}

static bool is_wanted(const struct debug_tap *t, const struct conn *c)
{
    const struct request *req = c->req;
    struct str key;

    if (!req->route || !name_eq(&req->route->entry->route.migration, &t->migration))
        return false;
    if (t->key_size == 0)
        return true;
    return conn_find_key(c, http1_path(&req->head), (struct str){c->peer, c->peer_len}, &key) &&
           str_eq(key, (struct str){t->key, t->key_size});
}

/* False: too many in this second. */
static bool is_within_rate(struct debug_tap *t, mono_t now)
{
    if (mono_sub(now, t->second).ns >= dur_s(1).ns) {
        t->second = now;
        t->in_second = 0;
    }
    return t->in_second++ < DEBUG_LINES_PER_S;
}

static void lose_one(struct debug_tap *t)
{
    atomic_fetch_add(&t->lost, 1);
}

/* Where false, there is nothing to leave(). */
static bool enter(struct debug_tap *t, mono_t now)
{
    if (pthread_mutex_trylock(&t->lock) != 0) {
        lose_one(t);
        return false;
    }
    if (!is_over(t, now))
        return true;
    atomic_store(&t->open, false);
    pthread_mutex_unlock(&t->lock);
    return false;
}

static void leave(struct debug_tap *t)
{
    pthread_mutex_unlock(&t->lock);
}

/* `line`, if it was made. */
static void show_line(struct debug_tap *t, bool made)
{
    if (!made || !buf_add_str(&t->lines, buf_view(&t->line)))
        lose_one(t);
}

void debug_tap_note(struct debug_tap *t, const struct conn *c)
{
    mono_t now = loop_now(c->lane->loop);

    if (!enter(t, now))
        return;
    if (is_wanted(t, c))
        show_line(t, is_within_rate(t, now) && access_log_format(c, false, &t->line));
    leave(t);
}

/* ---- connections whose bytes pass unseen ----------------------------------------------------- */

static void show_end(struct debug_tap *t, const struct access_end *end, mono_t now)
{
    show_line(t, is_within_rate(t, now) && access_log_format_end(end, &t->line));
}

/* Of c->req. Its own line needs `line`, and no query is told. */
static const char *origin_of(struct debug_tap *t, const struct conn *c)
{
    return access_log_format_origin(c, false, &t->origin) ? buf_text(&t->origin) : "";
}

void debug_tap_note_begin(struct debug_tap *t, const struct conn *c, struct debug_mark *ret)
{
    struct loop *loop = c->lane->loop;
    mono_t now = loop_now(loop);
    struct access_end begun = {
        .kind = "tcp", .at = loop_wall(loop), .took = mono_sub(now, c->req->began)};

    if (!enter(t, now))
        return;
    if (is_wanted(t, c)) {
        begun.origin = origin_of(t, c);
        *ret = (struct debug_mark){.asked = t->asked, .origin = xstrdup(begun.origin)};
        if (c->tcp)
            show_end(t, &begun, now);
    }
    leave(t);
}

void debug_tap_note_failed(struct debug_tap *t, const struct conn *c, struct access_end end)
{
    mono_t now = loop_now(c->lane->loop);

    if (!enter(t, now))
        return;
    if (is_wanted(t, c)) {
        end.origin = origin_of(t, c);
        show_end(t, &end, now);
    }
    leave(t);
}

void debug_tap_note_end(struct debug_tap *t, const struct name *migration,
                        const struct debug_mark *mark, struct access_end end, mono_t now)
{
    if (!enter(t, now))
        return;
    if (mark->origin)
        end.origin = mark->origin;
    if (name_eq(migration, &t->migration) && (t->key_size == 0 || mark->asked == t->asked))
        show_end(t, &end, now);
    leave(t);
}
