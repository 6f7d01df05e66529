/* The sums of pixel_pass.py over rows of one map, in one pass: each number is read once and nothing is written back.

   Per column, vectors of several columns go down the rows, so that no sum across a vector is needed; of all columns
   together, the sums of a vector stay in registers. */
#include "pixel_pass.h"

#include <math.h>
#include <string.h>

/* Products may be joined with sums here: each sum is rounded once less. */
#ifdef __clang__
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include <immintrin.h>
#pragma GCC target("prefer-vector-width=512")
#define LANES 16
#else
#define LANES 8
#endif
#define HALF 8 /* lanes of a vector of float64 */
#define HALVES (LANES / HALF)
#define TILE (640 / LANES) /* vectors side by side: rows are read one after another, as memory likes it */
#define FLUSH 64           /* numbers that are summed in float32, as many as a block of pixel_pass.py has rows about */

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t bits __attribute__((vector_size(4 * LANES), aligned(4)));
typedef float narrow __attribute__((vector_size(4 * HALF), aligned(4)));
typedef double wide __attribute__((vector_size(8 * HALF), aligned(8)));
typedef int8_t bytes __attribute__((vector_size(LANES), aligned(1)));

enum { PIXELS, DELTA1, DELTA2, DELTA3, STRICT1, STRICT2, STRICT3, COUNTS };
enum { SQUARE, LOG_ABS, ABS_REL, SQ_REL, TEXTBOOK, ABS_SWAPPED, SQ_SWAPPED, TEXTBOOK_SWAPPED, FLOATS };
enum { LOG, LOG_SQUARE, WIDES };

struct sums {
    bits counts[COUNTS];
    vec floats[FLOATS];
    wide wides[WIDES][HALVES];
};

/* Eight of the lanes as float64. */
static inline wide half(vec x, int which) {
#if LANES == HALF
    return __builtin_convertvector((narrow)x, wide);
#else
    return (wide)_mm512_cvtps_pd(which ? _mm512_extractf32x8_ps((__m512)x, 1) : _mm512_castps512_ps256((__m512)x));
#endif
}

static inline int any(bits marks) {
#if LANES == HALF
    int32_t found = 0;
    for (int lane = 0; lane < LANES; lane++) found |= marks[lane];
    return found != 0;
#else
    return _mm512_test_epi32_mask((__m512i)marks, (__m512i)marks) != 0;
#endif
}

static inline vec select_or_zero(bits keep, vec x) { return (vec)((bits)x & keep); }

static inline vec absolute(vec x) { return (vec)((bits)x & 0x7fffffff); }

/* Natural logarithm of positive numbers, to about an ulp (the polynomial of Cephes, Moshier 1992); of others anything. */
static inline vec logarithm(vec x) {
    bits exponent = (((bits)x - 0x3f3504f3) >> 23);
    vec m = (vec)((bits)x - (exponent << 23)) - 1.0f;
    vec e = __builtin_convertvector(exponent, vec);
    vec z = m * m;
    vec y = 7.0376836292e-2f * m - 1.1514610310e-1f;
    y = y * m + 1.1676998740e-1f;
    y = y * m - 1.2420140846e-1f;
    y = y * m + 1.4249322787e-1f;
    y = y * m - 1.6668057665e-1f;
    y = y * m + 2.0000714765e-1f;
    y = y * m - 2.4999993993e-1f;
    y = y * m + 3.3333331174e-1f;
    y = y * m * z - 2.12194440e-4f * e - 0.5f * z;
    return m + y + 0.693359375f * e;
}

/* Logarithm of 1 + ratio with all its digits where the ratio is small; NaN where it is not defined or not finite. */
static inline vec logarithm_of_1_plus(vec ratio) {
    vec x = ratio + 1.0f;
    vec rounding = ratio - (x - 1.0f);
    vec first_order = 2.0f - x; /* 1 / x near 1; farther away the rounding is nothing beside the logarithm */
    first_order = (vec)((bits)first_order & (first_order > 0.0f));
    bits defined = (x > 0.0f) & (x < INFINITY);
    vec value = logarithm(x) + rounding * first_order;
    return (vec)((bits)value | ~defined); /* all bits set are a NaN */
}

/* Which sums are wanted, where rules differ in them. */
enum { LOOSE = 1, STRICT = 2, SWAPPED = 4 };

