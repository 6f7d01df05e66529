/* Selection among numbers of the type REAL; functions are named NAME(...). Included once for each type. */

/* The number that is `place`-th when they are sorted; puts lesser ones before it and greater ones behind (Hoare). */
static REAL NAME(partitioned)(REAL *values, long count, long place) {
    for (long low = 0, high = count - 1; low < high;) {
        REAL pivot = values[low + (high - low) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i > j) break;
            REAL other = values[i];
            values[i++] = values[j];
            values[j--] = other;
        }
        if (place <= j) high = j;
        else if (place >= i) low = i;
        else break;
    }
    return values[place];
}

/* A number, or its distance from a center. */
static inline REAL NAME(measured)(REAL value, int apart, REAL center) {
    REAL distance = value - center;
    return !apart ? value : distance < 0 ? -distance : distance;
}

/* Bounds that the wanted number lies between very likely: numbers of a sample, some way below and above its place. */
static void NAME(bracketed)(const REAL *values, long count, long place, int apart, REAL center, REAL *low, REAL *high) {
    REAL sample[SAMPLE];
    for (long i = 0; i < SAMPLE; i++) sample[i] = NAME(measured)(values[i * count / SAMPLE], apart, center);
    long middle = (long)((double)place / count * SAMPLE);
    long first = middle - MARGIN, last = middle + MARGIN;
    *low = first < 0 ? -INFINITY : NAME(partitioned)(sample, SAMPLE, first);
    *high = last >= SAMPLE ? INFINITY : NAME(partitioned)(sample, SAMPLE, last);
}

struct NAME(part) {
    long below, kept, nan;
};

/* Copy the numbers from `low` to `high`; how many they are, and how many are less or NaN. */
static inline __attribute__((always_inline)) struct NAME(part) NAME(copied)(const REAL *values, long count, REAL low,
                                                                            REAL high, int apart, REAL center, REAL *to) {
    struct NAME(part) part = {0};
    long i = 0;
#ifdef __AVX512F__
    const VECTOR(m) lows = VECTOR(set1)(low), highs = VECTOR(set1)(high), centers = VECTOR(set1)(center);
    for (; i + WIDTH <= count; i += WIDTH) {
        VECTOR(m) value = VECTOR(loadu)(values + i);
        if (apart) value = VECTOR(abs)(VECTOR(sub)(value, centers));
        unsigned less = COMPARED(value, lows, _CMP_LT_OQ), greater = COMPARED(value, highs, _CMP_GT_OQ);
        unsigned nan = COMPARED(value, value, _CMP_UNORD_Q), within = ~(less | greater | nan) & ((1u << WIDTH) - 1);
        VECTOR(storeu)(to + part.kept, VECTOR(maskz_compress)(within, value));
        part.below += __builtin_popcount(less);
        part.kept += __builtin_popcount(within);
        part.nan += __builtin_popcount(nan);
    }
#endif
    for (; i < count; i++) {
        REAL value = NAME(measured)(values[i], apart, center);
        part.below += value < low;
        part.nan += value != value;
        to[part.kept] = value;
        part.kept += (value >= low) & (value <= high);
    }
    return part;
}

/* The greatest number that is less than `bound`. */
static REAL NAME(greatest_below)(const REAL *values, long count, REAL bound, int apart, REAL center) {
    REAL found = -INFINITY;
    for (long i = 0; i < count; i++) {
        REAL value = NAME(measured)(values[i], apart, center), lesser = value < bound ? value : -INFINITY;
        found = lesser > found ? lesser : found;
    }
    return found;
}

/* As `ordered`, with constants. Numbers are copied from one half of `spare` into the other, fewer each time. */
static inline __attribute__((always_inline)) int NAME(selected)(const REAL *all, long count, long place, int apart,
                                                                REAL center, REAL *spare, double *out) {
    const REAL *values = all;
    long left = count, rank = place;
    int first = 1, half = 0;
    do {
        REAL low = -INFINITY, high = INFINITY, *to = spare + half * count;
        int far = apart && first;
        if (left > 4 * SAMPLE) NAME(bracketed)(values, left, rank, far, center, &low, &high);
        struct NAME(part) part = NAME(copied)(values, left, low, high, far, center, to);
        if (part.nan) return 0;
        if (rank < part.below || rank >= part.below + part.kept) { /* rare: all on the side of the wanted one */
            if (rank < part.below) high = low, low = -INFINITY;
            else low = high, high = INFINITY;
            part = NAME(copied)(values, left, low, high, far, center, to);
        }
        rank -= part.below;
        int same = low == high || part.kept == left;
        values = to;
        left = part.kept;
        first = 0;
        half = !half;
        if (same) break;
    } while (left > 4 * SAMPLE);
    REAL *rest = spare + !half * count, found = NAME(partitioned)(rest, left, rank), before = rest[0];
    for (long i = 1; i < rank; i++) before = rest[i] > before ? rest[i] : before;
    out[0] = found;
    out[1] = rank ? before : NAME(greatest_below)(all, count, found, apart, center);
    return 1;
}

/* out[0]: the number that is `place`-th when they are sorted; out[1]: the one before it, -inf where it is the first.
   With `apart`, of their distances from a center. False, and nothing, where one is NaN. `spare` has room for all twice.
   */
int NAME(ordered)(const REAL *values, long count, long place, int apart, double center, REAL *spare, double *out) {
    return apart ? NAME(selected)(values, count, place, 1, center, spare, out)
                 : NAME(selected)(values, count, place, 0, 0, spare, out);
}
