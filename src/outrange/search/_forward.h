/* Forward passes: the network itself, and the relaxation that a bound came from. */

static double dot_row(const source *s, int u, int n, const double *h)
{
    double r = 0;
    if (s->dense) {
        const double *w = s->w + (size_t)u * (size_t)s->stride;
        v8 v = {0};
        int q = 0, end = padded(n);
        for (; q < end; q += 8) v += *(const v8 *)(w + q) * *(const v8 *)(h + q);
        for (int i = 0; i < 8; i++) r += v[i];
        return r;
    }
    for (int64_t e = s->ptr[u]; e < s->ptr[u + 1]; e++) r += s->val[e] * h[s->col[e]];
    return r;
}

static double preactivation(const tape *t, const scratch *w, const level *l, int u)
{
    double z = l->bias[u];
    for (int i = 0; i < l->nsrc; i++) {
        const source *s = &l->src[i];
        const level *from = &t->lv[s->level];
        z += dot_row(s, u, from->n, w->h + from->at);
    }
    return z;
}

/* The network itself at x; objectives to y. */
static void evaluate(const tape *t, scratch *w, const double *x, double *y)
{
    memcpy(w->h, x, sizeof(double) * (size_t)t->d);
    for (int k = 1; k <= t->levels; k++) {
        const level *l = &t->lv[k];
        double *h = w->h + l->at;
        for (int u = 0; u < l->n; u++) {
            double z = preactivation(t, w, l, u);
            h[u] = l->linear ? z : z * (z < 0 ? l->sm : l->sp);
        }
    }
    memcpy(y, w->h + t->lv[t->levels].at, sizeof(double) * (size_t)t->m);
}

/* The relaxed network whose minimum the last row bounded, at x; pre-activations to zz. */
static void relaxed_forward(const tape *t, scratch *w, const double *x, const int8_t *st)
{
    memcpy(w->h, x, sizeof(double) * (size_t)t->d);
    for (int k = 1; k < t->levels; k++) {
        const level *l = &t->lv[k];
        double *h = w->h + l->at;
        for (int u = 0; u < l->n; u++) {
            int s = l->sat + u;
            if (!l->linear && st[s] != 0 && (st[s] > 0 ? l->sp : l->sm) == 0.0) {
                h[u] = 0.0;
                continue;
            }
            double z = preactivation(t, w, l, u);
            if (l->linear) h[u] = z;
            else if (st[s]) h[u] = z * (st[s] > 0 ? l->sp : l->sm);
            else {
                double b, p = relaxed(l, w, s, w->ga[s], w->al, &b);
                w->zz[s] = z;
                h[u] = p * z + b;
            }
        }
    }
}
