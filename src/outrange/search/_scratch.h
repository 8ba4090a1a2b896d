/* One thread's working memory. */

typedef struct {
    double *acc[2];              /* coefficients of every unit, one array a row */
    char *touched;               /* per level: does the row reach it */
    double *lo, *hi;             /* bounds of undecided units (by status index) */
    double *chord, *cut, *free_; /* undecided: chord slope and intercept, default free slope */
    double *up, *down;           /* by unit: slope for a positive and for a negative coefficient */
    double *up_at, *down_at;     /* their intercepts */
    double *bias, *rho;          /* the levels', padded with zeros */
    double *al, *ga;             /* ascent: current free slope, coefficient met */
    double *share;               /* undecided: share of each input in its width */
    double *h, *zz, *z;          /* forward values; pre-activations of one level */
    int *list;
    double *p0, *p1; /* coefficients by unit of one level; `list` says which count */
    double *xs, *xbest;
    int *und_level, *und_unit, *und_state, nund;
    double cst[2], pad[2], mag[2];
} scratch;

static double *reals(size_t n)
{
    size_t bytes = ((n + 8) * sizeof(double) + 63) / 64 * 64;
    double *p = aligned_alloc(64, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

static scratch *scratch_new(const tape *t)
{
    scratch *w = calloc(1, sizeof *w);
    size_t N = (size_t)t->total, S = (size_t)t->states + 1, W = (size_t)t->widest + 8;
    w->acc[0] = reals(N);
    w->acc[1] = reals(N);
    w->touched = calloc((size_t)t->levels + 1, 1);
    w->lo = reals(S);
    w->hi = reals(S);
    w->chord = reals(S);
    w->cut = reals(S);
    w->free_ = reals(S);
    w->up = reals(N);
    w->down = reals(N);
    w->up_at = reals(N);
    w->down_at = reals(N);
    w->bias = reals(N);
    w->rho = reals(N);
    for (int k = 1; k <= t->levels; k++) {
        const level *l = &t->lv[k];
        memcpy(w->bias + l->at, l->bias, sizeof(double) * (size_t)l->n);
        memcpy(w->rho + l->at, l->rho, sizeof(double) * (size_t)l->n);
        for (int u = 0; u < l->n; u++) w->up[l->at + u] = w->down[l->at + u] = 1.0;
    }
    w->al = reals(S + 8);
    w->ga = reals(S + 8);
    w->share = reals(S * (size_t)t->d);
    w->h = reals(N);
    w->zz = reals(N);
    w->z = reals(W);
    w->list = malloc(sizeof(int) * W);
    w->p0 = reals(W);
    w->p1 = reals(W);
    w->xs = reals((size_t)t->d);
    w->xbest = reals((size_t)t->d);
    w->und_level = malloc(sizeof(int) * S);
    w->und_unit = malloc(sizeof(int) * S);
    w->und_state = malloc(sizeof(int) * S);
    return w;
}

static void scratch_free(scratch *w)
{
    free(w->acc[0]);
    free(w->acc[1]);
    free(w->touched);
    free(w->lo);
    free(w->hi);
    free(w->chord);
    free(w->cut);
    free(w->free_);
    free(w->up);
    free(w->down);
    free(w->up_at);
    free(w->down_at);
    free(w->bias);
    free(w->rho);
    free(w->z);
    free(w->al);
    free(w->ga);
    free(w->share);
    free(w->h);
    free(w->zz);
    free(w->list);
    free(w->p0);
    free(w->p1);
    free(w->xs);
    free(w->xbest);
    free(w->und_level);
    free(w->und_unit);
    free(w->und_state);
    free(w);
}
