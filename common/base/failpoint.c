/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/failpoint.h"

#ifndef NDEBUG

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/str.h"

#define EXIT_STATUS 86
#define DO_EXIT     (-1)

static const char *const names[FP_COUNT] = {
#define X(id, name, help) [FP_##id] = name,
    FAILPOINTS(X)
#undef X
};

static const struct {
    struct str name;
    int action; /* an errno, or DO_EXIT */
} actions[] = {
    {STR("exit"), DO_EXIT},
    {STR("enospc"), ENOSPC},
    {STR("eio"), EIO},
    {STR("erofs"), EROFS},
};

/* Written once, before the first failpoint() returns; only `reached` changes after. */
static struct {
    int action;   /* 0: none */
    uint64_t nth; /* 0: every time */
    atomic_ullong reached;
} points[FP_COUNT];

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A test that names what does not exist would pass without testing anything, so a bad list is
 * fatal. */
static NORETURN void bad(struct str item)
{
    check_die("SWITCHYARD_FAILPOINTS: \"%.*s\" is not NAME=exit|enospc|eio|erofs[*N]", (int)item.n,
              item.p);
}

static void set_point(struct str item)
{
    struct str name, rest, action, times;
    uint64_t nth = 0;
    bool known = false;

    if (!str_cut(item, '=', &name, &rest))
        bad(item);
    if (str_cut(rest, '*', &action, &times) && (!str_to_u64(times, UINT32_MAX, &nth) || nth == 0))
        bad(item);
    for (unsigned i = 0; i < FP_COUNT; i++)
        for (size_t k = 0; k < ARRAY_LEN(actions); k++)
            if (str_eq(name, str_of(names[i])) && str_eq(action, actions[k].name)) {
                points[i].action = actions[k].action;
                points[i].nth = nth;
                known = true;
            }
    if (!known)
        bad(item);
}

static void read_environment(void)
{
    struct str list = str_of(getenv("SWITCHYARD_FAILPOINTS"));
    struct str item;

    while (list.n > 0) {
        str_cut(list, ',', &item, &list);
        set_point(item);
    }
}

int failpoint(enum failpoint fp)
{
    pthread_once(&once, read_environment);
    if (LIKELY(points[fp].action == 0))
        return 0;

    uint64_t reached = atomic_fetch_add(&points[fp].reached, 1) + 1;
    if (points[fp].nth != 0 && reached != points[fp].nth)
        return 0;
    if (points[fp].action == DO_EXIT)
        _exit(EXIT_STATUS);
    return points[fp].action;
}

#endif
