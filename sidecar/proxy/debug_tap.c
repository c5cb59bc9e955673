/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/debug_tap.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/mem.h"
#include "common/http1/http1.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/lane.h"

struct debug_tap {
    atomic_bool open;
    _Atomic uint64_t lost; /* since the last call */

    pthread_mutex_t lock; /* protects what follows. Leaf; lanes only try to take it */
    struct name migration;
    char key[DEBUG_KEY_SIZE];
    size_t key_size; /* 0: every request */
    mono_t until;
    mono_t second; /* that `in_second` lines were written in */
    unsigned in_second;
    struct buf line, lines;
};

struct debug_tap *debug_tap_new(void)
{
    struct debug_tap *t = xnew(struct debug_tap);

    pthread_mutex_init(&t->lock, NULL);
    buf_init(&t->line, ACCESS_LINE_MAX);
    buf_init(&t->lines, DEBUG_TAP_BYTES);
    return t;
}

void debug_tap_free(struct debug_tap *t)
{
    if (!t)
        return;
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

static void write_line(struct debug_tap *t, const struct conn *c)
{
    mono_t now = loop_now(c->lane->loop);

    if (is_over(t, now))
        atomic_store(&t->open, false);
    else if (is_wanted(t, c) &&
             (!is_within_rate(t, now) || !access_log_format(c, false, &t->line) ||
              !buf_add_str(&t->lines, buf_view(&t->line))))
        atomic_fetch_add(&t->lost, 1);
}

void debug_tap_note(struct debug_tap *t, const struct conn *c)
{
    if (pthread_mutex_trylock(&t->lock) != 0) {
        atomic_fetch_add(&t->lost, 1);
        return;
    }
    write_line(t, c);
    pthread_mutex_unlock(&t->lock);
}
