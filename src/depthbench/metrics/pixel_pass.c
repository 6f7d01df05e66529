/* The sums of pixel_pass.py over rows of one map, in one pass: each number is read once and nothing is written back.

   Vectors of several columns go down the rows, so a sum per column needs no sum across a vector. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 8
#define TILE 80  /* vectors side by side: rows of 640 columns are read one after another, as memory likes it */
#define FLUSH 64 /* rows that are summed in float32, as many as a block of pixel_pass.py has about */

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t bits __attribute__((vector_size(4 * LANES), aligned(4)));
typedef double wide __attribute__((vector_size(8 * LANES), aligned(8)));
typedef int8_t bytes __attribute__((vector_size(LANES), aligned(1)));

enum { PIXELS, DELTA1, DELTA2, DELTA3, STRICT1, STRICT2, STRICT3, COUNTS };
enum { SQUARE, LOG_ABS, ABS_REL, SQ_REL, TEXTBOOK, ABS_SWAPPED, SQ_SWAPPED, TEXTBOOK_SWAPPED, FLOATS };
enum { LOG, LOG_SQUARE, WIDES };

struct sums {
    bits counts[COUNTS];
    vec floats[FLOATS];
    wide wides[WIDES];
};

static inline vec select_or_zero(bits keep, vec x) { return (vec)((bits)x & keep); }

static inline vec absolute(vec x) { return (vec)((bits)x & 0x7fffffff); }

/* Natural logarithm of positive numbers, to about an ulp (the polynomial of Cephes, Moshier 1992). */
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
    vec value = logarithm((vec)(((bits)x & defined) | ((bits)((vec){0} + 1.0f) & ~defined))) + rounding * first_order;
    return (vec)((bits)value | ~defined); /* all bits set are a NaN */
}

/* Which sums are wanted, where rules differ in them. */
enum { LOOSE = 1, STRICT = 2, SWAPPED = 4 };

static inline void add(struct sums *s, vec p, vec t, bits keep, const float *limits, int wanted) {
    vec error = select_or_zero(keep, p - t);
    vec ratio = select_or_zero(keep, error / t);
    vec log = logarithm_of_1_plus(ratio), log_abs = absolute(log);
    wide exact = __builtin_convertvector(log, wide);
    s->counts[PIXELS] -= keep;
    for (int i = 0; i < 3; i++) {
        if (wanted & LOOSE) s->counts[DELTA1 + i] -= log_abs <= limits[i];
        if (wanted & STRICT) s->counts[STRICT1 + i] -= log_abs < limits[3 + i];
    }
    s->wides[LOG] += exact;
    s->wides[LOG_SQUARE] += exact * exact;
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

/* Add the sums of a vector to those of its columns, and begin anew. */
static void flush(struct sums *s, double *out, long width, long column, long columns) {
    for (long lane = 0; lane < columns; lane++) {
        double *place = out + column + lane;
        for (int i = 0; i < COUNTS; i++) place[i * width] += s->counts[i][lane];
        for (int i = 0; i < FLOATS; i++) place[(COUNTS + i) * width] += s->floats[i][lane];
        for (int i = 0; i < WIDES; i++) place[(COUNTS + FLOATS + i) * width] += s->wides[i][lane];
    }
    memset(s, 0, sizeof *s);
}

static inline __attribute__((always_inline)) void tile(const float *p, const float *t, const uint8_t *mask, long p_stride,
                 long t_stride, long mask_stride, long rows, long width, long first, const float *range,
                 const float *limits, int wanted, double *out) {
    struct sums sums[TILE];
    memset(sums, 0, sizeof sums);
    for (long row = 0; row < rows; row++) {
        for (long i = 0; i < TILE && first + i * LANES < width; i++) {
            long column = first + i * LANES, columns = width - column < LANES ? width - column : LANES;
            vec a = {0}, b = {0};
            bytes m = {0};
            if (columns == LANES) {
                memcpy(&a, p + row * p_stride + column, sizeof a);
                memcpy(&b, t + row * t_stride + column, sizeof b);
                if (mask) memcpy(&m, mask + row * mask_stride + column, sizeof m);
            } else {
                memcpy(&a, p + row * p_stride + column, 4 * columns);
                memcpy(&b, t + row * t_stride + column, 4 * columns);
                if (mask) memcpy(&m, mask + row * mask_stride + column, columns);
            }
            bits keep = mask ? -__builtin_convertvector(m, bits) : (b >= range[0]) & (b <= range[1]);
            add(&sums[i], a, b, keep, limits, wanted);
        }
        if ((row + 1) % FLUSH == 0 || row + 1 == rows)
            for (long i = 0; i < TILE && first + i * LANES < width; i++) {
                long column = first + i * LANES, columns = width - column < LANES ? width - column : LANES;
                flush(&sums[i], out, width, column, columns);
            }
    }
}

/* Sums per column over `rows` rows into out[COUNTS + FLOATS + WIDES][width]. `mask`, of 0 and 1, or the closed `range`
   of depths that count; `limits` of |L| for <= and for <; `wanted`: the sums that are taken where rules differ, others
   are 0. What does not count is in all deltas that are taken, as in pixel_pass.py. */
void pixel_sums(const float *p, const float *t, const uint8_t *mask, long p_stride, long t_stride, long mask_stride,
                long rows, long width, const float *range, const float *limits, int wanted, double *out) {
    memset(out, 0, sizeof(double) * (COUNTS + FLOATS + WIDES) * width);
    for (long first = 0; first < width; first += TILE * LANES) {
        /* Constants, so that the loop of the common cases has no test in it. */
#define SUMS(M, WANTED) tile(p, t, M, p_stride, t_stride, mask_stride, rows, width, first, range, limits, WANTED, out)
        if (mask) SUMS(mask, wanted);
        else if (wanted == LOOSE) SUMS(0, LOOSE);
        else if (wanted == STRICT) SUMS(0, STRICT);
        else if (wanted == (LOOSE | STRICT)) SUMS(0, LOOSE | STRICT);
        else SUMS(0, wanted);
#undef SUMS
    }
}
