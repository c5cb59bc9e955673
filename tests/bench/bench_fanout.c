/* SPDX-License-Identifier: Apache-2.0 */
/* One message to a thousand streams through common/rpc: how long after it was sent each stream's
 * client has it decoded in its handler, and the server's memory with all of them connected.
 *
 *   bench_fanout [STREAMS [ROUNDS [BYTES]]]
 *
 * The server and all clients are two processes, each with one loop; every client has its own
 * connection. The message is what a coordinator sends: an Update with one route of BYTES. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "common/rpc/rpc.h"
#include "fleet.pb-c.h"

#define FLEET (&switchyard__v1__fleet__descriptor)
#define PAUSE dur_ms(200) /* between two rounds */

struct size {
    unsigned streams;
    unsigned rounds;
    unsigned bytes;
};

static int64_t now_ns(void)
{
    return clock_system->mono(clock_system).ns;
}

/* ---- the server
 * -------------------------------------------------------------------------------- */

struct sender {
    struct size size;
    struct loop *loop;
    struct timer pause;
    struct rpc_stream **stream;
    unsigned opened;
    unsigned round;
    uint8_t *rule; /* begins with the instant it was sent */
    pid_t clients;
};

static void print_memory(void)
{
    CLEANUP(buf_deinitp) struct buf status = BUF_INIT(64u << 10);
    char *line;

    CHECK(file_read("/proc/self/status", &status, NULL) == 0);
    line = strstr(status.data, "VmRSS:");
    CHECK(line);
    printf("memory %.0f kB\n", strtod(line + 6, NULL));
    fflush(stdout);
}

static struct rpc_msg *encode_update(struct sender *s)
{
    Switchyard__V1__CoordinatorMessage m = SWITCHYARD__V1__COORDINATOR_MESSAGE__INIT;
    Switchyard__V1__Update update = SWITCHYARD__V1__UPDATE__INIT;
    Switchyard__V1__RouteUpdate route = SWITCHYARD__V1__ROUTE_UPDATE__INIT;
    Switchyard__V1__RouteUpdate *routes[] = {&route};
    static char name[] = "bench";
    int64_t now = now_ns();

    memcpy(s->rule, &now, sizeof(now));
    route.migration = name;
    route.rule = (ProtobufCBinaryData){s->size.bytes, s->rule};
    update.upserts = routes;
    update.n_upserts = 1;
    m.kind_case = SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_UPDATE;
    m.update = &update;
    return rpc_msg_encode(&m.base);
}

static void send_to_all(struct sender *s)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *update = encode_update(s);

    for (unsigned i = 0; i < s->opened; i++)
        CHECK(rpc_stream_send(s->stream[i], update, NULL) == 0);
}

/* A round, or, after the last one, a look whether the clients have everything. */
static void on_pause(struct timer *t)
{
    struct sender *s = container_of(t, struct sender, pause);
    int status;

    timer_set(s->loop, t, PAUSE, on_pause, "bench.pause");
    if (s->round++ < s->size.rounds)
        send_to_all(s);
    else if (waitpid(s->clients, &status, WNOHANG) == s->clients)
        _exit(status == 0 ? 0 : 1); /* a thousand connections need no goodbye */
    else if (s->round > s->size.rounds + 100)
        check_die("the clients have not got everything");
}

static int on_open(void *ctx, struct rpc_stream *stream, void **ret_ctx, struct err *err UNUSED)
{
    struct sender *s = ctx;

    CHECK(s->opened < s->size.streams);
    s->stream[s->opened++] = stream;
    *ret_ctx = s;
    if (s->opened == s->size.streams) {
        print_memory();
        timer_set(s->loop, &s->pause, PAUSE, on_pause, "bench.pause");
    }
    return 0;
}

static void ignore_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *m UNUSED,
                           void *ctx UNUSED)
{
}

