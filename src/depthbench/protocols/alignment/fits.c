/* The arithmetic of fits.py, ransac.py and alignment.py on one image, without an array in between.

   Sums are taken in eight lanes, so they differ from torch's in the last bits; logarithms and exponentials, too. All
   other results are the same. */
#include "fits.h"

#include <string.h>

#include "elementary.h"

typedef float floats __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t marks __attribute__((vector_size(4 * LANES), aligned(4)));

struct line {
    double scale, x0, y0;
};

static double total(wide x) {
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += x[lane];
    return sum;
}

/* Eight numbers, zeros beyond the last. */
static inline wide eight(const double *from, long left) {
    if (left >= LANES) return *(const wide *)from;
    wide found = {0};
    for (long lane = 0; lane < left; lane++) found[lane] = from[lane];
    return found;
}

static inline void put(double *to, wide values, long left) {
    if (left >= LANES)
        *(wide *)to = values;
    else
        for (long lane = 0; lane < left; lane++) to[lane] = values[lane];
}

static inline wide ones(long left) {
    wide found = {0};
    for (int lane = 0; lane < LANES; lane++) found[lane] = lane < left;
    return found;
}

/* NaN is within any limit. */
static inline wide at_least(wide x, wide limit) {
#ifdef __AVX512F__
    return (wide)_mm512_max_pd((__m512d)limit, (__m512d)x); /* the second, where one is NaN */
#endif
    bits below = x < limit;
    return (wide)(((bits)limit & below) | ((bits)x & ~below));
}

static inline wide at_most(wide x, wide limit) {
#ifdef __AVX512F__
    return (wide)_mm512_min_pd((__m512d)limit, (__m512d)x);
#endif
    bits above = x > limit;
    return (wide)(((bits)limit & above) | ((bits)x & ~above));
}

/* The line of least squares, weighted where there are weights. */
static struct line least_squares(const double *x, const double *y, const double *w, long count) {
    wide n = {0}, sx = {0}, sy = {0}, xx = {0}, xy = {0};
    double x0 = 0, y0 = 0;
    for (int pass = 0; pass < 2; pass++)
        for (long i = 0; i < count; i += LANES) {
            long left = count - i;
            wide a = eight(x + i, left), b = eight(y + i, left);
            wide weight = w ? eight(w + i, left) : left < LANES ? ones(left) : (wide){0} + 1.0;
            if (!pass) {
                n += weight;
                sx += weight * a;
                sy += weight * b;
            } else {
                wide centered = (a - x0) * weight;
                xx += centered * (a - x0);
                xy += centered * (b - y0);
            }
            if (!pass && left <= LANES) {
                x0 = total(sx) / total(n);
                y0 = total(sy) / total(n);
            }
        }
    double variance = total(xx);
    return (struct line){total(xy) / (variance > 0 ? variance : 1), x0, y0};
}

/* Weights of another round: those of the first, or 1, over the absolute residual of a line, which is at least `floor`. */
static void reweight(const double *x, const double *y, const double *w, long count, struct line line, double floor,
                     double *out) {
    for (long i = 0; i < count; i += LANES) {
        long left = count - i;
        wide residual = (eight(x + i, left) - line.x0) * line.scale + line.y0 - eight(y + i, left);
        residual = at_least((wide)((bits)residual & INT64_MAX), (wide){0} + floor);
        wide weight = (w ? eight(w + i, left) : (wide){0} + 1.0) / residual;
        put(out + i, weight, left);
    }
}

/* As fits.least_squares_line, and `rounds` of weighted_l1_line after it: out[3]. `w` may be missing; `again` has room for
   weights. */
void fitted_line(const double *x, const double *y, const double *w, long count, long rounds, double floor, double *again,
                 double *out) {
    struct line line = least_squares(x, y, w, count);
    for (long round = 0; round < rounds; round++) {
        reweight(x, y, w, count, line, floor, again);
        line = least_squares(x, y, again, count);
    }
    memcpy(out, &line, sizeof line);
}

/* Copy the valid pixels of rows of both maps side by side; how many there are. The last ones may be followed by others. */
long taken(const float *restrict p, const float *restrict t, const uint8_t *restrict valid, const long *strides,
           long rows, long width, float *restrict p_out, float *restrict t_out) {
    long count = 0;
    for (long row = 0; row < rows; row++) {
        const float *a = p + row * strides[0], *b = t + row * strides[1];
        const uint8_t *keep = valid + row * strides[2];
        long c = 0;
#ifdef __AVX512F__
        for (; c + 16 <= width; c += 16) {
            __mmask16 kept = _mm512_test_epi32_mask(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(keep + c))),
                                                    _mm512_set1_epi32(1));
            _mm512_storeu_ps(p_out + count, _mm512_maskz_compress_ps(kept, _mm512_loadu_ps(a + c)));
            _mm512_storeu_ps(t_out + count, _mm512_maskz_compress_ps(kept, _mm512_loadu_ps(b + c)));
            count += __builtin_popcount(kept);
        }
