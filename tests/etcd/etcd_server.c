/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/etcd/etcd_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

#define HEALTHY_S 30
#define ARGS_MAX  48

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "etcd for the test: %s %s: %s\n", what, detail, strerror(errno));
    exit(1);
}

bool etcd_installed(void)
{
    if (access("/usr/bin/etcd", X_OK) == 0 && access("/usr/bin/etcdctl", X_OK) == 0)
        return true;
    puts("etcd is not installed, its tests are skipped: apt-get install etcd-server etcd-client");
    return false;
}

/* Below the range that the kernel gives to outgoing connections. */
unsigned etcd_free_port(void)
{
    static unsigned next;

    if (next == 0)
        next = 12000 + (unsigned)getpid() % 5000 * 4;
    for (unsigned tries = 0; tries < 20000; tries++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free;

        next = next >= 32000 ? 12000 : next + 1;
        at.sin_port = htons((uint16_t)next);
        is_free = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
        close(fd);
        if (is_free)
            return next;
    }
    die("find", "a free port");
    return 0;
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Async-signal-safe between fork and exec: the test has threads. */
static pid_t spawn(const char *const *argv, int out)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid < 0)
        die("start", argv[0]);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static int open_log(const struct etcd_cluster *c, const char *name)
{
    char path[128];
    int fd;

    snprintf(path, sizeof path, "%s/%s", c->dir, name);
    fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        die("open", path);
    return fd;
}

static void cluster_text(const struct etcd_cluster *c, char *text, size_t size)
{
    size_t at = 0;

    for (unsigned i = 0; i < c->count; i++)
        at += (size_t)snprintf(text + at, size - at, "%sm%u=http://127.0.0.1:%u", i ? "," : "", i,
                               c->member[i].peer_port);
}

static void start_member(struct etcd_cluster *c, unsigned i)
{
    struct etcd_member *m = &c->member[i];
    char name[16], data[128], peer[64], health[64], cluster[256], log[16];
    const char *argv[ARGS_MAX] = {"/usr/bin/etcd",
                                  "--name",
                                  name,
                                  "--data-dir",
                                  data,
                                  "--listen-client-urls",
                                  m->endpoint,
                                  "--advertise-client-urls",
                                  m->endpoint,
                                  "--listen-peer-urls",
                                  peer,
                                  "--initial-advertise-peer-urls",
                                  peer,
                                  "--initial-cluster",
                                  cluster,
                                  "--initial-cluster-state",
                                  "new",
                                  "--listen-metrics-urls",
                                  health,
                                  "--max-txn-ops",
                                  "4096",
                                  "--heartbeat-interval",
                                  "50",
                                  "--election-timeout",
                                  "500",
                                  "--logger",
                                  "zap",
                                  "--log-level",
                                  "error"};
    size_t n = 0;
    int fd;

    snprintf(name, sizeof name, "m%u", i);
    snprintf(log, sizeof log, "m%u.log", i);
    snprintf(data, sizeof data, "%s/m%u", c->dir, i);
    snprintf(peer, sizeof peer, "http://127.0.0.1:%u", m->peer_port);
    snprintf(health, sizeof health, "http://127.0.0.1:%u", m->health_port);
    cluster_text(c, cluster, sizeof cluster);
    while (argv[n])
        n++;
    for (const char *const *extra = c->extra; extra && *extra && n < ARGS_MAX - 1; extra++)
        argv[n++] = *extra;
    fd = open_log(c, log);
    m->pid = spawn(argv, fd);
    close(fd);
}

/* ---- health ---------------------------------------------------------------------------------- */

/* GET /health; anything but a healthy answer is false. */
static bool is_healthy(unsigned port)
{
    static const char request[] = "GET /health HTTP/1.0\r\n\r\n";
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = 3};
    char answer[1024] = "";
    size_t got = 0;
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
        while (got < sizeof answer - 1 &&
               (n = recv(fd, answer + got, sizeof answer - 1 - got, 0)) > 0)
            got += (size_t)n;
    close(fd);
    return strstr(answer, "\"true\"") != NULL;
}

