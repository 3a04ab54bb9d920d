//! Functions that are differentiated twice, in the usual way and at compile time.
//!
//! Invariant: both modules hold the same tokens.

use chainrule::{differentiable, math, Differentiable};

macro_rules! twice {
    (mod $ordinary:ident, mod $constant:ident; $([$($options:tt)*] { $($item:tt)* })*) => {
        pub mod $ordinary {
            use super::*;
            $(#[differentiable($($options)*)] $($item)*)*
        }
        pub mod $constant {
            use super::*;
            $(#[differentiable(const, $($options)*)] $($item)*)*
        }
    };
}

/// Two layers, whose gradient is made by copying the struct.
#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Net {
    pub w1: [[f64; 2]; 3],
    pub b1: [f64; 3],
    pub w2: [f64; 3],
    pub b2: f64,
    #[constant]
    pub scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Layer(pub [[f64; 2]; 2], pub [f64; 2]);

#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Deep {
    pub layers: [Layer; 2],
    pub unused: [f64; 2],
}

const POINTS: usize = 4;

twice! {
    mod ordinary, mod constant;
    [] {
        pub const fn mixed(x: f64, y: f64) -> f64 {
            let s = math::sin(x) * math::cos(y) + math::exp(x * y) - math::ln(x + 2.0 * y);
            let t = math::sqrt(x * x + y) * math::tanh(x - y) + math::powf(y, 1.7) / math::powi(x, 3);
            let u = math::sigmoid(x) - math::softplus(y) + math::hypot(x, y) + math::tan(0.3 * x);
            s + t * u + math::max(x, y) + math::min(x, 0.5) + math::abs(x - 2.0 * y) + x.max(0.1)
                + math::exp_m1(0.1 * x) + math::ln_1p(y) + math::sinh(x) + math::cosh(y) + math::copysign(x, y)
        }
    }
    [wrt(net)] {
        pub const fn xor(net: &Net, x: &[[f64; 2]; POINTS], y: &[f64; POINTS]) -> f64 {
            let mut total = 0.0;
            let mut n = 0;
            while n < POINTS {
                let mut out = net.b2;
                let mut j = 0;
                while j < 3 {
                    let mut h = net.b1[j];
                    let mut i = 0;
                    while i < 2 {
                        h += net.w1[j][i] * x[n][i];
                        i += 1;
                    }
                    out += net.scale * net.w2[j] * math::tanh(h);
                    j += 1;
                }
                let d = math::sigmoid(out) - y[n];
                total += d * d;
                n += 1;
            }
            total / POINTS as f64
        }
    }
    [wrt(w, b)] {
        /// Cross entropy of a linear classifier, with the greatest logit subtracted.
        pub const fn classifier(
            w: &[[f64; 3]; 2],
            b: &[f64; 3],
            x: &[[f64; 2]; 5],
            labels: &[usize; 5],
        ) -> f64 {
            let mut total = 0.0;
            let mut n = 0;
            while n < 5 {
                let mut z = *b;
                let mut k = 0;
                while k < 3 {
                    z[k] += w[0][k] * x[n][0] + w[1][k] * x[n][1];
                    k += 1;
                }
                let top = math::max(math::max(z[0], z[1]), z[2]);
                let mut sum = 0.0;
                let mut k = 0;
                while k < 3 {
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
        pub const fn early(x: f64, long: bool, n: usize) -> f64 {
            if x < 0.0 {
                return -x * math::exp(x);
            }
            let mut y = x;
            if long {
                let mut i = 0;
                while i < 6 {
                    if y > 40.0 {
                        return y + x;
                    }
                    y = y * y + 0.1 * n as f64;
                    i += 1;
                }
            }
            math::ln(1.0 + y)
        }
    }
    [wrt(a)] {
        /// Triangles, steps and loops that run backwards.
        pub const fn nested(a: &[[f64; 6]; 6]) -> f64 {
            let mut total = 0.0;
            let mut i = 0;
            while i < 6 {
                let mut row = 1.0;
                let mut j = 1;
                while j < 6 {
                    row *= 1.0 + 0.1 * a[i][j];
                    j += 2;
                }
                while j > i {
                    j -= 1;
                    row += a[if j < 6 { j } else { 5 }][i];
                }
                let mut k = 6;
                while k > i {
                    k -= 1;
                    total = 0.5 * total + a[k][i] * row;
                }
                i += 1;
            }
            total
        }
    }
    [wrt(w, u, h)] {
        /// A recurrent network: the state is an array that each step makes anew.
        pub const fn recurrent(w: &[[f64; 3]; 3], u: &[f64; 3], h: [f64; 3], x: &[f64; 20]) -> f64 {
            let mut state = h;
            let mut t = 0;
            while t < 20 {
                let mut next = [0.0; 3];
                let mut i = 0;
                while i < 3 {
                    let mut s = u[i] * x[t];
                    let mut j = 0;
                    while j < 3 {
                        s += w[i][j] * state[j];
                        j += 1;
                    }
                    next[i] = math::tanh(s);
                    i += 1;
                }
                state = next;
                t += 1;
            }
            state[0] + 2.0 * state[1] - state[2]
        }
    }
    [wrt(x)] {
        /// A loop that ends early, and one with a `break` in a branch of another.
        pub const fn until(x: &[f64; 6], most: f64) -> f64 {
            let mut sum = 0.0;
            let mut n = 0;
            while n < 6 {
                if sum > most {
                    break;
                }
                let mut k = 0;
                while k <= n {
                    if x[k] < 0.0 {
                        break;
                    }
                    sum += math::exp(x[k]) * x[n];
                    k += 1;
                }
                n += 1;
            }
            sum * sum
        }
    }
    [] {
        pub const fn logistic(r: f64, x: f64) -> f64 {
            let mut y = x;
            let mut i = 0;
            while i < 10 {
                y = r * y * (1.0 - y);
                i += 1;
            }
            y
        }
    }
    [wrt(x)] {
        pub const fn generic<const N: usize>(x: &[f64; N], y: &[f64; N]) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < N {
                sum += math::exp(-x[i] * y[i]) * square(x[N - 1]);
                i += 1;
            }
            sum / N as f64
        }
    }
    [] {
        pub const fn square(x: f64) -> f64 {
            x * x
        }
    }
    [wrt(deep)] {
        pub const fn layers(deep: &Deep, x: &[f64; 2]) -> f64 {
            let mut h = *x;
            let mut l = 0;
            while l < 2 {
                let layer = &deep.layers[l];
                let mut next = layer.1;
                let mut i = 0;
                while i < 2 {
                    next[i] += layer.0[i][0] * h[0] + layer.0[i][1] * h[1];
                    i += 1;
                }
                h = [math::tanh(next[0]), math::tanh(next[1])];
                l += 1;
            }
            h[0] * h[1]
        }
    }
    [] {
        pub const fn single(x: f32, y: &[f32; 3]) -> f32 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 3 {
                sum += math::single::tanh(x * y[i]) + math::single::exp(-y[i] * y[i]);
                i += 1;
            }
            sum
        }
    }
    [math = "strict"] {
        pub const fn strict(x: &[f64; 4]) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 4 {
                sum += x[i] * x[i] / (x[i] + 0.1) + 0.0 * x[i];
                i += 1;
            }
            sum
        }
    }
}
