/* Leaves of the box tree by cases: signs of units are decided one by one, and each case is
 * closed by multipliers of the signs (a dual simplex in the inputs), or found empty. */

enum { DECIDE = 1, TIGHTEN = 2, SHARES = 4, EMPTY = 8 };

typedef struct {
    uint8_t *at;
    size_t count, room;
} bytes;

static void put(bytes *o, int value)
{
    if (o->count == o->room) {
        o->room = o->room ? 2 * o->room : 4096;
        uint8_t *more = malloc(o->room);
        if (o->count) memcpy(more, o->at, o->count);
        free(o->at);
        o->at = more;
    }
    o->at[o->count++] = (uint8_t)value;
}

static void put_number(bytes *o, uint64_t value)
{
    for (; value > 127; value >>= 7) put(o, (int)(value & 127) | 128);
    put(o, (int)value);
}

/* Write m * 2^(e - 128) with m of 16 bits; return the number that the checker will read. */
static double put_multiplier(bytes *o, double value)
{
    int e = 0;
    double m = frexp(value, &e); /* m in [0.5, 1) */
    uint32_t whole = (uint32_t)(m * 65536);
    if (whole > 65535) whole = 65535;
    e = e - 16 + 128;
    if (value <= 0 || e < 0) whole = 0, e = 0;
    if (e > 255) whole = 65535, e = 255;
    put(o, (int)(whole & 255));
    put(o, (int)(whole >> 8));
    put(o, e);
    return ldexp((double)whole, e - 128);
}

typedef struct {
    two_lines *line;
    double *lo, *hi;
    int8_t *sign;
} signs;

typedef struct {
    simplex lp;
    double *G, *h, *a, *c, *pull, *met;
    int *on; /* the decided units of a case, in order */
    two_lines *line, *flat;
    double *lo, *hi;
    int8_t *sign;
    int most, lps; /* maximum depth; linear programs solved */
} cases;

static cases *cases_new(const exact_net *t, int most)
{
    cases *f = calloc(1, sizeof *f);
    size_t d = (size_t)t->d, V = (size_t)t->vars, M = (size_t)most + 2;
    f->most = most;
    simplex_make(&f->lp, t->d, (int)M);
    f->G = reals(M * d);
    f->h = reals(M);
    f->a = reals(V + 8);
    f->c = reals(V + 8);
    f->pull = reals(V);
    f->met = reals(V);
    f->on = malloc(sizeof(int) * M);
    f->line = malloc(sizeof(two_lines) * M * M);
    f->flat = malloc(sizeof(two_lines) * V);
    f->lo = reals(M * M);
    f->hi = reals(M * M);
    f->sign = malloc(M * M);
    return f;
}

static void cases_free(cases *f)
{
    simplex_end(&f->lp);
    free(f->G);
    free(f->h);
    free(f->a);
    free(f->c);
    free(f->pull);
    free(f->met);
    free(f->on);
    free(f->line);
    free(f->flat);
    free(f->lo);
    free(f->hi);
    free(f->sign);
    free(f);
}

/* Bound the undecided units of a case again: decided units are substituted, the others take any of
 * their values. Return 0 if no input is left. */
static int tighten(const exact_net *t, const replay *r, cases *f, signs s, const double *lo,
                   const double *hi)
{
    for (int j = 0; j < r->K; j++) {
        if (s.sign[j] || is_on(s.lo[j], s.hi[j]) || is_off(s.lo[j], s.hi[j])) {
            f->flat[j] = s.line[j];
            continue;
        }
        const double *form = r->form + (size_t)j * (size_t)r->most;
        int n = r->start[j];
        memcpy(f->a, form, sizeof(double) * (size_t)n);
        for (int i = 0; i < n; i++) f->c[i] = -form[i];
        s.lo[j] = fmax(s.lo[j], least_row(t, r, f->a, n, f->flat, NULL, lo, hi, NULL));
        s.hi[j] = fmin(s.hi[j], -least_row(t, r, f->c, n, f->flat, NULL, lo, hi, NULL));
        if (s.lo[j] > s.hi[j]) return 0;
        int sure = is_on(s.lo[j], s.hi[j]) || is_off(s.lo[j], s.hi[j]);
        const double *slope = r->slope_at[j];
        f->flat[j] = sure ? draw(slope[0], slope[1], s.lo[j], s.hi[j])
                          : flat(slope[0], slope[1], s.lo[j], s.hi[j]);
        s.line[j] = draw(r->slope_at[j][0], r->slope_at[j][1], s.lo[j], s.hi[j]);
    }
    return 1;
}