/* Clients leave when they have everything. */
static void on_gone(struct rpc_stream *stream UNUSED, const struct err *status, void *ctx)
{
    struct sender *s = ctx;

    if (s->round < s->size.rounds)
        check_die("a stream was cut off: %s", status->msg);
}

static const struct rpc_stream_events sender_events = {.on_message = ignore_message,
                                                       .on_closed = on_gone};

static void serve(struct size size, pid_t clients, int port_fd)
{
    static const struct rpc_method methods[] = {
        {.name = "Connect", .open = on_open, .events = &sender_events}, {.name = NULL}};
    const struct rpc_server_config config = {.listen = "127.0.0.1:0"};
    struct sender s = {.size = size, .clients = clients};
    struct rpc_server *server;
    int port;

    rpc_start();
    s.stream = xcalloc(size.streams, sizeof(*s.stream));
    s.rule = xcalloc(1, size.bytes);
    CHECK(loop_new(clock_system, &s.loop, NULL) == 0);
    CHECK(rpc_server_new(&config, &server, NULL) == 0);
    CHECK(rpc_server_add(server, FLEET, methods, s.loop, &s, NULL) == 0);
    CHECK(rpc_server_start(server, NULL) == 0);
    port = rpc_server_port(server);
    CHECK(write(port_fd, &port, sizeof(port)) == sizeof(port));
    loop_run(s.loop);
}

/* ---- the clients
 * ------------------------------------------------------------------------------- */

struct receiver {
    double *ms;
    size_t received;
    size_t expected;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void on_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *message, void *ctx)
{
    const Switchyard__V1__Update *u = ((const Switchyard__V1__CoordinatorMessage *)message)->update;
    struct receiver *r = ctx;
    int64_t sent;

    memcpy(&sent, u->upserts[0]->rule.data, sizeof(sent));
    r->ms[r->received++] = (double)(now_ns() - sent) / 1e6;
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx UNUSED)
{
    check_die("the server has gone: %s", status->msg);
}

static const struct rpc_stream_events receiver_events = {.on_message = on_message,
                                                         .on_closed = on_closed};

static void receive(struct size size, int port)
{
    struct receiver r = {.expected = (size_t)size.streams * size.rounds};
    char address[32];
    struct rpc_client_config config = {.target = address, .own_connection = true};
    struct rpc_client *client;
    struct loop *loop;

    rpc_start();
    r.ms = xcalloc(r.expected, sizeof(*r.ms));
    str_fmt(address, sizeof(address), "127.0.0.1:%d", port);
    CHECK(loop_new(clock_system, &loop, NULL) == 0);
    for (unsigned i = 0; i < size.streams; i++) {
        CHECK(rpc_client_new(&config, loop, &client, NULL) == 0);
        rpc_client_open(client, FLEET, "Connect", &receiver_events, &r);
        loop_turn(loop, dur_ms(0));
    }
    while (r.received < r.expected)
        loop_turn(loop, dur_s(1));
    qsort(r.ms, r.expected, sizeof(*r.ms), by_value);
    printf("p50 %.2f p99 %.2f max %.2f ms\n", r.ms[r.expected / 2], r.ms[r.expected * 99 / 100],
           r.ms[r.expected - 1]);
}

static unsigned argument(int argc, char **argv, int i, unsigned otherwise)
{
    return i < argc ? (unsigned)strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    struct size size = {argument(argc, argv, 1, 1000), argument(argc, argv, 2, 20),
                        argument(argc, argv, 3, 400)};
    int port_pipe[2], port;
    pid_t clients;

    CHECK(size.bytes >= sizeof(int64_t) && pipe(port_pipe) == 0);
    clients = fork();
    CHECK(clients >= 0);
    if (clients > 0) {
        close(port_pipe[0]);
        serve(size, clients, port_pipe[1]);
        return 1;
    }
    close(port_pipe[1]);
    if (read(port_pipe[0], &port, sizeof(port)) != sizeof(port))
        return 1; /* the server has said why */
    receive(size, port);
    fflush(stdout);
    _exit(0);
}
