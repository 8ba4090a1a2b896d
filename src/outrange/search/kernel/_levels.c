/* Selects the kernels of this library that run on this processor.
 *
 * LEVELS names the compiled ones, best first: "native" alone, or the levels of the psABI of
 * x86-64 and "x86_64" below them, or "arm64", whose vectors every such processor has. This file
 * is compiled for the least processor, since it runs before the level is known. */
#include <string.h>

#include "_api.h"

#define VERSION 6

#if defined(__x86_64__)
#include <cpuid.h>

enum { LZCNT = 1 << 5 };                                             /* leaf 0x80000001, ecx */
enum { FMA = 1 << 12, MOVBE = 1 << 22, OSXSAVE = 1 << 27, F16C = 1 << 29, AVX = 1 << 28 };
enum { BMI1 = 1 << 3, AVX2 = 1 << 5, BMI2 = 1 << 8 };                /* leaf 7, ebx */
enum { F = 1 << 16, DQ = 1 << 17, CD = 1 << 28, BW = 1 << 30 };      /* leaf 7, ebx: AVX-512 */
#define VL (1u << 31)
enum { SSE3 = 1 << 0, SSSE3 = 1 << 9, CX16 = 1 << 13, SSE41 = 1 << 19, SSE42 = 1 << 20,
       POPCNT = 1 << 23 };                                           /* leaf 1, ecx */
enum { LAHF = 1 << 0 };                                              /* leaf 0x80000001, ecx */
enum { YMM = 0x6, ZMM = 0xe6 }; /* registers that the system saves, in XCR0 */

static int all(unsigned has, unsigned wanted) { return (has & wanted) == wanted; }

/* The level of the processor and its system: 1 to 4. */
static int x86_64_level(void)
{
    unsigned a, b, c1, d, b7 = 0, c, x = 0, saved = 0, high;
    if (!__get_cpuid(1, &a, &b, &c1, &d)) return 1;
    if (!__get_cpuid(0x80000001, &a, &b, &x, &d)) x = 0;
    if (!all(c1, SSE3 | SSSE3 | CX16 | SSE41 | SSE42 | POPCNT) || !all(x, LAHF)) return 1;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c, &d)) b7 = 0;
    if (c1 & OSXSAVE) __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if (!all(c1, FMA | MOVBE | F16C | AVX) || !all(b7, BMI1 | AVX2 | BMI2) || !all(x, LZCNT) ||
        !all(saved, YMM))
        return 2;
    return all(b7, F | DQ | CD | BW | VL) && all(saved, ZMM) ? 4 : 3;
}

static int runs(const char *level)
{
    if (strncmp(level, "x86_64_v", 8) != 0) return 1;
    return level[8] - '0' <= x86_64_level();
}
#else
static int runs(const char *level) { return level != NULL; }
#endif

API int outrange_kernel_version(void) { return VERSION; }

/* The i-th level, best first; NULL beyond the last. *usable: whether this processor runs it. */
API const char *outrange_kernel_level(int i, int *usable)
{
    static const char *const levels[] = {LEVELS, NULL};
    int n = (int)(sizeof levels / sizeof *levels) - 1;
    if (i < 0 || i >= n) return NULL;
    *usable = runs(levels[i]);
    return levels[i];
}
