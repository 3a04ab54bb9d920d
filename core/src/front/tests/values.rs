//! The same function run by rustc and by the interpreter of its graph.

use super::*;
use ndarray::{
    arr1, aview1, concatenate, s, stack, Array, Array1, Array2, Array3, ArrayView1, ArrayView2, Axis,
    Dimension, NewAxis,
};

/// Numbers in row-major order, with their dimensions.
trait Flat {
    fn flat(&self) -> (Vec<usize>, Vec<f64>);
}
impl Flat for f64 {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        (vec![], vec![*self])
    }
}
impl Flat for usize {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        (vec![], vec![*self as f64])
    }
}
impl<T: Flat, const N: usize> Flat for [T; N] {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        self[..].flat()
    }
}
impl<T: Flat> Flat for [T] {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        let mut dims = vec![self.len()];
        dims.extend(self.first().map(|x| x.flat().0).unwrap_or_default());
        (dims, self.iter().flat_map(|x| x.flat().1).collect())
    }
}
impl<T: Flat> Flat for Vec<T> {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        self[..].flat()
    }
}
impl<T: Flat + ?Sized> Flat for &T {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        (**self).flat()
    }
}
impl<D: Dimension> Flat for Array<f64, D> {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        (self.shape().to_vec(), self.iter().copied().collect())
    }
}
impl<D: Dimension> Flat for ndarray::ArrayView<'_, f64, D> {
    fn flat(&self) -> (Vec<usize>, Vec<f64>) {
        (self.shape().to_vec(), self.iter().copied().collect())
    }
}

fn square() -> Array2<f64> {
    Array2::from_shape_fn((4, 4), |(i, j)| {
        0.3 + 0.17 * i as f64 - 0.05 * (j * j) as f64 + 0.01 * (i * j) as f64
    })
}
fn tall() -> Array2<f64> {
    Array2::from_shape_fn((5, 3), |(i, j)| (1.3 * i as f64 + 0.7 * j as f64).sin())
}
fn line() -> Array1<f64> {
    Array1::from_shape_fn(6, |i| (0.9 * i as f64).cos() + 0.1)
}

/// Inputs by name; what they say about the symbols of sizes.
fn run(source: &str, given: &[(&str, (Vec<usize>, Vec<f64>))]) -> Vec<f64> {
    let p = accepted("vjp", source, &definitions(&[]));
    let mut syms = vec![1i64; p.graph.sizes.syms.len()];
    let inputs = p.graph.inputs.iter().map(|input| {
        let (dims, values) = &given.iter().find(|g| g.0 == input.name).expect("an argument").1;
        assert_eq!(dims.len(), input.dims.len(), "{source}");
        for (d, n) in input.dims.iter().zip(dims) {
            match d.as_sym() {
                Some(sym) => syms[sym.0 as usize] = *n as i64,
                None => assert_eq!(d.as_const(), Some(*n as i64), "{source}"),
            }
        }
        values.iter().map(|v| Dual::constant(*v)).collect()
    });
    let inputs = inputs.collect();
    for (k, sym) in p.graph.sizes.syms.iter().enumerate() {
        syms[k] = measured(&sym.name, given).unwrap_or(syms[k]);
        if let Some((_, (_, values))) = given.iter().find(|g| g.0 == sym.name) {
            syms[k] = values[0] as i64;
        }
    }
    let at = Point { inputs, syms, functions: vec![] };
    (0..p.outputs.len()).flat_map(|k| values(&p, &at, k)).collect()
}

/// The value of `(x.len() + 1) / 2` and the like.
fn measured(name: &str, given: &[(&str, (Vec<usize>, Vec<f64>))]) -> Option<i64> {
    let sign = if name.contains(" % ") { '%' } else { '/' };
    let (n, by) = name.strip_prefix('(')?.split_once(&format!(") {sign} "))?;
    let (n, plus) = n.split_once(" + ").unwrap_or((n, "0"));
    let (var, rest) = n.split_once('.')?;
    let dims = &given.iter().find(|g| g.0 == var)?.1 .0;
    let n = if rest == "ncols()" { dims[1] } else { dims[0] } as i64 + plus.parse::<i64>().ok()?;
    let by = by.trim_matches(['(', ')']).parse::<i64>().ok()?;
    Some(if sign == '%' { n % by } else { n / by })
}

