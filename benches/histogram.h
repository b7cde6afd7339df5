/* Durations in nanoseconds, counted in classes that are a 64th of their size wide: p50 and p99 are exact to 1.6 %. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS 64
#define HISTOGRAM_CLASSES (40 * HISTOGRAM_PARTS)

typedef struct histogram {
    uint64_t count;
    uint32_t classes[HISTOGRAM_CLASSES];
} histogram;

static inline unsigned histogram_class(uint64_t duration)
{
    if (duration < HISTOGRAM_PARTS) return (unsigned)duration;
    unsigned halvings = 63 - (unsigned)__builtin_clzll(duration) - 6;
    unsigned class = (halvings + 1) * HISTOGRAM_PARTS + (unsigned)((duration >> halvings) - HISTOGRAM_PARTS);
    return class < HISTOGRAM_CLASSES ? class : HISTOGRAM_CLASSES - 1;
}

static inline double histogram_middle(unsigned class)
{
    if (class < HISTOGRAM_PARTS) return class;
    unsigned halvings = class / HISTOGRAM_PARTS - 1;
    return ((double)(class % HISTOGRAM_PARTS + HISTOGRAM_PARTS) + 0.5) * (double)(1ull << halvings);
}

static inline void histogram_add(histogram *histogram, uint64_t duration)
{
    histogram->count++;
    histogram->classes[histogram_class(duration)]++;
}

static inline void histogram_merge(histogram *sum, const histogram *other)
{
    sum->count += other->count;
    for (unsigned i = 0; i < HISTOGRAM_CLASSES; i++) sum->classes[i] += other->classes[i];
}

/* The duration in microseconds that this part of all stays below. */
static inline double histogram_us(const histogram *histogram, double part)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_CLASSES; i++) {
        seen += histogram->classes[i];
        if (seen > 0 && (double)seen >= part * (double)histogram->count) return histogram_middle(i) / 1e3;
    }
    return 0;
}

#endif
