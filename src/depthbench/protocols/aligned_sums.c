/* Sums of one prediction that several lines bring to depth, in one pass: a few rows go through one line after the other
   while they and their depth lie in the first cache. */
#include <stdlib.h>

#include "../metrics/pixel_pass.h"
#include "alignment/fits.h"

#define ROWS 4

/* `maps` holds the prediction; of each of `count` ways the sums out[way][per_way], and wrong[way] depths that are not
   above 0 before limits. False without memory. Other arguments as for `pixel_sums`. */
int aligned_sums(const struct maps *maps, const struct way *ways, long count, const float *limits, int wanted,
                 long per_way, double *out, int64_t *wrong) {
    long size = totals_size();
    char *totals = calloc(count, size);
    float *depth = malloc(sizeof(float) * ROWS * maps->width);
    int done = totals && depth;
    for (long row = 0; done && row < maps->rows; row += ROWS) {
        struct maps part = *maps;
        part.rows = maps->rows - row < ROWS ? maps->rows - row : ROWS;
        part.p = depth;
        part.p_stride = maps->width;
        part.t = maps->t + row * maps->t_stride;
        if (maps->mask) part.mask = maps->mask + row * maps->mask_stride;
        for (long way = 0; way < count; way++) {
            const float *p = maps->p + row * maps->p_stride;
            wrong[way] += through(p, maps->p_stride, part.rows, maps->width, ways + way, depth);
            totals_add((struct totals *)(totals + way * size), &part, limits, wanted);
        }
    }
    for (long way = 0; done && way < count; way++)
        totals_end((const struct totals *)(totals + way * size), wanted, out + way * per_way);
    free(totals);
    free(depth);
    return done;
}
