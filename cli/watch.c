/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "common/loop/timer.h"

struct pause {
    struct timer timer;
    bool over;
};

static void on_pause_over(struct timer *t)
{
    container_of(t, struct pause, timer)->over = true;
}

void cli_pause(struct cli *c, dur_t d)
{
    struct pause pause = {0};

    loop_update_now(c->loop);
    timer_set(c->loop, &pause.timer, d, on_pause_over, "pause");
    while (!pause.over)
        loop_turn(c->loop, dur_s(1));
}

int cli_watch(struct cli *c, bool again, int (*show)(struct cli *c, void *ctx, struct err *err),
              void *ctx, struct err *err)
{
    for (;;) {
        int r = show(c, ctx, err);

        if (!again || (r < 0 && !err_retryable(err->code)))
            return r;
        if (r < 0)
            cli_complain(err);
        cli_pause(c, dur_s(1));
        if (c->output == OUTPUT_TABLE)
            cli_say("\n");
    }
}
