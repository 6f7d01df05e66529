/* How a prediction is put through a line, to depth: `inverts_first` and `log_first` into the space of the line (`into`),
   `inverts_last` and `log_last` out of it. `floor`, `least` and `greatest` are of the line's sides, `low` and `high` of
   the depth, where it is `limited`; NaN stays. */
#include <stdint.h>

struct way {
    double scale, x0, y0, floor, least, greatest;
    float low, high;
    int32_t inverts_first, log_first, inverts_last, log_last, limited;
};

/* Rows of a prediction, into `out` without gaps; how many depths are not above 0, before limits. */
long through(const float *p, long stride, long rows, long width, const struct way *way, float *out);
