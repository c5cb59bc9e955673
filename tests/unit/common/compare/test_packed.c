/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with a Content-Encoding. */
#include <zlib.h>

#include "common/base/buf.h"
#include "common/compare/compare.h"
#include "common/compare/unpack.h"
#include "tests/lib/unit.h"

#define KEEP (64u << 10)

enum { ZLIB = MAX_WBITS, GZIP = MAX_WBITS + 16, BARE = -MAX_WBITS };

struct field {
    const char *name, *value;
};

static struct str find_field(const void *head, struct str name, unsigned nth)
{
    for (const struct field *f = head; f->name; f++) {
        if (str_ieq(str_of(f->name), name) && nth-- == 0)
            return str_of(f->value);
    }
    return (struct str){NULL, 0};
}

static const struct field gzip[] = {{"Content-Encoding", "gzip"}, {NULL, NULL}};
static const struct field x_gzip[] = {{"Content-Encoding", "X-GZip"}, {NULL, NULL}};
static const struct field deflated[] = {{"Content-Encoding", "deflate"}, {NULL, NULL}};
static const struct field brotli[] = {{"Content-Encoding", "br"}, {NULL, NULL}};
static const struct field zstd[] = {{"Content-Encoding", "zstd"}, {NULL, NULL}};
static const struct field twice[] = {{"Content-Encoding", "gzip"},
                                     {"Content-Encoding", "gzip"},
                                     {NULL, NULL}};
static const struct field listed[] = {{"Content-Encoding", "identity, gzip ,"}, {NULL, NULL}};
static const struct field plain[] = {{"Content-Encoding", "identity"}, {NULL, NULL}};

/* `text` packed; freed by the caller. */
static struct buf pack(int window, int level, struct str text)
{
    struct buf b = BUF_INIT(1u << 25);
    z_stream z = {.zalloc = Z_NULL};
    char *room = buf_reserve(&b, text.n + 1024);

    assert_non_null(room);
    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)text.n + 1024;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.len = z.total_out;
    deflateEnd(&z);
    return b;
}

static struct compare_answer answer(const char *type, struct str body, const struct field *head)
{
    return (struct compare_answer){.status = 200,
                                   .media_type = str_of(type),
                                   .body = body,
                                   .header = find_field,
                                   .head = head,
                                   .keep = KEEP};
}

/* "critical body", "cosmetic $.a", "equal". */
static void check_told(const struct compare_answer *a, const struct compare_answer *b,
                       const char *told)
{
    static const char *const names[] = {"equal", "cosmetic", "critical"};
    struct compare_verdict v;
    char text[DISCREPANCY_PATH_SIZE + 16];

    compare_answers(NULL, 0, a, b, &v);
    str_fmt(text, sizeof text, "%s%s%s", names[v.class], v.kept ? " " : "",
            v.kept ? v.difference[0].where : "");
    assert_string_equal(text, told);
    compare_answers(NULL, 0, b, a, &v);
    str_fmt(text, sizeof text, "%s%s%s", names[v.class], v.kept ? " " : "",
            v.kept ? v.difference[0].where : "");
    assert_string_equal(text, told);
}

/* What is shown for both. */
static void check_shown(const struct compare_answer *a, const struct compare_answer *b,
                        const char *legacy, const char *new_value)
{
    struct compare_verdict v;

    compare_answers(NULL, 0, a, b, &v);
    assert_int_equal(v.kept, 1);
    assert_string_equal(v.difference[0].legacy, legacy);
    assert_string_equal(v.difference[0].new_value, new_value);
}

static const char json[] = "{\"a\":1,\"b\":[1,2,3]}";
static const char same[] = "{\"b\":[1,2,3.0],\"a\":1}";
static const char other[] = "{\"a\":2,\"b\":[1,2,3]}";

static void how_a_system_packs_is_no_difference(void **state UNUSED)
{
    static const struct {
        int window;
        const struct field *head;
    } ways[] = {{GZIP, gzip},     {GZIP, x_gzip},   {GZIP, listed},
                {ZLIB, deflated}, {BARE, deflated}, {GZIP, gzip}};

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        CLEANUP(buf_deinitp) struct buf one = pack(ways[i].window, 9, str_of(json));
        CLEANUP(buf_deinitp) struct buf two = pack(GZIP, 1, str_of(other));
        struct compare_answer a = answer("application/json", buf_view(&one), ways[i].head);
        struct compare_answer b = answer("application/json", STR(same), plain);

        check_told(&a, &b, "equal");
        b = answer("application/json", STR(other), &plain[1]);
        check_told(&a, &b, "critical $.a");
        check_shown(&a, &b, "1", "2");
        b = answer("application/json", buf_view(&two), gzip);
        check_told(&a, &b, "critical $.a");
    }
}

static void files_of_several_members_are_one(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf one = pack(GZIP, 6, STR("{\"a\":1,"));
    CLEANUP(buf_deinitp) struct buf two = pack(GZIP, 6, STR("\"b\":[1,2,3]}"));
    struct compare_answer a, b = answer("application/json", STR(json), plain);

    assert_true(buf_add_str(&one, buf_view(&two)));
    a = answer("application/json", buf_view(&one), gzip);
    check_told(&a, &b, "equal");
}

