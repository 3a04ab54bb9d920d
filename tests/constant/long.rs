//! The same over dimensions that are too long to be written out.

use chainrule::{differentiable, math};

pub const TABLE: [[f64; 17]; 19] = {
    let mut a = [[0.0; 17]; 19];
    let mut k = 0;
    while k < 17 * 19 {
        a[k / 17][k % 17] = math::sin(1.7 * k as f64);
        k += 1;
    }
    a
};

twice! {
    mod wide_ordinary, mod wide_constant;
    [] {
        /// Each element with its neighbour.
        pub const fn smooth(x: &[f64; 20]) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 19 {
                let step = x[i + 1] - x[i];
                sum += step * step * math::exp(-x[i]);
                i += 1;
            }
            sum
        }
    }
    [wrt(w)] {
        /// Cross entropies of products.
        pub const fn wide(w: &[[f64; 20]; 17], x: &[[f64; 17]; 3], labels: &[usize; 3]) -> f64 {
            let mut total = 0.0;
            let mut n = 0;
            while n < 3 {
                let mut z = [0.0; 20];
                let mut k = 0;
                while k < 20 {
                    let mut i = 0;
                    while i < 17 {
                        z[k] += w[i][k] * x[n][i];
                        i += 1;
                    }
                    k += 1;
                }
                let mut top = z[0];
                let mut k = 1;
                while k < 20 {
                    top = math::max(top, z[k]);
                    k += 1;
                }
                let mut sum = 0.0;
                let mut k = 0;
                while k < 20 {
                    sum += math::exp(z[k] - top);
                    k += 1;
                }
                total += math::ln(sum) + top - z[labels[n]];
                n += 1;
            }
            total
        }
    }
    [wrt(x)] {
        /// Branches, triangles, positions that are computed, data of the module, truth values.
        pub const fn chosen(x: &[f64; 20], mask: &[bool; 20], shift: usize) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 20 {
                if mask[i] {
                    sum += math::exp(x[i]) * x[(i * 7 + shift) % 20];
                } else if x[i] > 0.0 {
                    sum -= math::sqrt(x[i]) * TABLE[i % 19][shift];
                }
                let mut j = 0;
                while j < i {
                    sum += 0.01 * x[i] * x[j] * TABLE[j][i / 2];
                    j += 1;
                }
                i += 1;
            }
            sum
        }
    }
    [wrt(w, h)] {
        pub const fn long(w: &[[f64; 17]; 17], h: &[f64; 17]) -> f64 {
            let mut state = *h;
            let mut t = 0;
            while t < 19 {
                let mut next: [f64; 17] = TABLE[t];
                let mut i = 0;
                while i < 17 {
                    let mut j = 0;
                    while j < 17 {
                        next[i] += w[i][j] * state[j];
                        j += 1;
                    }
                    next[i] = math::tanh(next[i]);
                    i += 1;
                }
                state = next;
                t += 1;
            }
            let mut sum = 0.0;
            let mut i = 0;
            while i < 17 {
                sum += state[i] * (i as f64 + 1.0);
                i += 1;
            }
            sum
        }
    }
}
