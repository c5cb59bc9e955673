/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include "sidecar/node_metrics.h"

static struct route_stats of(const char *migration, uint64_t requests)
{
    struct route_stats s = {.breaker = BREAKER_OPEN};

    str_fmt(s.migration.s, sizeof s.migration.s, "%s", migration);
    s.system[SYSTEM_NEW].requests = requests;
    s.system[SYSTEM_NEW].errors = 1;
    s.system[SYSTEM_NEW].fallbacks = 1;
    s.over_budget = 3;
    s.underway.tunnels[SYSTEM_LEGACY] = 4;
    s.underway.lasting[SYSTEM_NEW] = 8;
    s.system[SYSTEM_LEGACY].tunnels = 5;
    s.system[SYSTEM_LEGACY].bytes_in = 6;
    s.system[SYSTEM_NEW].bytes_out = 8;
    hist_add(&s.system[SYSTEM_NEW].latency, 300);
    return s;
}

static void counts_rise_and_go_with_their_route(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1u << 20);
    struct route_stats stats[] = {of("orders", 7), of("carts", 2)};
    struct node_metrics *n = node_metrics_new();
    struct node_facts f = {.silence = dur_ms(1500), .stale = true, .busy = 3};

    node_metrics_add(n, stats, 2);
    node_metrics_add(n, stats, 2);
    assert_true(node_metrics_page(n, &f, &b));
    assert_holds(buf_text(&b), "_requests_total{migration=\"orders\",system=\"new\"} 14\n");
    assert_holds(buf_text(&b), "_requests_total{migration=\"orders\",system=\"legacy\"} 0\n");
    assert_holds(buf_text(&b), "_errors_total{migration=\"carts\",system=\"new\"} 2\n");
    assert_holds(buf_text(&b), "_fallbacks_total{migration=\"carts\"} 2\n");
    assert_holds(buf_text(&b), "_over_budget_total{migration=\"carts\"} 6\n");
    assert_holds(buf_text(&b), "_breaker_state{migration=\"orders\",state=\"open\"} 1\n");
    assert_holds(buf_text(&b), "_breaker_state{migration=\"orders\",state=\"closed\"} 0\n");
    assert_holds(buf_text(&b), "_latency_seconds_count{migration=\"orders\",system=\"new\"} 2\n");
    assert_holds(buf_text(&b), "switchyard_coordinator_silence_seconds 1.5\n");
    assert_holds(buf_text(&b), "switchyard_upstream_connections{state=\"busy\"} 3\n");
    assert_holds(buf_text(&b), "switchyard_stale 1\n");
    assert_holds(buf_text(&b), "switchyard_tunnels{migration=\"orders\",system=\"legacy\"} 4\n");
    assert_holds(buf_text(&b), "_lasting_answers{migration=\"orders\",system=\"new\"} 8\n");
    assert_holds(buf_text(&b), "_opened_total{migration=\"orders\",system=\"legacy\"} 10\n");
    assert_holds(buf_text(&b),
                 "_bytes_total{migration=\"orders\",system=\"legacy\",direction=\"in\"} 12\n");
    assert_holds(buf_text(&b),
                 "_bytes_total{migration=\"orders\",system=\"new\",direction=\"out\"} 16\n");

    node_metrics_add(n, stats, 1);
    buf_clear(&b);
    assert_true(node_metrics_page(n, &f, &b));
    assert_holds(buf_text(&b), "_requests_total{migration=\"orders\",system=\"new\"} 21\n");
    assert_null(strstr(buf_text(&b), "carts"));
    node_metrics_free(n);
}

static void what_does_not_fit_is_told(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(500);
    struct node_metrics *n = node_metrics_new();

    assert_false(node_metrics_page(n, &(struct node_facts){.clients = 0}, &b));
    node_metrics_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_rise_and_go_with_their_route),
        cmocka_unit_test(what_does_not_fit_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