#endif
        for (; c < width; c++) {
            p_out[count] = a[c];
            t_out[count] = b[c];
            count += keep[c];
        }
    }
    return count;
}

enum { NO_LOG, LOG, LOG_OF_1_PLUS };

/* Of eight values in depth or disparity: into a space, through the other of both where it `inverts`. */
static inline __attribute__((always_inline)) wide into(wide value, int inverts, int log) {
    if (inverts) value = 1.0 / value;
    return log == LOG ? logarithm(value) : log == LOG_OF_1_PLUS ? logarithm_of_1_plus(value) : value;
}

/* And out of it, into depth. */
static inline __attribute__((always_inline)) wide out_of(wide value, int inverts, int log) {
    value = log ? exponential(value) : value;
    return inverts ? 1.0 / value : log == LOG_OF_1_PLUS ? value - 1.0 : value;
}

/* Some values, ones beyond the last. */
static inline wide some(const float *from, long left) {
#ifdef __AVX512F__
    if (left >= LANES) return (wide)_mm512_cvtps_pd(_mm256_loadu_ps(from)); /* gcc takes halves */
#else
    if (left >= LANES) return __builtin_convertvector(*(const floats *)from, wide);
#endif
    wide found = (wide){0} + 1.0;
    for (long lane = 0; lane < left; lane++) found[lane] = from[lane];
    return found;
}

/* A row in a space. */
void in_space(const float *from, long count, int inverts, int log, double *to) {
    for (long i = 0; i < count; i += LANES) {
        long left = count - i;
        wide found = into(some(from + i, left), inverts, log);
        put(to + i, found, left);
    }
}

/* Moments of two rows, each of which may be inverted first: means of x and y, centered sums of xx and xy: out[4]. */
void moments(const float *x, const float *y, long count, int inverts_x, int inverts_y, double *out) {
    /* Sums are taken from near the mean on, so that little cancels: from the mean of a few pixels, everywhere taken. */
    double x0 = 0, y0 = 0;
    long few = count < 64 ? count : 64;
    for (long i = 0; i < few; i++) {
        double a = x[i * (count / few)], b = y[i * (count / few)];
        x0 += (inverts_x ? 1 / a : a) / few;
        y0 += (inverts_y ? 1 / b : b) / few;
    }
    wide sx = {0}, sy = {0}, sxx = {0}, sxy = {0};
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
        wide a = into(some(x + i, LANES), inverts_x, NO_LOG) - x0, b = into(some(y + i, LANES), inverts_y, NO_LOG) - y0;
        sx += a;
        sy += b;
        sxx += a * a;
        sxy += a * b;
    }
    double mx = total(sx), my = total(sy), xx = total(sxx), xy = total(sxy);
    for (; i < count; i++) {
        double a = x[i], b = y[i];
        a = (inverts_x ? 1 / a : a) - x0;
        b = (inverts_y ? 1 / b : b) - y0;
        mx += a;
        my += b;
        xx += a * a;
        xy += a * b;
    }
    mx /= count;
    my /= count;
    out[0] = x0 + mx;
    out[1] = y0 + my;
    out[2] = xx - count * mx * mx;
    out[3] = xy - count * mx * my;
}

typedef int8_t bytes __attribute__((vector_size(LANES), aligned(1)));

static inline bits within(wide x, wide y, double scale, double shift, double threshold) {
    return (wide)((bits)(y - (x * scale + shift)) & INT64_MAX) <= threshold;
}

/* How many pixels lie within the threshold of a line, and which. */
long agreeing(const double *restrict x, const double *restrict y, long count, double scale, double shift,
              double threshold, uint8_t *restrict inside) {
    bits found = {0};
    for (long i = 0; i < count; i += LANES) {
        long left = count - i;
        bits agrees = within(eight(x + i, left), eight(y + i, left), scale, shift, threshold);
        if (left >= LANES)
            *(bytes *)(inside + i) = __builtin_convertvector(agrees, bytes) & 1;
        else
            for (long lane = 0; lane < LANES; lane++)
                if (lane < left) inside[i + lane] = agrees[lane] & 1;
                else agrees[lane] = 0;
        found -= agrees;
    }
    long sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += found[lane];
    return sum;
}

