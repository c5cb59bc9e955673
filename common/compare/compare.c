/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/compare.h"

#include "common/compare/content.h"
#include "common/compare/judge.h"

#define FNV_PRIME UINT64_C(0x100000001b3)

uint64_t compare_hash(uint64_t hash, struct str piece)
{
    for (size_t i = 0; i < piece.n; i++)
        hash = (hash ^ (unsigned char)piece.p[i]) * FNV_PRIME;
    return hash;
}

/* ---- the head -------------------------------------------------------------------------------- */

static struct str field(const struct compare_answer *a, struct str name, unsigned nth)
{
    return a->header ? a->header(a->head, name, nth) : (struct str){NULL, 0};
}

static void judge_status(struct judge *j, unsigned legacy, unsigned new_status)
{
    char a[16], b[16];

    if (legacy == new_status)
        return;
    str_fmt(a, sizeof a, "%u", legacy);
    str_fmt(b, sizeof b, "%u", new_status);
    judge_note(j, judge_class_of(j, "status"), "status", false, str_of(a), str_of(b));
}

/* Where only one side is a call, the media types tell. */
static void judge_call(struct judge *j, struct str legacy, struct str new_status)
{
    static const char where[] = "grpc-status";

    if (legacy.p && new_status.p && !str_eq(legacy, new_status))
        judge_note(j, judge_class_of(j, where), where, false, legacy, new_status);
}

/* All values of one field, in their order. */
static void judge_field(struct judge *j, struct str name, const struct compare_answer *legacy,
                        const struct compare_answer *new_answer)
{
    char where[DISCREPANCY_PATH_SIZE];

    str_fmt(where, sizeof where, "header %.*s", (int)name.n, name.p);
    for (unsigned i = 0;; i++) {
        struct str a = field(legacy, name, i);
        struct str b = field(new_answer, name, i);

        if (!a.p && !b.p)
            return;
        if (!a.p != !b.p || !str_eq(a, b))
            judge_note(j, judge_class_of(j, where), where, false, a.p ? a : STR("(absent)"),
                       b.p ? b : STR("(absent)"));
    }
}

/* "text/html; charset=utf-8": *ret gets what stands before the parameters. */
static struct str essence_of(struct str media_type, struct str *ret_parameters)
{
    struct str essence;

    str_cut(media_type, ';', &essence, ret_parameters);
    *ret_parameters = str_trim(*ret_parameters);
    return str_trim(essence);
}

static void judge_media_type(struct judge *j, struct str legacy, struct str new_type)
{
    static const char where[] = "header content-type";
    enum compare_class class = judge_class_of(j, where);
    struct str a_rest, b_rest;

    if (!str_ieq(essence_of(legacy, &a_rest), essence_of(new_type, &b_rest)))
        judge_note(j, class, where, false, legacy, new_type);
    else if (!str_ieq(a_rest, b_rest))
        judge_note(j, class == COMPARE_EQUAL ? class : COMPARE_DIFFERS_COSMETIC, where, false,
                   legacy, new_type);
}

/* ---- the body -------------------------------------------------------------------------------- */

static bool ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_ieq((struct str){s.p + s.n - suffix.n, suffix.n}, suffix);
}

static bool is_json(struct str essence)
{
    return str_ieq(essence, STR("application/json")) || str_ieq(essence, STR("text/json")) ||
           ends(essence, STR("+json"));
}

static bool is_text(struct str essence)
{
    struct str kind, rest;

    str_cut(essence, '/', &kind, &rest);
    return str_ieq(kind, STR("text")) || str_ieq(essence, STR("application/xml")) ||
           str_ieq(essence, STR("application/javascript")) || ends(essence, STR("+xml"));
}

static void judge_bytes(struct judge *j, enum compare_class class, const struct content *legacy,
                        const struct content *new_content)
{
    char a[DISCREPANCY_VALUE_SIZE], b[DISCREPANCY_VALUE_SIZE];

    content_describe(legacy, a, sizeof a);
    content_describe(new_content, b, sizeof b);
    judge_note(j, class, "body", false, str_of(a), str_of(b));
}

static void judge_contents(struct judge *j, struct str a_type, const struct content *a,
                           struct str b_type, const struct content *b)
{
    if (content_eq(a, b))
        return;
    if (a->cut || b->cut)
        judge_bytes(j, judge_class_of(j, "body"), a, b);
    else if (is_json(a_type) && is_json(b_type) && judge_json(j, a->bytes, b->bytes))
        return;
    else if (is_text(a_type) && is_text(b_type) && !is_json(a_type))
        judge_text(j, a->bytes, b->bytes);
    else
        judge_bytes(j, judge_class_of(j, "body"), a, b);
}

/* Bytes in two codings say nothing of what they hold, unless that a client cannot read them. */
static void judge_packed(struct judge *j, const struct content *a, const struct content *b)
{
    enum compare_class class = judge_class_of(j, "body");
    bool broken = a->state == CONTENT_BROKEN || b->state == CONTENT_BROKEN;

    if (class == COMPARE_DIFFERS_CRITICAL && !broken && !content_is_coded_alike(a, b))
        class = COMPARE_DIFFERS_COSMETIC;
    judge_bytes(j, class, a, b);
}

static void judge_bodies(struct judge *j, const struct compare_answer *legacy,
                         const struct compare_answer *new_answer)
{
    CLEANUP(content_deinit) struct content a;
    CLEANUP(content_deinit) struct content b;
    struct str parameters;

    content_init(&a, legacy);
    content_init(&b, new_answer);
    if (content_is_coded_alike(&a, &b) && content_eq(&a, &b))
        return;
    content_open(&a, legacy->keep);
    content_open(&b, new_answer->keep);
    if (a.state == CONTENT_HERE && b.state == CONTENT_HERE)
        judge_contents(j, essence_of(legacy->media_type, &parameters), &a,
                       essence_of(new_answer->media_type, &parameters), &b);
    else
        judge_packed(j, &a, &b);
}

void compare_answers(const struct compare_rule *rules, unsigned rule_count,
                     const struct compare_answer *legacy, const struct compare_answer *new_answer,
                     struct compare_verdict *ret)
{
    struct judge j = {.rule = rules, .rule_count = rule_count, .verdict = ret};

    ret->class = COMPARE_EQUAL;
    ret->count = ret->critical = ret->kept = 0;
    judge_status(&j, legacy->status, new_answer->status);
    judge_call(&j, legacy->grpc_status, new_answer->grpc_status);
    judge_media_type(&j, legacy->media_type, new_answer->media_type);
    for (unsigned i = 0; i < rule_count; i++) {
        if (rules[i].kind == COMPARE_HEADER)
            judge_field(&j, str_of(rules[i].path), legacy, new_answer);
    }
    /* Answers of another kind have other bodies: that says nothing new. */
    if (ret->class != COMPARE_DIFFERS_CRITICAL)
        judge_bodies(&j, legacy, new_answer);
}
