/* Writing the tree of a certificate: depth first, with the bound to be proved known. */

enum { NODE_BOUND = 1, NODE_LINEAR = 2, NODE_CASES = 4, NODE_SPLIT = 8, NODE_UNITS = 16 };

#define SETTLED 0.4 /* share of the bounded units that must be settled for bounds to be kept */

/* Hand over the open box that would come last, the largest: its tree follows this prover's.
 * Return 0 if at most `spare` boxes are open. */
API int OF_LEVEL(outrange_prover_take)(prover *p, int spare, double *lo, double *hi,
                                       double *known_lo, double *known_hi, uint8_t *open)
{
    size_t D = (size_t)p->net.d, V = (size_t)p->net.vars, m = (size_t)p->net.goals;
    if (p->depth <= spare) return 0;
    memcpy(lo, p->lo, sizeof(double) * D);
    memcpy(hi, p->hi, sizeof(double) * D);
    memcpy(known_lo, p->known_lo, sizeof(double) * V);
    memcpy(known_hi, p->known_hi, sizeof(double) * V);
    memcpy(open, p->open, m);
    size_t rest = (size_t)--p->depth;
    memmove(p->lo, p->lo + D, sizeof(double) * D * rest);
    memmove(p->hi, p->hi + D, sizeof(double) * D * rest);
    memmove(p->known_lo, p->known_lo + V, sizeof(double) * V * rest);
    memmove(p->known_hi, p->known_hi + V, sizeof(double) * V * rest);
    memmove(p->open, p->open + m, m * rest);
    return 1;
}

/* Start at a box that another prover of the same network has handed over. */
API void OF_LEVEL(outrange_prover_resume)(prover *p, const double *lo, const double *hi,
                                          const double *known_lo, const double *known_hi,
                                          const uint8_t *open)
{
    OF_LEVEL(outrange_prover_begin)(p, lo, hi);
    memcpy(p->known_lo, known_lo, sizeof(double) * (size_t)p->net.vars);
    memcpy(p->known_hi, known_hi, sizeof(double) * (size_t)p->net.vars);
    memcpy(p->open, open, (size_t)p->net.goals);
}

/* Add each input's share of the gaps of eight goals, times their weights. */
static void blame_gaps(const exact_net *t, const replay *r, const v8 *met, const v8 *slope,
                       const double *weight, const double *lo, const double *hi, double *blame)
{
    int d = t->d;
    for (int k = 0; k < ROWS; k++)
        for (int q = 0; weight[k] > 0 && q < d; q++)
            blame[q] += 0.5 * (hi[q] - lo[q]) * weight[k] * fabs(slope[q][k]);
    for (int j = 0; j < r->K; j++) {
        two_lines n = r->line[j];
        const double *s = r->slope_at[j];
        int convex = s[1] >= s[0];
        double turn = convex ? n.ls : n.hs, chord = fabs(convex ? n.ht : n.lt), all = 0;
        double gap = larger(fabs(s[0] - turn) * -r->lo[j], fabs(s[1] - turn) * r->hi[j]);
        for (int k = 0; k < ROWS; k++) {
            double c = met[j][k];
            all += weight[k] * fabs(c) * ((convex ? c > 0 : c < 0) ? gap : chord);
        }
        if (all == 0.0) continue;
        for (int q = 0; q < d; q++) blame[q] += all * r->share[j * d + q];
    }
}

/* Write the mask of the goals in `which`, by their positions among those still open. */
static void put_mask(bytes *o, const uint8_t *open, const uint8_t *which, int m)
{
    uint8_t bits[512] = {0};
    int n = 0, top = 0;
    for (int k = 0; k < m; k++)
        if (open[k]) {
            if (which[k]) bits[n / 7] |= (uint8_t)(1 << n % 7), top = n / 7;
            n++;
        }
    for (int i = 0; i <= top; i++) put(o, bits[i] | (i < top ? 128 : 0));
}

/* Whether the bounds of a box that is split are kept: bounds that settle few units are not worth
 * the checker's time. */