/* A client cannot read these, so they matter whatever the other side sends. */
static void what_is_not_what_it_says_differs(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf good = pack(GZIP, 6, str_of(json));
    struct str whole = buf_view(&good);
    struct compare_answer a = answer("text/plain", whole, gzip);
    struct compare_answer b = answer("text/plain", (struct str){whole.p, whole.n - 1}, gzip);

    check_told(&a, &b, "critical body");
    b = answer("text/plain", STR(json), gzip);
    check_told(&a, &b, "critical body");
    b = answer("text/plain", STR(json), deflated);
    check_told(&a, &b, "critical body");
    b = answer("text/plain", whole, plain);
    check_told(&a, &b, "critical line 1");
    assert_true(buf_add_str(&good, STR("more")));
    b = answer("text/plain", buf_view(&good), gzip);
    check_told(&a, &b, "critical body");
}

/* RFC 9110 9.3.2: the fields are those of GET. */
static void a_body_of_no_bytes_is_not_packed(void **state UNUSED)
{
    struct compare_answer a = answer("text/plain", STR(""), gzip);
    struct compare_answer b = answer("text/plain", STR(""), plain);

    check_told(&a, &b, "equal");
}

static void other_codings_are_compared_by_bytes_where_both_have_them(void **state UNUSED)
{
    struct compare_answer a = answer("text/plain", STR("aa"), brotli);
    struct compare_answer b = answer("text/plain", STR("aa"), brotli);

    check_told(&a, &b, "equal");
    b = answer("text/plain", STR("ab"), brotli);
    check_told(&a, &b, "critical body");
    check_shown(&a, &b, "2 bytes of br, 089c4307b54596b7, not unpacked",
                "2 bytes of br, 089c4407b545986a, not unpacked");
    b = answer("text/plain", STR("aa"), zstd);
    check_told(&a, &b, "cosmetic body");
    b = answer("text/plain", STR("aa"), plain);
    check_told(&a, &b, "cosmetic body");
    b = answer("text/plain", STR("aa"), twice);
    check_told(&a, &b, "cosmetic body");
}

static struct buf repeat(char c, size_t n)
{
    struct buf b = BUF_INIT(n);
    char *room = buf_reserve(&b, n);

    assert_non_null(room);
    memset(room, c, n);
    room[n] = '\0';
    b.len = n;
    return b;
}

/* Past `keep` by size and hash, as what was never packed. */
static void long_contents_are_compared_by_size_and_hash(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = repeat('x', KEEP + 1);
    CLEANUP(buf_deinitp) struct buf packed = pack(GZIP, 9, buf_view(&text));
    struct compare_answer a = answer("text/plain", buf_view(&packed), gzip);
    struct compare_answer b = answer("text/plain", (struct str){text.data, 10}, plain);

    b.cut = true;
    b.body_size = text.len;
    b.body_hash = compare_hash(COMPARE_HASH_START, buf_view(&text));
    check_told(&a, &b, "equal");
    b.cut = false;
    b.body = buf_view(&text);
    check_told(&a, &b, "equal");
    text.data[KEEP] = 'y';
    check_told(&a, &b, "critical body");
}

/* Packed, and longer than what was kept of it: nothing can be said but where bytes can be. */
static void a_beginning_alone_is_not_unpacked(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf packed = pack(GZIP, 6, str_of(json));
    struct compare_answer a = answer("text/plain", buf_view(&packed), gzip), b = a;

    a.cut = b.cut = true;
    a.body_size = b.body_size = 100000;
    a.body_hash = b.body_hash = 7;
    check_told(&a, &b, "equal");
    b.body_hash = 8;
    check_told(&a, &b, "critical body");
    b = answer("text/plain", STR(json), plain);
    check_told(&a, &b, "cosmetic body");
    check_shown(&a, &b, "100000 bytes of gzip, 0000000000000007, too long",
                "19 bytes, 063a28c3e66666bf");
}

/* 16 MiB out of 16 KiB, and out of 64 bytes. */
static void a_bomb_is_not_unpacked(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf zeros = repeat('\0', 1u << 24);
    CLEANUP(buf_deinitp) struct buf bomb = pack(GZIP, 9, buf_view(&zeros));
    CLEANUP(buf_deinitp) struct buf twin = pack(GZIP, 8, buf_view(&zeros));
    CLEANUP(buf_deinitp) struct buf twice_packed = pack(ZLIB, 9, buf_view(&bomb));
    struct compare_answer a = answer("text/plain", buf_view(&bomb), gzip);
    struct compare_answer b = answer("text/plain", STR("x"), plain);
    struct unpacked u = {.head = BUF_INIT(KEEP)};

    check_told(&a, &b, "cosmetic body");
    twin.data[9] ^= 1; /* the operating system that packed it: of no meaning */
    b = answer("text/plain", buf_view(&twin), gzip);
    check_told(&a, &b, "critical body");
    assert_int_equal(unpack(UNPACK_GZIP, buf_view(&bomb), &u), UNPACK_TOO_LARGE);
    assert_true(u.size <= UNPACK_MAX + KEEP && u.head.len == KEEP);
    buf_clear(&u.head);
    u.size = 0;
    assert_int_equal(unpack(UNPACK_DEFLATE, buf_view(&twice_packed), &u), 0);
    assert_true(u.size == bomb.len);
    buf_deinit(&u.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_a_system_packs_is_no_difference),
        cmocka_unit_test(files_of_several_members_are_one),
        cmocka_unit_test(what_is_not_what_it_says_differs),
        cmocka_unit_test(a_body_of_no_bytes_is_not_packed),
        cmocka_unit_test(other_codings_are_compared_by_bytes_where_both_have_them),
        cmocka_unit_test(long_contents_are_compared_by_size_and_hash),
        cmocka_unit_test(a_beginning_alone_is_not_unpacked),
        cmocka_unit_test(a_bomb_is_not_unpacked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
