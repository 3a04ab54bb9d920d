//! What the elements of a list that a loop goes through cannot be.
use chainrule::{differentiable, Differentiable};
use ndarray::Array2;

#[derive(Clone, Differentiable)]
struct Inner {
    w: f64,
}

#[derive(Clone, Differentiable)]
struct Outer {
    inner: Vec<Inner>,
    #[constant]
    times: usize,
    w: f64,
}

#[differentiable]
fn within(list: &[Outer]) -> f64 {
    let mut s = 0.0;
    for o in list {
        for i in &o.inner {
            s += i.w;
        }
        s += o.w * o.times as f64;
    }
    s
}

/// Elements by number, or all of them.
#[differentiable]
fn parts(x: &[Array2<f64>]) -> f64 {
    x[300].sum() + x.chunks(2).map(|a| a[0].sum()).sum::<f64>()
}

fn main() {}
