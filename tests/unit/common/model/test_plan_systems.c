/* SPDX-License-Identifier: Apache-2.0 */
/* How a plan says what is spoken to its two systems. */
#include "common/base/buf.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"

#define TEXT_LIMIT (16u << 10)
#define PLAIN      "{endpoints: [\"http://127.0.0.1:1\"]}"

/* A plan whose new system is `system`, a flow mapping in line 7. */
static int parse(const char *system, struct plan **ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TEXT_LIMIT);

    assert_true(buf_addf(&text,
                         "apiVersion: switchyard/v1\n"
                         "kind: Migration\n"
                         "metadata: {name: orders}\n"
                         "spec:\n"
                         "  systems:\n"
                         "    legacy: " PLAIN "\n"
                         "    new: %s\n"
                         "  routing: {key: random}\n"
                         "  triggers: {errorRate: 1%%}\n"
                         "  stages: [{name: all, weight: 50, bake: 1m, gate: {errorRate: 1%%}}]\n",
                         system));
    return plan_parse(buf_view(&text), "p", ret, err);
}

static struct plan *good(const char *system)
{
    struct plan *p = NULL;
    struct err err;

    assert_ok(parse(system, &p, &err), &err);
    return p;
}

static void plain_http_is_what_nobody_has_to_ask_for(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = good("{endpoints: [\"http://127.0.0.1\"]}");
    const struct route_upstream *u = &p->route.upstream[SYSTEM_NEW];

    assert_int_equal(u->endpoint[0].port, 80);
    assert_int_equal(u->protocol, UPSTREAM_HTTP1);
    assert_false(u->tls.on);
    assert_true(u->tls.verify);
}

static void https_is_tls_with_checks(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p = good("{endpoints: [\"https://a\", \"https://B:8443/\"], protocol: h2}");
    const struct route_upstream *u = &p->route.upstream[SYSTEM_NEW];

    assert_int_equal(u->endpoint[0].port, 443);
    assert_int_equal(u->endpoint[1].port, 8443);
    assert_int_equal(u->protocol, UPSTREAM_H2);
    assert_true(u->tls.on);
    assert_true(u->tls.verify);
    assert_string_equal(u->tls.name, "");
    assert_string_equal(u->tls.ca_file, "");
    assert_false(p->route.upstream[SYSTEM_LEGACY].tls.on);
}

static void settings_of_tls_are_kept(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p = good(
        "{endpoints: [\"https://10.0.0.1\"], tls: {serverName: New.Example, "
        "caFile: /ca.pem, certFile: /c.pem, keyFile: /k.pem}}");
    const struct route_tls *t = &p->route.upstream[SYSTEM_NEW].tls;

    assert_string_equal(t->name, "new.example");
    assert_string_equal(t->ca_file, "/ca.pem");
    assert_string_equal(t->cert_file, "/c.pem");
    assert_string_equal(t->key_file, "/k.pem");
    assert_true(t->verify);
}

