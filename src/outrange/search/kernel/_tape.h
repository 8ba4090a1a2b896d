/* The tape: levels, their sources, and the functions that build it. */

typedef double v8 __attribute__((vector_size(64), aligned(8)));
typedef int64_t bits8 __attribute__((vector_size(64), aligned(8)));

/* LANES: how many numbers a register of this processor holds; v8 is eight numbers everywhere. TILE:
 * the number of pairs of sums that stay in registers. */
#if defined(__AVX512F__)
#define LANES 8
#define TILE 12 /* 24 sums in 32 registers */
#elif defined(__AVX__)
#define LANES 4
#define TILE 6 /* 12 sums in 16 registers */
#elif defined(__aarch64__)
#define LANES 2
#define TILE 12
#else
#define LANES 2
#define TILE 6
#endif
typedef double part __attribute__((vector_size(8 * LANES), aligned(8)));

/* Arrays of registers stay in registers only if their loops are unrolled. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef struct {
    int level, dense, stride;
    const double *w;    /* dense: n rows of stride doubles, zero padded to a multiple of 8 */
    double *turned;     /* dense: its transpose, rows padded likewise */
    const int64_t *ptr; /* sparse rows */
    const int32_t *col;
    const double *val;
} source;

typedef struct {
    int n, linear, nsrc, at, sat; /* at: offset among all units (padded); sat: among statuses */
    int first, second; /* 0, or the level of its counterparts: see `_apart.h` */
    double sm, sp, smax;
    const double *bias, *rho, *z;
    source *src;
} level;

typedef struct {
    int d, levels, m, total, states, widest, terms;
    level *lv;
    double *reach; /* d: largest |x| over the root box */
    uint8_t *whole; /* d: which inputs are integers, or NULL */
    double gamma;  /* gamma_N of all terms of a row */
    int deep;      /* next box of a task: 0, the most urgent; 1, the least urgent */
    int climbs;    /* steps of ascent on the bound of a unit that seems stable; 0: none */
    int sampled;   /* the last level of those units */
    double noise;  /* 1; 0 ignores rounding, for a test that must then fail */
} tape;

static int padded(int n) { return (n + 7) & ~7; }
static double gamma_of(double n) { return n * UNIT / (1.0 - n * UNIT) * (1.0 + 1e-9); }

API tape *OF_LEVEL(outrange_tape_new)(int d, int levels, const double *reach)
{
    tape *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->d = d;
    t->levels = levels;
    t->lv = calloc((size_t)levels + 1, sizeof(level));
    t->reach = malloc(sizeof(double) * (size_t)d);
    memcpy(t->reach, reach, sizeof(double) * (size_t)d);
    t->lv[0].n = d;
    t->lv[0].linear = 1;
    t->total = padded(d);
    t->widest = padded(d);
    t->terms = d;
    t->noise = 1.0;
    t->deep = 0;
    return t;
}

API void OF_LEVEL(outrange_tape_noise)(tape *t, double noise) { t->noise = noise; }

/* Sharpen the units with counterparts in levels of differences, see `_sharpen.h`. */
API void OF_LEVEL(outrange_tape_climbs)(tape *t, int steps)
{
    t->climbs = steps;
    for (int k = 1; k < t->levels; k++)
        if (t->lv[k].second) t->sampled = k;
}

/* With the least urgent box first, few boxes are open at a time, and few are returned. */
API void OF_LEVEL(outrange_tape_deep)(tape *t, int deep) { t->deep = deep; }

API void OF_LEVEL(outrange_tape_whole)(tape *t, const uint8_t *whole)
{
    t->whole = malloc((size_t)t->d + 1);
    memcpy(t->whole, whole, (size_t)t->d);
}

API void OF_LEVEL(outrange_tape_level)(tape *t, int k, int n, int linear, double sm, double sp,
                                       const double *bias, const double *rho, const double *z,
                                       int nsrc)
{
    level *l = &t->lv[k];
    l->n = n;
    l->linear = linear;
    l->sm = sm;
    l->sp = sp;
    l->smax = linear ? 1.0 : fmax(fabs(sm), fabs(sp));
    l->bias = bias;
    l->rho = rho;
    l->z = z;
    l->nsrc = nsrc;
    l->src = calloc((size_t)(nsrc > 0 ? nsrc : 1), sizeof(source));
    l->at = t->total;
    t->total += padded(n);
    l->sat = t->states;
    if (!linear) t->states += n;
    if (padded(n) > t->widest) t->widest = padded(n);
    t->terms += 2 * n + 2;
    t->gamma = gamma_of(t->terms);
    if (k == t->levels) t->m = n;
}

/* Level k holds the differences of a later copy's units from those of level `first`. */
API void OF_LEVEL(outrange_tape_apart)(tape *t, int k, int first)
{
    t->lv[k].first = first;
    t->lv[first].second = k;
}

API void OF_LEVEL(outrange_tape_source)(tape *t, int k, int i, int from, int dense, int stride,
                                        const double *w, const int64_t *ptr, const int32_t *col,
                                        const double *val)
{
    double *turned = NULL;
    if (dense) {
        size_t n = (size_t)t->lv[k].n, wide = (size_t)padded(t->lv[k].n);
        size_t rows = (size_t)t->lv[from].n;
        turned = calloc(wide * rows + 8, sizeof(double));
        for (size_t u = 0; u < n; u++)
            for (size_t c = 0; c < rows; c++) turned[c * wide + u] = w[u * (size_t)stride + c];
    }
    t->lv[k].src[i] = (source){from, dense, stride, w, turned, ptr, col, val};
}

API void OF_LEVEL(outrange_tape_free)(tape *t)
{
    if (!t) return;
    for (int k = 1; k <= t->levels; k++) {
        for (int i = 0; i < t->lv[k].nsrc; i++) free(t->lv[k].src[i].turned);
        free(t->lv[k].src);
    }
    free(t->lv);
    free(t->reach);
    free(t->whole);
    free(t);
}
