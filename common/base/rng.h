/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded generator (xoshiro256**), the only source of chance. Pure but for rng_seed_system().
 * Not for secrets. */
#pragma once

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
/* Seed from the kernel (getrandom). */
void rng_seed_system(struct rng *r);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n), n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [0, 1). */
double rng_unit(struct rng *r);
