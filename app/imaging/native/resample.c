/* Pictures made smaller or larger: Lanczos with three lobes, as Pillow and libvips have it, in half of libvips' time.
 *
 * First down, a row of floats at a time, then across, several of these rows at once: what is computed stays in the cache.
 */
#include <math.h>
#include <stdlib.h>

#include "vectors.h"

#define LOBES 3
#define STEPS 1024   /* places between two whole numbers at which the kernel is tabled */
#define STRIP 512    /* floats of a row that are worked on at once, and lie in the fastest cache */
#define AT_ONCE 4    /* rows of the source that are added at once */
#define TOGETHER 4   /* rows of the result that are made at once */

static float kernel[LOBES * STEPS + 2]; /* 0 from its end on */

__attribute__((constructor)) static void make_kernel(void) {
    const double pi = 3.14159265358979323846;
    kernel[0] = 1;
    for (int step = 1; step < LOBES * STEPS; step++) {
        double x = pi * step / STEPS;
        kernel[step] = (float)(LOBES * sin(x) * sin(x / LOBES) / (x * x));
    }
}

INLINE float lanczos(double distance) {
    double place = distance * STEPS;
    if (place >= LOBES * STEPS) return 0;
    int step = (int)place;
    return kernel[step] + (float)(place - step) * (kernel[step + 1] - kernel[step]);
}

/* What the places of a new row or column are made of: each of `taps` old ones from `first` on, times weights. */
typedef struct {
    int taps;
    int *first;
    float *weights;
} mix;

/* There are `length` old ones; the new ones are `step` apart, and the first begins at `start`. Whether it failed. */
static int make_mix(mix *made, int count, double start, double step, int length) {
    double stretch = step > 1 ? step : 1, reach = LOBES * stretch;
    made->taps = 2 * reach < length ? (int)ceil(2 * reach) : length;
    made->first = malloc((size_t)count * sizeof *made->first);
    made->weights = malloc((size_t)count * (size_t)made->taps * sizeof *made->weights);
    if (!made->first || !made->weights) return 1;
    float *weights = made->weights;
    for (int place = 0; place < count; place++, weights += made->taps) {
        double middle = start + (place + 0.5) * step - 0.5; /* in old ones, whose middles are whole numbers */
        int first = (int)floor(middle - reach) + 1;
        first = first < 0 ? 0 : first > length - made->taps ? length - made->taps : first;
        float sum = 0;
        for (int tap = 0; tap < made->taps; tap++) sum += weights[tap] = lanczos(fabs(first + tap - middle) / stretch);
        for (int tap = 0; tap < made->taps; tap++) weights[tap] /= sum;
        made->first[place] = first;
    }
    return 0;
}

static void forget_mix(mix *made) {
    free(made->first);
    free(made->weights);
}

/* `length` bytes of a row as floats. If `squared` as light, near enough: what is stored grows with the root of it. If `weighed`
 * four of them are a pixel, and its colours are multiplied by its alpha.
 */
INLINE void light_up(const uint8_t *restrict from, size_t length, int weighed, int squared, float *restrict to) {
    for (size_t at = 0; !weighed && at < length; at++) to[at] = squared ? (float)from[at] * (float)from[at] : (float)from[at];
    for (size_t at = 0; weighed && at < length; at += 4) {
        ints4 stored = four(from + at);
        floats4 plain = __builtin_convertvector(stored, floats4), full = __builtin_convertvector(stored | (ints4){0, 0, 0, 255}, floats4);
        full = (squared ? full * full : full) * __builtin_shufflevector(plain, plain, 3, 3, 3, 3);
        memcpy(to + at, &full, sizeof full);
    }
}

/* Whether no pixel of these rows is transparent in the least. */
INLINE int opaque(const uint8_t *from, size_t stride, size_t length, int rows) {
    for (; rows; rows--, from += stride) {
        uint8_t common = 255;
        for (size_t at = 3; at < length; at += 4) common &= from[at];
        if (common != 255) return 0;
    }
    return 1;
}

/* Add AT_ONCE rows, times their weights, to a sum of `length` floats. */
INLINE void add_rows(float rows[AT_ONCE][STRIP], size_t length, const float *weight, float *restrict sum) {
    for (size_t at = 0; at < length; at++) {
        float more = 0;
        for (int row = 0; row < AT_ONCE; row++) more += weight[row] * rows[row][at];
        sum[at] += more;
    }
}

INLINE void put(uint8_t *to, int bands, floats4 sum, int weighed, int squared) {
    float full = squared ? 255 * 255 : 255, alpha = sum[3] / full;
    if (weighed) sum /= alpha < 0.5f ? full * full : alpha; /* what nobody sees is black */
    if (squared) {
        sum = at_least_zero(sum);
        for (int band = 0; band < 4; band++) sum[band] = sqrtf(sum[band]);
    }
    if (weighed) sum[3] = alpha;
    if (bands == 1) {
        uint8_t pixel[4];
        put_pixel(pixel, sum);
        *to = pixel[0];
    } else {
        put_pixel(to, sum);
    }
}

