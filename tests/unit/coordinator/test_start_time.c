/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/start_time.h"

#include "tests/lib/unit.h"

#define NOW 1700000000

static const wall_t now = {NOW * INT64_C(1000000000)};

static void tells(const char *page, double want)
{
    double got = -1;

    if (!start_time_read(str_of(page), now, &got))
        fail_msg("nothing was read out of %s", page);
    assert_true(got > want - 0.01 && got < want + 0.01);
}

static void tells_nothing(const char *page)
{
    double got;

    if (start_time_read(str_of(page), now, &got))
        fail_msg("%g was read out of %s", got, page);
}

static void metrics_tell(void **state UNUSED)
{
    tells("process_start_time_seconds 1.69e+09\n", 1.69e9);
    tells("# HELP x y\nup 1\nprocess_start_time_seconds{job=\"a b\"} 1690000000.25 170\nx 1\n",
          1690000000.25);
    tells("up 1\r\nprocess_start_time_seconds 1690000000\r\n", 1690000000);
}

static void documents_tell(void **state UNUSED)
{
    tells("{\"status\":\"ok\",\"startTime\":\"2023-07-22T04:26:40Z\"}", 1690000000);
    tells("{\"started_at\":1690000000}", 1690000000);
    tells("{\"startedAt\":1690000000500}", 1690000000.5);
    tells("{\"uptime\":100.5}", NOW - 100.5);
    tells("{\"uptime_seconds\":0}", NOW);
}

static void nonsense_tells_nothing(void **state UNUSED)
{
    static const char *const pages[] = {
        "",
        "<html>up</html>",
        "process_start_time_seconds",
        "process_start_time_seconds NaN\n",
        "process_start_time_seconds +Inf\n",
        "process_start_time_seconds -5\n",
        "process_start_time_seconds 1e300\n",
        "process_start_time_seconds{job=\"x\" 1.69e9\n",
        "process_start_time_seconds_total 1.69e9\n",
        "# process_start_time_seconds 1.69e9\n",
        "{\"startTime\":\"yesterday\"}",
        "{\"uptime\":\"long\"}",
        "{\"uptime\":1e300}",
        "{}",
        "[1690000000]",
        "1690000000",
        "{\"startTime\":null}",
    };

    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        tells_nothing(pages[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_tell),
        cmocka_unit_test(documents_tell),
        cmocka_unit_test(nonsense_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
