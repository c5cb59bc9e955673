/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of handshakes that failed, and how often. */
#include "sidecar/transport/tls_faults.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/lib/unit.h"

static mono_t at(int64_t seconds)
{
    return (mono_t){dur_s(seconds).ns};
}

static void note(struct tls_faults *f, enum tls_failure failure, const char *words)
{
    const struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(443), .sin_addr.s_addr = htonl(0x0a000007)};

    tls_faults_note(f, failure, (const struct sockaddr *)&peer, "a.test", words);
}

static void a_flood_is_a_line_a_minute(void **state UNUSED)
{
    struct tls_faults f;
    struct tls_fault got;

    tls_faults_init(&f);
    assert_false(tls_faults_tell(&f, at(1), &got));
    note(&f, TLS_FAILED_CIPHER, "the first");
    assert_true(tls_faults_tell(&f, at(1), &got));
    assert_string_equal(got.peer, "10.0.0.7:443");
    assert_string_equal(got.name, "a.test");
    assert_string_equal(got.words, "the first");
    assert_int_equal(got.count, 1);
    for (unsigned i = 0; i < 1000; i++)
        note(&f, TLS_FAILED_CIPHER, i == 999 ? "the last" : "one");
    assert_false(tls_faults_tell(&f, at(60), &got));
    assert_true(tls_faults_tell(&f, at(61), &got));
    assert_string_equal(got.words, "the last");
    assert_int_equal(got.count, 1000);
    assert_false(tls_faults_tell(&f, at(1000), &got));
    assert_int_equal(tls_faults_count(&f, TLS_FAILED_CIPHER), 1001);
    tls_faults_deinit(&f);
}

/* Many of one kind keep none of another from being told. */
static void kinds_are_told_apart(void **state UNUSED)
{
    struct tls_faults f;
    struct tls_fault got;

    tls_faults_init(&f);
    note(&f, TLS_FAILED_NOT_TLS, "a stranger");
    assert_true(tls_faults_tell(&f, at(1), &got));
    note(&f, TLS_FAILED_NOT_TLS, "a stranger");
    note(&f, TLS_FAILED_CERTIFICATE, "expired");
    assert_true(tls_faults_tell(&f, at(2), &got));
    assert_int_equal(got.failure, TLS_FAILED_CERTIFICATE);
    assert_false(tls_faults_tell(&f, at(2), &got));
    tls_faults_deinit(&f);
}

static void what_is_long_or_missing_does_no_harm(void **state UNUSED)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(8443)};
    struct tls_faults f;
    struct tls_fault got;
    char name[2 * TLS_NAME_MAX];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
    tls_faults_init(&f);
    tls_faults_note(&f, TLS_FAILED_OTHER, (const struct sockaddr *)&v6, name, "x");
    assert_true(tls_faults_tell(&f, at(1), &got));
    assert_string_equal(got.peer, "[2001:db8::7]:8443");
    assert_true(strlen(got.name) < TLS_NAME_MAX);
    tls_faults_note(&f, TLS_FAILED_CLOSED, NULL, "", "x");
    assert_true(tls_faults_tell(&f, at(1), &got));
    assert_string_equal(got.peer, "");
    tls_faults_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_is_a_line_a_minute),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(what_is_long_or_missing_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
