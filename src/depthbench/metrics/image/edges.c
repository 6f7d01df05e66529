/* Edges of depth maps on a CPU: what published_edges.py, occlusion.py and planes.py count, without a map in between.

   Every sum of Canny's filters is taken in the order of canny.py, so that the edges are the same to the last bit. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FAR (1 << 20) /* pixels: no edge in the column */

static inline long within(long place, long count) { return place < 0 ? 0 : place < count ? place : count - 1; }

/* Row `row` of the image blurred down and across, with zeros around, over the same of ones. */
static void blurred_row(const double *image, const double *inside, long height, long width, const double *weights,
                        long radius, long row, double *restrict padded, double *restrict out) {
    double *restrict column = padded + radius;
    for (long c = 0; c < width; c++) column[c] = image[row * width + c] * weights[0];
    for (long step = radius; step > 0; step--) {
        const double weight = weights[step];
        const double *above = row >= step ? image + (row - step) * width : 0;
        const double *below = row + step < height ? image + (row + step) * width : 0;
        if (above && below)
            for (long c = 0; c < width; c++) column[c] += (above[c] + below[c]) * weight;
        else if (above || below) {
            const double *only = above ? above : below;
            for (long c = 0; c < width; c++) column[c] += only[c] * weight;
        }
    }
    for (long c = 0; c < width; c++) out[c] = column[c] * weights[0];
    for (long step = radius; step > 0; step--) {
        const double weight = weights[step];
        for (long c = 0; c < width; c++) out[c] += (column[c - step] + column[c + step]) * weight;
    }
    for (long c = 0; c < width; c++) out[c] /= inside[row * width + c];
}

/* Sobel's derivatives of the middle one of three rows, which are padded by a pixel, and their magnitude. */
static void derivatives(const double *restrict above, const double *restrict own, const double *restrict below,
                        long width, double *restrict down, double *restrict across, double *restrict strength) {
    for (long c = 0; c < width; c++) {
        double left = below[c] - above[c], middle = below[c + 1] - above[c + 1], right = below[c + 2] - above[c + 2];
        double y = middle * 2 + (left + right);
        double x = (own[c + 2] - own[c]) * 2 + ((above[c + 2] - above[c]) + (below[c + 2] - below[c]));
        down[c] = y;
        across[c] = x;
        strength[c] = sqrt(y * y + x * x);
    }
}

/* Of a row: 1 for weak and 2 for strong pixels whose gradient is the greatest along its direction. */
static void thinned_row(const double *const strength[3], const double *down, const double *across, long width,
                        double low, double high, uint8_t *out) {
    for (long c = 1; c < width - 1; c++) {
        double own = strength[1][c];
        if (!(own >= low)) continue;
        double y = down[c], x = across[c], steep = fabs(y), shallow = fabs(x);
        int same = (y > 0) == (x > 0);
        int vertical = same ? steep > shallow : steep >= shallow;
        double weight = (steep < shallow ? steep : shallow) / (steep < shallow ? shallow : steep);
        int kept = 1;
        for (int sign = 1; sign >= -1; sign -= 2) {
            int turn = same ? sign : -sign; /* rows down of the diagonal neighbor */
            double diagonal = strength[1 + turn][c + sign];
            double straight = vertical ? strength[1 + turn][c] : strength[1][c + sign];
            kept &= diagonal * weight + straight * (1 - weight) - own <= 0;
        }
        if (kept) out[c] = own >= high ? 2 : 1;
    }
}

/* Keep weak pixels that touch a strong one, directly or through others. */
static int linked(uint8_t *out, long height, long width) {
    long count = 0, size = height * width;
    for (long i = 0; i < size; i++) count += out[i] != 0;
    long *stack = malloc(sizeof(long) * (count + 1));
    if (!stack) return 0;
    for (long i = 0; i < size; i++) {
        if (out[i] != 2) continue;
        long top = 0;
        out[i] = 3;
        stack[top++] = i;
        while (top) { /* a frame of one pixel is never an edge, so neighbors lie on the map */
            long at = stack[--top];
            for (long down = -width; down <= width; down += width)
                for (long across = -1; across <= 1; across++) {
                    uint8_t *next = out + at + down + across;
                    if (*next == 1 || *next == 2) {
                        *next = 3;
                        stack[top++] = at + down + across;
                    }
                }
        }
    }
    for (long i = 0; i < size; i++) out[i] = out[i] == 3;
    free(stack);
    return 1;
}

/* Canny's edges of a map; `weights` of the Gaussian from the center outward, `inside` its sum over the map. 0 without
   memory. */
