/* SPDX-License-Identifier: Apache-2.0 */
/* Small fixed allocations. They abort when memory is out, as the gRPC library in the same process
 * does: handling it halfway would be theatre. Whatever a peer can size goes into buf, arena or a
 * counted queue with a maximum instead. These are the only callers of malloc outside this folder's
 * containers. */
#pragma once

#include <stddef.h>

#include "common/base/attrs.h"

/* Zeroed memory; never NULL. */
void *xalloc(size_t size) MUST_CHECK;
void *xcalloc(size_t count, size_t size) MUST_CHECK;

/* Grow or shrink; the content moves. `size` > 0. */
void *xrealloc(void *p, size_t size) MUST_CHECK;

/* A copy on the heap, to be freed; never NULL. */
char *xstrdup(const char *s) MUST_CHECK;
void *xmemdup(const void *p, size_t size) MUST_CHECK;

/* free(*p), for CLEANUP(xfreep). */
void xfreep(void *pointer_to_pointer);

#define xnew(type) ((type *)xalloc(sizeof(type)))
