/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/lock_holder.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/base/attrs.h"

/* SQLite's file format, section 1.2: its locks are on bytes from 2^30, 512 of them. */
#define LOCK_FIRST (1ull << 30)
#define LOCK_BYTES 512u

static void closep(FILE **f)
{
    if (*f)
        fclose(*f);
}

/* proc(5), /proc/locks: "1: POSIX  ADVISORY  WRITE 812 08:01:1835 1073741826 1073742335". Lines of
 * those who wait have an arrow in front and do not match. */
static bool line_matches(const char *line, const struct stat *st, long *ret_pid)
{
    unsigned dev_major;
    unsigned dev_minor;
    unsigned long inode;
    unsigned long long start;
    long pid;

    if (sscanf(line, "%*u: POSIX %*s %*s %ld %x:%x:%lu %llu", &pid, &dev_major, &dev_minor, &inode,
               &start) != 5)
        return false;
    if (dev_major != major(st->st_dev) || dev_minor != minor(st->st_dev) || inode != st->st_ino)
        return false;
    if (start < LOCK_FIRST || start >= LOCK_FIRST + LOCK_BYTES)
        return false;
    *ret_pid = pid;
    return true;
}

long lock_holder_pid(const char *path)
{
    CLEANUP(closep) FILE *locks = fopen("/proc/locks", "re");
    char line[256];
    struct stat st;
    long pid = 0;

    if (!locks || stat(path, &st) < 0)
        return 0;
    while (pid == 0 && fgets(line, sizeof line, locks))
        if (!line_matches(line, &st, &pid))
            continue;
    return pid > 0 ? pid : 0;
}