macro_rules! agree {
    ($($name:ident($($arg:ident: $ty:ty = $value:expr),*) -> $out:ty $body:block)+) => { $(
        #[test]
        #[allow(clippy::all)]
        fn $name() {
            fn compiled($($arg: $ty),*) -> $out $body
            let source = concat!("fn f(", $(stringify!($arg: $ty), ", ",)* ") -> ", stringify!($out), stringify!($body));
            let given = [$((stringify!($arg), $value.flat())),*];
            let want = compiled($($value),*).flat().1;
            let got = run(source, &given);
            assert_eq!(want.len(), got.len(), "{source}");
            for (a, b) in want.iter().zip(&got) {
                assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs()), "{source}\n{want:?}\n{got:?}");
            }
        }
    )+ };
}

agree! {
    scalars(x: f64 = 0.7, y: f64 = -0.4) -> [f64; 16] {
        [x.powi(3) - y / x, x.atan2(y), x.hypot(y), x.clamp(-0.1, 0.5), y.rem_euclid(0.3), y % 0.3, x.log(3.0),
         x.mul_add(y, 2.0), x.copysign(y), y.abs().sqrt(), x.to_degrees(), y.to_radians(), y.round(), y.fract(), x.max(y), x.exp_m1()]
    }
    broadcast(a: &Array2<f64> = &tall(), b: ArrayView1<f64> = line().slice(s![..3])) -> Array2<f64> {
        let c = a * &b - a / 2.0;
        let d = a.sum_axis(Axis(0)) + a.mean_axis(Axis(0)).unwrap() * 3.0;
        c + &d - a.t().dot(a).row(1)
    }
    products(a: &Array2<f64> = &tall(), x: &Array1<f64> = &line().slice(s![..3]).to_owned()) -> Array1<f64> {
        a.dot(x).dot(a) + x.dot(x) * x + a.t().dot(&a.dot(x))
    }
    transposed(a: &Array2<f64> = &square()) -> Array2<f64> {
        (a.dot(&a.t()) - &a.t() * a).mapv(f64::tanh) + a.t().dot(a).t()
    }
    rows_and_columns(a: &Array2<f64> = &square()) -> Array1<f64> {
        &a.row(1) * &a.column(2) + a.diag() - &a.index_axis(Axis(0), 3) * a[[2, 1]] + a.sum_axis(Axis(1))
    }
    slices(a: &Array2<f64> = &square()) -> Array2<f64> {
        let b = a.slice(s![1..3, ..;2]);
        let c = a.slice(s![..-2, 1..=2]);
        let d = a.slice(s![..;-2, ..;3]);
        let e = a.slice(s![-1, ..2]);
        let f = a.slice(s![1..3, -1, NewAxis]);
        &(&b + &c - &d * &e) + &f
    }
    negative_steps(a: &Array1<f64> = &line()) -> Array1<f64> {
        let b = a.slice(s![1..5;-1]);
        let c = a.slice(s![..4;-1]);
        let d = a.slice(s![..;-2]);
        let e = a.slice(s![1..;2]);
        let n = a.len();
        concatenate![Axis(0), &b - &c, &d * &e, a.slice(s![n - 3..])]
    }
    joined(a: &Array2<f64> = &square(), x: &Array1<f64> = &line().slice(s![..4]).to_owned()) -> Array2<f64> {
        let b = stack![Axis(0), x.view(), a.row(2)];
        let c = stack![Axis(1), x.view(), a.row(2), a.column(0)];
        let d = concatenate![Axis(0), b, a.t()];
        concatenate![Axis(1), c, d.slice(s![1..5, ..])]
    }
    reshaped(a: &Array2<f64> = &square()) -> Array2<f64> {
        let b = a.to_shape((2, 8)).unwrap();
        let c = a.dot(a).into_shape_with_order((8, 2)).unwrap();
        let d = a.slice(s![1..3, ..]).to_owned().into_shape_with_order(8).unwrap();
        &b + &c.t() * &d
    }
    permuted(a: &Array2<f64> = &tall()) -> Array3<f64> {
        let b = a.view().insert_axis(Axis(1));
        let c = a.view().insert_axis(Axis(0));
        (&b * &c).permuted_axes([2, 0, 1])
    }
    folds(a: &Array2<f64> = &tall()) -> Array1<f64> {
        let top = a.fold(f64::NEG_INFINITY, |m, v| m.max(*v));
        let low = a.fold_axis(Axis(0), f64::INFINITY, |m, v| m.min(*v));
        let squares = a.map_axis(Axis(0), |c| c.dot(&c));
        low * top + squares * a.product() + a.mean().unwrap()
    }
    gathered(a: &Array2<f64> = &tall()) -> Array2<f64> {
        a.select(Axis(0), &[4, 0, 2]) + a.select(Axis(1), &[2, 2, 0]).slice(s![..3, ..])
    }
    splits(a: &Array2<f64> = &square()) -> Array1<f64> {
        let (u, v) = a.view().split_at(Axis(1), 1);
        u.sum_axis(Axis(1)) * v.sum_axis(Axis(1))
    }
    iterators(x: &[f64] = line().as_slice().unwrap(), y: &[f64; 6] = &[0.1, 0.4, -0.2, 0.9, 1.1, 0.3]) -> [f64; 7] {
        let dot: f64 = x.iter().zip(y).map(|(a, b)| a * b).sum();
        let steps = x.windows(3).map(|w| w[2] - 2.0 * w[1] + w[0]).map(|d| d * d).sum::<f64>();
        let mixed = x.iter().rev().skip(1).zip(y.iter().skip(1)).take(5).map(|(a, b)| a / b).sum::<f64>();
        let counted = x.iter().enumerate().map(|(i, v)| (i + 1) as f64 * v).sum::<f64>();
        let chunks = y.chunks_exact(2).map(|c| c[0] - c[1]).fold(1.0, |p, v| p * v);
        let indexed = (1..x.len()).map(|i| x[i] * y[i - 1]).sum::<f64>();
        let lanes = y.iter().step_by(4).map(|v| v.exp()).sum::<f64>();
        [dot, steps, mixed, counted, chunks, indexed, lanes]
    }
    pairs(x: &[f64] = line().as_slice().unwrap()) -> Vec<f64> {
        let total = x.iter().map(|a| x.iter().map(|b| (a - b).powi(2)).sum::<f64>()).sum::<f64>();
        x.iter().map(|v| v / total).collect()
    }
    nests(m: &[[f64; 3]; 2] = &[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], v: [f64; 3] = [0.3, 0.2, 0.1]) -> [[f64; 2]; 2] {
        let p = m.map(|row| row.iter().zip(&v).map(|(a, b)| a * b).sum::<f64>());
        [p, [m[1][2] - m[0][0], p[0]]]
    }
    views_of_slices(x: &[f64] = line().as_slice().unwrap()) -> Array1<f64> {
        let v = aview1(x);
        let w = ArrayView1::from(&x[..]);
        let u = arr1(&x[1..4]);
        let z: Array1<f64> = Array1::zeros(6);
        &v * &w + z + u.sum()
    }
    integers(x: &[f64] = line().as_slice().unwrap(), n: usize = 3) -> f64 {
        let last = x.len() - 1;
        let half = x[n] * x[last - n];
        half.powi(n as i32) + (n * 2) as f64 + x.len() as f64 / x[n - 1]
    }
    windows_of_matrix(a: ArrayView2<f64> = square().view()) -> f64 {
        let down = &a.slice(s![1.., ..]) - &a.slice(s![..-1, ..]);
        let right = &a.slice(s![.., 1..]) - &a.slice(s![.., ..-1]);
        down.mapv(|d| d * d).sum() + right.mapv(|d| d.abs()).sum()
    }
    made_of_positions(x: &[f64] = line().as_slice().unwrap()) -> Array2<f64> {
        let n = x.len() / 2;
        let toeplitz = Array2::from_shape_fn((n, 3), |(i, j)| x[i + j] * (i as f64) - x[2 * j]);
        let even = Array2::from_shape_vec((3, 2), x.iter().map(|v| v * v).collect::<Vec<_>>()).unwrap();
        toeplitz.dot(&even)
    }
    halves(a: &Array2<f64> = &square()) -> f64 {
        let h = a.dot(a);
        let n = h.nrows();
        h.slice(s![..n / 2, ..]).sum() * h.slice(s![n / 2.., ..]).mapv(f64::cos).sum() / (n % 3) as f64
    }
}
