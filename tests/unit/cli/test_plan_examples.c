/* SPDX-License-Identifier: Apache-2.0 */
/* The plans that people begin with are good ones, in all their environments. orders.yaml has every
 * field that there is, but for those that go with connections: tcp/database.yaml has them. */
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
                                        EXAMPLES "phases.yaml", EXAMPLES "stages.yaml",
                                        EXAMPLES "tcp/database.yaml"};

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

static void check_fields(const char *path, const struct json *root, const struct plan_section *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct plan_section *inner = s->fields[i].section;

        if (!has_key(root, s->fields[i].name))
            fail_msg("%s has no %s", path, s->fields[i].name);
        if (inner && inner != &plan_tcp_section)
            check_fields(path, root, inner);
    }
}

static void has_fields(const char *path, const struct plan_section *s)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(YAML_MAX_BYTES);
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err err;

    read_example(path, &text);
    assert_ok(yaml_parse(buf_view(&text), path, &doc, &err), &err);
    check_fields(path, yaml_root(doc), s);
}

static void examples_have_every_field(void **state UNUSED)
{
    has_fields(EXAMPLES "orders.yaml", &plan_schema);
    has_fields(EXAMPLES "tcp/database.yaml", &plan_tcp_section);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_looks_wrong_in_an_example),
        cmocka_unit_test(examples_have_every_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
