/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/check.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord_state.h"
#include "tests/sim/sim_node.h"

/* The linker leads these calls of the driver through here (--wrap in CMakeLists.txt). */
void __real_core_step(struct core *core, const struct core_event *ev, struct core_update *u);
void __wrap_core_step(struct core *core, const struct core_event *ev, struct core_update *u);
void __real_core_commit(struct core *core, uint64_t rev, struct core_update *u);
void __wrap_core_commit(struct core *core, uint64_t rev, struct core_update *u);
void __real_core_abandon(struct core *core, const struct err *why, struct core_update *u);
void __wrap_core_abandon(struct core *core, const struct err *why, struct core_update *u);
void __wrap_log_line(enum log_level l, enum log_event ev, const char *fmt, ...) PRINTF(3, 4);
void __wrap_log_err(enum log_level l, enum log_event ev, const struct err *err, const char *fmt,
                    ...) PRINTF(4, 5);

void __real_sm_move(struct sm *m, const struct sm_row *row, const void *facts, wall_t now);
void __wrap_sm_move(struct sm *m, const struct sm_row *row, const void *facts, wall_t now);
int __wrap_atomic_file_write(const char *path, const char *kind, struct str content,
                             struct err *err);
int __wrap_atomic_file_read(const char *path, const char *kind, struct buf *b, struct err *err);

int __wrap_atomic_file_write(const char *path UNUSED, const char *kind UNUSED, struct str content,
                             struct err *err)
{
    struct sim_coord *c = sim_loop_current();

    if (!c || c->dying)
        return 0; /* it died before */
    if (c->disk_full)
        return err_set(err, ERR_EXHAUSTED, "the disk is full");
    buf_clear(&c->disk);
    CHECK(buf_add_str(&c->disk, content));
    return 0;
}

int __wrap_atomic_file_read(const char *path, const char *kind UNUSED, struct buf *b,
                            struct err *err)
{
    const struct sim_coord *c = sim_loop_current();

    if (c->disk.len == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no file %s", path);
    CHECK(buf_add_str(b, buf_view(&c->disk)));
    return 0;
}

void __wrap_sm_move(struct sm *m, const struct sm_row *row, const void *facts, wall_t now)
{
    struct sim_coord *c = sim_loop_current();

    __real_sm_move(m, row, facts, now);
    if (!c || m->machine != &election_machine)
        return;
    sim_check_elected(c->sim->check, c, row);
    if (row->to == ELECTION_CAMPAIGNING && c->crash_at == SIM_LEAVE_CAMPAIGN)
        sim_coord_leave(c);
}

static void hear(struct sim_coord *c, const struct core_node *n)
{
    for (unsigned i = 0; i < c->sim->config.nodes; i++)
        if (name_eq(sim_node_name(c->sim->node[i]), &n->name))
            c->heard[i] = (struct sim_heard){n->connected, c->queued_boot[i]};
}

void __wrap_core_step(struct core *core, const struct core_event *ev, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    if (ev->kind == EV_NODE)
        hear(c, ev->node);
    __real_core_step(core, ev, u);
    c->stepping = u->save != NULL;
}

void __wrap_core_commit(struct core *core, uint64_t rev, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    __real_core_commit(core, rev, u);
    if (c)
        c->stepping = false;
}

void __wrap_core_abandon(struct core *core, const struct err *why, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    __real_core_abandon(core, why, u);
    if (c) /* else its process has died */
        c->stepping = false;
}

static void say(enum log_event ev, const struct err *err, const char *fmt, va_list ap)
{
    struct sim_coord *c = sim_loop_current();
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(4096);

    if (!c || c->dying || ev == LOG_STAGE_MOVED || ev == LOG_TRIGGER) /* sim_check tells of moves */
        return;
    (void)!buf_vaddf(&text, fmt, ap);
    sim_say(c->sim, c->name.s, "says %s %s%s%s", log_event_name(ev), buf_text(&text),
            err ? ": " : "", err ? err->msg : "");
}

void __wrap_log_line(enum log_level l UNUSED, enum log_event ev, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(ev, NULL, fmt, ap);
    va_end(ap);
}

void __wrap_log_err(enum log_level l UNUSED, enum log_event ev, const struct err *err,
                    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(ev, err, fmt, ap);
    va_end(ap);
}
