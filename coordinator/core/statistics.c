/* SPDX-License-Identifier: Apache-2.0 */
/* The incomplete beta function is its continued fraction (Abramowitz and Stegun 26.5.8, evaluated
 * by the method of Lentz) times a binomial probability. The latter is taken as a deviance with
 * Stirling's error (Loader 2000): with factorials instead, a count of 2^40 leaves no correct
 * digit. Bounds are found by Newton's method on the logarithm of the tail over the logarithm of the
 * share, which is concave, so that it never steps past the root from below. */
#include "coordinator/core/statistics.h"

#include <float.h>
#include <math.h>

#include "common/base/check.h"

#define TINY          1e-300
#define PRECISION     1e-15
#define TERMS_MAX     (1u << 24)
#define NEWTON_MAX    200
#define NEWTON_ENOUGH 1e-13

/* ---- the binomial probability ---------------------------------------------------------------- */

/* log(n!) less Stirling's formula for it. */
static double stirling_error(double n)
{
    double nn = n * n;

    if (n < 16)
        return lgamma(n + 1) - (n + 0.5) * log(n) + n - 0.5 * log(2 * M_PI);
    return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680) / nn) / nn) / nn) / n;
}

/* k log(k / m) + m - k, which cancels where k is about m. */
static double deviance(double k, double m)
{
    double t = (k - m) / m;
    double sum = 0;
    double power = t;

    if (fabs(t) > 0.1)
        return k * log(k / m) + m - k;
    for (int j = 2; j < 20; j++) {
        power *= -t;
        sum -= power / (j * (j - 1.0));
    }
    return m * sum;
}

/* log of the chance of exactly k of n; 0 < p < 1. */
static double log_exactly(double k, double n, double p)
{
    double rest = n - k;

    if (k == 0)
        return n * log1p(-p);
    if (rest == 0)
        return n * log(p);
    return stirling_error(n) - stirling_error(k) - stirling_error(rest) - deviance(k, n * p) -
           deviance(rest, n * (1 - p)) + 0.5 * log(n / (2 * M_PI * k * rest));
}

/* ---- the incomplete beta function ------------------------------------------------------------ */

static double away_from_zero(double v)
{
    return fabs(v) < TINY ? TINY : v;
}

/* Converges fast for x below the mean, a / (a + b). */
static double continued_fraction(double x, double a, double b)
{
    double c = 1;
    double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
    double f = d;

    for (unsigned m = 1; m < TERMS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step;

        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        f *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        step = d * c;
        f *= step;
        if (fabs(step - 1) < PRECISION)
            break;
    }
    return f;
}

/* log I_x(a, b), and by how much it grows with log x; 0 < x < 1. */
static double log_beta(double x, double a, double b, double *ret_slope)
{
    double f, value;

    if (x < (a + 1) / (a + b + 2)) {
        f = continued_fraction(x, a, b);
        *ret_slope = a / ((1 - x) * f);
        return log_exactly(a, a + b - 1, x) + log1p(-x) + log(f);
    }
    f = continued_fraction(1 - x, b, a);
    value = log1p(-exp(log_exactly(b, a + b - 1, 1 - x) + log(x * f)));
    *ret_slope = a * exp(log_exactly(a, a + b - 1, x) - value);
    return value;
}

double statistics_beta(double x, double a, double b)
{
    double slope;

    CHECK(a >= 1 && b >= 1);
    if (!(x > 0))
        return 0;
    return x < 1 ? exp(log_beta(x, a, b, &slope)) : 1;
}

/* ---- shares ---------------------------------------------------------------------------------- */

double statistics_tail(uint64_t k, uint64_t n, double p)
{
    if (k == 0)
        return 1;
    if (k > n)
        return 0;
    return statistics_beta(p, (double)k, (double)(n - k) + 1);
}

double statistics_share_low(uint64_t k, uint64_t n, double doubt)
{
    double a = (double)k, b = (double)(n - k) + 1;
    double x = a / (a + b) / 2;

    CHECK(k <= n && doubt > 0 && doubt < 1);
    if (k == 0)
        return 0;
    if (k == n)
        return pow(doubt, 1 / a);
    for (int i = 0; i < NEWTON_MAX; i++) {
        double slope;
        double log_value = log_beta(x, a, b, &slope);
        double step = (log(doubt) - log_value) / slope;

        x = fmin(x * exp(fmin(step, 1)), 1 - DBL_EPSILON);
        if (fabs(step) < NEWTON_ENOUGH)
            break;
    }
    return x;
}

double statistics_share_high(uint64_t k, uint64_t n, double doubt)
{
    CHECK(k <= n);
    return n == 0 ? 1 : 1 - statistics_share_low(n - k, n, doubt);
}

uint64_t statistics_needed(uint64_t n, double p, double doubt)
{
    uint64_t low = 0, high = n + 1;

    while (high - low > 1) {
        uint64_t k = low + (high - low) / 2;

        if (statistics_tail(k, n, p) <= doubt)
            high = k;
        else
            low = k;
    }
    return high;
}

/* ---- two shares ------------------------------------------------------------------------------ */

double statistics_ratio_tail(uint64_t k, uint64_t n, uint64_t k0, uint64_t n0, double ratio)
{
    double mine = ratio * (double)n;

    if (n == 0 || n0 == 0)
        return 1;
    return statistics_tail(k, k + k0, mine / (mine + (double)n0));
}

double statistics_ratio_low(uint64_t k, uint64_t n, uint64_t k0, uint64_t n0, double doubt)
{
    double share;

    if (k == 0 || n == 0 || n0 == 0)
        return 0;
    share = statistics_share_low(k, k + k0, doubt);
    return share / (1 - share) * ((double)n0 / (double)n);
}

/* ---- ranks ----------------------------------------------------------------------------------- */

double statistics_slower(const struct hist *a, const struct hist *b)
{
    double below = 0, u = 0, ties = 0, na = 0, nb = 0;
    double n, sigma;

    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        double here_a = a->bucket[i], here_b = b->bucket[i];
        double tied = here_a + here_b;

        u += here_b * (below + here_a / 2);
        ties += tied * (tied * tied - 1);
        below += here_a;
        na += here_a;
        nb += here_b;
    }
    n = na + nb;
    if (na == 0 || nb == 0)
        return 1;
    sigma = sqrt(na * nb / 12 * fmax(0, n + 1 - ties / (n * (n - 1))));
    if (sigma <= 0)
        return 1;
    return erfc((u - na * nb / 2 - 0.5) / sigma / M_SQRT2) / 2;
}
