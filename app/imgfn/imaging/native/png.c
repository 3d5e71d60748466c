/* The filters of PNG, undone and done: two rows at once, or vectors of what the compiler finds. */
#include "vectors.h"

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
FASTEST int imgfn_unfilter(const uint8_t *raw, size_t rows, size_t length, size_t bands, uint8_t *out) {
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
FASTEST void imgfn_filter(const uint8_t *restrict in, size_t row, size_t rows, size_t length, size_t bands, uint8_t *restrict out) {
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
