/* SPDX-License-Identifier: Apache-2.0 */
/* Room for one more copy: so many at a time, and so many bytes in a second. */
#include "sidecar/proxy/copy_meter.h"

#include "tests/lib/unit.h"

static mono_t at(int64_t ms)
{
    return (mono_t){(1000000 + ms) * INT64_C(1000000)};
}

static const struct route_mirror any = {.max_pending = 1000};

static void so_many_are_under_way_at_once(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 3};
    struct copy_meter m = {.pending = 0};

    for (m.pending = 0; m.pending < 3; m.pending++)
        assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_ROOM);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_NO_PLACE);
    m.pending--;
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_ROOM);
}

static unsigned places_for(struct copy_meter m, const struct route_mirror *limits, unsigned lanes,
                           enum system to)
{
    unsigned count = 0;

    for (; copy_meter_room(&m, limits, lanes, to, at(0)) == COPY_ROOM; count++)
        copy_meter_begin(&m, to);
    return count;
}

static unsigned places(struct copy_meter m, const struct route_mirror *limits, unsigned lanes)
{
    return places_for(m, limits, lanes, SYSTEM_NEW);
}

static void a_late_one_withholds_its_place_until_another_is_answered(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 8};
    struct copy_meter m = {.pending = 0};

    copy_meter_answered(&m, &limits, 2);
    assert_int_equal(places(m, &limits, 2), 4);
    copy_meter_late(&m, &limits, 2);
    assert_int_equal(places(m, &limits, 2), 3);
    for (int i = 0; i < 1000; i++)
        copy_meter_late(&m, &limits, 2);
    assert_int_equal(places(m, &limits, 2), 1);
    for (unsigned more = 2; more <= 4; more++) {
        copy_meter_answered(&m, &limits, 2);
        assert_int_equal(places(m, &limits, 2), more);
    }
    copy_meter_answered(&m, &limits, 2);
    assert_int_equal(places(m, &limits, 2), 4);
}

/* Who raises the limit for want of places is to see that it would not help. */
static void what_lacks_for_late_ones_is_told_from_the_limit(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 2};
    struct copy_meter m = {.pending = 0};

    copy_meter_late(&m, &limits, 1);
    copy_meter_begin(&m, SYSTEM_NEW);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_PLACE_WITHHELD);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_LEGACY, at(0)), COPY_ROOM);
    copy_meter_begin(&m, SYSTEM_LEGACY);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_NO_PLACE);
}

/* Its answers are compared with new's, and say nothing of how new is. */
static void copies_to_legacy_need_no_place_of_news(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 8};
    struct copy_meter m = {.pending = 0};

    for (int i = 0; i < 8; i++)
        copy_meter_late(&m, &limits, 1);
    copy_meter_begin(&m, SYSTEM_NEW);
    assert_int_equal(places_for(m, &limits, 1, SYSTEM_LEGACY), 7);
    assert_int_equal(places(m, &limits, 1), 0);
    copy_meter_begin(&m, SYSTEM_LEGACY);
    copy_meter_end(&m, SYSTEM_NEW);
    assert_int_equal(places(m, &limits, 1), 1);
    copy_meter_end(&m, SYSTEM_LEGACY);
    assert_int_equal(m.pending, 0);
}

/* One place stays, and the first answer counts. */
static void a_smaller_limit_withholds_less(void **state UNUSED)
{
    const struct route_mirror many = {.max_pending = 100}, few = {.max_pending = 3};
    struct copy_meter m = {.pending = 0};

    for (int i = 0; i < 50; i++)
        copy_meter_late(&m, &many, 1);
    assert_int_equal(places(m, &many, 1), 50);
    assert_int_equal(places(m, &few, 1), 1);
    copy_meter_answered(&m, &few, 1);
    assert_int_equal(places(m, &few, 1), 2);
}

