/* SPDX-License-Identifier: Apache-2.0 */
/* The last known fleet: read from what `get nodes` prints and from the CLI's own file, whatever
 * state that is in. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

#include "cli/fleet_list.h"

/* SHA-256 of "a:1,b:2" and of "a:1" begin like this. */
#define FLEET_AB "0f4ca0698676b643.json"
#define FLEET_A  "2b2c40a6706d9e5f.json"

static char folder[64], fleets[96], path[128];

static int setup(void **state UNUSED)
{
    (void)str_fmt(folder, sizeof folder, "/tmp/switchyard-fleet-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)str_fmt(fleets, sizeof fleets, "%s/switchyard", folder);
    assert_int_equal(mkdir(fleets, 0700), 0);
    (void)str_fmt(fleets, sizeof fleets, "%s/switchyard/fleets", folder);
    assert_int_equal(mkdir(fleets, 0700), 0);
    (void)str_fmt(path, sizeof path, "%s/nodes.json", fleets);
    setenv("XDG_CACHE_HOME", folder, 1);
    return 0;
}

/* How many files there are; with `gone` they are removed. */
static unsigned count_files(bool gone)
{
    DIR *d = opendir(fleets);
    unsigned n = 0;

    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        n++;
        if (gone)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return n;
}

static int teardown(void **state UNUSED)
{
    count_files(true);
    rmdir(fleets);
    *strrchr(fleets, '/') = '\0';
    rmdir(fleets);
    rmdir(folder);
    return 0;
}

static void put(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct cli cli_of(const char *endpoints)
{
    struct cli c = {.timeout = dur_s(1)};

    (void)str_fmt(c.endpoints, sizeof c.endpoints, "%s", endpoints);
    return c;
}

static void nodes_as_printed_are_read(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct err err = {0};

    put("{\"nodes\": [{\"name\": \"n1\", \"state\": \"serving\", \"controlAddress\": "
        "\"10.0.0.1:7402\"}, {\"name\": \"old\"}, {\"name\": \"n2\", \"controlAddress\": "
        "\"unix:/run/n2.sock\"}], \"revision\": 5}");
    assert_ok(fleet_list_read(path, &l, &err), &err);
    assert_int_equal(l.count, 2);
    assert_string_equal(fleet_list_find(&l, "n1")->address, "10.0.0.1:7402");
    assert_string_equal(fleet_list_find(&l, "n2")->address, "unix:/run/n2.sock");
    assert_null(fleet_list_find(&l, "old"));
}

static void what_is_no_list_of_nodes_is_named(void **state UNUSED)
{
    static const char *const bad[] = {
        "", "[]", "{}", "{\"nodes\": 5}", "{\"nodes\": [5]}", "{\"nodes\": [{\"name\": \"\"}]}"};

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
        struct err err = {0};

        put(bad[i]);
        assert_fails(fleet_list_read(path, &l, &err), ERR_INVALID);
        assert_holds(err.msg, path);
        assert_holds(err.hint, "get nodes");
    }
}

static void put_fleet(const char *file, const char *text)
{
    (void)str_fmt(path, sizeof path, "%s/%s", fleets, file);
    put(text);
}

static void a_fleet_is_known_by_the_coordinators_that_told_of_it(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct cli known = cli_of("a:1,b:2"), other = cli_of("c:3");
    struct err err = {0};

    put_fleet(FLEET_AB,
              "{\"endpoints\": \"a:1,b:2\", \"nodes\": [{\"name\": \"n1\", "
              "\"controlAddress\": \"h:1\"}]}");
    assert_ok(fleet_list_known(&known, &l, &err), &err);
    assert_int_equal(l.count, 1);
    assert_fails(fleet_list_known(&other, &l, &err), ERR_NOT_FOUND);
    assert_holds(err.msg, "c:3");
    assert_holds(err.hint, "a:1,b:2");
}

/* A fleet of one node, kept as coordinators at `c` would have told of it. */
static void keep(const struct cli *c, const char *address)
{
    Switchyard__V1__Nodes nodes = SWITCHYARD__V1__NODES__INIT;
    Switchyard__V1__NodeSummary n1 = SWITCHYARD__V1__NODE_SUMMARY__INIT;
    Switchyard__V1__NodeSummary *list[] = {&n1};

    n1.name = rpc_lend("n1");
    n1.control_address = rpc_lend(address);
    nodes.nodes = list;
    nodes.n_nodes = address[0] ? 1 : 0;
    fleet_list_keep(c, &nodes);
}

static void what_is_kept_is_known_and_an_empty_fleet_changes_nothing(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct cli a = cli_of("a:1"), b = cli_of("b:2");
    struct err err = {0};

    keep(&a, "h:1");
    keep(&b, "h:2");
    keep(&b, "");
    assert_ok(fleet_list_known(&a, &l, &err), &err);
    assert_ok(fleet_list_known(&b, &l, &err), &err);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.item[0].address, "h:1");
    assert_string_equal(l.item[1].address, "h:2");
}

