/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

#include <errno.h>

#include "common/base/str.h"
#include "tests/lib/unit.h"

static void set_returns_the_negative_code_and_clears_the_hint(void **state UNUSED)
{
    struct err e = {.hint = "old"};

    assert_int_equal(err_set(&e, ERR_REFUSED, "stage %s", "half"), -ERR_REFUSED);
    assert_int_equal(e.code, ERR_REFUSED);
    assert_string_equal(e.msg, "stage half");
    assert_string_equal(e.hint, "");
}

static void every_function_accepts_no_err(void **state UNUSED)
{
    assert_int_equal(err_set(NULL, ERR_INVALID, "x"), -ERR_INVALID);
    assert_int_equal(err_errno(NULL, ENOENT, "x"), -ERR_NOT_FOUND);
    assert_true(err_ctx(NULL, "x") < 0);
    assert_true(err_hint(NULL, "x") < 0);
}

static void context_goes_in_front(void **state UNUSED)
{
    struct err e;

    err_set(&e, ERR_IO, "disk on fire");
    err_hint(&e, "call somebody");
    assert_int_equal(err_ctx(&e, "write %s", "state"), -ERR_IO);
    err_ctx(&e, "publish");
    assert_string_equal(e.msg, "publish: write state: disk on fire");
    assert_string_equal(e.hint, "call somebody");
}

static void arguments_may_point_into_the_err_itself(void **state UNUSED)
{
    struct err e;

    err_set(&e, ERR_IO, "inner");
    err_set(&e, ERR_CORRUPT, "outer (%s)", e.msg);
    assert_string_equal(e.msg, "outer (inner)");
    err_hint(&e, "see %s", e.msg);
    assert_string_equal(e.hint, "see outer (inner)");
}

static void long_messages_end_in_dots_and_whole_characters(void **state UNUSED)
{
    char text[900];
    struct err e;

    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\u20ac", 4);
        err_set(&e, ERR_INVALID, "%s", text);
        size_t len = strlen(e.msg);
        assert_in_range(len, sizeof e.msg - 6, sizeof e.msg - 1);
        assert_string_equal(e.msg + len - 3, "...");
        assert_true(str_utf8_valid(str_of(e.msg), NULL));
    }
    err_set(&e, ERR_INVALID, "x");
    err_ctx(&e, "%s", text);
    assert_string_equal(e.msg + strlen(e.msg) - 3, "...");
}

static void a_message_is_one_line(void **state UNUSED)
{
    struct err e;

    err_set(&e, ERR_INVALID, "two\nlines\tand\x1b[1m");
    assert_string_equal(e.msg, "two lines and [1m");
}

static void errno_picks_the_code(void **state UNUSED)
{
    static const struct {
        int errnum;
        enum err_code code;
    } cases[] = {
        {ENOSPC, ERR_EXHAUSTED},
        {EDQUOT, ERR_EXHAUSTED},
        {EMFILE, ERR_EXHAUSTED},
        {ENOENT, ERR_NOT_FOUND},
        {EACCES, ERR_DENIED},
        {EPERM, ERR_DENIED},
        {EROFS, ERR_DENIED},
        {ECONNREFUSED, ERR_UNAVAILABLE},
        {ECONNRESET, ERR_UNAVAILABLE},
        {ETIMEDOUT, ERR_TIMEOUT},
        {EIO, ERR_IO},
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(err_errno(&e, cases[i].errnum, "x"), -(int)cases[i].code);
    err_errno(&e, ENOENT, "open %s", "/nowhere");
    assert_string_equal(e.msg, "open /nowhere: No such file or directory");
}

static void texts_lead_back_to_their_codes(void **state UNUSED)
{
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        assert_int_equal(err_from_text(err_text((enum err_code)code)), code);
        int status = err_exit_status((enum err_code)code);
        assert_true(status == 1 || status == 2);
    }
    assert_int_equal(err_from_text("no such thing"), ERR_NONE);
    assert_string_equal(err_text((enum err_code)999), "internal");
}

static void grpc_statuses_lead_back_to_codes_of_that_status(void **state UNUSED)
{
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        int status = err_grpc_status((enum err_code)code);
        assert_int_equal(err_grpc_status(err_from_grpc_status(status)), status);
    }
    assert_int_equal(err_from_grpc_status(0), ERR_NONE);
    assert_int_equal(err_from_grpc_status(13), ERR_INTERNAL);
    assert_int_equal(err_from_grpc_status(99), ERR_INTERNAL);
}

static void copies_carry_everything(void **state UNUSED)
{
    struct err a, b;

    err_set(&a, ERR_TIMEOUT, "late");
    err_hint(&a, "wait");
    assert_int_equal(err_copy(&b, &a), -ERR_TIMEOUT);
    assert_string_equal(b.msg, "late");
    assert_string_equal(b.hint, "wait");
    assert_int_equal(err_copy(NULL, &a), -ERR_TIMEOUT);
    assert_true(err_retryable(ERR_TIMEOUT));
    assert_false(err_retryable(ERR_UNKNOWN_OUTCOME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_returns_the_negative_code_and_clears_the_hint),
        cmocka_unit_test(every_function_accepts_no_err),
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(arguments_may_point_into_the_err_itself),
        cmocka_unit_test(long_messages_end_in_dots_and_whole_characters),
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(errno_picks_the_code),
        cmocka_unit_test(texts_lead_back_to_their_codes),
        cmocka_unit_test(grpc_statuses_lead_back_to_codes_of_that_status),
        cmocka_unit_test(copies_carry_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