int canny(const double *image, const double *inside, long height, long width, const double *weights, long radius,
          double low, double high, uint8_t *out) {
    long wide = width + 2, all = 4 * wide + 4 * 3 * width + width + 2 * radius;
    double *memory = calloc(all, sizeof(double));
    if (!memory) return 0;
    double *smooth = memory, *slopes = smooth + 4 * wide, *padded = slopes + 4 * 3 * width;
    memset(out, 0, height * width);
    for (long row = 0; row < height + 2; row++) { /* row is blurred, row - 1 derived, row - 2 thinned */
        if (row < height) {
            double *own = smooth + row % 4 * wide;
            blurred_row(image, inside, height, width, weights, radius, row, padded, own + 1);
            own[0] = own[1];
            own[width + 1] = own[width];
        }
        long at = row - 1;
        if (at >= 0 && at < height) {
            const double *rows[3];
            for (long i = 0; i < 3; i++) rows[i] = smooth + within(at - 1 + i, height) % 4 * wide;
            double *slope = slopes + at % 4 * 3 * width;
            derivatives(rows[0], rows[1], rows[2], width, slope, slope + width, slope + 2 * width);
        }
        at = row - 2;
        if (at >= 1 && at < height - 1) {
            const double *strength[3], *slope = slopes + at % 4 * 3 * width;
            for (long i = 0; i < 3; i++) strength[i] = slopes + (at - 1 + i) % 4 * 3 * width + 2 * width;
            thinned_row(strength, slope, slope + width, width, low, high, out + at * width);
        }
    }
    free(memory);
    return linked(out, height, width);
}

/* Distance in pixels from each of `count` places to the nearest True pixel; infinite where there is none. `columns`
   has room for the map. */
void nearest_edges(const uint8_t *restrict edges, long height, long width, const int64_t *restrict places, long count,
                   int32_t *restrict columns, float *restrict out) {
    if (!memchr(edges, 1, height * width)) {
        for (long i = 0; i < count; i++) out[i] = INFINITY;
        return;
    }
    for (long row = 0; row < height; row++) { /* distance within the column, from above and then from below */
        int32_t *restrict own = columns + row * width;
        const int32_t *restrict above = own - width;
        for (long c = 0; c < width; c++) own[c] = edges[row * width + c] ? 0 : row ? above[c] + 1 : FAR;
    }
    for (long row = height - 2; row >= 0; row--) {
        int32_t *restrict own = columns + row * width;
        const int32_t *restrict below = own + width;
        for (long c = 0; c < width; c++) own[c] = own[c] < below[c] + 1 ? own[c] : below[c] + 1;
    }
    for (long i = 0; i < count; i++) {
        long column = places[i] % width;
        const int32_t *row = columns + places[i] - column;
        int64_t best = (int64_t)row[column] * row[column];
        for (long step = 1; (int64_t)step * step < best && (step <= column || column + step < width); step++) {
            int64_t left = step <= column ? row[column - step] : FAR;
            int64_t right = column + step < width ? row[column + step] : FAR;
            int64_t nearer = left < right ? left : right, found = nearer * nearer + (int64_t)step * step;
            if (found < best) best = found;
        }
        out[i] = (float)sqrt((double)best);
    }
}

static long levels(double ratio, const double *limits, long steps) {
    long level = 0;
    while (level < steps && limits[level] < ratio) level++;
    return level;
}

/* Histograms of how many limits the ratios of two neighbors exceed, out[direction][prediction, truth, least of both]
   [level]: `down` 0 for right, then left; 1 for below, then above. Maps of inverse depth, NaN where not valid. */
void step_levels(const float *restrict p, const float *restrict t, long height, long width,
                 const double *restrict limits, long steps, uint8_t *restrict marks, int64_t *restrict out) {
    const float least = (float)limits[0] * (1 - 1e-5f);
    memset(out, 0, sizeof(int64_t) * 4 * 3 * (steps + 1));
    for (long down = 0; down < 2; down++)
        for (long row = 0; row < height - down; row++) {
            long columns = width - 1 + down, apart = down ? width : 1;
            const float *a = p + row * width, *b = t + row * width, *c = a + apart, *d = b + apart;
            for (long i = 0; i < columns; i++)
                marks[i] = (c[i] > least * a[i]) | (a[i] > least * c[i]) | (d[i] > least * b[i]) | (b[i] > least * d[i]);
            for (long i = 0; i < columns; i++) {
                uint64_t eight = 1;
                if (i + 8 <= columns) memcpy(&eight, marks + i, 8);
                if (!eight) {
                    i += 7;
                    continue;
                }
                if (!marks[i]) continue;
                for (long back = 0; back < 2; back++) {
                    float one = back ? a[i] / c[i] : c[i] / a[i], other = back ? b[i] / d[i] : d[i] / b[i];
                    long found = levels(one, limits, steps), wanted = levels(other, limits, steps);
                    int64_t *counts = out + (2 * down + back) * 3 * (steps + 1);
                    counts[found]++;
                    counts[steps + 1 + wanted]++;
                    counts[2 * (steps + 1) + (found < wanted ? found : wanted)]++;
                }
            }
        }
}

