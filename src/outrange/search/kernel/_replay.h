/* The checker's computation in float64: which units are undecided on a box, their forms, and
 * forms bounded through lines. Nothing here is sound, and nothing needs to be: it chooses the
 * tree, and the checker decides in exact arithmetic whether the tree proves a claim.
 *
 * Variables are a constant 1, the inputs, and every unit. Columns of a row: the constant, the
 * inputs, then the undecided units in order.
 */

typedef struct {
    int n, first, used; /* units; the first unit's variable; variables that they read */
    double below, above;
    const int32_t *reads; /* used */
    double *turned;       /* a column of weights for every variable read, of padded(n) */
} block;

typedef struct {
    int d, blocks, vars, goals; /* vars: 1 + inputs + units */
    block *b;             /* and, after them, the goals, to be proved at least `least` */
    const double *least;  /* goals */
    const double *weight; /* goals: 1 / their range, to weigh the scores */
} exact_net;

/* A line below and one above; both are equal if the unit's sign is known. */
typedef struct {
    double ls, lt, hs, ht;
} two_lines;

#define TURN (1025.0 / 1024.0)

/* State of the network over one box. */
typedef struct {
    int K, width, asked;         /* undecided units; columns; units that were bounded */
    int touches;                 /* whether some unit's bounds end near 0 */
    int *var, *col, *start;      /* K: their variables; vars: column or -1 (off), -2 (a row) */
    int *wide;                   /* vars: columns of the row of a unit that is on */
    double *row;                 /* vars x most columns: forms of units that are on */
    double *form;                /* K x most columns: forms of undecided units */
    double *lo, *hi;             /* K: their bounds */
    double *share;               /* K x d: each input's share of the width */
    two_lines *line, *flat;      /* K: lines, and constants */
    const double **slope_at;     /* K: (below, above) of their block */
    int most;                    /* columns of a row in memory */
    int *ask, *sure;             /* units of a block: to be bounded; already on one side */
    v8 *eight, *less, *more, *x; /* columns of eight rows, their copies; factors of forms */
    const double **from;         /* the forms */
} replay;

static v8 *columns(size_t n) { return (v8 *)reals(8 * n); }

static replay *replay_new(const exact_net *t)
{
    replay *r = calloc(1, sizeof *r);
    size_t V = (size_t)t->vars, d = (size_t)t->d;
    r->most = padded(t->vars);
    size_t C = (size_t)r->most;
    r->var = malloc(sizeof(int) * V);
    r->col = malloc(sizeof(int) * V);
    r->start = malloc(sizeof(int) * V);
    r->wide = malloc(sizeof(int) * V);
    r->ask = malloc(sizeof(int) * V);
    r->sure = malloc(sizeof(int) * V);
    r->eight = columns(C);
    r->less = columns(C);
    r->more = columns(C);
    r->x = columns(V + d);
    r->from = malloc(sizeof(double *) * V);
    r->row = reals(V * C);
    r->form = reals(V * C);
    r->lo = reals(V);
    r->hi = reals(V);
    r->share = reals(V * (d + 1));
    r->line = malloc(sizeof(two_lines) * V);
    r->flat = malloc(sizeof(two_lines) * V);
    r->slope_at = malloc(sizeof(double *) * V);
    return r;
}

static void replay_free(replay *r)
{
    free(r->var);
    free(r->col);
    free(r->start);
    free(r->wide);
    free(r->ask);
    free(r->sure);
    free(r->eight);
    free(r->less);
    free(r->more);
    free(r->x);
    free(r->from);
    free(r->row);
    free(r->form);
    free(r->lo);
    free(r->hi);
    free(r->share);
    free(r->line);
    free(r->flat);
    free(r->slope_at);
    free(r);
}

/* Whether a unit is on one side of its kink, by more than float64's error: the checker counts a
 * unit that just touches 0 as undecided. */
static int is_on(double lo, double hi) { return lo > 1e-10 * (hi - lo); }
static int is_off(double lo, double hi) { return -hi > 1e-10 * (hi - lo); }

/* Whether a checker with another arithmetic may or may not see the unit on one side. */
static int is_close(double lo, double hi)
{
    return fmin(fabs(lo), fabs(hi)) <= 1e-7 * (hi - lo);
}

static two_lines draw(double below, double above, double lo, double hi)
{
    if (lo >= 0 || hi <= 0) {
        double s = lo >= 0 ? above : below;
        return (two_lines){s, 0, s, 0};
    }
    /* not at 1:1, which is common for units without bias on symmetric boxes */
    double turn = TURN * hi > -lo ? above : below, chord = (above * hi - below * lo) / (hi - lo);
    double e1 = (above - chord) * hi, e2 = (below - chord) * lo;
    if (above >= below) return (two_lines){turn, 0, chord, fmax(fmax(e1, e2), 0)};
    return (two_lines){chord, fmin(fmin(e1, e2), 0), turn, 0};
}

/* Constant lines: the least and the largest value between lo and hi. */
static two_lines flat(double below, double above, double lo, double hi)
{
    double a = below * lo, b = above * hi;
    return (two_lines){0, fmin(fmin(a, b), 0), 0, fmax(fmax(a, b), 0)};
}

/* Rows are 0 beyond their columns up to a multiple of eight, so whole registers are added. */
static inline void add_row(double *to, const double *from, double c, int n)
{
    for (int i = 0; i < n; i += 8) *(v8 *)(to + i) += c * *(const v8 *)(from + i);
}

/* The positive and the negative part of a number, without a branch. */
static inline double part_above(double x) { return x > 0 ? x : 0; }
static inline double part_below(double x) { return x < 0 ? x : 0; }

/* The least value of a form of the inputs over a box. */
static inline double at_corner(int d, const double *row, const double *lo, const double *hi)
{
    double v = row[0];
    for (int q = 0; q < d; q++)
        v += part_above(row[1 + q]) * lo[q] + part_below(row[1 + q]) * hi[q];
    return v;
}

/* A lower bound of a row of `width` columns, which is overwritten; `pull` (K, or NULL) is
 * subtracted from the coefficients of the units' sums. met (K, or NULL): the coefficients of
 * their values. */
static double least_row(const exact_net *t, const replay *r, double *row, int width,
                        const two_lines *line, const double *pull, const double *lo,
                        const double *hi, double *met)
{
    int d = t->d;
    double at = 0; /* separate: a single store would delay the load of a register */
    for (int j = width - 2 - d; j >= 0; j--) {
        double c = row[1 + d + j], z = c >= 0 ? c * line[j].ls : c * line[j].hs;
        if (met) met[j] = c;
        at += c >= 0 ? c * line[j].lt : c * line[j].ht;
        if (pull) z -= pull[j];
        if (z != 0.0) add_row(row, r->form + (size_t)j * (size_t)r->most, z, r->start[j]);
    }
    row[0] += at;
    return at_corner(d, row, lo, hi);
}