/* The bound by the multipliers y of the decided units, as the checker will compute it. */
static double case_bound(const exact_net *t, const replay *r, cases *f, const double *row,
                         const two_lines *line, const double *lo, const double *hi)
{
    if (row) memcpy(f->a, row, sizeof(double) * (size_t)r->width);
    else memset(f->a, 0, sizeof(double) * (size_t)r->width);
    return least_row(t, r, f->a, r->width, line, f->pull, lo, hi, NULL);
}

/* Whether some unstable unit is too close to where its line turns for float64 to tell; then a leaf
 * states the lines. */
static int turns_by_a_hair(const exact_net *t, const replay *r, signs s, const double *lo,
                           const double *hi)
{
    for (int j = 0; j < r->K; j++) {
        if (s.sign[j] || is_on(s.lo[j], s.hi[j]) || is_off(s.lo[j], s.hi[j])) continue;
        const double *form = r->form + (size_t)j * (size_t)r->most;
        double size = fabs(form[0]);
        for (int q = 0; q < t->d; q++) size += fabs(form[1 + q]) * fmax(fabs(lo[q]), fabs(hi[q]));
        if (fabs(TURN * s.hi[j] + s.lo[j]) < 1e-9 * size) return 1;
    }
    return 0;
}

/* Write a leaf with the multipliers of the simplex, times `by`. Return 1 if it is proved; otherwise
 * nothing is written. */
static int put_leaf(const exact_net *t, const replay *r, cases *f, const double *row,
                    double target, signs s, int depth, int used, double by, int empty,
                    const double *lo, const double *hi, bytes *o)
{
    size_t before = o->count;
    int close = turns_by_a_hair(t, r, s, lo, hi);
    put(o, (empty ? EMPTY : 0) | (close ? SHARES : 0));
    for (int j = 0; close && j < r->K; j++) {
        const double *slope = r->slope_at[j];
        int convex = slope[1] >= slope[0];
        put(o, (convex ? s.line[j].ls : s.line[j].hs) == slope[1] ? 255 : 0);
    }
    put_number(o, (uint64_t)used);
    memset(f->pull, 0, sizeof(double) * (size_t)r->K);
    for (int i = 0; i < depth; i++)
        if (f->lp.y[i] > 0) {
            put_number(o, (uint64_t)f->on[i]);
            double y = put_multiplier(o, by * f->lp.y[i]);
            f->pull[f->on[i]] = s.sign[f->on[i]] * y;
        }
    double bound = case_bound(t, r, f, empty ? NULL : row, s.line, lo, hi);
    if (bound >= (empty ? 1e-9 : target)) return 1;
    o->count = before;
    return 0;
}

/* The undecided unit whose value's uncertainty affects the objective most, by the coefficients
 * in its bound; -1 if there is none. In the order of the units, there would be three times as
 * many cases. */
static int worst_unit(const replay *r, signs s, const double *met)
{
    int worst = -1;
    double most = -1;
    for (int j = 0; j < r->K; j++) {
        if (s.sign[j] || is_on(s.lo[j], s.hi[j]) || is_off(s.lo[j], s.hi[j])) continue;
        double doubt = fabs(met[j]) * (s.hi[j] < -s.lo[j] ? s.hi[j] : -s.lo[j]);
        if (!(doubt > most)) continue;
        most = doubt;
        worst = j;
    }
    return worst;
}