/* The message follows "p:7: spec.systems.new". */
static const struct {
    const char *system;
    const char *message;
} bad[] = {
    {"{endpoints: [\"https://a\", \"http://b\"]}",
     ".endpoints[1]: all endpoints of a system are spoken to alike, and [0] is written "
     "https://"},
    {"{endpoints: [\"http://a\", \"https://b\"]}",
     ".endpoints[1]: all endpoints of a system are spoken to alike, and [0] is written "
     "http://"},
    {"{endpoints: [\"https://a:80\", \"https://a:80\"]}",
     ".endpoints[1]: the same endpoint as "
     "[0]"},
    {"{endpoints: [\"https://127.0.0.1:1\"]}",
     ".endpoints[0]: legacy has the same endpoint; the two systems must differ"},
    {"{endpoints: [\"https://a\"], protocol: h3}",
     ".protocol: expected one of http1, h2, not \"h3\"; did you mean \"h2\"?"},
    {"{endpoints: [\"http://a\"], tls: {}}",
     ".tls: its endpoints are http://; write https://, or take tls out"},
    {"{endpoints: [\"https://a\"], tls: {certFile: /c}}",
     ".tls.certFile: needs keyFile, the key of the certificate"},
    {"{endpoints: [\"https://a\"], tls: {keyFile: /k}}",
     ".tls.keyFile: needs certFile, the certificate of the key"},
    {"{endpoints: [\"https://a\"], tls: {caFile: /c, verify: false}}",
     ".tls.caFile: says whom to trust, and verify: false trusts everybody; take one of the two "
     "out"},
    {"{endpoints: [\"https://a\"], tls: {caFile: ca.pem}}",
     ".tls.caFile: \"ca.pem\" is not a file's path from the root, under 256 bytes, as in "
     "\"/etc/switchyard/ca.pem\""},
    {"{endpoints: [\"https://a\"], tls: {serverName: \"a:443\"}}",
     ".tls.serverName: \"a:443\" is not a host name without port, like \"orders.example.com\""},
    {"{endpoints: [\"https://a\"], tls: {serverName: \"\"}}",
     ".tls.serverName: \"\" is not a host name without port, like \"orders.example.com\""},
    {"{endpoints: [\"https://a\"], tls: {serverName: \"a/\"}}",
     ".tls.serverName: \"a/\" is not a host name without port, like \"orders.example.com\""},
    {"{endpoints: [\"https://a\"], tls: {verify: maybe}}",
     ".tls.verify: expected true or false, not \"maybe\""},
    {"{endpoints: [\"https://a\"], tls: {ca: /c}}",
     ".tls.ca: unknown field; known here: serverName, caFile, certFile, keyFile, verify"},
};

static void what_cannot_be_is_refused(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(buf_deinitp) struct buf message = BUF_INIT(TEXT_LIMIT);
        struct plan *p = NULL;
        struct err err = {.msg = ""};

        if (parse(bad[i].system, &p, &err) == 0)
            plan_free(p);
        assert_true(buf_addf(&message, "p:7: spec.systems.new%s", bad[i].message));
        assert_string_equal(err.msg, buf_text(&message));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void explains(const char *system, const char *sentences)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);
    CLEANUP(plan_freep) struct plan *p = good(system);

    assert_true(plan_explain(p, &b));
    if (!strstr(buf_text(&b), sentences))
        fail_msg("%s is not in:\n%s", sentences, buf_text(&b));
}

static void it_is_told_in_sentences(void **state UNUSED)
{
    explains("{endpoints: [\"https://a\"], protocol: h2}",
             "\nnew is https://a:443 by HTTP/2: 1s for a connection, 15s for an answer.\n"
             "Its certificate must be for the endpoint's host, signed by one of those that the "
             "node trusts.\n");
    explains(
        "{endpoints: [\"https://[::1]\"], tls: {serverName: n.example, caFile: /ca.pem, "
        "certFile: /c.pem, keyFile: /k.pem}}",
        "\nnew is https://[::1]:443: 1s for a connection, 15s for an answer.\n"
        "Its certificate must be for n.example, signed by one of /ca.pem.\n"
        "Nodes show it the certificate in /c.pem.\n");
    explains("{endpoints: [\"https://a\"], tls: {verify: false}}",
             "Its certificate is not looked at: whoever answers there is trusted.\n");
}

static void add_warning(void *ctx, const char *path, const char *text)
{
    buf_addf(ctx, "%s: %s\n", path, text);
}

static void trust_in_everybody_is_warned_of(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p = good("{endpoints: [\"https://a\"], tls: {verify: false}}");
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(TEXT_LIMIT);

    plan_lint(p, add_warning, &told);
    assert_string_equal(buf_text(&told),
                        "spec.systems.new.tls.verify: is false: whoever answers at its address is "
                        "trusted\n"
                        "spec.stages[0].weight: is under 100 in the last stage: the migration "
                        "never ends\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_http_is_what_nobody_has_to_ask_for),
        cmocka_unit_test(https_is_tls_with_checks),
        cmocka_unit_test(settings_of_tls_are_kept),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(it_is_told_in_sentences),
        cmocka_unit_test(trust_in_everybody_is_warned_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
