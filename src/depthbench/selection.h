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

/* How many numbers are less than `low`, and not greater than `high`. */
static void NAME(counted)(const REAL *values, long count, REAL low, REAL high, long *below, long *upto) {
    long less = 0, more = 0;
    for (long start = 0; start < count; start += BLOCK) { /* counts of a block fit into the lanes of its vectors */
        long end = start + BLOCK < count ? start + BLOCK : count;
        int32_t a = 0, b = 0;
        for (long i = start; i < end; i++) {
            a += values[i] < low;
            b += values[i] <= high;
        }
        less += a;
        more += b;
    }
    *below = less;
    *upto = more;
}

/* Bounds that the wanted number lies between very likely: numbers of a sample, some way below and above its place. */
static void NAME(bracketed)(const REAL *values, long count, long place, REAL *low, REAL *high) {
    REAL sample[SAMPLE];
    for (long i = 0; i < SAMPLE; i++) sample[i] = values[i * count / SAMPLE];
    long middle = (long)((double)place / count * SAMPLE);
    long first = middle - MARGIN, last = middle + MARGIN;
    *low = first < 0 ? -INFINITY : NAME(partitioned)(sample, SAMPLE, first);
    *high = last >= SAMPLE ? INFINITY : NAME(partitioned)(sample, SAMPLE, last);
}

/* The greatest number that is less than `bound`. */
static REAL NAME(greatest_below)(const REAL *values, long count, REAL bound) {
    REAL found = -INFINITY;
    for (long i = 0; i < count; i++) {
        REAL lesser = values[i] < bound ? values[i] : -INFINITY;
        found = lesser > found ? lesser : found;
    }
    return found;
}

/* The number that is `place`-th when they are sorted, and the one before it. `spare` has room for all. */
static REAL NAME(selected)(const REAL *all, long count, long place, REAL *spare, REAL *before) {
    const REAL *values = all;
    long left = count, rank = place;
    while (left > 4 * SAMPLE) {
        REAL low, high;
        long below, upto, kept = 0;
        NAME(bracketed)(values, left, rank, &low, &high);
        NAME(counted)(values, left, low, high, &below, &upto);
        if (rank < below || rank >= upto) { /* rare: all that lie on the side of the wanted one */
            if (rank < below) high = low, low = -INFINITY;
            else low = high, high = INFINITY;
            NAME(counted)(values, left, low, high, &below, &upto);
        }
        if (low == high) {
            *before = rank > below ? low : NAME(greatest_below)(all, count, low);
            return low;
        }
        if (upto - below == left) break;
        for (long i = 0; i < left; i++) {
            REAL value = values[i];
            spare[kept] = value;
            kept += (value >= low) & (value <= high);
        }
        rank -= below;
        left = kept;
        values = spare;
    }
    if (values != spare) memcpy(spare, values, left * sizeof(REAL));
    REAL found = NAME(partitioned)(spare, left, rank);
    *before = rank ? spare[0] : NAME(greatest_below)(all, count, found);
    for (long i = 1; i < rank; i++) *before = spare[i] > *before ? spare[i] : *before;
    return found;
}

/* out[0]: the number that is `place`-th when they are sorted; out[1]: the one before it, -inf where it is the first.
   False, and nothing, where a number is NaN. `spare` has room for all. */
int NAME(ordered)(const REAL *values, long count, long place, REAL *spare, double *out) {
    int32_t nan = 0;
    for (long i = 0; i < count; i++) nan |= values[i] != values[i];
    if (nan) return 0;
    REAL before;
    out[0] = NAME(selected)(values, count, place, spare, &before);
    out[1] = before;
    return 1;
}
