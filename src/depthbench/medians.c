/* Numbers by their place in the order of all: what medians.py selects, exactly.

   A sample brackets the wanted number, two passes keep the numbers in the bracket, and few are left to be parted. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define SAMPLE 1024
#define MARGIN 64 /* four standard deviations of a place in the sample */
#define BLOCK 65536

#define REAL float
#define NAME(x) x##_float
#include "selection.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(x) x##_double
#include "selection.h"