static int is_kept(const replay *r) { return r->asked - r->K >= SETTLED * r->asked; }

/* Close a goal on a box by cases, written to p->part. */
static int close_by_cases(prover *p, int k, const double *lo, const double *hi)
{
    const exact_net *t = &p->net;
    replay *r = p->r;
    size_t K = (size_t)r->K, before = p->part.count;
    if (r->K > p->leaf_units) return 0;
    signs s = level_of(p->f, r, 0);
    memcpy(s.line, r->line, sizeof(two_lines) * K);
    memcpy(s.lo, r->lo, sizeof(double) * K);
    memcpy(s.hi, r->hi, sizeof(double) * K);
    memset(s.sign, 0, K);
    p->f->lps = 0;
    p->stats[1]++;
    int closed = write_cases(t, r, p->f, p->row, t->least[k], 0, p->most_lps, lo, hi, &p->part);
    p->stats[2] += p->f->lps;
    if (!closed) p->part.count = before;
    return closed;
}

/* Close up to eight goals on a box, or add to the blame of its inputs. Returns how many are still
 * open. */
static int close_goals(prover *p, const int *goal, int n, const double *lo, const double *hi)
{
    const exact_net *t = &p->net;
    replay *r = p->r;
    ascent *a = &p->a;
    size_t columns = sizeof(v8) * (size_t)padded(r->width);
    double target[ROWS] = {0}, weight[ROWS] = {0};
    int wanted = 0, left = 0;
    write_eight(r, &t->b[t->blocks], goal, n, r->width);
    memcpy(a->row, r->eight, columns);
    memcpy(a->least, r->eight, columns);
    v8 bound = least_eight(t, r, a->least, r->K, NULL, lo, hi, a->met);
    for (int i = 0; i < n; i++) {
        target[i] = t->least[goal[i]];
        p->lined[goal[i]] = bound[i] >= target[i];
        if (!p->lined[goal[i]]) wanted |= 1 << i;
    }
    if (!wanted) return 0;
    memcpy(p->met, a->met, sizeof(v8) * (size_t)r->K);
    memcpy(p->slope, a->least + 1, sizeof(v8) * (size_t)t->d);
    /* The proofs of a box that stays open are discarded, unless its bounds are kept. */
    int all = r->K > p->leaf_units && !is_kept(r);
    int turned = ascend(t, r, a, wanted, all, target, (double *)&bound, lo, hi);
    for (int i = 0; i < n; i++) {
        if (!(wanted >> i & 1)) continue;
        if (turned >> i & 1) {
            put(&p->part, SHARES);
            for (int j = 0; j < r->K; j++) put(&p->part, a->found[i * t->vars + j]);
            put_number(&p->part, 0);
        } else {
            take_row(a->row, i, 1.0, r->width, p->row);
            if (!close_by_cases(p, goal[i], lo, hi)) {
                weight[i] = t->weight[goal[i]];
                left++;
                continue;
            }
        }
        p->cased[goal[i]] = 1;
    }
    if (left) blame_gaps(t, r, p->met, p->slope, weight, lo, hi, p->blame);
    return left;
}

/* Write the results of the box that starts at `head`; the goals it closes are no longer open. */
static void put_bounds(prover *p, size_t head, uint8_t *open)
{
    const replay *r = p->r;
    int m = p->net.goals, any = 0, cased = 0;
    for (int k = 0; k < m; k++) {
        any |= p->lined[k];
        cased |= p->cased[k];
    }
    put(&p->out, NODE_BOUND | (any ? NODE_LINEAR : 0));
    if (any) put_mask(&p->out, open, p->lined, m);
    for (int k = 0; k < m; k++) open[k] = open[k] && !p->lined[k];
    if (!cased) return;
    p->out.at[head] |= NODE_CASES;
    put_mask(&p->out, open, p->cased, m);
    if (r->touches) {
        p->out.at[head] |= NODE_UNITS;
        put_number(&p->out, (uint64_t)r->K);
        for (int j = 0; j < r->K; j++) put_number(&p->out, (uint64_t)(r->var[j] - 1));
    }
    for (size_t i = 0; i < p->part.count; i++) put(&p->out, p->part.at[i]);
    for (int k = 0; k < m; k++) open[k] = open[k] && !p->cased[k];
}

