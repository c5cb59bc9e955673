/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in an encoded FileDescriptorSet (google/protobuf/descriptor.proto), without decoding it.
 * Pure; results point into the set. A malformed set ends a walk early: it comes from our own
 * build. */
#pragma once

#include "common/base/str.h"

/* The FileDescriptorProto named `name`. */
bool descriptors_file(struct str set, struct str name, struct str *ret_file);

/* The file that declares `symbol`: a message, enum, enum value, service, method, field, oneof or
 * extension with its package. */
bool descriptors_symbol(struct str set, struct str symbol, struct str *ret_file);

/* The file's n-th import. */
bool descriptors_import(struct str file, unsigned n, struct str *ret_name);
