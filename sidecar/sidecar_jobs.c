/* SPDX-License-Identifier: Apache-2.0 */
/* The shell around the agent: what it wants done is done, and it hears what came of it. */
#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "sidecar/sidecar_parts.h"

/* What failed is tried again after this, in case the cause has gone (a full disk); after a refusal
 * the coordinator is asked for a full set. */
#define RETRY_WAIT dur_s(5)

static void on_retry(struct timer *t);

static void do_write(struct sidecar *s)
{
    state_file_write(s->state, agent_write_started(s->agent), agent_epochs(s->agent));
}

static bool do_ack(struct sidecar *s)
{
    struct position p = agent_position_serving(s->agent);

    if (!coord_client_ack(s->coord, &p, agent_serving_since(s->agent)))
        return false;
    agent_acked(s->agent);
    return true;
}

static void retry_later(struct sidecar *s)
{
    if (!timer_is_set(&s->retry))
        timer_set(s->loop, &s->retry, RETRY_WAIT, on_retry, "retry after failure");
}

static bool do_nack(struct sidecar *s)
{
    const char *reason;
    struct position p = agent_position_nack(s->agent, &reason);

    if (!coord_client_nack(s->coord, &p, reason))
        return false;
    agent_nacked(s->agent);
    if (agent_nack_refuses(s->agent)) {
        s->refused = true;
        retry_later(s);
    }
    return true;
}

static bool do_tell(struct sidecar *s)
{
    bool unwritten = agent_orders_unwritten(s->agent);

    if (!coord_client_tell(s->coord, agent_untold(s->agent), unwritten))
        return false;
    agent_told(s->agent);
    return true;
}

/* Returns false when there is nothing to do, or the stream cannot take more now. */
static bool do_next(struct sidecar *s)
{
    switch (agent_next(s->agent)) {
    case AGENT_IDLE:
        return false;
    case AGENT_WRITE:
        do_write(s);
        return true;
    case AGENT_PUBLISH:
        proxy_publish(s->proxy, agent_publishable(s->agent));
        return true;
    case AGENT_ACK:
        return do_ack(s);
    case AGENT_NACK:
        return do_nack(s);
    case AGENT_TELL:
        return do_tell(s);
    }
    check_die("an agent's job that is not handled");
}

void sidecar_work(struct sidecar *s)
{
    while (!s->stopping && do_next(s))
        continue;
}

static void on_retry(struct timer *t)
{
    struct sidecar *s = container_of(t, struct sidecar, retry);

    agent_retry(s->agent);
    if (s->refused)
        coord_client_redial(s->coord, dur_ms(0));
    s->refused = false;
    sidecar_work(s);
}

void sidecar_note_disk(struct sidecar *s, const char *what, const struct err *why)
{
    str_fmt(s->disk, sizeof s->disk, "%s: %s", what, why->msg);
}

void sidecar_on_written(void *ctx, const struct err *err)
{
    struct sidecar *s = ctx;

    if (err) {
        log_err(LOG_ERROR, LOG_STATE_FILE, err, "action=write path=%s",
                LOGQ(state_file_path(s->state)));
        agent_write_failed(s->agent, err->msg);
        sidecar_note_disk(s,
                          agent_orders_unwritten(s->agent) ? "emergency orders are served, not kept"
                                                           : "the rule set is not kept",
                          err);
        retry_later(s);
    } else {
        agent_written(s->agent);
        s->disk[0] = '\0';
    }
    sidecar_work(s);
}