/* The input to split, by its blame; -1 if the box is a point in float64. */
static int choose_input(int d, const double *lo, const double *hi, const double *blame)
{
    int cut = -1;
    for (int q = 0; q < d; q++) {
        double c = 0.5 * lo[q] + 0.5 * hi[q];
        if (c > lo[q] && c < hi[q] && (cut < 0 || blame[q] > blame[cut])) cut = q;
    }
    return cut;
}

/* Process one box of the stack. Return 0 if the tree cannot be finished. */
static int grow(prover *p)
{
    const exact_net *t = &p->net;
    replay *r = p->r;
    int d = t->d, m = t->goals, at = p->depth - 1, count = 0, left = 0;
    size_t D = (size_t)d, V = (size_t)t->vars, head = p->out.count;
    double *lo = p->lo + (size_t)at * D, *hi = p->hi + (size_t)at * D;
    double *kl = p->known_lo + (size_t)at * V, *kh = p->known_hi + (size_t)at * V;
    uint8_t *open = p->open + (size_t)at * (size_t)m;
    p->stats[0]++;
    memcpy(p->opened, open, (size_t)m);
    memcpy(p->old_lo, kl, sizeof(double) * V);
    memcpy(p->old_hi, kh, sizeof(double) * V);
    replay_box(t, r, lo, hi, kl, kh);
    memset(p->lined, 0, (size_t)m);
    memset(p->cased, 0, (size_t)m);
    memset(p->blame, 0, sizeof(double) * D);
    p->part.count = 0;
    for (int k = 0; k < m; k++)
        if (open[k]) p->goal[count++] = k;
    for (int i = 0; i < count; i += ROWS)
        left += close_goals(p, p->goal + i, count - i < ROWS ? count - i : ROWS, lo, hi);
    put_bounds(p, head, open);
    p->depth--;
    if (!left) return 1;
    int cut = choose_input(d, lo, hi, p->blame);
    if (cut < 0 || p->depth + 2 > MOST_DEPTH) return 0;
    if (!is_kept(r)) { /* discard the bounds and their proofs, as the halves will */
        p->out.count = head + 1;
        p->out.at[head] = 0;
        memcpy(open, p->opened, (size_t)m);
        memcpy(kl, p->old_lo, sizeof(double) * V);
        memcpy(kh, p->old_hi, sizeof(double) * V);
    }
    p->out.at[head] |= NODE_SPLIT;
    put_number(&p->out, (uint64_t)cut);
    size_t to = (size_t)at + 1;
    memcpy(p->lo + to * D, lo, sizeof(double) * D);
    memcpy(p->hi + to * D, hi, sizeof(double) * D);
    memcpy(p->known_lo + to * V, kl, sizeof(double) * V);
    memcpy(p->known_hi + to * V, kh, sizeof(double) * V);
    memcpy(p->open + to * (size_t)m, open, (size_t)m);
    /* The lower half comes next. */
    p->hi[to * D + (size_t)cut] = lo[cut] + 0.5 * (hi[cut] - lo[cut]);
    lo[cut] = p->hi[to * D + (size_t)cut];
    p->depth += 2;
    return 1;
}

/* Process up to `boxes` more boxes. Return 1 if the tree is finished, 0 if not, -1 if
 * impossible. */
API int OF_LEVEL(outrange_prover_run)(prover *p, int boxes)
{
    for (int i = 0; i < boxes && p->depth; i++)
        if (!grow(p)) return -1;
    return p->depth == 0;
}

/* All bytes written since `outrange_prover_begin`, and their number in *count; the prover owns
 * them. */
API const uint8_t *OF_LEVEL(outrange_prover_tree)(prover *p, int64_t *count, int64_t *stats)
{
    *count = (int64_t)p->out.count;
    for (int i = 0; i < 3; i++) stats[i] = p->stats[i];
    return p->out.at;
}
