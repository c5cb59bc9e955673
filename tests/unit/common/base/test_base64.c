/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include "common/base/base64.h"
#include "common/base/rng.h"

/* RFC 4648, section 10. */
static const struct {
    const char *bytes, *text;
} pairs[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff", "+/8="},
};

static void known_texts_both_ways(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        CLEANUP(buf_deinitp) struct buf text = BUF_INIT(64);
        CLEANUP(buf_deinitp) struct buf bytes = BUF_INIT(64);

        assert_true(base64_encode(str_of(pairs[i].bytes), &text));
        assert_string_equal(buf_text(&text), pairs[i].text);
        assert_true(base64_decode(str_of(pairs[i].text), &bytes));
        assert_string_equal(buf_text(&bytes), pairs[i].bytes);
    }
}

static void any_bytes_survive_both_ways(void **state UNUSED)
{
    char bytes[257];
    struct rng rng;

    rng_seed(&rng, 1);
    for (size_t n = 0; n < sizeof bytes; n++) {
        CLEANUP(buf_deinitp) struct buf text = BUF_INIT(512);
        CLEANUP(buf_deinitp) struct buf back = BUF_INIT(512);

        bytes[n] = (char)rng_u64(&rng);
        assert_true(buf_add_str(&back, STR("before")));
        assert_true(base64_encode((struct str){bytes, n + 1}, &text));
        assert_true(base64_decode(buf_view(&text), &back));
        assert_int_equal(back.len, 6 + n + 1);
        assert_memory_equal(back.data + 6, bytes, n + 1);
    }
}

static void what_the_encoder_does_not_write_is_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "A",    "AA",   "AAA",   "A===",   "====",         "=AAA", "AA=A",
        "AB==", "AAB=", "AA\n=", "Zm9v\n", "Zm9vZg==Zm9v", "Zm9-", "AA A"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(64);

        assert_true(buf_add_str(&b, STR("x")));
        if (base64_decode(str_of(bad[i]), &b))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_string_equal(buf_text(&b), "x");
    }
}

static void the_maximum_is_kept(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf three = BUF_INIT(3);

    assert_false(base64_encode(STR("a"), &three));
    assert_false(base64_decode(STR("Zm9vYg=="), &three));
    assert_int_equal(three.len, 0);
    assert_true(base64_decode(STR("Zm9v"), &three));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_both_ways),
        cmocka_unit_test(any_bytes_survive_both_ways),
        cmocka_unit_test(what_the_encoder_does_not_write_is_refused),
        cmocka_unit_test(the_maximum_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