static void wait_healthy(struct etcd_cluster *c, unsigned i)
{
    mono_t end = mono_add(clock_system->mono(clock_system), dur_s(HEALTHY_S));

    while (!is_healthy(c->member[i].health_port)) {
        if (waitpid(c->member[i].pid, NULL, WNOHANG) == c->member[i].pid)
            die("a member ended, see", c->dir);
        if (!mono_before(clock_system->mono(clock_system), end))
            die("a member is not healthy, see", c->dir);
        poll(NULL, 0, 10);
    }
}

/* ---- the contract ---------------------------------------------------------------------------- */

void etcd_start(struct etcd_cluster *c, unsigned members, const char *scheme,
                const char *const *extra)
{
    size_t at = 0;

    memset(c, 0, sizeof *c);
    c->count = members;
    c->extra = extra;
    c->scheme = scheme;
    snprintf(c->dir, sizeof c->dir, "%s/switchyard-etcd-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(c->dir))
        die("make", c->dir);
    for (unsigned i = 0; i < members; i++) {
        struct etcd_member *m = &c->member[i];

        m->port = etcd_free_port();
        m->peer_port = etcd_free_port();
        m->health_port = etcd_free_port();
        snprintf(m->endpoint, sizeof m->endpoint, "%s://127.0.0.1:%u", scheme, m->port);
        at += (size_t)snprintf(c->endpoints + at, sizeof c->endpoints - at, "%s%s", i ? "," : "",
                               m->endpoint);
    }
    for (unsigned i = 0; i < members; i++)
        start_member(c, i);
    for (unsigned i = 0; i < members; i++)
        wait_healthy(c, i);
}

void etcd_kill(struct etcd_cluster *c, unsigned i)
{
    struct etcd_member *m = &c->member[i];

    if (m->pid == 0)
        return;
    kill(m->pid, SIGKILL);
    waitpid(m->pid, NULL, 0);
    m->pid = 0;
}

void etcd_revive(struct etcd_cluster *c, unsigned i)
{
    start_member(c, i);
    wait_healthy(c, i);
}

void etcd_freeze(struct etcd_cluster *c, unsigned i, bool frozen)
{
    kill(c->member[i].pid, frozen ? SIGSTOP : SIGCONT);
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int flag UNUSED,
                        struct FTW *at UNUSED)
{
    return remove(path);
}

void etcd_stop(struct etcd_cluster *c)
{
    for (unsigned i = 0; i < c->count; i++)
        etcd_kill(c, i);
    nftw(c->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Its exit status; what it prints goes into `ret`, cut off, or nowhere. */
static int run_etcdctl(const struct etcd_cluster *c, const char *endpoint, const char *const *args,
                       char *ret, size_t size)
{
    const char *argv[ARGS_MAX] = {"/usr/bin/etcdctl", "--endpoints", endpoint};
    size_t n = 3;
    int status = 0;
    int fd = open_log(c, "etcdctl.log");
    pid_t pid;

    while (*args && n < ARGS_MAX - 1)
        argv[n++] = *args++;
    if (ftruncate(fd, 0) != 0)
        die("empty", "etcdctl.log");
    pid = spawn(argv, fd);
    waitpid(pid, &status, 0);
    if (ret) {
        ssize_t got = pread(fd, ret, size - 1, 0);
        ret[got > 0 ? got : 0] = '\0';
    }
    close(fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int etcdctl(struct etcd_cluster *c, const char *const *args)
{
    return run_etcdctl(c, c->member[0].endpoint, args, NULL, 0);
}

/* Its line of the status says "true" in the fifth column: endpoint, id, version, size, leader. */
static bool leads(struct etcd_cluster *c, unsigned i)
{
    char text[1024] = "";
    const char *at = text;
    const char *const args[] = {"endpoint", "status", NULL};

    if (c->member[i].pid == 0 ||
        run_etcdctl(c, c->member[i].endpoint, args, text, sizeof text) != 0)
        return false;
    for (int comma = 0; comma < 4 && at; comma++) {
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    return at && strncmp(at, " true", 5) == 0;
}

unsigned etcd_leader(struct etcd_cluster *c)
{
    mono_t end = mono_add(clock_system->mono(clock_system), dur_s(HEALTHY_S));

    for (unsigned i = 0;; i = (i + 1) % c->count) {
        if (leads(c, i))
            return i;
        if (!mono_before(clock_system->mono(clock_system), end))
            die("nobody leads, see", c->dir);
    }
}
