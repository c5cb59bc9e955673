/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/pgserver/pgserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

#define BIN     "/usr/lib/postgresql/15/bin/"
#define READY_S 60

/* The database `secret` asks for the password; pg_hba.conf is read from its first line. */
static const char hba[] =
    "host secret all 127.0.0.1/32 scram-sha-256\n"
    "host all all 127.0.0.1/32 trust\n";

static const char *const roles[] = {"CREATE ROLE switchyard LOGIN PASSWORD 's3cret'",
                                    "CREATE DATABASE secret"};

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "PostgreSQL for the test: %s %s: %s\n", what, detail, strerror(errno));
    exit(1);
}

bool pgserver_installed(void)
{
    if (access(BIN "postgres", X_OK) == 0 && access(BIN "psql", X_OK) == 0)
        return true;
    puts("PostgreSQL 15 is not installed, its tests are skipped: apt-get install postgresql-15");
    return false;
}

/* ---- processes ------------------------------------------------------------------------------- */

static void become(const struct passwd *user)
{
    if (user && (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
        _exit(126);
}

static pid_t spawn(const struct pgserver *s, const char *const *argv)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    pid_t parent = getpid();
    char log[128];
    pid_t pid;
    int out;

    snprintf(log, sizeof log, "%s/log", s->dir);
    pid = fork();
    if (pid < 0)
        die("start", argv[0]);
    if (pid > 0)
        return pid;
    become(user);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (getppid() != parent || out < 0)
        _exit(125);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool run(const struct pgserver *s, const char *const *argv)
{
    pid_t pid = spawn(s, argv);
    int status = -1;

    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#define RUN(s, ...) run((s), (const char *const[]){__VA_ARGS__, NULL})

static bool psql(const struct pgserver *s, const char *command)
{
    char port[16];

    snprintf(port, sizeof port, "%u", s->port);
    return RUN(s, BIN "psql", "-X", "-q", "-w", "-h", "127.0.0.1", "-p", port, "-U", "postgres",
               "-c", command, "postgres");
}

/* ---- starting -------------------------------------------------------------------------------- */

static unsigned free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&at, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        die("find", "a free port");
    close(fd);
    return ntohs(at.sin_port);
}

static void make_folder(struct pgserver *s)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;

    snprintf(s->dir, sizeof s->dir, "/tmp/switchyard-pg-XXXXXX");
    if (!mkdtemp(s->dir) || (user && chown(s->dir, user->pw_uid, user->pw_gid) < 0))
        die("make", s->dir);
}

static void make_cluster(const struct pgserver *s, const char *data)
{
    char path[128];
    FILE *f;

    if (!RUN(s, BIN "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8",
             "--locale", "C"))
        die("run initdb, see", s->dir);
    snprintf(path, sizeof path, "%s/pg_hba.conf", data);
    f = fopen(path, "w");
    if (!f || fputs(hba, f) < 0 || fclose(f) != 0)
        die("write", path);
}

static void wait_ready(struct pgserver *s)
{
    mono_t end = mono_add(clock_system->mono(clock_system), dur_s(READY_S));

    while (!psql(s, "SELECT 1")) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            die("it ended, see", s->dir);
        if (!mono_before(clock_system->mono(clock_system), end))
            die("it does not serve, see", s->dir);
        poll(NULL, 0, 20);
    }
}

void pgserver_start(struct pgserver *s)
{
    char data[96], port[16];

    memset(s, 0, sizeof *s);
    s->port = free_port();
    make_folder(s);
    snprintf(data, sizeof data, "%s/data", s->dir);
    snprintf(port, sizeof port, "%u", s->port);
    make_cluster(s, data);
    s->pid = spawn(s, (const char *const[]){BIN "postgres", "-D", data, "-p", port, "-F", "-h",
                                            "127.0.0.1", "-k", "", NULL});
    wait_ready(s);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (!psql(s, roles[i]))
            die(roles[i], s->dir);
    snprintf(s->conninfo, sizeof s->conninfo,
             "host=127.0.0.1 port=%u dbname=postgres user=switchyard", s->port);
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int flag UNUSED,
                        struct FTW *at UNUSED)
{
    return remove(path);
}

void pgserver_stop(struct pgserver *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGQUIT);
        waitpid(s->pid, NULL, 0);
        s->pid = 0;
    }
    nftw(s->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
