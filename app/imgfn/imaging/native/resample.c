/* Pictures made smaller or larger: Lanczos with three lobes, as Pillow and libvips have it, in half of libvips' time.
 *
 * What becomes less high is added up down first, a row of floats at a time, then across, several of these rows at once: what is
 * computed stays in the cache. What becomes higher goes across first: there are fewer old rows than new ones.
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

/* How many new rows are under way at once, at most: not sent when another one begins. Few, since they are fewer than the old ones. */
static int ring_size(const mix *down, int height) {
    int size = 0, whole = 0;
    for (int at = 0; at < height; at++) {
        int top = down->first[at] - down->first[at] % AT_ONCE;
        while (down->first[whole] + down->taps <= top) whole++;
        int kept = at + 1 - (whole - whole % TOGETHER);
        if (kept > size) size = kept;
    }
    return size;
}

/* A picture that is being resampled, row by row. */
typedef struct {
    mix across, down;
    int bands, weighed, squared, width, height, grows;
    size_t length, room; /* floats of a row, and those that it has in `ring`: a pixel is read as four, whatever lies behind it */
    int top;             /* rows that have been added */
    int whole, sent;     /* new rows whose sums are whole, and those that have been written */
    int size;            /* rows in `ring`, of which the others are made in turn: sums, or if it grows old rows as wide as new ones */
    float *ring, *row;   /* `row` has room for an old one */
} resampler;

INLINE float *in_ring(const resampler *made, int row) {
    return made->ring + (size_t)(row % made->size) * made->room;
}

/* Write as many new rows as there are whole ones, TOGETHER at most. */
INLINE void send(resampler *made, uint8_t *out) {
    const size_t size = made->bands == 1 ? 1 : 4, stride = (size_t)made->width * size;
    const int rows = made->whole - made->sent < TOGETHER ? made->whole - made->sent : TOGETHER;
    const float *sums[TOGETHER], *weights = made->across.weights;
    for (int row = 0; row < TOGETHER; row++) sums[row] = in_ring(made, made->sent + (row < rows ? row : 0));
    out += (size_t)made->sent * stride;
    for (int place = 0; place < made->width; place++, out += size) {
        size_t first = (size_t)made->across.first[place] * (size_t)made->bands;
        floats4 sum[TOGETHER] = {0};
        for (int tap = 0; tap < made->across.taps; tap++, weights++, first += (size_t)made->bands)
            for (int row = 0; row < TOGETHER; row++) {
                floats4 pixel;
                memcpy(&pixel, sums[row] + first, sizeof pixel);
                sum[row] += *weights * pixel;
            }
        for (int row = 0; row < rows; row++) put(out + (size_t)row * stride, made->bands, sum[row], made->weighed, made->squared);
    }
    made->sent += rows;
}

void imgfn_forget(resampler *made) {
    free(made->across.first);
    free(made->across.weights);
    free(made->down.first);
    free(made->down.weights);
    free(made->ring);
    free(made->row);
    free(made);
}

/* For a picture of `columns` x `rows` pixels of 1, 3 or 4 bytes. Each pixel of the new one, `width` x `height` of 1 or 4 bytes, is
 * the mean of a box of step[0] x step[1]; the first one's begins at `start`. If `weighed` the fourth byte is alpha; if `squared`
 * light is added up, and not what is stored for it. NULL without memory.
 */
resampler *imgfn_resampler(int columns, int rows, int bands, const double *start, const double *step, int weighed, int squared,
                           int width, int height) {
    resampler *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    *made = (resampler){.bands = bands, .weighed = weighed, .squared = squared, .width = width, .height = height, .grows = step[1] < 1};
    made->length = (size_t)columns * (size_t)bands;
    made->room = made->grows ? (size_t)width * 4 : made->length + 3;
    if (!make_mix(&made->across, width, start[0], step[0], columns) && !make_mix(&made->down, height, start[1], step[1], rows)) {
        made->size = made->grows ? made->down.taps : ring_size(&made->down, height);
        made->ring = malloc((size_t)made->size * made->room * sizeof *made->ring);
        made->row = malloc((made->length + 3) * sizeof *made->row);
    }
    if (made->ring && made->row) return made;
    imgfn_forget(made);
    return NULL;
}