#define COLUMNS 16 /* whose steps are found at once */

typedef float column_vec __attribute__((vector_size(4 * COLUMNS), aligned(4)));
typedef int32_t column_bits __attribute__((vector_size(4 * COLUMNS), aligned(4)));
typedef int8_t column_marks __attribute__((vector_size(COLUMNS), aligned(1)));

static inline column_bits differ(column_vec a, column_vec b, float step) {
    return (column_vec)((column_bits)(a - b) & INT32_MAX) > step;
}

static inline column_vec columns_at(const float *from) { return *(const column_vec *)from; }

/* Mark the pixels from column `c` on that differ from a neighbor (4 directions) by more than `step`. */
static inline column_bits marked_columns(const float *own, const float *above, const float *below, long c, float step,
                                         uint8_t *marks) {
    column_vec middle = columns_at(own + c);
    column_bits over = differ(middle, columns_at(above + c), step) | differ(columns_at(below + c), middle, step) |
                       differ(middle, columns_at(own + c - 1), step) | differ(columns_at(own + c + 1), middle, step);
    column_marks found = __builtin_convertvector(over, column_marks) & 1;
    memcpy(marks + c, &found, sizeof found);
    return over;
}

/* Mark the pixels of a row that differ from a neighbor (4 directions) by more than `step`; whether any does. */
static int row_marks(const float *restrict own, const float *restrict above, const float *restrict below, long width,
                     float step, uint8_t *restrict marks) {
    column_bits any = {0};
    long c = 1, last = width - 1 - COLUMNS;
    for (; c <= last; c += COLUMNS) any |= marked_columns(own, above, below, c, step, marks);
    if (last >= 1) { /* the last ones, some of them once more */
        any |= marked_columns(own, above, below, last, step, marks);
        c = width - 1;
    }
    int found = 0;
    for (int lane = 0; lane < COLUMNS; lane++) found |= any[lane];
    for (long at = 0; at < width; at = at ? at + 1 : c) {
        marks[at] = (fabsf(own[at] - above[at]) > step) | (fabsf(below[at] - own[at]) > step) |
                    (at > 0 && fabsf(own[at] - own[at - 1]) > step) |
                    (at + 1 < width && fabsf(own[at + 1] - own[at]) > step);
        found |= marks[at];
    }
    return found;
}

/* The marked pixels of a row whose step leads to a valid pixel, from a valid one. */
static void keep_valid(const float *maps, const uint8_t *valid, long height, long width, long row, float step,
                       uint8_t *marks) {
    for (long c = 0; c < width; c++) { /* marks are rare, so each is looked at again */
        if (!marks[c]) continue;
        const float *own = maps + row * width + c;
        const uint8_t *here = valid + row * width + c;
        int over = (row > 0 && here[-width] && fabsf(own[0] - own[-width]) > step) ||
                   (row + 1 < height && here[width] && fabsf(own[width] - own[0]) > step) ||
                   (c > 0 && here[-1] && fabsf(own[0] - own[-1]) > step) ||
                   (c + 1 < width && here[1] && fabsf(own[1] - own[0]) > step);
        marks[c] = here[0] && over;
    }
}

static int marked_row(const float *maps, const uint8_t *valid, long height, long width, long row, float step,
                      uint8_t *marks) {
    const float *own = maps + row * width;
    int any = row_marks(own, row ? own - width : own, row + 1 < height ? own + width : own, width, step, marks);
    if (any && valid) keep_valid(maps, valid, height, width, row, step, marks);
    return any;
}

/* Mark both pixels of each pair of valid neighbors (4 directions) that differ by more than `step`. */
void step_marks(const float *maps, const uint8_t *valid, long height, long width, float step, uint8_t *out) {
    for (long row = 0; row < height; row++) marked_row(maps, valid, height, width, row, step, out + row * width);
}

