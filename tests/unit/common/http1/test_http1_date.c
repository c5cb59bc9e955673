/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: a Date says what RFC 9110 5.6.7 asks for, and is written anew when its second is over,
 * also when the clock goes back. */
#include "common/http1/http1_date.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>

#include <cmocka.h>

static wall_t at(int64_t second, int64_t ns)
{
    return (wall_t){second * 1000000000 + ns};
}

static void dates_are_in_the_fixed_form(void **state UNUSED)
{
    static const struct {
        int64_t second;
        const char *text;
    } cases[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},  {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782399, "Mon, 28 Feb 2000 23:59:59 GMT"},  {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
    };
    struct http1_date d = {0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = http1_date_at(&d, at(cases[i].second, 999999999));

        if (!str_eq(text, str_of(cases[i].text)))
            fail_msg("%.*s, wanted %s", (int)text.n, text.p, cases[i].text);
    }
}

static void a_second_has_one_text(void **state UNUSED)
{
    struct http1_date d = {0};

    (void)http1_date_at(&d, at(784111777, 0));
    d.text[0] = 'X';
    assert_true(str_starts(http1_date_at(&d, at(784111777, 999999999)), STR("Xun")));
    assert_true(str_starts(http1_date_at(&d, at(784111778, 0)), STR("Sun")));
    assert_true(str_eq(http1_date_at(&d, at(784111776, 0)), STR("Sun, 06 Nov 1994 08:49:36 GMT")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_in_the_fixed_form),
        cmocka_unit_test(a_second_has_one_text),
    };

    return cmocka_run_group_tests_name("http1 date", tests, NULL, NULL);
}