/* Sums of rows into as many rows of `count` pixels, TOGETHER at most. */
INLINE void add_pixels(float *const *sums, int rows, int bands, const mix *across, int count, int weighed, int squared, uint8_t *to) {
    const size_t size = bands == 1 ? 1 : 4;
    const float *weights = across->weights;
    for (int place = 0; place < count; place++, to += size) {
        size_t first = (size_t)across->first[place] * (size_t)bands;
        floats4 sum[TOGETHER] = {0};
        for (int tap = 0; tap < across->taps; tap++, weights++, first += (size_t)bands)
            for (int row = 0; row < TOGETHER; row++) {
                floats4 pixel;
                memcpy(&pixel, sums[row] + first, sizeof pixel);
                sum[row] += *weights * pixel;
            }
        for (int row = 0; row < rows; row++) put(to + (size_t)row * (size_t)count * size, bands, sum[row], weighed, squared);
    }
}

/* How many new rows are under way at once, at most: not sent when another one begins. */
static int ring_size(const mix *down, int height) {
    int size = 0, whole = 0;
    for (int at = 0; at < height; at++) {
        int top = down->first[at] - (down->first[at] - down->first[0]) % AT_ONCE;
        while (down->first[whole] + down->taps <= top) whole++;
        int kept = at + 1 - (whole - whole % TOGETHER);
        if (kept > size) size = kept;
    }
    return size;
}

/* Each pixel of `out` is the mean of a box of `step[0]` x `step[1]` pixels of `in`; the first one's begins at `start`.
 * Only what lies in `clip` (left, top, right, bottom) is looked at. Pixels of `in` have 1, 3 or 4 bytes and rows `stride`,
 * those of `out` 1 or 4. If `weighed` the fourth is alpha; if `squared` light is added up, and not what is stored for it.
 * 0, or -1 without memory.
 */
FASTEST int imgfn_resample(const uint8_t *in, size_t stride, int bands, const int *clip, const double *start, const double *step,
                           int weighed, int squared, uint8_t *out, int width, int height) {
    const size_t length = (size_t)(clip[2] - clip[0]) * (size_t)bands;
    const size_t room = length + 3; /* a pixel is read as four floats, whatever lies behind it */
    mix across = {0}, down = {0};
    int failed = make_mix(&across, width, start[0] - clip[0], step[0], clip[2] - clip[0]) ||
                 make_mix(&down, height, start[1] - clip[1], step[1], clip[3] - clip[1]);
    int size = failed ? 0 : ring_size(&down, height);
    float *ring = failed ? NULL : malloc((size_t)size * room * sizeof *ring);
    in += (size_t)clip[1] * stride + (size_t)clip[0] * (size_t)bands;
    weighed = weighed && !opaque(in, stride, length, clip[3] - clip[1]);
    float rows[AT_ONCE][STRIP] = {0};
    /* Each row of `in` is looked at once, and added to the sums of all new rows that it has a part in. */
    int whole = 0, sent = 0; /* new rows whose sums are whole, and those that are in `out` */
    for (int top = down.first[0]; ring && sent < height; top += AT_ONCE) {
        int next = whole; /* the first new row that these have no part in */
        for (; next < height && down.first[next] < top + AT_ONCE; next++)
            if (down.first[next] >= top) memset(ring + (size_t)(next % size) * room, 0, room * sizeof *ring);
        for (size_t left = 0; left < length; left += STRIP) {
            size_t strip = length - left < STRIP ? length - left : STRIP;
            for (int row = 0; row < AT_ONCE && top + row < clip[3] - clip[1]; row++)
                light_up(in + (size_t)(top + row) * stride + left, strip, weighed, squared, rows[row]);
            for (int at = whole; at < next; at++) {
                float weight[AT_ONCE];
                for (int row = 0; row < AT_ONCE; row++) {
                    int tap = top + row - down.first[at];
                    weight[row] = tap >= 0 && tap < down.taps ? down.weights[(size_t)at * (size_t)down.taps + (size_t)tap] : 0;
                }
                add_rows(rows, strip, weight, ring + (size_t)(at % size) * room + left);
            }
        }
        while (whole < next && down.first[whole] + down.taps <= top + AT_ONCE) whole++;
        while (sent < whole && (whole - sent >= TOGETHER || whole == height)) {
            float *sums[TOGETHER];
            int count = whole - sent < TOGETHER ? whole - sent : TOGETHER;
            for (int row = 0; row < TOGETHER; row++) sums[row] = ring + (size_t)((sent + (row < count ? row : 0)) % size) * room;
            add_pixels(sums, count, bands, &across, width, weighed, squared, out);
            out += (size_t)count * (size_t)width * (bands == 1 ? 1 : 4);
            sent += count;
        }
    }
    forget_mix(&across);
    forget_mix(&down);
    free(ring);
    return sent == height ? 0 : -1;
}
