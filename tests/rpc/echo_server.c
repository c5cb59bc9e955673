/* SPDX-License-Identifier: Apache-2.0 */
/* The echo service as a program, for clients that are not ours. Prints its port, ends at SIGTERM.
 * SIGUSR1 and SIGUSR2 set the health to NOT_SERVING and back. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/loop/signals.h"
#include "tests/rpc/echo_service.h"

struct program {
    struct loop *loop;
    struct rpc_server *server;
    struct signals *signals;
    struct echo echo;
    bool stopping;
};

static const int signos[] = {SIGTERM, SIGUSR1, SIGUSR2, 0};

static void on_stopped(void *ctx)
{
    loop_stop(((struct program *)ctx)->loop);
}

static void on_signal(void *ctx, int signo)
{
    struct program *p = ctx;

    if (signo != SIGTERM) {
        rpc_server_set_serving(p->server, signo == SIGUSR2);
        return;
    }
    if (p->stopping)
        return;
    p->stopping = true;
    if (p->echo.held)
        echo_release(&p->echo);
    rpc_server_stop(p->server, dur_ms(200), p->loop, on_stopped, p);
}

static int start(struct program *p, struct err *err)
{
    const struct rpc_server_config config = {
        .listen = "127.0.0.1:0",
        .descriptors = echo_proto_descriptor_set,
        .descriptors_size = echo_proto_descriptor_set_size,
    };
    int r = loop_new(clock_system, &p->loop, err);

    if (r == 0)
        r = signals_new(p->loop, signos, on_signal, p, &p->signals, err);
    if (r == 0)
        r = rpc_server_new(&config, &p->server, err);
    if (r == 0)
        r = echo_add(&p->echo, p->server, p->loop, err);
    return r < 0 ? r : rpc_server_start(p->server, err);
}

int main(void)
{
    struct program p = {0};
    struct err err;

    signals_block(signos);
    rpc_start();
    if (start(&p, &err) < 0) {
        dprintf(STDERR_FILENO, "%s\n", err.msg);
        return 1;
    }
    dprintf(STDOUT_FILENO, "%d\n", rpc_server_port(p.server));
    loop_run(p.loop);
    rpc_server_free(p.server);
    signals_free(p.signals);
    loop_free(p.loop);
    rpc_shutdown();
    return 0;
}
