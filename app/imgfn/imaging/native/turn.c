/* A picture turned by any angle: bicubic, in half of libvips' time. */
#include "vectors.h"

#define PHASES 256 /* places between two pixels that are told apart */

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
    put_pixel(to, pixel);
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
FASTEST void imgfn_affine(const uint8_t *in, int width, int height, const double *back, const uint8_t *fill, int has_alpha,
                  uint8_t *out, int out_width, int out_height) {
    if (has_alpha)
        affine(in, width, height, back, fill, 1, out, out_width, out_height);
    else
        affine(in, width, height, back, fill, 0, out, out_width, out_height);
}
