/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_descriptors.h"

/* ---- the wire format ----------------------------------------------------------------------- */

enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

static bool read_varint(struct str *in, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && in->n > 0; shift += 7) {
        unsigned char c = (unsigned char)*in->p;

        *in = (struct str){in->p + 1, in->n - 1};
        value |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool cut(struct str *in, uint64_t n, struct str *ret)
{
    if (n > in->n)
        return false;
    *ret = (struct str){in->p, (size_t)n};
    *in = (struct str){in->p + n, in->n - (size_t)n};
    return true;
}

/* The next field that holds bytes: strings and submessages; others are passed over. */
static bool next_bytes(struct str *in, uint64_t *ret_field, struct str *ret_value)
{
    uint64_t key, n;

    while (read_varint(in, &key)) {
        *ret_field = key >> 3;
        switch (key & 7) {
        case WIRE_BYTES:
            return read_varint(in, &n) && cut(in, n, ret_value);
        case WIRE_VARINT:
            if (!read_varint(in, &n))
                return false;
            break;
        case WIRE_64BIT:
        case WIRE_32BIT:
            if (!cut(in, (key & 7) == WIRE_64BIT ? 8 : 4, ret_value))
                return false;
            break;
        default:
            return false;
        }
    }
    return false;
}

static bool nth_bytes(struct str in, uint64_t field, unsigned n, struct str *ret)
{
    uint64_t found;

    while (next_bytes(&in, &found, ret))
        if (found == field && n-- == 0)
            return true;
    return false;
}

/* ---- descriptor.proto ---------------------------------------------------------------------- */

enum { SET_FILE = 1, FILE_NAME = 1, FILE_PACKAGE = 2, FILE_IMPORT = 3, DECL_NAME = 1 };

enum kind { FILE_KIND, MESSAGE, ENUM, SERVICE, LEAF };

/* Which field of a declaration holds which declarations. An enum's values belong to the scope
 * around it. */
static const struct nested {
    enum kind parent;
    unsigned field;
    enum kind kind;
} nested[] = {
    {FILE_KIND, 4, MESSAGE}, {FILE_KIND, 5, ENUM},  {FILE_KIND, 6, SERVICE}, {FILE_KIND, 7, LEAF},
    {MESSAGE, 2, LEAF},      {MESSAGE, 3, MESSAGE}, {MESSAGE, 4, ENUM},      {MESSAGE, 6, LEAF},
    {MESSAGE, 8, LEAF},      {ENUM, 2, LEAF},       {SERVICE, 2, LEAF},
};

static bool kind_of(enum kind parent, uint64_t field, enum kind *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(nested); i++) {
        if (nested[i].parent == parent && nested[i].field == field) {
            *ret = nested[i].kind;
            return true;
        }
    }
    return false;
}

/* Take "name" or "name." off the front of `path`; nothing may be left of the former, something must
 * be of the latter. */
static bool descend(struct str path, struct str name, struct str *ret_rest)
{
    if (name.n == 0 || !str_starts(path, name))
        return false;
    *ret_rest = (struct str){path.p + name.n, path.n - name.n};
    if (ret_rest->n == 0)
        return true;
    if (ret_rest->p[0] != '.')
        return false;
    *ret_rest = (struct str){ret_rest->p + 1, ret_rest->n - 1};
    return ret_rest->n > 0;
}

/* Does `decl` declare `path`, relative to it? As deep as the declarations are nested. */
static bool declares(struct str decl, enum kind kind, struct str path)
{
    struct str child, name, rest;
    enum kind child_kind;
    uint64_t field;

    while (next_bytes(&decl, &field, &child)) {
        if (!kind_of(kind, field, &child_kind) || !nth_bytes(child, DECL_NAME, 0, &name))
            continue;
        if (child_kind == ENUM && declares(child, ENUM, path))
            return true;
        if (!descend(path, name, &rest))
            continue;
        if (rest.n == 0 || (child_kind != ENUM && declares(child, child_kind, rest)))
            return true;
    }
    return false;
}

bool descriptors_file(struct str set, struct str name, struct str *ret_file)
{
    struct str found;

    for (unsigned i = 0; nth_bytes(set, SET_FILE, i, ret_file); i++)
        if (nth_bytes(*ret_file, FILE_NAME, 0, &found) && str_eq(found, name))
            return true;
    return false;
}

bool descriptors_symbol(struct str set, struct str symbol, struct str *ret_file)
{
    struct str package, rest;

    for (unsigned i = 0; nth_bytes(set, SET_FILE, i, ret_file); i++) {
        rest = symbol;
        if (nth_bytes(*ret_file, FILE_PACKAGE, 0, &package) && !descend(symbol, package, &rest))
            continue;
        if (rest.n > 0 && declares(*ret_file, FILE_KIND, rest))
            return true;
    }
    return false;
}

bool descriptors_import(struct str file, unsigned n, struct str *ret_name)
{
    return nth_bytes(file, FILE_IMPORT, n, ret_name);
}