/* Rounded up: a lane without any place would copy nothing. */
static void lanes_share_a_nodes_limits(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 3, .max_bytes_per_s = 1000};
    struct copy_meter m = {.pending = 0};

    assert_int_equal(copy_meter_room(&m, &limits, 4, SYSTEM_NEW, at(0)), COPY_ROOM);
    assert_int_equal(m.bytes, 250);
    m.pending = 1;
    assert_int_equal(copy_meter_room(&m, &limits, 4, SYSTEM_NEW, at(0)), COPY_NO_PLACE);
    assert_int_equal(copy_meter_room(&m, &limits, 2, SYSTEM_NEW, at(0)), COPY_ROOM);
    m.pending = 2;
    assert_int_equal(copy_meter_room(&m, &limits, 2, SYSTEM_NEW, at(0)), COPY_NO_PLACE);
}

static void without_a_limit_bytes_are_not_counted(void **state UNUSED)
{
    struct copy_meter m = {.pending = 0};

    copy_meter_charge(&m, &any, UINT64_C(1) << 40);
    assert_int_equal(copy_meter_room(&m, &any, 1, SYSTEM_NEW, at(0)), COPY_ROOM);
    assert_int_equal(m.bytes, 0);
}

/* The last copy may run into debt, and nothing is begun until it is paid. */
static void a_second_holds_so_many_bytes(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 9, .max_bytes_per_s = 1000};
    struct copy_meter m = {.pending = 0};

    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_ROOM);
    copy_meter_charge(&m, &limits, 999);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_ROOM);
    copy_meter_charge(&m, &limits, 2001);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_NO_BYTES);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(1999)), COPY_NO_BYTES);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(2002)), COPY_ROOM);
}

static void what_is_saved_is_no_more_than_a_second(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 9, .max_bytes_per_s = 1000};
    struct copy_meter m = {.pending = 0};

    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_ROOM);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(3600000)), COPY_ROOM);
    assert_int_equal(m.bytes, 1000);
    copy_meter_charge(&m, &limits, 400);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(3600000)), COPY_ROOM);
    assert_int_equal(m.bytes, 600);
}

/* A small rate and many requests: between two of them there is less than a byte to add. */
static void being_asked_often_costs_nothing(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = 9, .max_bytes_per_s = 1000};
    struct copy_meter m = {.pending = 0};
    mono_t now = at(0);

    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, now), COPY_ROOM);
    copy_meter_charge(&m, &limits, 1500);
    for (int i = 0; i < 4000; i++) {
        now.ns += 300000;
        (void)!copy_meter_room(&m, &limits, 1, SYSTEM_NEW, now);
    }
    assert_in_range(m.bytes, 699, 700);
}

static void limits_of_any_size_do_not_overflow(void **state UNUSED)
{
    const struct route_mirror limits = {.max_pending = UINT32_MAX, .max_bytes_per_s = UINT64_MAX};
    struct copy_meter m = {.pending = UINT32_MAX - 1};

    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(0)), COPY_ROOM);
    assert_int_equal(m.bytes, INT64_MAX);
    copy_meter_charge(&m, &limits, UINT64_C(1) << 50);
    assert_int_equal(copy_meter_room(&m, &limits, 1, SYSTEM_NEW, at(3600000)), COPY_ROOM);
    assert_int_equal(m.bytes, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_are_under_way_at_once),
        cmocka_unit_test(a_late_one_withholds_its_place_until_another_is_answered),
        cmocka_unit_test(what_lacks_for_late_ones_is_told_from_the_limit),
        cmocka_unit_test(copies_to_legacy_need_no_place_of_news),
        cmocka_unit_test(a_smaller_limit_withholds_less),
        cmocka_unit_test(lanes_share_a_nodes_limits),
        cmocka_unit_test(without_a_limit_bytes_are_not_counted),
        cmocka_unit_test(a_second_holds_so_many_bytes),
        cmocka_unit_test(what_is_saved_is_no_more_than_a_second),
        cmocka_unit_test(being_asked_often_costs_nothing),
        cmocka_unit_test(limits_of_any_size_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
