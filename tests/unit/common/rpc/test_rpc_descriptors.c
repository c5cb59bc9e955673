/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_descriptors.h"

#include "tests/lib/unit.h"
#include "tests/rpc/echo_service.h"

extern const unsigned char proto_descriptor_set[];
extern const size_t proto_descriptor_set_size;

static struct str echo_set(void)
{
    return (struct str){(const char *)echo_proto_descriptor_set, echo_proto_descriptor_set_size};
}

static void a_file_is_found_by_its_name(void **state UNUSED)
{
    struct str file;

    assert_true(descriptors_file(echo_set(), STR("echo.proto"), &file));
    assert_true(descriptors_file(echo_set(), STR("echo_types.proto"), &file));
    assert_false(descriptors_file(echo_set(), STR("echo"), &file));
    assert_false(descriptors_file(echo_set(), STR(""), &file));
}

static void every_kind_of_symbol_is_found_in_its_file(void **state UNUSED)
{
    static const struct {
        const char *symbol;
        const char *file;
    } rows[] = {
        {"test.echo.Text", "echo.proto"},
        {"test.echo.Text.times", "echo.proto"},
        {"test.echo.Echo", "echo.proto"},
        {"test.echo.Echo.Chat", "echo.proto"},
        {"test.echo.Mark", "echo_types.proto"},
        {"test.echo.Colour", "echo_types.proto"},
        {"test.echo.COLOUR_RED", "echo_types.proto"}, /* values belong to the enum's scope */
    };
    struct str file, want;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(descriptors_symbol(echo_set(), str_of(rows[i].symbol), &file));
        assert_true(descriptors_file(echo_set(), str_of(rows[i].file), &want));
        assert_ptr_equal(file.p, want.p);
    }
}

static void nested_declarations_are_found(void **state UNUSED)
{
    struct str set = {(const char *)proto_descriptor_set, proto_descriptor_set_size};
    struct str file;

    assert_true(
        descriptors_symbol(set, STR("grpc.health.v1.HealthCheckResponse.ServingStatus"), &file));
    assert_true(
        descriptors_symbol(set, STR("grpc.health.v1.HealthCheckResponse.NOT_SERVING"), &file));
    assert_true(descriptors_symbol(
        set, STR("grpc.reflection.v1.ServerReflectionRequest.message_request"), &file));
}

static void what_is_not_declared_is_not_found(void **state UNUSED)
{
    static const char *const symbols[] = {
        "",
        ".",
        "test",
        "test.echo",
        "test.echo.",
        "test.echo.Tex",
        "Text",
        ".test.echo.Text",
        "test.echo.Text.",
        "test.echo.Text.none",
        "test.echo.Texts",
        "test.echo.Colour.COLOUR_RED",
        "test.echo.Echo.Chat.x",
    };
    struct str file;

    for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
        if (descriptors_symbol(echo_set(), str_of(symbols[i]), &file))
            fail_msg("found %s", symbols[i]);
}

static void imports_are_listed(void **state UNUSED)
{
    struct str file, name;

    assert_true(descriptors_file(echo_set(), STR("echo.proto"), &file));
    assert_true(descriptors_import(file, 0, &name));
    assert_true(str_eq(name, STR("echo_types.proto")));
    assert_false(descriptors_import(file, 1, &name));
}

/* The set comes from our build, but a walk must stay inside it all the same. */
static void a_truncated_set_is_walked_safely(void **state UNUSED)
{
    struct str file;

    for (size_t n = 0; n < echo_proto_descriptor_set_size; n++) {
        char *copy = test_malloc(n + 1);

        memcpy(copy, echo_proto_descriptor_set, n);
        (void)descriptors_symbol((struct str){copy, n}, STR("test.echo.Echo.None"), &file);
        test_free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_found_by_its_name),
        cmocka_unit_test(every_kind_of_symbol_is_found_in_its_file),
        cmocka_unit_test(nested_declarations_are_found),
        cmocka_unit_test(what_is_not_declared_is_not_found),
        cmocka_unit_test(imports_are_listed),
        cmocka_unit_test(a_truncated_set_is_walked_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
