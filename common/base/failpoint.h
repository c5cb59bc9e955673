/* SPDX-License-Identifier: Apache-2.0 */
/* Named places where a test may make the program fail, die or wait. From SWITCHYARD_FAILPOINTS
 * ("store.commit.before=exit,state.write=enospc*2"), read once. Compiled to nothing in release
 * builds.
 *
 *   exit      _exit(86) at once, as kill -9 would
 *   NAME      the named errno (enospc, eio, erofs)
 *   ...*N     only the N-th time the place is reached (default: every time) */
#pragma once

#include "common/base/attrs.h"

#define FAILPOINTS(X)                                                                  \
    X(STORE_COMMIT_BEFORE, "store.commit.before", "before the transaction commits")    \
    X(STORE_COMMIT_AFTER, "store.commit.after", "after the commit, before the answer") \
    X(DRIVER_PUBLISH_BEFORE, "driver.publish.before", "saved, not yet pushed")         \
    X(DRIVER_ANSWER_BEFORE, "driver.answer.before", "pushed, not yet answered")        \
    X(STATE_WRITE, "state.write", "while the sidecar writes its last good rule set")   \
    X(STATE_RENAME, "state.rename", "written, not yet renamed")

enum failpoint {
#define X(id, name, help) FP_##id,
    FAILPOINTS(X)
#undef X
        FP_COUNT
};

/* 0, or the errno to fail with; does not return when the place is set to exit. Any thread. */
#ifdef NDEBUG
static inline int failpoint(enum failpoint fp UNUSED)
{
    return 0;
}
#else
int failpoint(enum failpoint fp);
#endif
