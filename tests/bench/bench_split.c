/* SPDX-License-Identifier: Apache-2.0 */
/* How close the share of keys on new comes to the weight: 100,000 keys, several weights. The figure
 * is the same on every machine; tests/unit/common/decide/test_bucket.c holds it to half a point. */
#include <math.h>
#include <stdio.h>

#include "common/decide/bucket.h"

#define KEYS 100000

static double measure_share(const char *salt, uint32_t weight_bp)
{
    unsigned on_new = 0;

    for (unsigned user = 0; user < KEYS; user++) {
        char key[32];

        str_fmt(key, sizeof key, "user-%u", user);
        on_new += bucket_on_new(bucket_of(str_of(salt), str_of(key)), weight_bp);
    }
    return 100.0 * on_new / KEYS;
}

int main(void)
{
    static const uint32_t weights[] = {100, 1000, 2500, 5000, 9000};

    printf("weight   share of %d keys   off by\n", KEYS);
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        double share = measure_share("app", weights[i]), weight = weights[i] / 100.0;

        printf("%5.1f %%          %7.3f %%   %.3f points\n", weight, share, fabs(share - weight));
    }
    return 0;
}
