/* The inner loops that no library does fast enough: turning a picture, and the filters of a PNG both ways.
 *
 * Plain C with the vectors of GCC 12 and clang, no Python in it; hatch_build.py compiles it, native.py calls it and
 * has checked every size before. Where it could not be compiled libvips does the same in twice the time.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define PHASES 256 /* places between two pixels that are told apart */

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint16_t shorts8 __attribute__((vector_size(16)));
typedef int32_t ints4 __attribute__((vector_size(16)));
typedef float floats4 __attribute__((vector_size(16)));

static float weights[PHASES][4];

/* Catmull-Rom, the bicubic of Pillow and libvips. */
__attribute__((constructor)) static void make_weights(void) {
    for (int phase = 0; phase < PHASES; phase++) {
        float t = (float)phase / PHASES;
        weights[phase][0] = ((-0.5f * t + 1.0f) * t - 0.5f) * t;
        weights[phase][1] = (1.5f * t - 2.5f) * t * t + 1.0f;
        weights[phase][2] = ((-1.5f * t + 2.0f) * t + 0.5f) * t;
        weights[phase][3] = (0.5f * t - 0.5f) * t * t;
    }
}

/* One pixel as floats; if `weighed`, colours times alpha and alpha times 255. */
INLINE floats4 lit(ints4 pixel, int weighed) {
    floats4 plain = __builtin_convertvector(pixel, floats4);
    if (!weighed) return plain;
    floats4 full = __builtin_convertvector(pixel | (ints4){0, 0, 0, 255}, floats4);
    return full * __builtin_shufflevector(plain, plain, 3, 3, 3, 3);
}

