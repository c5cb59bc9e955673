/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_status.h"

#include "common/base/str.h"
#include "tests/lib/unit.h"

/* A peer that is not ours, or that means harm. */
static struct err restore(grpc_status_code status, const char *details, const char *code,
                          const char *hint)
{
    struct rpc_ending e;
    grpc_metadata md[2];
    struct err got;

    rpc_ending_init(&e);
    e.status = status;
    e.details = grpc_slice_from_copied_string(details);
    md[0].key = grpc_slice_from_static_string("switchyard-code");
    md[0].value = grpc_slice_from_copied_string(code ? code : "");
    md[1].key = grpc_slice_from_static_string("switchyard-hint");
    md[1].value = grpc_slice_from_copied_string(hint ? hint : "");
    e.trailers.metadata = md;
    e.trailers.count = 2;
    rpc_status_restore(&e, "10.1.2.3:7400", &got);
    grpc_slice_unref(md[0].value);
    grpc_slice_unref(md[1].value);
    grpc_slice_unref(e.details);
    return got;
}

static void ok_is_no_error(void **state UNUSED)
{
    assert_int_equal(restore(GRPC_STATUS_OK, "", "conflict", "x").code, ERR_NONE);
}

static void our_code_wins_over_the_status(void **state UNUSED)
{
    struct err e = restore(GRPC_STATUS_INTERNAL, "disk on fire", "io", "");

    assert_int_equal(e.code, ERR_IO);
    assert_string_equal(e.msg, "disk on fire");
}

static void an_unknown_code_falls_back_to_the_status(void **state UNUSED)
{
    assert_int_equal(restore(GRPC_STATUS_ABORTED, "x", "new_in_2031", "").code, ERR_CONFLICT);
    assert_int_equal(
        restore(GRPC_STATUS_ABORTED, "x", "a_code_that_is_much_longer_than_any_of_ours_is", "")
            .code,
        ERR_CONFLICT);
    assert_int_equal(restore((grpc_status_code)77, "x", NULL, NULL).code, ERR_INTERNAL);
}

static bool unsent(const char *details)
{
    struct rpc_ending e;
    bool r;

    rpc_ending_init(&e);
    e.status = GRPC_STATUS_UNAVAILABLE;
    e.details = grpc_slice_from_copied_string(details);
    r = rpc_status_unsent(&e);
    rpc_ending_deinit(&e);
    return r;
}

/* The words are the library's (1.51). */
static void what_was_never_sent_is_told_from_what_was_lost(void **state UNUSED)
{
    static const char refused[] =
        "failed to connect to all addresses; last error: UNKNOWN: "
        "ipv4:10.1.2.3:7400: Failed to connect to remote host: refused";
    static const char deaf[] =
        "failed to connect to all addresses; last error: UNKNOWN: "
        "ipv4:10.1.2.3:7400: connection attempt timed out";
    static const char nameless[] = "DNS resolution failed for nosuch:1: not found";

    assert_true(unsent(refused) && unsent(deaf) && unsent(nameless));
    assert_false(unsent("Socket closed") || unsent("Cancelling all calls") || unsent(""));
    assert_string_equal(restore(GRPC_STATUS_UNAVAILABLE, refused, NULL, NULL).msg,
                        "cannot reach 10.1.2.3:7400: refused");
    assert_string_equal(restore(GRPC_STATUS_UNAVAILABLE, deaf, NULL, NULL).msg,
                        "cannot reach 10.1.2.3:7400: ipv4:10.1.2.3:7400: connection attempt "
                        "timed out");
    assert_string_equal(restore(GRPC_STATUS_UNAVAILABLE, nameless, NULL, NULL).msg,
                        "cannot reach 10.1.2.3:7400: DNS resolution failed for nosuch:1: not "
                        "found");
    assert_string_equal(restore(GRPC_STATUS_UNAVAILABLE, "Socket closed", NULL, NULL).msg,
                        "lost the connection to 10.1.2.3:7400: Socket closed");
}

static void broken_escapes_stay_as_they_are(void **state UNUSED)
{
    assert_string_equal(restore(GRPC_STATUS_ABORTED, "x", "", "50%").hint, "50%");
    assert_string_equal(restore(GRPC_STATUS_ABORTED, "x", "", "%zz%4").hint, "%zz%4");
    assert_string_equal(restore(GRPC_STATUS_ABORTED, "x", "", "%41%00%c3%B6").hint, "A%00\xc3\xb6");
}

static void a_hint_stays_one_line_of_bounded_length(void **state UNUSED)
{
    char longer[2000];
    struct err e;

    assert_string_equal(restore(GRPC_STATUS_ABORTED, "x", "", "a%0Ab%1b[31m").hint, "a b [31m");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    e = restore(GRPC_STATUS_ABORTED, longer, "", longer);
    assert_true(strlen(e.hint) < sizeof e.hint);
    assert_true(strlen(e.msg) < sizeof e.msg);
}

static void what_the_library_reports_names_the_target(void **state UNUSED)
{
    assert_string_equal(restore(GRPC_STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded", NULL, NULL).msg,
                        "no answer from 10.1.2.3:7400 within the deadline");
    assert_string_equal(restore(GRPC_STATUS_CANCELLED, "CANCELLED", NULL, NULL).msg,
                        "the call to 10.1.2.3:7400 was cancelled");
    assert_string_equal(restore(GRPC_STATUS_UNAVAILABLE, "Socket closed", NULL, NULL).msg,
                        "lost the connection to 10.1.2.3:7400: Socket closed");
    assert_string_equal(
        restore(GRPC_STATUS_UNAVAILABLE,
                "failed to connect to all addresses; last error: UNKNOWN: "
                "ipv4:10.1.2.3:7400: Failed to connect to remote host: Connection refused",
                NULL, NULL)
            .msg,
        "cannot reach 10.1.2.3:7400: Connection refused");
    assert_string_equal(restore(GRPC_STATUS_NOT_FOUND, "no such thing", NULL, NULL).msg,
                        "10.1.2.3:7400: no such thing");
}

static void assert_reason(const char *log, const char *want)
{
    struct str got = rpc_status_log_reason(str_of(log));

    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void the_reason_is_found_in_the_librarys_log(void **state UNUSED)
{
    assert_reason(
        "UNKNOWN:No address added {children:[UNKNOWN:Unable to configure socket {fd:8, "
        "children:[UNKNOWN:x {syscall:\"bind\", os_error:\"Address already in use\", errno:98}]}]}",
        "Address already in use");
    assert_reason("UNKNOWN:Name or service not known {grpc_status:2}", "Name or service not known");
    assert_reason("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ok_is_no_error),
        cmocka_unit_test(our_code_wins_over_the_status),
        cmocka_unit_test(an_unknown_code_falls_back_to_the_status),
        cmocka_unit_test(what_was_never_sent_is_told_from_what_was_lost),
        cmocka_unit_test(broken_escapes_stay_as_they_are),
        cmocka_unit_test(a_hint_stays_one_line_of_bounded_length),
        cmocka_unit_test(what_the_library_reports_names_the_target),
        cmocka_unit_test(the_reason_is_found_in_the_librarys_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
