/* Logarithms and exponentials of eight float64 to an ulp, by the polynomials of fdlibm (Sun Microsystems 1993).

   Numbers outside of the polynomials' range (0, negative, not finite, tiny; exponents of a number that does not fit) go
   through the C library one by one. */
#include <math.h>
#include <stdint.h>

/* Products may be joined with sums here: each sum is rounded once less. */
#ifdef __clang__
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#ifdef __AVX512F__
#include <immintrin.h>
#pragma GCC target("prefer-vector-width=512")
#endif

#define LANES 8

typedef double wide __attribute__((vector_size(8 * LANES), aligned(8)));
typedef int64_t bits __attribute__((vector_size(8 * LANES), aligned(8)));

static const double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;

static inline int any(bits marks) {
#ifdef __AVX512F__
    return _mm512_test_epi64_mask((__m512i)marks, (__m512i)marks) != 0;
#endif
    int64_t found = 0;
    for (int lane = 0; lane < LANES; lane++) found |= marks[lane];
    return found != 0;
}

static __attribute__((noinline, cold)) wide one_by_one(wide x, double (*function)(double)) {
    for (int lane = 0; lane < LANES; lane++) x[lane] = function(x[lane]);
    return x;
}

/* Of numbers from the least normal to the greatest finite one. */
static inline wide logarithm_within(wide x) {
    bits exponent = ((bits)x - 0x3fe6a09e667f3bcd) >> 52; /* so that what is left lies around 1: from sqrt(1 / 2) on */
    wide k = __builtin_convertvector(exponent, wide), f = (wide)((bits)x - (exponent << 52)) - 1.0;
    wide s = f / (f + 2.0), z = s * s;
    wide r = z * 1.479819860511658591e-01 + 1.531383769920937332e-01;
    r = r * z + 1.818357216161805012e-01;
    r = r * z + 2.222219843214978396e-01;
    r = r * z + 2.857142874366239149e-01;
    r = r * z + 3.999999999940941908e-01;
    r = (r * z + 6.666666666666735130e-01) * z;
    wide half_square = f * f * 0.5;
    return k * LN2_HIGH - ((half_square - (s * (half_square + r) + k * LN2_LOW)) - f);
}

static inline wide logarithm(wide x) {
    bits within = (x >= 0x1p-1022) & (x <= 0x1.fffffffffffffp+1023);
    return any(~within) ? one_by_one(x, log) : logarithm_within(x);
}

/* The logarithm of the rounded 1 + x, and what the rounding cost, over it. */
static inline wide logarithm_of_1_plus(wide x) {
    wide more = x + 1.0;
    bits within = (more >= 0x1p-1022) & (more <= 0x1.fffffffffffffp+1023);
    if (any(~within)) return one_by_one(x, log1p);
    wide lost = x - (more - 1.0);
    wide found = logarithm_within(more);
    if (any(lost != 0.0)) found += lost / more;
    return found;
}

static inline wide exponential(wide x) {
    bits within = (x >= -700.0) & (x <= 700.0);
    if (any(~within)) return one_by_one(x, exp);
    wide shifted = x * 1.44269504088896338700e+00 + 0x1.8p52; /* rounds to an integer, which its last bits hold */
    wide k = shifted - 0x1.8p52;
    wide high = x - k * LN2_HIGH, low = k * LN2_LOW, r = high - low, z = r * r;
    wide c = z * 4.13813679705723846039e-08 - 1.65339022054652515390e-06;
    c = c * z + 6.61375632143793436117e-05;
    c = c * z - 2.77777777770155933842e-03;
    c = r - (c * z + 1.66666666666666019037e-01) * z;
    wide found = 1.0 - ((low - r * c / (2.0 - c)) - high);
    return (wide)((bits)found + ((bits)shifted << 52));
}
