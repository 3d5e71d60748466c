/* What the loops share: vectors, and pixels of four bytes as floats. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
/* For a function that is compiled once more for processors with AVX2. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && __GNUC__ >= 12 && !defined(__clang__)
#define FASTEST __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FASTEST
#endif

typedef uint8_t bytes4 __attribute__((vector_size(4)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint16_t shorts8 __attribute__((vector_size(16)));
typedef int32_t ints4 __attribute__((vector_size(16)));
typedef float floats4 __attribute__((vector_size(16)));

/* Four bytes as whole numbers. */
INLINE ints4 four(const uint8_t *from) {
#ifdef __SSE2__
    int32_t bytes;
    memcpy(&bytes, from, 4);
    const __m128i zero = _mm_setzero_si128();
    return (ints4)_mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), zero), zero);
#else
    bytes4 bytes;
    memcpy(&bytes, from, 4);
    return __builtin_convertvector(bytes, ints4);
#endif
}

/* One pixel as floats; if `weighed`, colours times alpha and alpha times 255. */
INLINE floats4 lit(ints4 pixel, int weighed) {
    floats4 plain = __builtin_convertvector(pixel, floats4);
    if (!weighed) return plain;
    floats4 full = __builtin_convertvector(pixel | (ints4){0, 0, 0, 255}, floats4);
    return full * __builtin_shufflevector(plain, plain, 3, 3, 3, 3);
}

INLINE floats4 at_least_zero(floats4 pixel) {
    return (floats4)((ints4)pixel & (pixel > 0));
}

/* Write a pixel as four bytes: rounded, and none under 0 or over 255. */
INLINE void put_pixel(uint8_t *to, floats4 pixel) {
#ifdef __SSE2__
    __m128i whole = _mm_cvtps_epi32((__m128)pixel), shorts = _mm_packs_epi32(whole, whole);
    int32_t packed = _mm_cvtsi128_si32(_mm_packus_epi16(shorts, shorts));
#else
    ints4 whole = __builtin_convertvector(at_least_zero(pixel + 0.5f), ints4), over = whole > 255;
    bytes4 packed = __builtin_convertvector((whole & ~over) | (over & 255), bytes4);
#endif
    memcpy(to, &packed, 4);
}
