/* Numbers by their place in the order of all: what medians.py selects, exactly.

   A sample brackets the wanted number, one pass keeps the numbers in the bracket, and few are left to be parted. */
#include <math.h>
#include <stdint.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define SAMPLE 1024
#define MARGIN 64 /* four standard deviations of a place in the sample */

#define REAL float
#define NAME(x) x##_float
#define WIDTH 16
#define VECTOR(x) VECTOR_##x##_float
#define VECTOR_m_float __m512
#define VECTOR_set1_float _mm512_set1_ps
#define VECTOR_loadu_float _mm512_loadu_ps
#define VECTOR_storeu_float _mm512_storeu_ps
#define VECTOR_sub_float _mm512_sub_ps
#define VECTOR_abs_float _mm512_abs_ps
#define VECTOR_maskz_compress_float _mm512_maskz_compress_ps
#define COMPARED _mm512_cmp_ps_mask
#include "selection.h"
#undef REAL
#undef NAME
#undef WIDTH
#undef VECTOR
#undef COMPARED

#define REAL double
#define NAME(x) x##_double
#define WIDTH 8
#define VECTOR(x) VECTOR_##x##_double
#define VECTOR_m_double __m512d
#define VECTOR_set1_double _mm512_set1_pd
#define VECTOR_loadu_double _mm512_loadu_pd
#define VECTOR_storeu_double _mm512_storeu_pd
#define VECTOR_sub_double _mm512_sub_pd
#define VECTOR_abs_double _mm512_abs_pd
#define VECTOR_maskz_compress_double _mm512_maskz_compress_pd
#define COMPARED _mm512_cmp_pd_mask
#include "selection.h"
