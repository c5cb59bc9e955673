/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 1952 in one piece. common/compare/unpack.h has the way back. */
#pragma once

#include "common/base/buf.h"

/* False when `ret` is full. */
bool gzip_pack(struct str content, struct buf *ret) MUST_CHECK;
