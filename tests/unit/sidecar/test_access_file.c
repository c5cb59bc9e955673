/* SPDX-License-Identifier: Apache-2.0 */
/* The access log on its way to a file that does not take everything. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/lib/wait.h"

#include "common/base/atomic_file.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "sidecar/access_file.h"

#define FULL_AT 250

struct fixture {
    struct loop *loop;
    struct access_log *log;
    struct access_file *file;
    struct rng rng;
    char path[64];
};

static void set_size_limit(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};
    int fd;

    signal(SIGXFSZ, SIG_IGN);
    rng_seed(&f->rng, 1);
    (void)str_fmt(f->path, sizeof f->path, "/tmp/switchyard-access-XXXXXX");
    fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    f->log = access_log_new(ACCESS_ALL, false);
    assert_ok(access_file_new(f->path, f->log, f->loop, &f->file, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    set_size_limit(RLIM_INFINITY);
    access_file_free(f->file);
    access_log_free(f->log);
    loop_free(f->loop);
    unlink(f->path);
    free(f);
    return 0;
}

static void note(struct fixture *f, const char *origin)
{
    const struct access_end end = {.kind = "tcp", .origin = origin, .ending = ENDING_NONE};

    access_log_note_end(access_log_ring(f->log, 0), &end, &f->rng);
}

static bool has(struct fixture *f, const char *what, struct buf *text)
{
    struct err err;

    buf_clear(text);
    assert_ok(file_read(f->path, text, &err), &err);
    return strstr(buf_text(text), what);
}

/* A disk that was full takes a part of a line, and more later on. */
static void a_line_that_was_cut_spoils_no_other(void **state)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1u << 20);
    struct fixture *f = *state;

    set_size_limit(FULL_AT);
    for (int i = 0; i < 4; i++)
        note(f, ",\"n\":\"some\"");
    WAIT_FOR(f->loop, access_file_lost(f->file) == 2);
    set_size_limit(RLIM_INFINITY);
    note(f, ",\"n\":\"last\"");
    WAIT_FOR(f->loop, has(f, "last", &text));
    assert_int_equal(buf_text(&text)[FULL_AT], '\n');
    assert_int_equal(buf_text(&text)[FULL_AT + 1], '{');
    assert_int_equal(access_file_lost(f->file), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_that_was_cut_spoils_no_other, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
