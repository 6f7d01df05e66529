/* The arithmetic of fits.py, ransac.py and alignment.py on one image, without an array in between.

   Sums are taken in eight lanes, so they differ from torch's in the last bits; what is not a sum is the same. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 8

typedef double wide __attribute__((vector_size(8 * LANES), aligned(8)));
typedef float floats __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int64_t bits __attribute__((vector_size(8 * LANES), aligned(8)));

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
    wide found = {0};
    if (left >= LANES)
        memcpy(&found, from, sizeof found);
    else
        memcpy(&found, from, sizeof(double) * left);
    return found;
}

static inline wide ones(long left) {
    wide found = {0};
    for (int lane = 0; lane < LANES; lane++) found[lane] = lane < left;
    return found;
}

/* The line of least weighted squares. Weights are 1, w, or those of another round, where a line is given: w over the
   absolute residual of it, which is at least `floor`. */
static struct line least_squares(const double *x, const double *y, const double *w, long count,
                                 const struct line *before, double floor) {
    wide n = {0}, sx = {0}, sy = {0}, xx = {0}, xy = {0}, zero = {0};
    double x0 = 0, y0 = 0;
    for (int pass = 0; pass < 2; pass++)
        for (long i = 0; i < count; i += LANES) {
            long left = count - i;
            wide a = eight(x + i, left), b = eight(y + i, left);
            wide weight = w ? eight(w + i, left) : left < LANES ? ones(left) : zero + 1.0;
            if (before) {
                wide residual = (a - before->x0) * before->scale + before->y0 - b;
                residual = (wide)((bits)residual & INT64_MAX); /* its absolute value */
                bits small = residual < floor;
                weight /= (wide)(((bits)(zero + floor) & small) | ((bits)residual & ~small));
            }
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

/* As fits.least_squares_line, and `rounds` of weighted_l1_line after it: out[3]. `w` may be missing. */
void fitted_line(const double *x, const double *y, const double *w, long count, long rounds, double floor, double *out) {
    struct line line = least_squares(x, y, w, count, 0, floor);
    for (long round = 0; round < rounds; round++) line = least_squares(x, y, w, count, &line, floor);
    memcpy(out, &line, sizeof line);
}

/* Copy the valid pixels of rows of both maps side by side; how many there are. */
long taken(const float *restrict p, const float *restrict t, const uint8_t *restrict valid, const long *strides,
           long rows, long width, float *restrict p_out, float *restrict t_out) {
    long count = 0;
    for (long row = 0; row < rows; row++) {
        const float *a = p + row * strides[0], *b = t + row * strides[1];
        const uint8_t *keep = valid + row * strides[2];
        for (long c = 0; c < width; c++) {
            p_out[count] = a[c];
            t_out[count] = b[c];
            count += keep[c];
        }
    }
    return count;
}

/* Of eight values: as they are, or their inverse. */
static inline wide side(const float *from, int inverts) {
    floats found;
    memcpy(&found, from, sizeof found);
    wide value = __builtin_convertvector(found, wide);
    return inverts ? 1.0 / value : value;
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
        wide a = side(x + i, inverts_x) - x0, b = side(y + i, inverts_y) - y0;
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

/* How many pixels lie within the threshold of a line, and which. */
long agreeing(const double *restrict x, const double *restrict y, long count, double scale, double shift,
              double threshold, uint8_t *restrict inside) {
    long found = 0;
    for (long i = 0; i < count; i++) {
        inside[i] = fabs(y[i] - (x[i] * scale + shift)) <= threshold;
        found += inside[i];
    }
    return found;
}

/* Rows of a prediction through a line, in depth or disparity: `inverts_first` where the prediction is in the other of
   both, `inverts_last` where the line gives a disparity. Limits are of the line's sides; NaN stays. */
void through(const float *restrict p, long stride, long rows, long width, int inverts_first, int inverts_last,
             double scale, double x0, double y0, double floor, double least, double greatest, float *restrict out) {
    for (long row = 0; row < rows; row++) {
        const float *from = p + row * stride;
        float *to = out + row * width;
        for (long c = 0; c < width; c++) {
            double x = from[c];
            x = inverts_first ? 1 / x : x;
            x = x < floor ? floor : x;
            x = (x - x0) * scale + y0;
            x = x < least ? least : x;
            x = x > greatest ? greatest : x;
            to[c] = (float)(inverts_last ? 1 / x : x);
        }
    }
}
