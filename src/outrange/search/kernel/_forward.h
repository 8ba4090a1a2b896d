/* Forward passes: the network itself, and the relaxation behind a bound. */

/* Compute the pre-activations of a level, to w->z from its own offset on. */
static void preactivations(const tape *t, scratch *w, const level *l)
{
    double *z = w->z + l->at;
    int end = padded(l->n);
    memcpy(z, w->bias + l->at, sizeof(double) * (size_t)end);
    for (int i = 0; i < l->nsrc; i++) {
        const source *s = &l->src[i];
        const level *from = &t->lv[s->level];
        const double *h = w->h + from->at;
        if (!s->dense) {
            for (int u = 0; u < l->n; u++)
                for (int64_t e = s->ptr[u]; e < s->ptr[u + 1]; e++)
                    z[u] += s->val[e] * h[s->col[e]];
            continue;
        }
        int count = 0;
        for (int c = 0; c < from->n; c++) {
            w->list[count] = c;
            count += h[c] != 0.0;
        }
        add_rows(&(source){.dense = 1, .stride = end, .w = s->turned}, l->n, w->list, count, h,
                 NULL, z, NULL, 1, 0);
    }
}

/* Evaluate the network itself at x, up to a level. */
static void forward(const tape *t, scratch *w, const double *x, int to)
{
    memcpy(w->h, x, sizeof(double) * (size_t)t->d);
    for (int k = 1; k <= to; k++) {
        const level *l = &t->lv[k];
        double *h = w->h + l->at;
        preactivations(t, w, l);
        if (l->linear) {
            memcpy(h, w->z + l->at, sizeof(double) * (size_t)l->n);
        } else if (l->first) {
            for (int u = 0; u < l->n; u++) h[u] = rise(t, w, l, u, w->z[l->at + u]);
        } else {
            v8 below = (v8){0} + l->sm, above = (v8){0} + l->sp;
            for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8) {
                v8 z = *(const v8 *)(w->z + i);
                *(v8 *)(w->h + i) = z * one_of((bits8)(z < 0.0), below, above);
            }
        }
    }
}

/* Evaluate the objectives at x, to y. */
static void evaluate(const tape *t, scratch *w, const double *x, double *y)
{
    forward(t, w, x, t->levels);
    memcpy(y, w->h + t->lv[t->levels].at, sizeof(double) * (size_t)t->m);
}

/* Evaluate at x, below a level, the relaxed network whose minimum the last row bounded, with every
 * sum off by the error that the row accounts for. */
static void relaxed_forward(const tape *t, scratch *w, int to, const double *x)
{
    memcpy(w->h, x, sizeof(double) * (size_t)t->d);
    for (int k = 1; k < to; k++) {
        const level *l = &t->lv[k];
        preactivations(t, w, l);
        for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8) {
            v8 z = *(const v8 *)(w->z + i);
            if (!l->linear) {
                v8 a = *(const v8 *)(w->ga + i), rho = *(const v8 *)(w->rho + i);
                bits8 up = (bits8)(a > 0.0);
                z -= t->noise * by_sign(a, rho, -rho);
                *(v8 *)(w->z + i) = z;
                z = z * one_of(up, *(const v8 *)(w->up + i), *(const v8 *)(w->down + i)) +
                    one_of(up, *(const v8 *)(w->up_at + i), *(const v8 *)(w->down_at + i));
            }
            *(v8 *)(w->h + i) = z;
        }
    }
}