/* Sums of squares over the pixels inside: of what a line leaves, and of the differences from the mean: out[2]. */
void explained(const double *restrict x, const double *restrict y, const uint8_t *restrict inside, long count,
               double scale, double shift, double *out) {
    double mean = 0;
    wide squares[2];
    for (int pass = 0; pass < 2; pass++) {
        wide n = {0}, sum = {0}, around = {0};
        for (long i = 0; i < count; i += LANES) {
            long left = count - i;
            wide b = eight(y + i, left), part = {0};
            if (left >= LANES) part = __builtin_convertvector(*(const bytes *)(inside + i), wide);
            else
                for (long lane = 0; lane < left; lane++) part[lane] = inside[i + lane];
            wide rest = pass ? b - (eight(x + i, left) * scale + shift) : b;
            n += part;
            sum += pass ? rest * rest * part : rest * part;
            around += (b - mean) * (b - mean) * part;
        }
        mean = total(sum) / total(n);
        squares[0] = sum;
        squares[1] = around;
    }
    out[0] = total(squares[0]);
    out[1] = total(squares[1]);
}

/* The line of least squares through the pixels inside: out[3]. Sums are taken from a point (x0, y0) near them on, so that
   little cancels. Pixels outside may hold anything. */
void fitted_inside(const double *restrict x, const double *restrict y, const uint8_t *restrict inside, long count,
                   double x0, double y0, double *out) {
    bits n = {0};
    wide sx = {0}, sy = {0}, sxx = {0}, sxy = {0};
    for (long i = 0; i < count; i += LANES) {
        long left = count - i;
        bits in = {0};
        if (left >= LANES) in = -__builtin_convertvector(*(const bytes *)(inside + i), bits);
        else
            for (long lane = 0; lane < left; lane++) in[lane] = -(int64_t)inside[i + lane];
        wide a = (wide)((bits)(eight(x + i, left) - x0) & in), b = (wide)((bits)(eight(y + i, left) - y0) & in);
        n -= in;
        sx += a;
        sy += b;
        sxx += a * a;
        sxy += a * b;
    }
    double pixels = total(__builtin_convertvector(n, wide)), mx = total(sx) / pixels, my = total(sy) / pixels;
    double xx = total(sxx) - pixels * mx * mx, xy = total(sxy) - pixels * mx * my;
    out[0] = xy / (xx > 0 ? xx : 1);
    out[1] = x0 + mx;
    out[2] = y0 + my;
}

/* Depth limited where it is finite; NaN where it is not. */
static inline floats limited(floats x, floats low, floats high) {
    floats rest = x - x;
#ifdef __AVX512F__
    return (floats)_mm256_min_ps((__m256)high, _mm256_max_ps((__m256)low, (__m256)x)) + rest;
#endif
    marks below = x < low, above = x > high;
    x = (floats)(((marks)low & below) | ((marks)x & ~below));
    x = (floats)(((marks)high & above) | ((marks)x & ~above));
    return x + rest;
}

static inline __attribute__((always_inline)) long mapped(const float *restrict p, long stride, long rows, long width,
        const struct way *way, int inverts_first, int log_first, int inverts_last, int log_last, float *restrict out) {
    const wide none = {0}, floor = none + way->floor, least = none + way->least, greatest = none + way->greatest;
    const wide scale = none + way->scale, x0 = none + way->x0, y0 = none + way->y0;
    const floats low = (floats){0} + way->low, high = (floats){0} + way->high;
    const int limits = way->limited;
    long count = 0;
    for (long row = 0; row < rows; row++) {
        const float *from = p + row * stride;
        float *to = out + row * width;
        marks wrong = {0};
        for (long c = 0; c < width; c += LANES) {
            long left = width - c;
            wide x = at_least(into(some(from + c, left), inverts_first, log_first), floor);
            x = at_most(at_least((x - x0) * scale + y0, least), greatest);
            floats depth = __builtin_convertvector(out_of(x, inverts_last, log_last), floats);
            marks bad = ~(depth > 0.0f);
            if (limits) depth = limited(depth, low, high);
            if (left >= LANES)
                *(floats *)(to + c) = depth;
            else {
                for (long lane = 0; lane < left; lane++) to[c + lane] = depth[lane];
                for (long lane = left; lane < LANES; lane++) bad[lane] = 0;
            }
            wrong -= bad;
        }
        for (int lane = 0; lane < LANES; lane++) count += wrong[lane];
    }
    return count;
}

long through(const float *p, long stride, long rows, long width, const struct way *way, float *out) {
    /* Constants, so that the loop has no test in it. */
#define MAPPED(A, B, C, D) mapped(p, stride, rows, width, way, A, B, C, D, out)
    if (!way->log_first && !way->log_last) {
        if (way->inverts_first) return way->inverts_last ? MAPPED(1, 0, 1, 0) : MAPPED(1, 0, 0, 0);
        return way->inverts_last ? MAPPED(0, 0, 1, 0) : MAPPED(0, 0, 0, 0);
    }
    if (!way->inverts_first && way->log_first == LOG_OF_1_PLUS) return MAPPED(0, LOG_OF_1_PLUS, 0, LOG_OF_1_PLUS);
    return MAPPED(way->inverts_first, way->log_first, way->inverts_last, way->log_last);
#undef MAPPED
}
