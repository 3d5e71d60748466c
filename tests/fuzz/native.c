/* Random input for the loops in C, under AddressSanitizer and UndefinedBehaviorSanitizer: `make fuzz SECONDS=60`.
 *
 * A libFuzzer target (https://llvm.org/docs/LibFuzzer.html). Each input is one call that imgfn.imaging.native lets through:
 * every buffer is as long as it promises, and not a byte longer. With -DREPLAY it is a program that takes files instead,
 * for any compiler; tests/fuzz/test_corpus.py builds that one.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct resampler resampler;
resampler *imgfn_resampler(int columns, int rows, int bands, const double *start, const double *step, int weighed, int squared,
                           int width, int height);
void imgfn_add(resampler *made, const uint8_t *in, size_t stride, int count, uint8_t *out);
void imgfn_forget(resampler *made);
void imgfn_affine(const uint8_t *in, int width, int height, const double *back, const uint8_t *fill, int has_alpha, uint8_t *out,
                  int out_width, int out_height);
int imgfn_unfilter(const uint8_t *raw, size_t rows, size_t length, size_t bands, uint8_t *out);
void imgfn_filter(const uint8_t *in, size_t row, size_t rows, size_t length, size_t bands, uint8_t *out);

#define LARGEST 1073741824.0 /* LARGEST of imgfn/imaging/native/__init__.py */

static const uint8_t *data;
static size_t left;

static uint8_t byte(void) { return left ? (left--, *data++) : 0; }

static int number(int least, int most) { return least + (byte() | byte() << 8) % (most - least + 1); }

/* One in four is any double, the others are within reach of a picture. */
static double real(double reach) {
    if (byte() % 4) return (number(0, 65535) - 32768) * reach / 32768;
    uint64_t bits = 0;
    for (int at = 0; at < 8; at++) bits = bits << 8 | byte();
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

/* Exactly so many bytes: what is left of the input, again and again. */
static uint8_t *bytes(size_t length) {
    uint8_t *made = malloc(length ? length : 1);
    if (!made) abort();
    for (size_t at = 0; at < length; at++) made[at] = left ? data[at % left] : (uint8_t)at;
    return made;
}

static void resample(void) {
    int layout = number(0, 3), bands = layout == 0 ? 1 : layout == 1 ? 3 : 4, columns = number(1, 90), rows = number(1, 90);
    int width = number(1, 90), height = number(1, 90), squared = number(0, 1);
    double start[2] = {real(90), real(90)}, step[2] = {fabs(real(90)), fabs(real(90))};
    for (int axis = 0; axis < 2; axis++)
        if (!(step[axis] > 0 && fabs(start[axis]) + step[axis] * ((axis ? height : width) + 4) < LARGEST)) return;
    resampler *made = imgfn_resampler(columns, rows, bands, start, step, layout == 3, squared, width, height);
    if (!made) return;
    uint8_t *out = malloc((size_t)width * (size_t)height * (bands == 1 ? 1 : 4));
    for (int done = 0; done < rows;) {
        int count = 4 * number(1, 8), gap = number(0, 3);
        if (count > rows - done) count = rows - done;
        size_t stride = (size_t)(columns * bands + gap);
        uint8_t *in = bytes((size_t)(count - 1) * stride + (size_t)(columns * bands));
        imgfn_add(made, in, stride, count, out);
        free(in);
        done += count;
    }
    imgfn_forget(made);
    free(out);
}

static void turn(void) {
    int width = number(1, 40), height = number(1, 40), out_width = number(1, 60), out_height = number(1, 60), alpha = number(0, 1);
    double back[6];
    uint8_t fill[4];
    for (int at = 0; at < 6; at++) back[at] = real(at % 3 == 2 ? 90 : 4);
    for (int at = 0; at < 4; at++) fill[at] = byte();
    for (int axis = 0; axis < 6; axis += 3)
        if (!(fabs(back[axis]) * out_width + fabs(back[axis + 1]) * out_height + fabs(back[axis + 2]) < LARGEST)) return;
    uint8_t *in = bytes((size_t)width * (size_t)height * 4), *out = malloc((size_t)out_width * (size_t)out_height * 4);
    imgfn_affine(in, width, height, back, fill, alpha, out, out_width, out_height);
    free(in);
    free(out);
}

static void unfilter(void) {
    size_t bands = (size_t)number(1, 4), length = bands * (size_t)number(1, 60), rows = (size_t)number(0, 12);
    int any = number(0, 3) == 0; /* filters that PNG has not got, too */
    uint8_t *raw = bytes(rows * (length + 1)), *out = malloc((rows + 1) * length);
    for (size_t row = 0; !any && row < rows; row++) raw[row * (length + 1)] = (uint8_t)(byte() % 8 > 4 ? 4 : byte() % 5);
    memset(out, 0, length);
    imgfn_unfilter(raw, rows, length, bands, out + length);
    free(raw);
    free(out);
}

/* What is filtered is undone again. */
static void filter(void) {
    size_t bands = (size_t)number(1, 4), length = bands * (size_t)number(1, 60), rows = (size_t)number(1, 12);
    size_t first = (size_t)number(0, (int)rows - 1), count = rows - first;
    uint8_t *in = bytes(rows * length), *raw = malloc(count * (length + 1)), *back = malloc((count + 1) * length);
    imgfn_filter(in, first, count, length, bands, raw);
    memset(back, 0, length);
    if (first) memcpy(back, in + (first - 1) * length, length);
    if (imgfn_unfilter(raw, count, length, bands, back + length) || memcmp(back + length, in + first * length, count * length)) abort();
    free(in);
    free(raw);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    data = input;
    left = length;
    switch (byte() % 4) {
    case 0: resample(); break;
    case 1: turn(); break;
    case 2: unfilter(); break;
    case 3: filter(); break;
    }
    return 0;
}

#ifdef REPLAY
int main(int count, char **paths) {
    for (int at = 1; at < count; at++) {
        static uint8_t input[1 << 16];
        FILE *file = fopen(paths[at], "rb");
        if (!file) return 2;
        size_t length = fread(input, 1, sizeof input, file);
        fclose(file);
        uint8_t *exact = malloc(length ? length : 1);
        memcpy(exact, input, length);
        LLVMFuzzerTestOneInput(exact, length);
        free(exact);
    }
    printf("%d inputs\n", count - 1);
    return 0;
}
#endif
