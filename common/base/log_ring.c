/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log_ring.h"

#include <pthread.h>
#include <string.h>

/* Protects all below; no other lock is taken while it is held. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char kept[LOG_RING_BYTES];
static size_t first, used; /* the oldest byte, and how many follow it */

static void put(const char *p, size_t n)
{
    size_t at = (first + used) % sizeof kept;
    size_t here = n < sizeof kept - at ? n : sizeof kept - at;

    memcpy(kept + at, p, here);
    memcpy(kept, p + here, n - here);
    used += n;
}

static void drop_line(void)
{
    char c;

    do {
        c = kept[first];
        first = (first + 1) % sizeof kept;
        used--;
    } while (c != '\n');
}

void log_ring_add(struct str line)
{
    if (line.n == 0 || line.n > sizeof kept || line.p[line.n - 1] != '\n')
        return;
    pthread_mutex_lock(&lock);
    while (sizeof kept - used < line.n)
        drop_line();
    put(line.p, line.n);
    pthread_mutex_unlock(&lock);
}

bool log_ring_read(struct buf *ret)
{
    size_t here;
    bool fits;

    pthread_mutex_lock(&lock);
    here = used < sizeof kept - first ? used : sizeof kept - first;
    fits = buf_add(ret, kept + first, here) && buf_add(ret, kept, used - here);
    pthread_mutex_unlock(&lock);
    return fits;
}