/* Add the pixels of a vector. The counts of deltas are those beyond the limits, which are few. */
static inline __attribute__((always_inline)) void add(struct sums *s, vec p, vec t, bits keep, const float *limits,
                                                       int wanted) {
    vec error = select_or_zero(keep, p - t);
    vec ratio = select_or_zero(keep, error / t);
    vec log = logarithm_of_1_plus(ratio), log_abs = absolute(log);
    s->counts[PIXELS] -= keep;
    if (any(~(log_abs < (limits[0] < limits[3] ? limits[0] : limits[3]))))
        for (int i = 0; i < 3; i++) {
            if (wanted & LOOSE) s->counts[DELTA1 + i] -= ~(log_abs <= limits[i]);
            if (wanted & STRICT) s->counts[STRICT1 + i] -= ~(log_abs < limits[3 + i]);
        }
    for (int i = 0; i < HALVES; i++) {
        wide exact = half(log, i);
        s->wides[LOG][i] += exact;
        s->wides[LOG_SQUARE][i] += exact * exact;
    }
    s->floats[LOG_ABS] += log_abs;
    s->floats[SQUARE] += error * error;
    s->floats[ABS_REL] += absolute(ratio);
    s->floats[SQ_REL] += absolute(error * ratio);
    s->floats[TEXTBOOK] += ratio * ratio;
    if (wanted & SWAPPED) {
        ratio = select_or_zero(keep, error / p);
        s->floats[ABS_SWAPPED] += absolute(ratio);
        s->floats[SQ_SWAPPED] += absolute(error * ratio);
        s->floats[TEXTBOOK_SWAPPED] += ratio * ratio;
    }
}

/* Whether a count is taken. */
static inline int is_wanted(int count, int wanted) {
    return count == PIXELS || (count < STRICT1 ? wanted & LOOSE : wanted & STRICT) != 0;
}

/* Add the sums of a vector to those of its columns, and begin anew. */
static void flush(struct sums *s, double *out, long width, long column, long columns, int wanted) {
    for (long lane = 0; lane < columns; lane++) {
        double *place = out + column + lane;
        place[0] += s->counts[PIXELS][lane];
        for (int i = DELTA1; i < COUNTS; i++)
            if (is_wanted(i, wanted)) place[i * width] += s->counts[PIXELS][lane] - s->counts[i][lane];
        for (int i = 0; i < FLOATS; i++) place[(COUNTS + i) * width] += s->floats[i][lane];
        for (int i = 0; i < WIDES; i++) place[(COUNTS + FLOATS + i) * width] += s->wides[i][lane / HALF][lane % HALF];
    }
    memset(s, 0, sizeof *s);
}

static inline __attribute__((always_inline)) void add_at(struct sums *s, const float *p, const float *t,
                                                          const uint8_t *mask, const float *range, const float *limits,
                                                          int wanted) {
    vec b = *(const vec *)t;
    bits keep = mask ? -__builtin_convertvector(*(const bytes *)mask, bits) : (b >= range[0]) & (b <= range[1]);
    add(s, *(const vec *)p, b, keep, limits, wanted);
}

static inline __attribute__((always_inline)) void visit(struct sums *s, const struct maps *maps, int masked, long row,
                                                         long column, const float *limits, int wanted) {
    const float *p = maps->p + row * maps->p_stride + column, *t = maps->t + row * maps->t_stride + column;
    add_at(s, p, t, masked ? maps->mask + row * maps->mask_stride + column : 0, maps->range, limits, wanted);
}

/* As `visit`, of the last columns, which are less than lanes. */
static __attribute__((noinline)) void visit_rest(struct sums *s, const struct maps *maps, long row, long column,
                                                 const float *limits, int wanted) {
    long columns = maps->width - column;
    float rest[2][LANES] = {0};
    uint8_t marks[LANES] = {0};
    memcpy(rest[0], maps->p + row * maps->p_stride + column, 4 * columns);
    memcpy(rest[1], maps->t + row * maps->t_stride + column, 4 * columns);
    if (maps->mask) memcpy(marks, maps->mask + row * maps->mask_stride + column, columns);
    add_at(s, rest[0], rest[1], maps->mask ? marks : 0, maps->range, limits, wanted);
}

