/* The functions of pixel_pass.c. */
#include <stdint.h>

/* Rows of a map, and which of its pixels count: `mask`, of 0 and 1, or the closed `range` of depths. */
struct maps {
    const float *p, *t;
    const uint8_t *mask;
    long p_stride, t_stride, mask_stride, rows, width;
    const float *range;
};

struct totals;

void pixel_sums(const struct maps *maps, const float *limits, int wanted, double *out);
void pixel_totals(const struct maps *maps, const float *limits, int wanted, double *out);
long totals_size(void);
void totals_add(struct totals *totals, const struct maps *maps, const float *limits, int wanted);
void totals_end(const struct totals *totals, int wanted, double *out);
