/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/cli.h"
#include "common/base/atomic_file.h"

int cli_read(const char *path, struct buf *b, struct err *err)
{
    char chunk[65536];
    size_t n;

    if (strcmp(path, "-") != 0)
        return file_read(path, b, err);
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        if (!buf_add(b, chunk, n))
            return err_set(err, ERR_EXHAUSTED, "standard input holds more than %zu bytes", b->max);
    return ferror(stdin) ? err_set(err, ERR_IO, "standard input cannot be read") : 0;
}