/* Close one case by the least value of the objective. Write a leaf and return 1; or return 0 with
 * the unit to decide next in *next (-1: none is left, the claim is false or too close). */
static int close_case(const exact_net *t, const replay *r, cases *f, const double *row,
                      double target, signs s, int depth, const double *lo, const double *hi,
                      bytes *o, int *next)
{
    int d = t->d;
    memcpy(f->a, row, sizeof(double) * (size_t)r->width);
    least_row(t, r, f->a, r->width, s.line, NULL, lo, hi, f->met);
    double cost[64];
    memcpy(cost, f->a + 1, sizeof(double) * (size_t)d);
    for (int i = 0; i < depth; i++) {
        int j = f->on[i];
        const double *form = r->form + (size_t)j * (size_t)r->most;
        /* a row that is at least 0 is also at most its upper bound */
        for (int c = 0; c < r->start[j]; c++) f->a[c] = -s.sign[j] * form[c];
        least_row(t, r, f->a, r->start[j], s.line, NULL, lo, hi, NULL);
        for (int q = 0; q < d; q++) f->G[i * d + q] = -f->a[1 + q];
        f->h[i] = f->a[0];
    }
    f->lps++;
    int status = lp_solve(&f->lp, cost, lo, hi, f->G, f->h, depth, 60), used = 0;
    int empty = status == LP_INFEASIBLE;
    double top = 0, size = 1;
    for (int q = 0; q < d; q++) size += fabs(cost[q]);
    for (int i = 0; i < depth; i++) {
        top = fmax(top, f->lp.y[i]);
        used += f->lp.y[i] > 0;
    }
    if (!empty) {
        if (put_leaf(t, r, f, row, target, s, depth, used, 1.0, 0, lo, hi, o)) return 1;
    } else if (top > 0) {
        if (put_leaf(t, r, f, row, target, s, depth, used, 1 / top, 1, lo, hi, o)) return 1;
        /* Signs that only touch leave almost no points: bound the goal there by a penalty. */
        for (double much = size; much < 1e9 * size; much *= 100)
            if (put_leaf(t, r, f, row, target, s, depth, used, much / top, 0, lo, hi, o)) return 1;
    }
    *next = worst_unit(r, s, f->met);
    return 0;
}

static signs level_of(cases *f, const replay *r, int depth)
{
    size_t at = (size_t)depth * (size_t)r->K;
    return (signs){f->line + at, f->lo + at, f->hi + at, f->sign + at};
}

/* Write the cases of one box, `depth` of them decided. Return 1 if all are closed. */
static int write_cases(const exact_net *t, const replay *r, cases *f, const double *row,
                       double target, int depth, int most_lps, const double *lo,
                       const double *hi, bytes *o)
{
    signs s = level_of(f, r, depth);
    int j;
    if (close_case(t, r, f, row, target, s, depth, lo, hi, o, &j)) return 1;
    if (j < 0 || f->lps >= most_lps || depth >= f->most) return 0;
    put(o, DECIDE | TIGHTEN);
    put_number(o, (uint64_t)j);
    f->on[depth] = j;
    for (int sign = 1; sign >= -1; sign -= 2) {
        signs n = level_of(f, r, depth + 1);
        size_t K = (size_t)r->K;
        memcpy(n.line, s.line, sizeof(two_lines) * K);
        memcpy(n.lo, s.lo, sizeof(double) * K);
        memcpy(n.hi, s.hi, sizeof(double) * K);
        memcpy(n.sign, s.sign, K);
        n.sign[j] = (int8_t)sign;
        if (sign > 0) n.lo[j] = 0;
        else n.hi[j] = 0;
        double slope = r->slope_at[j][sign > 0];
        n.line[j] = (two_lines){slope, 0, slope, 0};
        if (!tighten(t, r, f, n, lo, hi)) {
            put(o, EMPTY);
            put_number(o, 0);
            continue;
        }
        if (!write_cases(t, r, f, row, target, depth + 1, most_lps, lo, hi, o)) return 0;
    }
    return 1;
}
