/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store_backend.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/rng.h"

void store_backend_incarnation(char ret_text[STORE_INCARNATION_SIZE])
{
    struct rng rng;

    rng_seed_system(&rng);
    CHECK(str_fmt(ret_text, STORE_INCARNATION_SIZE, "%016" PRIx64 "%016" PRIx64, rng_u64(&rng),
                  rng_u64(&rng)));
}

int store_backend_answer(struct str key, struct str value, struct buf *b, struct err *err)
{
    if (buf_add_str(b, value))
        return 0;
    return err_set(err, ERR_EXHAUSTED, "the value of %.*s has %zu bytes; room is left for %zu",
                   (int)key.n, key.p, value.n, b->max - b->len);
}
