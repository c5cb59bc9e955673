/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator that alone cannot reach the store knows no new decision, and its nodes acknowledge
 * none. While a peer says that the store works there, they are sent away. Who comes back has
 * nowhere else to go and is taken: orders reach it through the peers. */
#include "common/base/log.h"
#include "coordinator/coordinator_state.h"

#define LOOK_EACH dur_s(1)
/* A store that changes its leader is silent for this long, everywhere; the peers' word may be as
 * old. */
#define PATIENCE dur_s(3)
/* Then those that came back are asked to look around again. */
#define AGAIN dur_s(60)

static const char why[] = "this coordinator cannot reach its store, others can";

static bool store_works(const struct coordinator *c)
{
    struct driver_health h;

    driver_health(c->driver, &h);
    return h.store.code == ERR_NONE;
}

static void send_away(struct coordinator *c)
{
    log_line(LOG_WARN, LOG_NODE_SENT_AWAY, "coordinator=%s why=%s", c->self.id.s, LOGQ(why));
    fleet_dismiss(c->fleet, why);
    c->send_away_at = mono_add(loop_now(c->loop), AGAIN);
}

static void look(struct coordinator *c)
{
    bool works = store_works(c);

    peers_tell_store(c->peers, works);
    if (works || c->store_worked)
        c->send_away_at = mono_add(loop_now(c->loop), PATIENCE);
    c->store_worked = works;
    if (!works && peers_store_works(c->peers) && loop_now(c->loop).ns >= c->send_away_at.ns)
        send_away(c);
}

static void on_look(struct timer *t)
{
    struct coordinator *c = container_of(t, struct coordinator, cut_off);

    look(c);
    timer_set(c->loop, t, LOOK_EACH, on_look, "cut_off");
}

void cut_off_start(struct coordinator *c)
{
    timer_set(c->loop, &c->cut_off, dur_s(0), on_look, "cut_off");
}

void cut_off_stop(struct coordinator *c)
{
    timer_cancel(&c->cut_off);
}