/* Rows of what becomes less high: each is looked at once, and added to the sums of all new rows that it has a part in. */
INLINE void add_down(resampler *made, const uint8_t *in, size_t stride, int count, uint8_t *out) {
    const mix *down = &made->down;
    float rows[AT_ONCE][STRIP] = {0};
    for (; count > 0; count -= AT_ONCE, in += AT_ONCE * stride, made->top += AT_ONCE) {
        int next = made->whole; /* the first new row that these have no part in */
        for (; next < made->height && down->first[next] < made->top + AT_ONCE; next++)
            if (down->first[next] >= made->top) memset(in_ring(made, next), 0, made->room * sizeof *made->ring);
        for (size_t left = 0; next > made->whole && left < made->length; left += STRIP) {
            size_t strip = made->length - left < STRIP ? made->length - left : STRIP;
            for (int row = 0; row < AT_ONCE && row < count; row++)
                light_up(in + (size_t)row * stride + left, strip, made->weighed, made->squared, rows[row]);
            for (int at = made->whole; at < next; at++) {
                float weight[AT_ONCE];
                for (int row = 0; row < AT_ONCE; row++) {
                    int tap = made->top + row - down->first[at];
                    weight[row] = tap >= 0 && tap < down->taps ? down->weights[(size_t)at * (size_t)down->taps + (size_t)tap] : 0;
                }
                add_rows(rows, strip, weight, in_ring(made, at) + left);
            }
        }
        while (made->whole < next && down->first[made->whole] + down->taps <= made->top + AT_ONCE) made->whole++;
        while (made->whole - made->sent >= TOGETHER || (made->whole == made->height && made->sent < made->height)) send(made, out);
    }
}

/* An old row, as wide as new ones: four floats for each pixel. */
INLINE void add_across(const resampler *made, const float *from, float *restrict to) {
    const float *weights = made->across.weights;
    for (int place = 0; place < made->width; place++, to += 4) {
        const float *at = from + (size_t)made->across.first[place] * (size_t)made->bands;
        floats4 sum = {0};
        for (int tap = 0; tap < made->across.taps; tap++, weights++, at += made->bands) {
            floats4 pixel;
            memcpy(&pixel, at, sizeof pixel);
            sum += *weights * pixel;
        }
        memcpy(to, &sum, sizeof sum);
    }
}

/* Rows of what becomes higher: each goes across once, and is kept for as long as new rows are made of it. */
INLINE void add_up(resampler *made, const uint8_t *in, size_t stride, int count, uint8_t *out) {
    const int taps = made->down.taps;
    const size_t size = made->bands == 1 ? 1 : 4;
    for (; count > 0; count--, in += stride) {
        light_up(in, made->length, made->weighed, made->squared, made->row);
        add_across(made, made->row, in_ring(made, made->top++));
        for (; made->sent < made->height && made->down.first[made->sent] + taps <= made->top; made->sent++) {
            const float *rows[2 * LOBES], *weights = made->down.weights + (size_t)made->sent * (size_t)taps;
            for (int tap = 0; tap < taps; tap++) rows[tap] = in_ring(made, made->down.first[made->sent] + tap);
            uint8_t *to = out + (size_t)made->sent * (size_t)made->width * size;
            for (size_t place = 0; place < (size_t)made->width; place++, to += size) {
                floats4 sum = {0};
                for (int tap = 0; tap < taps; tap++) {
                    floats4 pixel;
                    memcpy(&pixel, rows[tap] + 4 * place, sizeof pixel);
                    sum += weights[tap] * pixel;
                }
                put(to, made->bands, sum, made->weighed, made->squared);
            }
        }
    }
}

/* The next `count` rows, `stride` apart: AT_ONCE go into that number, but for the last ones. The new rows that are whole then are
 * written to their place in `out`.
 */
FASTEST void imgfn_add(resampler *made, const uint8_t *in, size_t stride, int count, uint8_t *out) {
    if (made->grows)
        add_up(made, in, stride, count, out);
    else
        add_down(made, in, stride, count, out);
}
