/* SPDX-License-Identifier: Apache-2.0 */
/* What a thousand nodes cost a coordinator: the time from an operator's command until every node
 * has acknowledged it, and memory per node.
 *
 *   bench_fleet_1000 [COORDINATOR [NODES [ROUNDS]]]
 *
 * The coordinator is a process of its own (its state in memory, so that no disk is measured); all
 * nodes live here, each on its own connection, so half of the time is this process's. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/model/plan.h"
#include "operator.pb-c.h"
#include "tests/fleet/fake_node.h"

#define OPERATOR (&switchyard__v1__operator__descriptor)
#define PATIENCE dur_s(60)

static char app[] = "app";

struct bench {
    struct loop *loop;
    struct rpc_client *client;
    pid_t coordinator;
    char address[64];
    struct fake_node *node;
    unsigned nodes;

    /* The latest answers. */
    bool answered;
    uint64_t revision;
    double measured_ms;
};

static int64_t now_ns(void)
{
    return clock_system->mono(clock_system).ns;
}

/* ---- the coordinator ------------------------------------------------------------------------- */

/* False at the end of the log. */
static bool read_line(int fd, char line[1024])
{
    size_t n = 0;

    while (n < 1023 && read(fd, &line[n], 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    return n > 0;
}

/* Its port is in the line of its log that says that it has started. */
static int read_port(int fd)
{
    char line[1024], *port = NULL;

    while (!port && read_line(fd, line))
        port = strstr(line, " port=");
    if (!port)
        check_die("the coordinator did not start: %s", line);
    return (int)strtol(port + 6, NULL, 10);
}

/* The rest of the log is read by a process of its own, so that the coordinator never waits for
 * us. */
static void drop_log(int fd)
{
    char drop[4096];

    if (fork() == 0) {
        while (read(fd, drop, sizeof(drop)) > 0) {
        }
        _exit(0);
    }
    close(fd);
}

static void start_coordinator(struct bench *b, const char *path)
{
    int log[2];

    CHECK(pipe2(log, O_CLOEXEC) == 0);
    b->coordinator = fork();
    if (b->coordinator == 0) {
        dup2(log[1], STDERR_FILENO);
        execl(path, path, "--listen", "127.0.0.1:0", "--store", "memory", (char *)NULL);
        _exit(127);
    }
    close(log[1]);
    str_fmt(b->address, sizeof(b->address), "127.0.0.1:%d", read_port(log[0]));
    drop_log(log[0]);
}

static double rss_kb(pid_t pid)
{
    CLEANUP(buf_deinitp) struct buf status = BUF_INIT(64u << 10);
    char path[64];
    char *line;

    str_fmt(path, sizeof(path), "/proc/%d/status", (int)pid);
    CHECK(file_read(path, &status, NULL) == 0);
    line = strstr(status.data, "VmRSS:");
    CHECK(line);
    return strtod(line + 6, NULL);
}

/* ---- an operator ----------------------------------------------------------------------------- */

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct bench *b = ctx;

    if (!reply)
        check_die("the coordinator refused: %s", status->msg);
    if (reply->descriptor == &switchyard__v1__command_result__descriptor)
        b->revision = ((const Switchyard__V1__CommandResult *)reply)->revision;
    if (reply->descriptor == &switchyard__v1__await_result__descriptor)
        b->measured_ms = ((const Switchyard__V1__AwaitResult *)reply)->measured_ms;
    b->answered = true;
}

static void ask(struct bench *b, const char *method, const ProtobufCMessage *req)
{
    b->answered = false;
    rpc_client_call(b->client, OPERATOR, method, req, PATIENCE, on_reply, b);
}

static void turn_until_answered(struct bench *b)
{
    while (!b->answered)
        loop_turn(b->loop, dur_ms(10));
}

static Switchyard__V1__Command command(void)
{
    static char who[] = "bench", why[] = "measuring";
    Switchyard__V1__Command c = SWITCHYARD__V1__COMMAND__INIT;

    c.migration = app;
    c.operator_ = who;
    c.reason = why;
    return c;
}

static void apply_plan(struct bench *b)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(64u << 10);
    Switchyard__V1__Command c = command();
    Switchyard__V1__Apply apply = SWITCHYARD__V1__APPLY__INIT;
    Switchyard__V1__Start start = SWITCHYARD__V1__START__INIT;

    CHECK(plan_default("app", "http://127.0.0.1:8000", "http://127.0.0.1:8001", &text, NULL) == 0);
    apply.document = (ProtobufCBinaryData){text.len, (uint8_t *)text.data};
    c.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPLY;
    c.apply = &apply;
    ask(b, "Execute", &c.base);
    turn_until_answered(b);
    c.action_case = SWITCHYARD__V1__COMMAND__ACTION_START;
    c.start = &start;
    ask(b, "Execute", &c.base);
    turn_until_answered(b);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static bool all_have(const struct bench *b, uint64_t revision)
{
    for (unsigned i = 0; i < b->nodes; i++) {
        if (b->node[i].closed)
            check_die("node %s was cut off: %s", b->node[i].name, b->node[i].status.msg);
        if (b->node[i].revision < revision)
            return false;
    }
    return true;
}

static void connect_all(struct bench *b)
{
    char(*name)[NAME_SIZE] = xcalloc(b->nodes, sizeof(*name));

    for (unsigned i = 0; i < b->nodes; i++) {
        str_fmt(name[i], sizeof(name[i]), "node-%u", i);
        b->node[i].name = name[i];
        b->node[i].unchecked = true;
        fake_node_open(&b->node[i], b->address, b->loop);
        loop_turn(b->loop, dur_ms(0));
    }
    while (!all_have(b, b->revision))
        loop_turn(b->loop, dur_ms(10));
}

/* One change of weight; returns the milliseconds from the operator's call to the answer of Await,
 * which comes when the coordinator has every acknowledgement. */
static double run_round(struct bench *b, double weight)
{
    Switchyard__V1__Command c = command();
    Switchyard__V1__SetWeight set = SWITCHYARD__V1__SET_WEIGHT__INIT;
    Switchyard__V1__AwaitRequest await = SWITCHYARD__V1__AWAIT_REQUEST__INIT;
    int64_t begin = now_ns();

    set.weight = weight;
    c.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_WEIGHT;
    c.set_weight = &set;
    ask(b, "Execute", &c.base);
    turn_until_answered(b);
    await.migration = app;
    await.revision = b->revision;
    await.timeout_ms = 60000;
    ask(b, "Await", &await.base);
    turn_until_answered(b);
    if (b->measured_ms < 0)
        check_die("nodes lag after a minute");
    return (double)(now_ns() - begin) / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_sorted(const char *what, double *ms, unsigned n)
{
    qsort(ms, n, sizeof(*ms), by_value);
    printf("%-44s median %7.1f ms   worst %7.1f ms\n", what, ms[n / 2], ms[n - 1]);
}

static void run_rounds(struct bench *b, unsigned rounds)
{
    double *operators = xcalloc(rounds, sizeof(*operators));
    double *coordinators = xcalloc(rounds, sizeof(*coordinators));

    for (unsigned i = 0; i < rounds; i++) {
        operators[i] = run_round(b, 1 + i % 50);
        coordinators[i] = b->measured_ms;
    }
    print_sorted("command to last acknowledgement", coordinators, rounds);
    print_sorted("the same, as the operator's client sees it", operators, rounds);
    free(operators);
    free(coordinators);
}

static void report_all(struct bench *b)
{
    for (unsigned i = 0; i < b->nodes; i++)
        fake_node_report(&b->node[i], app, 100, 0, "closed");
    for (unsigned i = 0; i < 100; i++)
        loop_turn(b->loop, dur_ms(10));
}

int main(int argc, char **argv)
{
    struct bench b = {.nodes = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000};
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20;
    struct rpc_client_config config = {.target = b.address, .own_connection = true};
    double before, after, reported;

    b.node = xcalloc(b.nodes, sizeof(*b.node));
    start_coordinator(&b, argc > 1 ? argv[1] : COORDINATOR);
    rpc_start();
    CHECK(loop_new(clock_system, &b.loop, NULL) == 0);
    CHECK(rpc_client_new(&config, b.loop, &b.client, NULL) == 0);
    apply_plan(&b);
    before = rss_kb(b.coordinator);
    connect_all(&b);
    after = rss_kb(b.coordinator);
    run_rounds(&b, rounds);
    report_all(&b);
    reported = rss_kb(b.coordinator);
    printf("%-44s %.1f KB with %u connected, %.1f KB after updates and reports\n",
           "coordinator memory per node", (after - before) / b.nodes, b.nodes,
           (reported - before) / b.nodes);
    kill(b.coordinator, SIGKILL);
    waitpid(b.coordinator, NULL, 0);
    fflush(stdout);
    _exit(0); /* a thousand connections need no goodbye */
}
