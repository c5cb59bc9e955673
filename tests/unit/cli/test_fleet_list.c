/* SPDX-License-Identifier: Apache-2.0 */
/* The last known fleet: read from what `get nodes` prints and from the CLI's own file, whatever
 * state that is in. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

#include "cli/fleet_list.h"

static char folder[64], path[128];

static int setup(void **state UNUSED)
{
    char sub[96];

    (void)str_fmt(folder, sizeof folder, "/tmp/switchyard-fleet-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)str_fmt(sub, sizeof sub, "%s/switchyard", folder);
    assert_int_equal(mkdir(sub, 0700), 0);
    (void)str_fmt(path, sizeof path, "%s/switchyard/fleet.json", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    return 0;
}

static int teardown(void **state UNUSED)
{
    char sub[96];

    (void)str_fmt(sub, sizeof sub, "%s/switchyard", folder);
    unlink(path);
    rmdir(sub);
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

static void a_fleet_is_known_by_the_coordinators_that_told_of_it(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct cli known = cli_of("a:1,b:2"), other = cli_of("c:3");
    struct err err = {0};

    put("{\"clusters\": [{\"endpoints\": \"a:1,b:2\", \"savedAt\": 5, \"nodes\": [{\"name\": "
        "\"n1\", \"controlAddress\": \"h:1\"}]}]}");
    assert_ok(fleet_list_known(&known, &l, &err), &err);
    assert_int_equal(l.count, 1);
    assert_fails(fleet_list_known(&other, &l, &err), ERR_NOT_FOUND);
    assert_holds(err.msg, "c:3");
    assert_holds(err.hint, "a:1,b:2");
}

static void what_is_kept_is_known_and_an_empty_fleet_changes_nothing(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    Switchyard__V1__Nodes nodes = SWITCHYARD__V1__NODES__INIT;
    Switchyard__V1__NodeSummary n1 = SWITCHYARD__V1__NODE_SUMMARY__INIT;
    Switchyard__V1__NodeSummary *list[] = {&n1};
    struct cli a = cli_of("a:1"), b = cli_of("b:2");
    struct err err = {0};

    assert_ok(loop_new(clock_system, &a.loop, &err), &err);
    b.loop = a.loop;
    n1.name = rpc_lend("n1");
    n1.control_address = rpc_lend("h:1");
    nodes.nodes = list;
    nodes.n_nodes = 1;
    fleet_list_keep(&a, &nodes);
    n1.control_address = rpc_lend("h:2");
    fleet_list_keep(&b, &nodes);
    nodes.n_nodes = 0;
    fleet_list_keep(&b, &nodes);

    assert_ok(fleet_list_known(&a, &l, &err), &err);
    assert_ok(fleet_list_known(&b, &l, &err), &err);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.item[0].address, "h:1");
    assert_string_equal(l.item[1].address, "h:2");
    loop_free(a.loop);
}

static void a_damaged_file_is_no_file(void **state UNUSED)
{
    CLEANUP(fleet_list_deinit) struct fleet_list l = {.count = 0};
    struct cli c = cli_of("a:1");
    struct err err = {0};

    assert_fails(fleet_list_known(&c, &l, &err), ERR_NOT_FOUND);
    put("{\"clusters\": [{\"endpoints\": \"a:1\"");
    assert_fails(fleet_list_known(&c, &l, &err), ERR_NOT_FOUND);
    assert_holds(err.hint, "--direct");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_as_printed_are_read),
        TEST(what_is_no_list_of_nodes_is_named),
        TEST(a_fleet_is_known_by_the_coordinators_that_told_of_it),
        TEST(what_is_kept_is_known_and_an_empty_fleet_changes_nothing),
        TEST(a_damaged_file_is_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