static inline __attribute__((always_inline)) void tile(const struct maps *maps, int masked, long first,
                                                        const float *limits, int wanted, double *out) {
    long width = maps->width, rows = maps->rows;
    struct sums sums[TILE];
    memset(sums, 0, sizeof sums);
    for (long row = 0; row < rows; row++) {
        long column = first, i = 0;
        for (; i < TILE && column + LANES <= width; i++, column += LANES)
            visit(&sums[i], maps, masked, row, column, limits, wanted);
        if (i < TILE && column < width) visit_rest(&sums[i], maps, row, column, limits, wanted);
        if ((row + 1) % FLUSH == 0 || row + 1 == rows)
            for (long i = 0; i < TILE && first + i * LANES < width; i++) {
                long column = first + i * LANES, columns = width - column < LANES ? width - column : LANES;
                flush(&sums[i], out, width, column, columns, wanted);
            }
    }
}

/* Calls a function with constants, so that the loop of the common case has no test in it. */
#define WITH_CONSTANTS(CALL) \
    if (maps->mask) CALL(1, wanted); \
    else if (wanted & SWAPPED) CALL(0, wanted); \
    else CALL(0, wanted & (LOOSE | STRICT))

/* Sums per column into out[COUNTS + FLOATS + WIDES][width]. `limits` of |L| for <= and for <; `wanted`: the sums that
   are taken where rules differ, others are 0. */
void pixel_sums(const struct maps *maps, const float *limits, int wanted, double *out) {
    memset(out, 0, sizeof(double) * (COUNTS + FLOATS + WIDES) * maps->width);
    for (long first = 0; first < maps->width; first += TILE * LANES) {
#define SUMS(MASKED, WANTED) tile(maps, MASKED, first, limits, WANTED, out)
        WITH_CONSTANTS(SUMS);
#undef SUMS
    }
}

/* Sums of all columns together, as far as they were taken. */
struct totals {
    struct sums sums, rest;
    wide floats[FLOATS]; /* each the sum of blocks that are summed in float32 */
};

static inline __attribute__((always_inline)) void rows_added(struct totals *totals, const struct maps *maps, int masked,
                                                              const float *limits, int wanted) {
    struct sums s = totals->sums;
    for (long row = 0; row < maps->rows; row++)
        for (long first = 0; first < maps->width; first += FLUSH * LANES) {
            long end = first + FLUSH * LANES < maps->width ? first + FLUSH * LANES : maps->width, column = first;
            for (; column + LANES <= end; column += LANES) visit(&s, maps, masked, row, column, limits, wanted);
            if (column < end) visit_rest(&totals->rest, maps, row, column, limits, wanted);
            for (int i = 0; i < FLOATS; i++) {
                for (int part = 0; part < HALVES; part++)
                    totals->floats[i] += half(s.floats[i] + totals->rest.floats[i], part);
                s.floats[i] = totals->rest.floats[i] = (vec){0};
            }
        }
    totals->sums = s;
}

/* Memory of a `struct totals`, which begins as zeros. */
long totals_size(void) { return sizeof(struct totals); }

/* Add rows to the sums of all columns together; arguments as for `pixel_sums`. */
void totals_add(struct totals *totals, const struct maps *maps, const float *limits, int wanted) {
#define ADDED(MASKED, WANTED) rows_added(totals, maps, MASKED, limits, WANTED)
    WITH_CONSTANTS(ADDED);
#undef ADDED
}

/* The sums that were added up: out[COUNTS + FLOATS + WIDES]. */
void totals_end(const struct totals *totals, int wanted, double *out) {
    const struct sums *all[2] = {&totals->sums, &totals->rest};
    memset(out, 0, sizeof(double) * (COUNTS + FLOATS + WIDES));
    for (int which = 0; which < 2; which++)
        for (int lane = 0; lane < LANES; lane++) {
            for (int i = 0; i < COUNTS; i++) out[i] += all[which]->counts[i][lane];
            for (int i = 0; i < WIDES; i++) out[COUNTS + FLOATS + i] += all[which]->wides[i][lane / HALF][lane % HALF];
        }
    for (int lane = 0; lane < HALF; lane++)
        for (int i = 0; i < FLOATS; i++) out[COUNTS + i] += totals->floats[i][lane];
    for (int i = DELTA1; i < COUNTS; i++) out[i] = is_wanted(i, wanted) ? out[PIXELS] - out[i] : 0;
}

/* As pixel_sums, of all columns together into out[COUNTS + FLOATS + WIDES]. */
void pixel_totals(const struct maps *maps, const float *limits, int wanted, double *out) {
    struct totals totals = {0};
    totals_add(&totals, maps, limits, wanted);
    totals_end(&totals, wanted, out);
}
