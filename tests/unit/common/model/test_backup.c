/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/backup.h"

#include <inttypes.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "tests/lib/unit.h"

#define DOCUMENT_MAX (1u << 20)

#define PLAN(name) "/switchyard/v1/plans/" name

static const struct backup_head head = {.created_at = {1795255624123000000},
                                        .incarnation = "5f0c1d",
                                        .revision = 90};

/* Out of order, with what is no part of a backup between. */
static const struct backup_kv state_kv[] = {
    {PLAN("orders"), {"{\"a\": \"\xc3\xa9\\n\"}\n", 14}, 40},
    {"/switchyard/v1/leader", {"{}", 2}, 80},
    {"/switchyard/v1/rollouts/orders", {"x", 1}, 42},
    {"/switchyard/v1/history/orders/000000000001", {"", 0}, 42},
    {"/switchyard/v1/coordinators/c1", {"{}", 2}, 12},
    {"/switchyard/v1/emergency/orders", {"e", 1}, 17},
    {"/switchyard/v1/meta/incarnation", {"i", 1}, 1},
    {"/switchyard/v1/days/orders/2026-11-20", {"d", 1}, 60},
    {"/switchyard/v1/events/orders/000000000001", {"v", 1}, 42},
    {"/switchyard/v1/webhooks/ab", {"w", 1}, 61},
};

#define DOCUMENT \
    "{\"apiVersion\":\"switchyard/v1\",\"kind\":\"Backup\","                                      \
    "\"createdAt\":\"2026-11-21T10:07:04.123Z\",\"incarnation\":\"5f0c1d\",\"revision\":90,"      \
    "\"keys\":5}\n"                                                                               \
    "{\"key\":\"/switchyard/v1/emergency/orders\",\"revision\":17,\"value\":\"e\"}\n"             \
    "{\"key\":\"" PLAN("orders") "\",\"revision\":40,\"value\":\"{\\\"a\\\": \\\"\xc3\xa9\\\\n"   \
    "\\\"}\\n\"}\n"                                                                               \
    "{\"key\":\"/switchyard/v1/history/orders/000000000001\",\"revision\":42,\"value\":\"\"}\n"   \
    "{\"key\":\"/switchyard/v1/rollouts/orders\",\"revision\":42,\"value\":\"x\"}\n"               \
    "{\"key\":\"/switchyard/v1/days/orders/2026-11-20\",\"revision\":60,\"value\":\"d\"}\n"

/* `lines` with the checksum that belongs to them. */
static const char *summed(struct buf *b, const char *lines)
{
    struct sha256 sum = sha256_of(lines, strlen(lines));
    char hex[SHA256_HEX];

    buf_clear(b);
    assert_true(buf_addf(b, "%s{\"sha256\":\"%s\"}\n", lines, sha256_hex(&sum, hex)));
    return buf_text(b);
}

static void what_is_written_is_as_documented(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX), want = BUF_INIT(DOCUMENT_MAX);
    struct err err;

    assert_ok(backup_write(&head, state_kv, ARRAY_LEN(state_kv), &b, &err), &err);
    assert_string_equal(buf_text(&b), summed(&want, DOCUMENT));
}

static void what_is_written_is_read_back(void **state UNUSED)
{
    static const unsigned order[] = {5, 0, 3, 2, 7};
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);
    struct backup back;
    struct err err;

    assert_ok(backup_write(&head, state_kv, ARRAY_LEN(state_kv), &b, &err), &err);
    assert_ok(backup_read(buf_view(&b), &back, &err), &err);
    assert_int_equal(back.head.created_at.ns, head.created_at.ns);
    assert_string_equal(back.head.incarnation, "5f0c1d");
    assert_int_equal(back.head.revision, 90);
    assert_int_equal(back.head.keys, ARRAY_LEN(order));
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        const struct backup_kv *want = &state_kv[order[i]], *got = &back.kv[i];

        assert_string_equal(got->key, want->key);
        assert_int_equal(got->rev, want->rev);
        assert_true(str_eq(got->value, want->value));
        assert_int_equal(got->value.p[got->value.n], '\0');
    }
    backup_deinit(&back);
}

static void an_empty_state_has_a_backup_too(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);
    struct backup_head fresh = {.created_at = {1}, .incarnation = "i"};
    struct backup back;
    struct err err;

    assert_ok(backup_write(&fresh, NULL, 0, &b, &err), &err);
    assert_ok(backup_read(buf_view(&b), &back, &err), &err);
    assert_int_equal(back.head.keys, 0);
    assert_int_equal(back.head.revision, 0);
    backup_deinit(&back);
}

