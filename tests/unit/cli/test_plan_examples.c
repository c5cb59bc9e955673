/* SPDX-License-Identifier: Apache-2.0 */
/* The plans that people begin with are good ones, in all their environments, and orders.yaml has
 * every field that there is. */
#include "tests/lib/unit.h"

#include "cli/plan_report.h"
#include "common/base/atomic_file.h"
#include "common/base/yaml.h"
#include "common/model/plan_schema.h"

#define EXAMPLES "deploy/examples/"

static void read_example(const char *path, struct buf *text)
{
    struct err err;

    assert_ok(file_read(path, text, &err), &err);
}

static void nothing_looks_wrong_in_an_example(void **state UNUSED)
{
    static const char *const paths[] = {EXAMPLES "orders.yaml", EXAMPLES "adapter.yaml",
                                        EXAMPLES "phases.yaml", EXAMPLES "stages.yaml"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES), told = BUF_INIT(1 << 16);
        CLEANUP(json_freep) struct json *report = NULL;

        read_example(paths[i], &text);
        report = plan_report_lint(buf_view(&text), paths[i], NULL);
        plan_report_lint_text(report, &told);
        assert_holds(buf_text(&told), "nothing looks wrong");
        buf_deinit(&text);
        buf_deinit(&told);
    }
}

static bool has_key(const struct json *node, const char *key)
{
    JSON_FOREACH (item, node) {
        if ((json_key(item) && strcmp(json_key(item), key) == 0) || has_key(item, key))
            return true;
    }
    return false;
}

static void check_fields(const struct json *root, const struct plan_section *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (!has_key(root, s->fields[i].name))
            fail_msg("orders.yaml has no %s", s->fields[i].name);
        if (s->fields[i].section)
            check_fields(root, s->fields[i].section);
    }
}

static void orders_has_every_field(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err err;

    read_example(EXAMPLES "orders.yaml", &text);
    assert_ok(yaml_parse(buf_view(&text), "orders.yaml", &doc, &err), &err);
    check_fields(yaml_root(doc), &plan_schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_looks_wrong_in_an_example),
        cmocka_unit_test(orders_has_every_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