/* The weighted sum of 4 x 4 pixels, of which `from` is the upper left. */
INLINE floats4 sum_of(const uint8_t *from, size_t stride, const float *across, const float *down, int weighed) {
    const bytes16 no_bytes = {0};
    const shorts8 no_shorts = {0};
    floats4 sum = {0};
    for (int row = 0; row < 4; row++, from += stride) {
        bytes16 four;
        memcpy(&four, from, 16);
        shorts8 left = (shorts8)__builtin_shufflevector(four, no_bytes, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        shorts8 right = (shorts8)__builtin_shufflevector(four, no_bytes, 8, 16, 9, 17, 10, 18, 11, 19, 12, 20, 13, 21, 14, 22, 15, 23);
        sum += down[row] * (across[0] * lit((ints4)__builtin_shufflevector(left, no_shorts, 0, 8, 1, 9, 2, 10, 3, 11), weighed) +
                            across[1] * lit((ints4)__builtin_shufflevector(left, no_shorts, 4, 8, 5, 9, 6, 10, 7, 11), weighed) +
                            across[2] * lit((ints4)__builtin_shufflevector(right, no_shorts, 0, 8, 1, 9, 2, 10, 3, 11), weighed) +
                            across[3] * lit((ints4)__builtin_shufflevector(right, no_shorts, 4, 8, 5, 9, 6, 10, 7, 11), weighed));
    }
    return sum;
}

/* Whether 4 x 4 pixels all have an alpha of 255. */
INLINE int opaque(const uint8_t *from, size_t stride) {
    const uint8_t alphas[8] = {0, 0, 0, 255, 0, 0, 0, 255};
    uint64_t common = ~(uint64_t)0, mask, pair[2];
    memcpy(&mask, alphas, 8);
    for (int row = 0; row < 4; row++, from += stride) {
        memcpy(pair, from, 16);
        common &= pair[0] & pair[1];
    }
    return (common & mask) == mask;
}

INLINE void sample(const uint8_t *from, size_t stride, const float *across, const float *down, int has_alpha, uint8_t *to) {
    int weighed = has_alpha && !opaque(from, stride);
    floats4 pixel = weighed ? sum_of(from, stride, across, down, 1) : sum_of(from, stride, across, down, 0);
    if (weighed) {
        float alpha = pixel[3] / 255;
        pixel /= alpha < 0.5f ? 65536 : alpha; /* what nobody sees is black */
        pixel[3] = alpha;
    }
    pixel += 0.5f;
    ints4 whole = __builtin_convertvector((floats4)((ints4)pixel & (pixel > 0)), ints4);
    ints4 over = whole > 255;
    whole = (whole & ~over) | (over & 255);
    uint32_t packed = (uint32_t)whole[0] | (uint32_t)whole[1] << 8 | (uint32_t)whole[2] << 16 | (uint32_t)whole[3] << 24;
    memcpy(to, &packed, 4);
}

INLINE void affine(const uint8_t *in, int width, int height, const double *back, const uint8_t *fill, int has_alpha,
                   uint8_t *out, int out_width, int out_height) {
    const double unit = 4294967296.0; /* 32 bits behind the point */
    const int64_t half_phase = (int64_t)(unit / PHASES / 2);
    const int64_t right = (int64_t)(back[0] * unit), down = (int64_t)(back[3] * unit);
    const size_t stride = (size_t)width * 4;
    for (int row = 0; row < out_height; row++) {
        int64_t x = (int64_t)((back[1] * row + back[2]) * unit) + half_phase;
        int64_t y = (int64_t)((back[4] * row + back[5]) * unit) + half_phase;
        for (int column = 0; column < out_width; column++, out += 4, x += right, y += down) {
            int left = (int)(x >> 32) - 1, top = (int)(y >> 32) - 1;
            const float *across = weights[(uint32_t)x >> 24], *along = weights[(uint32_t)y >> 24];
            if (left >= 0 && left <= width - 4 && top >= 0 && top <= height - 4) {
                sample(in + (size_t)top * stride + (size_t)left * 4, stride, across, along, has_alpha, out);
            } else if (left <= -4 || left >= width || top <= -4 || top >= height) {
                memcpy(out, fill, 4);
            } else {
                uint8_t edge[64];
                for (int at = 0; at < 16; at++) {
                    int i = left + at % 4, j = top + at / 4, inside = i >= 0 && i < width && j >= 0 && j < height;
                    memcpy(edge + 4 * at, inside ? in + (size_t)j * stride + (size_t)i * 4 : fill, 4);
                }
                sample(edge, 16, across, along, has_alpha, out);
            }
        }
    }
}

/* Each pixel of `out` is taken from `in` at (back[0] x + back[1] y + back[2], back[3] x + back[4] y + back[5]), bicubic.
 * Pixels have 4 bytes; around `in` lies `fill`. With `has_alpha` the fourth is alpha and weighs the colours.
 */
void imgfn_affine(const uint8_t *in, int width, int height, const double *back, const uint8_t *fill, int has_alpha,
                  uint8_t *out, int out_width, int out_height) {
    if (has_alpha)
        affine(in, width, height, back, fill, 1, out, out_width, out_height);
    else
        affine(in, width, height, back, fill, 0, out, out_width, out_height);
}

INLINE int paeth(int left, int up, int corner) {
    int to_left = up - corner, to_up = left - corner, to_corner = to_left + to_up;
    to_left = to_left < 0 ? -to_left : to_left;
    to_up = to_up < 0 ? -to_up : to_up;
    to_corner = to_corner < 0 ? -to_corner : to_corner;
    int side = to_up < to_left ? up : left, to_side = to_up < to_left ? to_up : to_left;
    return to_corner < to_side ? corner : side;
}

enum { NONE, SUB, UP, AVERAGE, PAETH }; /* https://www.w3.org/TR/png-3/#9Filter-types */

INLINE void unfilter_row(int filter, const uint8_t *raw, size_t length, size_t bands, const uint8_t *above, uint8_t *out) {
    int left[4] = {0}, corner[4] = {0};
    for (size_t i = 0; i < length; i += bands)
        for (size_t band = 0; band < bands; band++) {
            int up = above[i + band];
            int guess = filter == SUB ? left[band] : filter == AVERAGE ? (left[band] + up) >> 1 : paeth(left[band], up, corner[band]);
            out[i + band] = (uint8_t)(raw[i + band] + guess);
            left[band] = out[i + band];
            corner[band] = up;
        }
}

/* The compiler makes a loop of its own for each number of bands: three times as fast as one for all. */
INLINE void unfilter_bands(int filter, const uint8_t *raw, size_t length, size_t bands, const uint8_t *above, uint8_t *out) {
    switch (bands) {
    case 1: unfilter_row(filter, raw, length, 1, above, out); break;
    case 2: unfilter_row(filter, raw, length, 2, above, out); break;
    case 3: unfilter_row(filter, raw, length, 3, above, out); break;
    case 4: unfilter_row(filter, raw, length, 4, above, out); break;
    }
}

#ifdef __SSE2__
INLINE __m128i lower_or_equal_of(__m128i wanted, __m128i is, __m128i then, __m128i other) {
    __m128i same = _mm_cmpeq_epi16(wanted, is);
    return _mm_or_si128(_mm_and_si128(same, then), _mm_andnot_si128(same, other));
}

INLINE __m128i four_bytes(const uint8_t *from) {
    int32_t bytes;
    memcpy(&bytes, from, 4);
    return _mm_cvtsi32_si128(bytes);
}

INLINE void put_bytes(uint8_t *to, __m128i from, size_t count) {
    int32_t bytes = _mm_cvtsi128_si32(from);
    memcpy(to, &bytes, count);
}

/* Two rows under Paeth, of two pixels or more with 3 or 4 bands. Each pixel waits for the one before it, so the lower row
 * follows the upper one at a distance of one pixel, in the other half of the same vectors.
 */
INLINE void unfilter_two(const uint8_t *raw, size_t length, size_t bands, const uint8_t *above, uint8_t *out) {
    const uint8_t *raw_below = raw + length + 1;
    uint8_t *below = out + length;
    const __m128i zero = _mm_setzero_si128();
    for (size_t band = 0; band < bands; band++) out[band] = (uint8_t)(raw[band] + above[band]);
    __m128i here = _mm_unpacklo_epi8(_mm_and_si128(four_bytes(out), _mm_cvtsi32_si128(bands == 3 ? 0xffffff : -1)), zero);
    __m128i up = _mm_unpacklo_epi8(four_bytes(above), zero);
    for (size_t i = bands; i < length; i += bands) {
        __m128i left = here, corner = up;
        up = _mm_unpacklo_epi64(_mm_unpacklo_epi8(four_bytes(above + i), zero), here);
        __m128i to_left = _mm_sub_epi16(up, corner), to_up = _mm_sub_epi16(left, corner), to_corner = _mm_add_epi16(to_left, to_up);
        to_left = _mm_max_epi16(to_left, _mm_sub_epi16(zero, to_left));
        to_up = _mm_max_epi16(to_up, _mm_sub_epi16(zero, to_up));
        to_corner = _mm_max_epi16(to_corner, _mm_sub_epi16(zero, to_corner));
        __m128i least = _mm_min_epi16(_mm_min_epi16(to_left, to_up), to_corner);
        __m128i guess = lower_or_equal_of(least, to_left, left, lower_or_equal_of(least, to_up, up, corner));
        __m128i rest = _mm_unpacklo_epi32(four_bytes(raw + i), four_bytes(raw_below + i - bands));
        here = _mm_add_epi8(guess, _mm_unpacklo_epi8(rest, zero));
        __m128i bytes = _mm_packus_epi16(here, here);
        /* A fourth byte too many is overwritten by the next pixel; behind the upper row's last lies the lower row. */
        if (i + bands < length)
            put_bytes(out + i, bytes, 4);
        else
            put_bytes(out + i, bytes, bands);
        put_bytes(below + i - bands, _mm_srli_si128(bytes, 4), 4);
    }
    for (size_t i = length - bands; i < length; i++)
        below[i] = (uint8_t)(raw_below[i] + paeth(below[i - bands], out[i], out[i - bands]));
}
#endif

/* Whether the next two rows were done at once. */
INLINE int unfilter_pair(const uint8_t *raw, size_t rows, size_t length, size_t bands, const uint8_t *above, uint8_t *out) {
#ifdef __SSE2__
    if (rows < 2 || raw[0] != PAETH || raw[length + 1] != PAETH || length < 2 * bands) return 0;
    if (bands == 3) unfilter_two(raw + 1, length, 3, above, out);
    if (bands == 4) unfilter_two(raw + 1, length, 4, above, out);
    return bands >= 3;
#else
    return 0;
#endif
}

/* Rows of PNG, each a filter's number and `length` bytes of 1 to 4 bands, into bare rows of `length` bytes.
 * The row above the first lies before `out`. 0, or -1 for a filter that there is not.
 */
int imgfn_unfilter(const uint8_t *raw, size_t rows, size_t length, size_t bands, uint8_t *out) {
    for (; rows; rows--, raw += length, out += length) {
        const uint8_t *above = out - length;
        if (unfilter_pair(raw, rows, length, bands, above, out)) {
            rows--, raw += length + 2, out += length;
            continue;
        }
        switch (*raw++) {
        case NONE: memcpy(out, raw, length); break;
        case SUB: unfilter_bands(SUB, raw, length, bands, above, out); break;
        case UP:
            for (size_t i = 0; i < length; i++) out[i] = (uint8_t)(raw[i] + above[i]);
            break;
        case AVERAGE: unfilter_bands(AVERAGE, raw, length, bands, above, out); break;
        case PAETH: unfilter_bands(PAETH, raw, length, bands, above, out); break;
        default: return -1;
        }
    }
    return 0;
}

/* Rows of a picture, from `row` on, into rows of PNG: a filter's number, and what the filter leaves of `length` bytes.
 * Paeth for all rows but the first, over which there is nothing.
 */
void imgfn_filter(const uint8_t *restrict in, size_t row, size_t rows, size_t length, size_t bands, uint8_t *restrict out) {
    for (; rows; rows--, row++, out += length) {
        const uint8_t *here = in + row * length;
        *out++ = row ? PAETH : SUB;
        if (!row) {
            memcpy(out, here, bands);
            for (size_t i = bands; i < length; i++) out[i] = (uint8_t)(here[i] - here[i - bands]);
            continue;
        }
        const uint8_t *above = here - length;
        for (size_t i = 0; i < bands; i++) out[i] = (uint8_t)(here[i] - above[i]);
        for (size_t i = bands; i < length; i++)
            out[i] = (uint8_t)(here[i] - paeth(here[i - bands], above[i], above[i - bands]));
    }
}