static void revisions_beyond_exact_numbers_survive(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);
    struct backup_kv kv = {PLAN("a"), {"v", 1}, UINT64_MAX - 1};
    struct backup_head h = {.created_at = {1}, .incarnation = "i", .revision = UINT64_MAX};
    struct backup back;
    struct err err;

    assert_ok(backup_write(&h, &kv, 1, &b, &err), &err);
    assert_ok(backup_read(buf_view(&b), &back, &err), &err);
    assert_true(back.head.revision == UINT64_MAX && back.kv[0].rev == UINT64_MAX - 1);
    backup_deinit(&back);
}

static void a_value_that_is_no_text_is_refused_by_name(void **state UNUSED)
{
    static const struct str bad[] = {{"a\0b", 3}, {"\xff", 1}};
    struct err err;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);
        struct backup_kv kv = {PLAN("orders"), bad[i], 1};

        assert_fails(backup_write(&head, &kv, 1, &b, &err), ERR_CORRUPT);
        assert_holds(err.msg, PLAN("orders"));
    }
}

static void what_does_not_fit_is_refused(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(200);
    CLEANUP(xfreep) struct backup_kv *many = xcalloc(BACKUP_KEYS_MAX + 1, sizeof *many);
    struct err err;

    assert_fails(backup_write(&head, state_kv, ARRAY_LEN(state_kv), &b, &err), ERR_EXHAUSTED);
    for (unsigned i = 0; i <= BACKUP_KEYS_MAX; i++)
        many[i] = (struct backup_kv){PLAN("a"), {"", 0}, 1};
    assert_fails(backup_write(&head, many, BACKUP_KEYS_MAX + 1, &b, &err), ERR_EXHAUSTED);
    assert_holds(err.msg, "200001");
}

static void assert_damaged(struct str text, const char *part)
{
    struct backup back;
    struct err err;

    assert_fails(backup_read(text, &back, &err), ERR_CORRUPT);
    assert_holds(err.msg, part);
}

/* Wherever it ends, it is not taken, and the line is named. */
static void every_shorter_document_is_cut_short(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);
    unsigned line = 1;

    summed(&b, DOCUMENT);
    for (size_t n = 0; n < b.len; n++) {
        char want[32];

        str_fmt(want, sizeof want, "line %u: cut short", line);
        assert_damaged((struct str){b.data, n}, want);
        line += b.data[n] == '\n';
    }
}

static void every_flipped_bit_is_noticed(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);

    summed(&b, DOCUMENT);
    for (size_t i = 0; i < b.len * 8; i++) {
        struct backup back;
        struct err err;
        char before = b.data[i / 8];
        int r;

        b.data[i / 8] = (char)(before ^ (1 << i % 8));
        r = backup_read(buf_view(&b), &back, &err);
        /* The case of the checksum's digits says nothing. */
        if (r == 0)
            assert_true(before >= 'a' && before <= 'f' && i % 8 == 5);
        else
            assert_memory_equal(err.msg, "line ", 5);
        if (r == 0)
            backup_deinit(&back);
        b.data[i / 8] = before;
    }
}

#define HEAD(keys)                                                         \
    "{\"apiVersion\":\"switchyard/v1\",\"kind\":\"Backup\",\"createdAt\":" \
    "\"2026-11-21T10:07:04.123Z\",\"incarnation\":\"5f0c1d\",\"revision\":90,\"keys\":" keys "}\n"
#define LINE(key, rev) "{\"key\":\"" key "\",\"revision\":" rev ",\"value\":\"v\"}\n"

