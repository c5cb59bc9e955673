/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 with padding (RFC 4648, section 4). Pure. */
#pragma once

#include "common/base/buf.h"

/* Append the text of `bytes`. False, with nothing appended, past the buffer's maximum. */
bool base64_encode(struct str bytes, struct buf *b) MUST_CHECK;

/* Append the bytes of `text`. False, with nothing appended, when it is not exactly what
 * base64_encode() writes (line breaks, missing padding and stray bits are refused), or past the
 * buffer's maximum. */
bool base64_decode(struct str text, struct buf *b) MUST_CHECK;
