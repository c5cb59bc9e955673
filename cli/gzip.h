/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 1952 in one piece. gzip.c is the only file that includes zlib. */
#pragma once

#include "common/base/buf.h"

/* False when `ret` is full. */
bool gzip_pack(struct str content, struct buf *ret) MUST_CHECK;
