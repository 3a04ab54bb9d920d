//! One mistake is one error: uses of the module beside it are typed by its stub.
use chainrule::{differentiable, Differentiable};
use ndarray::{Array1, ArrayView1};

#[differentiable(jvp)]
fn f(x: f64, y: &[f64]) -> f64 {
    x as i64 as f64 * y.iter().sum::<f64>()
}

#[derive(Clone, Differentiable)]
struct Line {
    slope: Array1<f64>,
    offset: f64,
}

#[differentiable(wrt(line), vjp)]
fn distance(line: &Line, x: ArrayView1<f64>) -> Array1<f64> {
    &line.slope * &x + line.offset as i64 as f64
}

fn main() {
    let gradient = f::gradient(1.0, &[2.0]);
    let (slope, _): (f64, Vec<f64>) = (gradient.x, gradient.y);
    let mut gradient = f::Gradient::default();
    let _: f64 = f::value_and_gradient_into(slope, &[2.0], &mut gradient, &mut f::Workspace::default());
    let (_, _): (f64, f64) = f::jvp(1.0, &[2.0], 1.0, &[0.0]);
    let line = Line { slope: Array1::zeros(2), offset: 1.0 };
    let x = Array1::ones(2);
    let (_, line_bar): (Array1<f64>, Line) = distance::vjp(&line, x.view(), &x);
    println!("{} {} {}", f::SOURCE, line_bar.slope, line_bar.offset);
}
