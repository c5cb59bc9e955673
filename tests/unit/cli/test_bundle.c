/* SPDX-License-Identifier: Apache-2.0 */
/* What support is given: archives that common tools read, and no secrets. */
#include "tests/lib/unit.h"

#include <zlib.h>

#include "cli/gzip.h"
#include "cli/redact.h"
#include "cli/tar.h"
#include "common/base/mem.h"

#define BLOCK 512

static void an_archive_is_made_of_blocks(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1u << 20);
    const wall_t when = {INT64_C(1795255200) * 1000000000};

    assert_true(tar_add(&b, "a/one.json", when, STR("hello")));
    assert_int_equal(b.len, 2 * BLOCK);
    assert_string_equal(b.data, "a/one.json");
    assert_string_equal(b.data + 100, "0000600");
    assert_string_equal(b.data + 124, "00000000005");
    assert_string_equal(b.data + 136, "15300265640");
    assert_string_equal(b.data + 257, "ustar");
    assert_memory_equal(b.data + BLOCK, "hello", 6);
    assert_true(tar_add(&b, "empty", when, STR("")));
    assert_int_equal(b.len, 3 * BLOCK);
    assert_true(tar_end(&b));
    assert_int_equal(b.len, 5 * BLOCK);
}

static void what_does_not_fit_changes_nothing(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(2 * BLOCK);
    char long_path[TAR_PATH_MAX + 1];

    memset(long_path, 'x', TAR_PATH_MAX);
    long_path[TAR_PATH_MAX] = '\0';
    assert_false(tar_add(&b, long_path, (wall_t){0}, STR("hello")));
    assert_true(tar_add(&b, "one", (wall_t){0}, STR("hello")));
    assert_false(tar_add(&b, "two", (wall_t){0}, STR("hello")));
    assert_int_equal(b.len, 2 * BLOCK);
}

static void unpack(struct str packed, char *ret, size_t size)
{
    z_stream z = {.zalloc = Z_NULL};

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)packed.p;
    z.avail_in = (uInt)packed.n;
    z.next_out = (Bytef *)ret;
    z.avail_out = (uInt)size;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, size);
    inflateEnd(&z);
}

static void what_is_packed_is_unpacked(void **state UNUSED)
{
    const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(buf_deinitp) struct buf packed = BUF_INIT(1u << 20);
        CLEANUP(xfreep) char *text = xalloc(sizes[i] + 1);
        CLEANUP(xfreep) char *back = xalloc(sizes[i] + 1);

        for (size_t at = 0; at < sizes[i]; at++)
            text[at] = (char)(at * at >> 7);
        assert_true(gzip_pack((struct str){text, sizes[i]}, &packed));
        unpack(buf_view(&packed), back, sizes[i]);
        assert_memory_equal(text, back, sizes[i]);
    }
}

static void a_full_buffer_is_told(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf packed = BUF_INIT(10);

    assert_false(gzip_pack(STR("hello"), &packed));
}

/* ---- secrets --------------------------------------------------------------------------------- */

static void secrets_in_texts_are_left_out(void **state UNUSED)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"postgres://app:geheim@db:5432/x", "postgres://app:(redacted)@db:5432/x"},
        {"postgres://app@db/x", "postgres://app@db/x"},
        {"http://127.0.0.1:8000/a@b", "http://127.0.0.1:8000/a@b"},
        {"host=db password=geheim user=app", "host=db password=(redacted) user=app"},
        {"Authorization: Bearer abc.def", "Authorization: Bearer (redacted)"},
        {"?Token=abc&x=1", "?Token=(redacted)&x=1"},
        {"://", "://"},
        {"password=", "password="},
        /* As libpq, logs and shells write it. */
        {"password='ge heim' user=app", "password=(redacted) user=app"},
        {"password=\"ge heim\" user=app", "password=(redacted) user=app"},
        {"password='it\\'s' user=app", "password=(redacted) user=app"},
        {"why=\"password=\\\"ge heim\\\" is wrong\" rev=7",
         "why=\"password=(redacted) is wrong\" rev=7"},
        {"password='never closed\nnext", "password=(redacted)\nnext"},
        {"password='' x", "password=(redacted) x"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1024);

        redact_text(str_of(cases[i].text), &b);
        assert_string_equal(buf_text(&b), cases[i].shown);
    }
}

static void secrets_are_known_by_their_fields(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1024);
    CLEANUP(json_freep) struct json *j = NULL;
    CLEANUP(json_freep) struct json *shown = NULL;
    struct err err;

    assert_ok(json_parse(STR("{\"routing\":{\"key\":\"header:X\"},\"webhook\":{\"secret\":\"s\","
                             "\"apiKey\":[1]},\"list\":[\"token=t\",null,{\"PASSWORD\":5}],"
                             "\"tokens\":{\"kept\":true}}"),
                         &j, &err),
              &err);
    shown = redact_json(j);
    assert_true(json_print(shown, false, &b));
    assert_string_equal(buf_text(&b),
                        "{\"routing\":{\"key\":\"header:X\"},\"webhook\":{\"secret\":"
                        "\"(redacted)\",\"apiKey\":\"(redacted)\"},\"list\":[\"token=(redacted)\","
                        "null,{\"PASSWORD\":\"(redacted)\"}],\"tokens\":{\"kept\":true}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_is_made_of_blocks),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(what_is_packed_is_unpacked),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(secrets_in_texts_are_left_out),
        cmocka_unit_test(secrets_are_known_by_their_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