/* What no accident makes has a checksum that fits. */
static void every_wrong_line_is_named(void **state UNUSED)
{
    static const struct {
        const char *lines, *want;
    } cases[] = {
        {"[]\n", "line 1: this is no backup"},
        {"{}\n", "line 1: this is no backup"},
        {"hello\n", "line 1: "},
        {"{\"kind\":\"Backup\",\"apiVersion\":\"switchyard/v1\"}\n", "line 1: the head lacks"},
        {HEAD("2") LINE(PLAN("a"), "1"), "line 3: a key"},
        {HEAD("1") LINE(PLAN("a"), "1") LINE(PLAN("b"), "2"), "line 3: the checksum is expected"},
        {HEAD("1") "{\"key\":\"/switchyard/v1/plans/a\",\"revision\":1}\n", "line 2: a key"},
        {HEAD("1") LINE(PLAN("a"), "0"), "line 2: a key"},
        {HEAD("1") LINE(PLAN("a"), "91"), "line 2: a key"},
        {HEAD("1") LINE("/switchyard/v1/leader", "1"), "line 2: \"/switchyard/v1/leader\" is no"},
        {HEAD("1") LINE("/elsewhere/plans/a", "1"), "line 2: \"/elsewhere"},
        {HEAD("1") LINE(PLAN("a\\u001bb"), "1"), "line 2: \"?\" is no key"},
        {HEAD("2") LINE(PLAN("a"), "2") LINE(PLAN("b"), "1"), "line 3: " PLAN("b") " is out of"},
        {HEAD("2") LINE(PLAN("b"), "1") LINE(PLAN("a"), "1"), "line 3: " PLAN("a") " is out of"},
        {HEAD("2") LINE(PLAN("a"), "1") LINE(PLAN("a"), "1"), "line 3: " PLAN("a") " is out of"},
        {HEAD("3") LINE(PLAN("a"), "1") LINE(PLAN("b"), "2") LINE(PLAN("a"), "3"),
         "line 4: the key " PLAN("a") " stands twice"},
        {HEAD("0") "\n", "line 2: "},
    };

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);

        assert_damaged(str_of(summed(&b, cases[i].lines)), cases[i].want);
    }
}

static void what_follows_the_checksum_is_refused(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);

    summed(&b, DOCUMENT);
    assert_true(buf_add_str(&b, STR("\n")));
    assert_damaged(buf_view(&b), "line 7: something follows");
}

static void keys_and_values_past_the_limits_are_refused(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf lines = BUF_INIT(4u << 20), b = BUF_INIT(4u << 20);
    CLEANUP(xfreep) char *filling = xalloc(BACKUP_VALUE_MAX + 2);
    struct backup back;
    struct err err;

    memset(filling, 'x', BACKUP_VALUE_MAX + 1);
    for (int over = 0; over < 2; over++) {
        int key_rest = (int)(BACKUP_KEY_MAX - strlen(PLAN(""))) + over;

        buf_clear(&lines);
        assert_true(
            buf_addf(&lines, HEAD("1") "{\"key\":\"" PLAN("%.*s") "\",", key_rest, filling));
        assert_true(buf_addf(&lines, "\"revision\":1,\"value\":\"\"}\n"));
        summed(&b, buf_text(&lines));
        if (over) {
            assert_damaged(buf_view(&b), "line 2: ");
        } else {
            assert_ok(backup_read(buf_view(&b), &back, &err), &err);
            backup_deinit(&back);
        }
    }
    for (int over = 0; over < 2; over++) {
        buf_clear(&lines);
        assert_true(buf_addf(&lines, HEAD("1") "{\"key\":\"" PLAN("a") "\",\"revision\":1,"));
        assert_true(
            buf_addf(&lines, "\"value\":\"%.*s\"}\n", (int)BACKUP_VALUE_MAX + over, filling));
        summed(&b, buf_text(&lines));
        if (over) {
            assert_damaged(buf_view(&b), "line 2: the value of " PLAN("a"));
        } else {
            assert_ok(backup_read(buf_view(&b), &back, &err), &err);
            assert_int_equal(back.kv[0].value.n, BACKUP_VALUE_MAX);
            backup_deinit(&back);
        }
    }
}

static void too_much_is_refused_before_it_is_looked_at(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);
    struct backup back;
    struct err err;

    assert_fails(backup_read((struct str){"", BACKUP_BYTES_MAX + 1u}, &back, &err), ERR_EXHAUSTED);
    assert_fails(backup_read(str_of(summed(&b, HEAD("200001"))), &back, &err), ERR_EXHAUSTED);
    assert_holds(err.msg, "line 1: ");
}

static void another_version_is_unsupported_and_says_so(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DOCUMENT_MAX);
    struct backup back;
    struct err err;

    summed(&b, "{\"apiVersion\":\"switchyard/v2\",\"kind\":\"Backup\",\"shape\":\"other\"}\n");
    assert_fails(backup_read(buf_view(&b), &back, &err), ERR_UNSUPPORTED);
    assert_holds(err.msg, "switchyard/v2");
    assert_holds(err.hint, "newer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_as_documented),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(an_empty_state_has_a_backup_too),
        cmocka_unit_test(revisions_beyond_exact_numbers_survive),
        cmocka_unit_test(a_value_that_is_no_text_is_refused_by_name),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(every_shorter_document_is_cut_short),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(every_wrong_line_is_named),
        cmocka_unit_test(what_follows_the_checksum_is_refused),
        cmocka_unit_test(keys_and_values_past_the_limits_are_refused),
        cmocka_unit_test(too_much_is_refused_before_it_is_looked_at),
        cmocka_unit_test(another_version_is_unsupported_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
