/* SPDX-License-Identifier: Apache-2.0 */
/* Any protocol message as JSON, by its descriptor: proto3's mapping (lowerCamelCase names), but
 * defaults are shown, absent messages are null, and 64-bit numbers are numbers while they are
 * exact. Of a oneof the chosen member is shown. */
#include "cli/cli.h"

#include <ctype.h>

#include "common/base/check.h"

static void camel(const char *snake, char *ret, size_t size)
{
    size_t n = 0;
    bool upper = false;

    for (; *snake && n + 1 < size; snake++) {
        if (*snake == '_') {
            upper = true;
            continue;
        }
        ret[n++] = upper ? (char)toupper((unsigned char)*snake) : *snake;
        upper = false;
    }
    ret[n] = '\0';
}

static struct json *number_u64(uint64_t n)
{
    CLEANUP(json_freep) struct json *holder = json_object();

    json_set_u64(holder, "n", n);
    return json_dup(json_get(holder, "n"));
}

static struct json *number_i64(int64_t n)
{
    CLEANUP(json_freep) struct json *holder = json_object();

    json_set_i64(holder, "n", n);
    return json_dup(json_get(holder, "n"));
}

/* "KeySource" to "KEY_SOURCE_", which its values' names begin with. */
static void enum_prefix(const char *type, char *ret, size_t size)
{
    size_t n = 0;

    for (const char *p = type; *p && n + 3 < size; p++) {
        if (p > type && isupper((unsigned char)*p))
            ret[n++] = '_';
        ret[n++] = (char)toupper((unsigned char)*p);
    }
    ret[n++] = '_';
    ret[n] = '\0';
}

/* "SYSTEM_LEGACY" of enum System prints as "legacy", a value that is not known as its number. */
static struct json *enumeration(const ProtobufCEnumDescriptor *d, int value)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(d, value);
    char prefix[64], text[64];
    struct str name, rest;
    size_t n = 0;

    if (!v)
        return json_from_number(value);
    enum_prefix(d->short_name, prefix, sizeof prefix);
    name = rest = str_of(v->name);
    if (str_starts(name, str_of(prefix)))
        rest = (struct str){name.p + strlen(prefix), name.n - strlen(prefix)};
    for (; n < rest.n && n + 1 < sizeof text; n++)
        text[n] = (char)tolower((unsigned char)rest.p[n]);
    text[n] = '\0';
    return json_from_string(text);
}

static struct json *scalar(const ProtobufCFieldDescriptor *f, const void *at)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_from_number(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_from_number(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return number_i64(*(const int64_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return number_u64(*(const uint64_t *)at);
    case PROTOBUF_C_TYPE_FLOAT:
        return json_from_number((double)*(const float *)at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_from_number(*(const double *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_from_bool(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return enumeration(f->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_STRING:
        return json_from_string(*(char *const *)at);
    case PROTOBUF_C_TYPE_BYTES:
        return json_null(); /* no answer to operators carries bytes */
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *m = *(ProtobufCMessage *const *)at;

        return m ? cli_message_json(m) : json_null();
    }
    }
    check_die("a field type that is not handled");
}

static size_t element_size(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    }
    return 0;
}

static struct json *list(const ProtobufCFieldDescriptor *f, size_t count, const char *first)
{
    struct json *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_append(array, scalar(f, first + i * element_size(f)));
    return array;
}

static bool is_chosen(const ProtobufCFieldDescriptor *f, const char *base)
{
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return true;
    return *(const uint32_t *)(const void *)(base + f->quantifier_offset) == f->id;
}

static struct json *field(const ProtobufCFieldDescriptor *f, const char *base)
{
    const char *at = base + f->offset;

    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return scalar(f, at);
    return list(f, *(const size_t *)(const void *)(base + f->quantifier_offset),
                *(const char *const *)(const void *)at);
}

struct json *cli_message_json(const ProtobufCMessage *m)
{
    struct json *object = json_object();
    const char *base = (const char *)m;
    char name[64];

    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

        if (!is_chosen(f, base))
            continue;
        camel(f->name, name, sizeof name);
        json_set(object, name, field(f, base));
    }
    return object;
}
