/* The units of a level that the rows of a block reach. Behind sparse matrices these are few:
 * they are listed, and the others cost nothing. */

#define ALL 1  /* every unit of a level has its sixteen coefficients */
#define SOME 2 /* only the listed units have coefficients */

/* The coefficients of unit c of a level with listed units; c is listed from now on. */
static inline double *reached(scratch *w, int level, int at, int c)
{
    double *row = w->rows + BOTH * (size_t)(at + c);
    if (w->stamp[at + c] == w->now) return row;
    w->stamp[at + c] = w->now;
    w->some[at + w->count[level]++] = c;
    memset(row, 0, sizeof(double) * BOTH);
    return row;
}

/* Give every unit of a level its coefficients. */
static void reach_all(scratch *w, int level, int at, int n)
{
    for (int c = 0; c < n; c++)
        if (w->stamp[at + c] != w->now)
            memset(w->rows + BOTH * (size_t)(at + c), 0, sizeof(double) * BOTH);
    w->touched[level] = ALL;
}

/* Select the listed units of a level in the order of `list_units`: the unstable ones, then the
 * stable ones with a nonzero slope. Returns the number of unstable ones. */
static int list_some(const level *l, scratch *w, int j, int *all)
{
    const int *some = w->some + l->at;
    int count = 0, both;
    for (int n = 0; n < w->count[j]; n++) {
        w->list[count] = some[n];
        count += w->per_width[l->at + some[n]] > 0.0;
    }
    both = count;
    for (int n = 0; n < w->count[j]; n++) {
        int i = l->at + some[n];
        if (w->per_width[i] > 0.0 || w->up[i] == 0.0) continue;
        w->list[count++] = some[n];
    }
    *all = count;
    return both;
}