static void the_file_is_in_the_form_that_get_nodes_prints(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct cli a = cli_of("a:1");
    struct err err = {0};

    keep(&a, "h:1");
    (void)str_fmt(path, sizeof path, "%s/%s", fleets, FLEET_A);
    assert_ok(fleet_list_read(path, &l, &err), &err);
    assert_string_equal(fleet_list_find(&l, "n1")->address, "h:1");
}

static void set_age(const char *file, int64_t age_s)
{
    struct timespec at = {.tv_sec = clock_system->wall(clock_system).ns / 1000000000 - age_s};
    struct timespec both[2] = {at, at};

    (void)str_fmt(path, sizeof path, "%s/%s", fleets, file);
    assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
}

static void the_seventeenth_fleet_drops_the_oldest(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct cli oldest = cli_of("a:1");
    struct err err = {0};

    keep(&oldest, "h:1");
    set_age(FLEET_A, 1000);
    for (unsigned i = 0; i < 16; i++) {
        char endpoints[16];

        (void)str_fmt(endpoints, sizeof endpoints, "x:%u", i + 1);
        struct cli c = cli_of(endpoints);
        keep(&c, "h:2");
    }
    assert_int_equal(count_files(false), 16);
    assert_fails(fleet_list_known(&oldest, &l, &err), ERR_NOT_FOUND);
    assert_holds(err.hint, "x:16");
}

/* Nobody listens there: a fleet that is asked for would need a connection. */
static void a_fresh_file_is_not_asked_for_again_whatever_it_holds(void **state UNUSED)
{
    struct cli c = cli_of("a:1");
    struct err err = {0};

    assert_ok(loop_new(clock_system, &c.loop, &err), &err);
    put_fleet(FLEET_A, "not read");
    fleet_list_refresh(&c);
    assert_false(c.asked);
    loop_free(c.loop);
}

static void a_damaged_file_is_no_file(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct cli c = cli_of("a:1");
    struct err err = {0};

    assert_fails(fleet_list_known(&c, &l, &err), ERR_NOT_FOUND);
    put_fleet(FLEET_A, "{\"endpoints\": \"a:1\"");
    assert_fails(fleet_list_known(&c, &l, &err), ERR_NOT_FOUND);
    assert_holds(err.hint, "--direct");
    put_fleet(FLEET_A, "{\"nodes\": [{\"name\": \"n1\", \"controlAddress\": \"h:1\"}, 5]}");
    assert_fails(fleet_list_known(&c, &l, &err), ERR_NOT_FOUND);
    assert_int_equal(l.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_as_printed_are_read),
        TEST(what_is_no_list_of_nodes_is_named),
        TEST(a_fleet_is_known_by_the_coordinators_that_told_of_it),
        TEST(what_is_kept_is_known_and_an_empty_fleet_changes_nothing),
        TEST(the_file_is_in_the_form_that_get_nodes_prints),
        TEST(the_seventeenth_fleet_drops_the_oldest),
        TEST(a_fresh_file_is_not_asked_for_again_whatever_it_holds),
        TEST(a_damaged_file_is_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
