/* Exact leaves: a box with few unstable units is closed by trying their phases depth first, with a
 * small bounded dual simplex in the input variables. Only the multipliers of the simplex are used:
 * the bound is recomputed from them with every rounding error included (Neumaier and Shcherbina
 * 2004), and infeasibility likewise from a Farkas vector.
 */

/* The minimum of objective k over the box below `cutoff`. Returns a proved bound (never above the
 * true minimum); *value is the least vertex value seen (at f->xbest), +inf if none below cutoff.
 * *complete is 0 if the work was cut short: then nothing is proved. */
static double leaf_solve(const tape *t, scratch *w, leaf *f, int k, const double *xl,
                         const double *xu, const int8_t *st, double cutoff, int most_lps,
                         double *value, int *complete, int64_t *lps)
{
    int d = t->d, K = f->K = w->nund, j = 0, m = 0, count = 0;
    double e0 = 0.0, c0 = leaf_build(t, w, f, k, st, &e0), proved = INFINITY, best = cutoff;
    *value = INFINITY;
    *complete = 1;
    for (;;) {
        leaf_bounds(t, w, f, j, xl, xu);
        const double *L = f->L + (size_t)j * (size_t)K, *U = f->U + (size_t)j * (size_t)K;
        memcpy(f->cc, f->cx, sizeof(double) * (size_t)d);
        memcpy(f->wl, f->wq, sizeof(double) * (size_t)K);
        double ob = relax_form(t, f, j, K, c0, e0), bound;
        if (++count > most_lps) {
            *complete = 0;
            break;
        }
        (*lps)++;
        int status = lp_solve(&f->lp, f->cc, xl, xu, f->G, f->h, m, 60), done = 0;
        if (status == LP_INFEASIBLE) {
            bound = safe_bound(t, NULL, 0.0, xl, xu, f->G, f->h, m, f->lp.y);
            if (!(bound > 0)) { /* also NaN */
                *complete = 0;
                break;
            }
            done = 1;
        } else {
            bound = safe_bound(t, f->cc, ob, xl, xu, f->G, f->h, m, f->lp.y);
            if (isnan(bound)) { /* overflow: the comparisons below would count it as exact */
                *complete = 0;
                break;
            }
            /* If at most LEAF_SHARE times the cost of the errors is missing, they are worth a row
             * of their own. */
            double missed = best - bound;
            for (int i = 0, r = 0; i < j; i++)
                if (f->branch[i]) missed -= f->lp.y[r++] * f->ez[i];
            if (bound < best && missed <= LEAF_SHARE * f->spent)
                bound = fmax(bound, leaf_again(t, w, f, k, j, m, best, xl, xu, st));
            int exact = 1;
            for (int i = j; i < K; i++)
                if (L[i] < 0 && U[i] > 0) exact = 0;
            if (bound >= best) {
                proved = fmin(proved, bound);
                done = 1;
            } else if (exact) {
                if (status != LP_OPTIMAL) {
                    *complete = 0;
                    break;
                }
                proved = fmin(proved, bound);
                if (bound < *value) {
                    *value = bound;
                    memcpy(f->xbest, f->lp.x, sizeof(double) * (size_t)d);
                }
                best = fmin(best, bound);
                done = 1;
            }
        }
        if (!done) { /* decide unit j: first the phase of the relaxation's minimizer */
            leaf_fix(t, f, j);
            if (L[j] >= 0) {
                f->phase[j] = 1;
                f->branch[j] = 0;
            } else if (U[j] <= 0) {
                f->phase[j] = 0;
                f->branch[j] = 0;
            } else {
                double v = f->zb[j];
                for (int q = 0; q < d; q++) v += f->zc[j * d + q] * f->lp.x[q];
                f->phase[j] = v > 0;
                f->branch[j] = 1;
            }
        } else { /* backtrack to the last unit with an untried phase */
            for (j--; j >= 0; j--) {
                if (f->branch[j] != 0) m--;
                if (f->branch[j] == 1) break;
            }
            if (j < 0) break;
            f->phase[j] = !f->phase[j];
            f->branch[j] = 2;
        }
        double slope = f->phase[j] ? f->sp[j] : f->sm[j];
        for (int q = 0; q < d; q++) f->Ac[j * d + q] = slope * f->zc[j * d + q];
        f->Ab[j] = slope * f->zb[j];
        f->ea[j] = fabs(slope) * (f->ez[j] + 4 * UNIT * f->zm[j]) * (1 + 1e-9);
        f->am[j] = fabs(slope) * f->zm[j];
        if (f->branch[j] != 0) {
            double sign = f->phase[j] ? 1.0 : -1.0;
            for (int q = 0; q < d; q++) f->G[m * d + q] = sign * f->zc[j * d + q];
            f->h[m] = -sign * f->zb[j] - f->ez[j];
            m++;
        }
        j++;
    }
    return proved;
}
