/* Working memory of one thread. */

#define ROWS 8 /* units of a block, see `_block.h` */
#define BOTH (2 * ROWS)

typedef struct {
    double *acc[2];              /* coefficients of every unit, one array per row */
    char *touched;               /* per level: whether the row reaches it; a block: `SOME`, `ALL` */
    /* By unit, for levels that are not linear. */
    double *lo, *hi;         /* bounds; of a unit of known sign, perhaps any of that sign */
    double *per_width;       /* 1 / (hi - lo) if unstable; 0 means a stable unit */
    double *free_;           /* initial slope of an unstable unit's free line */
    double *up, *down;       /* slope for a positive and for a negative coefficient */
    double *up_at, *down_at; /* their intercepts */
    double *bias, *rho;      /* of the levels, padded with zeros */
    double *due;             /* error per unit of its coefficient, see `_block.h` */
    double *mid, *apart;     /* half the sum and difference of the slopes, see `_block.h` */
    double *mid_at, *apart_at;
    int *order, *opened, *listed;
    double *ga;              /* coefficient in the objective's bound */
    double *best_free, *best_ga;
    double *rows, *met; /* of a block: coefficients of every unit; those a level passes on */
    int *some, *count;  /* of a block: the units that its rows reach, and their number, by level */
    int64_t *stamp, now; /* by unit: the last block that reached it; this block */
    double *share;      /* per block: share of each input in its units' widths */
    double *least, *most;      /* by unit: see `_sharpen.h` */
    double *lost;              /* by unit: the loss of its lines */
    double *part;              /* by unit: its share of each input; for `_sharpen.h` */
    double *fault;             /* of a block: the loss of its rows, by input */
    double *gap, *blame; /* by unit, by input: see `_objective.h` */
    int *lane, blocks;  /* the units of `share`, eight per block; 0: none */
    double *h, *z; /* values and sums of every unit */
    int *list, *ask;
    double *p0, *p1; /* coefficients by unit of one level; `list` names the nonzero ones */
    double *xs, *xbest;
    int *und_level, *und_unit, *und_state, *und_at, nund;
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
    /* Blocks: at most two units per level are bounded individually. */
    size_t most = N / 8 + 3 * (size_t)t->levels;
    w->acc[0] = reals(N);
    w->acc[1] = reals(N);
    w->touched = calloc((size_t)t->levels + 1, 1);
    w->lo = reals(N);
    w->hi = reals(N);
    w->per_width = reals(N);
    w->free_ = reals(N);
    w->up = reals(N);
    w->down = reals(N);
    w->up_at = reals(N);
    w->down_at = reals(N);
    w->bias = reals(N);
    w->rho = reals(N);
    w->due = reals(N);
    w->rows = reals(N * BOTH);
    w->met = reals(W * BOTH);
    w->some = malloc(sizeof(int) * (N + 8));
    w->count = calloc((size_t)t->levels + 1, sizeof(int));
    w->stamp = calloc(N + 8, sizeof(int64_t));
    for (int k = 1; k <= t->levels; k++) {
        const level *l = &t->lv[k];
        memcpy(w->bias + l->at, l->bias, sizeof(double) * (size_t)l->n);
        memcpy(w->rho + l->at, l->rho, sizeof(double) * (size_t)l->n);
        for (int u = 0; u < l->n; u++) {
            w->up[l->at + u] = w->down[l->at + u] = 1.0;
            w->due[l->at + u] = l->rho[u] + t->gamma * fabs(l->bias[u]);
        }
    }
    w->mid = reals(N);
    w->apart = reals(N);
    w->mid_at = reals(N);
    w->apart_at = reals(N);
    w->order = calloc(N + 8, sizeof(int));
    w->opened = calloc(N + 8, sizeof(int));
    w->listed = calloc(N + 8, sizeof(int));
    w->ga = reals(N);
    w->best_free = reals(N);
    w->best_ga = reals(N);
    w->share = reals(most * ROWS * (size_t)t->d);
    w->lane = malloc(sizeof(int) * most * ROWS);
    w->gap = reals(N);
    w->least = reals(N);
    w->lost = reals(N);
    w->part = reals(t->climbs ? (N + 8) * (size_t)t->d : 0);
    w->fault = reals(ROWS * (size_t)t->d);
    w->most = reals(N);
    w->blame = reals(ROWS * (size_t)t->d);
    w->h = reals(N);
    w->z = reals(N);
    w->list = malloc(sizeof(int) * W);
    w->ask = malloc(sizeof(int) * W);
    w->p0 = reals(W);
    w->p1 = reals(W);
    w->xs = reals((size_t)t->d);
    w->xbest = reals((size_t)t->d);
    w->und_level = malloc(sizeof(int) * S);
    w->und_unit = malloc(sizeof(int) * S);
    w->und_state = malloc(sizeof(int) * S);
    w->und_at = malloc(sizeof(int) * S);
    return w;
}

static void scratch_free(scratch *w)
{
    free(w->acc[0]);
    free(w->acc[1]);
    free(w->touched);
    free(w->lo);
    free(w->hi);
    free(w->per_width);
    free(w->free_);
    free(w->up);
    free(w->down);
    free(w->up_at);
    free(w->down_at);
    free(w->bias);
    free(w->rho);
    free(w->z);
    free(w->mid);
    free(w->apart);
    free(w->mid_at);
    free(w->apart_at);
    free(w->order);
    free(w->opened);
    free(w->listed);
    free(w->ga);
    free(w->best_free);
    free(w->best_ga);
    free(w->share);
    free(w->blame);
    free(w->lane);
    free(w->gap);
    free(w->least);
    free(w->lost);
    free(w->part);
    free(w->fault);
    free(w->most);
    free(w->h);
    free(w->due);
    free(w->rows);
    free(w->met);
    free(w->some);
    free(w->count);
    free(w->stamp);
    free(w->list);
    free(w->ask);
    free(w->p0);
    free(w->p1);
    free(w->xs);
    free(w->xbest);
    free(w->und_level);
    free(w->und_unit);
    free(w->und_state);
    free(w->und_at);
    free(w);
}
