/* SPDX-License-Identifier: Apache-2.0 */
/* What a coordinator stores about itself, and what it reads of others. */
#include "coordinator/driver/member.h"

#include "tests/lib/unit.h"

static const struct member_record full = {
    .member = {.id = {"c1"},
               .address = "10.0.0.5:7400",
               .boot = "b1",
               .version = "0.1.0",
               .since = {1000000000}},
    .lease = UINT64_C(0xfedcba9876543210),
    .leads_since = {2000000000},
};

static void it_reads_what_it_wrote(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(2048);
    struct member_record back;
    struct err err;

    assert_true(member_write(&full, &b));
    assert_ok(member_read(buf_view(&b), &back, &err), &err);
    assert_memory_equal(&back, &full, sizeof back);
    assert_holds(b.data, "\"address\":\"10.0.0.5:7400\"");
    assert_holds(b.data, "\"leadsSince\":\"1970-01-01T00:00:02.000Z\"");
}

static void only_the_process_under_its_lease_is_itself(void **state UNUSED)
{
    struct member other = full.member;

    assert_true(member_is(&full, &full.member, full.lease));
    assert_false(member_is(&full, &full.member, full.lease - 1));
    assert_false(member_is(&full, &full.member, 0));
    str_fmt(other.boot, sizeof other.boot, "b2");
    assert_false(member_is(&full, &other, full.lease));
    other = full.member;
    str_fmt(other.id.s, sizeof other.id.s, "c2");
    assert_false(member_is(&full, &other, full.lease));
}

#define REST ",\"boot\":\"b\",\"version\":\"0\",\"since\":\"\",\"lease\":\"1f\"}"

static void what_is_no_coordinator_is_refused(void **state UNUSED)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "JSON"},
        {"[]", "\"id\""},
        {"{\"id\":\"c1\"" REST, "\"address\""},
        {"{\"id\":\"C 1\",\"address\":\"a:1\"" REST, "name"},
        {"{\"id\":\"c1\",\"address\":\"a\\u0007\"" REST, "\"address\""},
        {"{\"id\":\"c1\",\"address\":\"a:1\",\"boot\":\"b\",\"version\":\"0\",\"lease\":\"x\"}",
         "\"lease\""},
        {"{\"id\":\"c1\",\"address\":\"a:1\",\"leadsSince\":\"soon\"" REST, "\"leadsSince\""},
    };
    struct member_record m;
    struct err err;

    assert_ok(member_read(STR("{\"id\":\"c1\",\"address\":\"a:1\",\"newer\":1" REST), &m, &err),
              &err);
    assert_int_equal(m.lease, 0x1f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(member_read(str_of(bad[i].text), &m, &err), ERR_CORRUPT);
        if (i > 0)
            assert_holds(err.msg, bad[i].why);
    }
}

static void its_keys_are_told_from_the_cores(void **state UNUSED)
{
    assert_true(member_key(STORE_ROOT "leader"));
    assert_true(member_key(STORE_ROOT "coordinators/c1"));
    assert_false(member_key(STORE_ROOT "leaders"));
    assert_false(member_key(STORE_ROOT "plans/leader"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_what_it_wrote),
        cmocka_unit_test(only_the_process_under_its_lease_is_itself),
        cmocka_unit_test(what_is_no_coordinator_is_refused),
        cmocka_unit_test(its_keys_are_told_from_the_cores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