/* The least of the nine errors around a pixel, with zeros where the truth is not valid and around it. */
static float soft_error(float p, const float *t, const uint8_t *valid, long height, long width, long row, long column) {
    float least = INFINITY;
    if (!valid && row > 0 && row + 1 < height && column > 0 && column + 1 < width) { /* most of them */
        const float *around = t + (row - 1) * width + column - 1;
        for (long y = 0; y < 3; y++, around += width)
            for (long x = 0; x < 3; x++) least = fabsf(around[x] - p) < least ? fabsf(around[x] - p) : least;
        return least;
    }
    for (long y = row - 1; y <= row + 1; y++)
        for (long x = column - 1; x <= column + 1; x++) {
            int outside = y < 0 || y >= height || x < 0 || x >= width;
            float around = outside || (valid && !valid[y * width + x]) ? 0 : t[y * width + x];
            float error = fabsf(around - p);
            least = error < least ? error : least;
        }
    return least;
}

/* Over the pixels that `step_marks` marks in `maps`: the sum of their soft errors, and their number: out[2]. `marks`
   has room for a row. */
void soft_errors(const float *p, const float *t, const float *maps, const uint8_t *valid, long height, long width,
                 float step, uint8_t *marks, double *out) {
    double sum = 0;
    long count = 0;
    for (long row = 0; row < height; row++) {
        if (!marked_row(maps, valid, height, width, row, step, marks)) continue;
        for (long c = 0; c < width; c++) {
            uint64_t eight = 1;
            if (c + 8 <= width) memcpy(&eight, marks + c, 8);
            if (!eight) {
                c += 7;
                continue;
            }
            if (!marks[c]) continue;
            sum += soft_error(p[row * width + c], t, valid, height, width, row, c);
            count++;
        }
    }
    out[0] = sum;
    out[1] = count;
}

/* Pixels of a plane: their places and depths; how many. */
long taken(const uint8_t *restrict mask, const float *restrict p, const float *restrict t, long size,
           int32_t *restrict places, float *restrict p_out, float *restrict t_out) {
    long count = 0;
    for (long i = 0; i < size; i++) {
        uint64_t eight = 1;
        if (i + 8 <= size) memcpy(&eight, mask + i, 8);
        if (!eight) {
            i += 7;
            continue;
        }
        places[count] = (int32_t)i;
        p_out[count] = p[i];
        t_out[count] = t[i];
        count += mask[i];
    }
    return count;
}

typedef double wide __attribute__((vector_size(64), aligned(8)));
typedef float narrow __attribute__((vector_size(32), aligned(4)));
typedef int32_t whole __attribute__((vector_size(32), aligned(4)));

static inline void point_of(wide place, wide depth, double width, const double *inverse, wide *point) {
    /* The half keeps the quotient of a row's first pixel from being rounded into the row above. */
    wide row = __builtin_convertvector(__builtin_convertvector((place + 0.5) * (1 / width), whole), wide);
    wide column = place - row * width;
    for (int k = 0; k < 3; k++)
        point[k] = (inverse[3 * k] * column + inverse[3 * k + 1] * row + inverse[3 * k + 2]) * depth;
}

static double total(wide x) {
    double sum = 0;
    for (int lane = 0; lane < 8; lane++) sum += x[lane];
    return sum;
}

/* Covariance of points, its upper triangle out[6], from the places and depths of pixels, the inverse of the intrinsics
   and a factor of depth. Sums are taken from the first point on, so that little cancels. */
void covariance(const int32_t *places, const float *depth, long count, long width, const double *inverse, double factor,
                double *out) {
    wide first[3], sums[3] = {0}, products[6] = {0}, zero = {0};
    point_of(zero + places[0], zero + depth[0] * factor, width, inverse, first);
    for (long i = 0; i < count; i += 8) {
        whole at = {0};
        narrow z = {0};
        wide point[3], keep = zero + 1;
        long found = count - i < 8 ? count - i : 8;
        if (found == 8) {
            memcpy(&at, places + i, sizeof at);
            memcpy(&z, depth + i, sizeof z);
        } else
            for (long lane = 0; lane < 8; lane++) {
                at[lane] = lane < found ? places[i + lane] : 0;
                z[lane] = lane < found ? depth[i + lane] : 0;
                keep[lane] = lane < found;
            }
        wide metres = __builtin_convertvector(z, wide) * factor;
        point_of(__builtin_convertvector(at, wide), metres, width, inverse, point);
        for (int k = 0; k < 3; k++) sums[k] += point[k] = (point[k] - first[k]) * keep;
        for (int k = 0, pair = 0; k < 3; k++)
            for (int other = k; other < 3; other++) products[pair++] += point[k] * point[other];
    }
    double mean[3];
    for (int k = 0; k < 3; k++) mean[k] = total(sums[k]) / count;
    for (int k = 0, pair = 0; k < 3; k++)
        for (int other = k; other < 3; other++, pair++) out[pair] = total(products[pair]) / count - mean[k] * mean[other];
}
