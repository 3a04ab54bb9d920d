//! `impl` blocks whose methods cannot be differentiated.
use chainrule::{differentiable, Differentiable};

#[derive(Clone, Differentiable)]
struct Line {
    a: f64,
}

#[differentiable]
impl Line {
    fn unmarked(&self) -> f64 {
        self.a
    }
}

#[differentiable(jvp)]
impl Line {
    #[differentiable]
    fn at(&self, x: f64) -> f64 {
        self.a * x
    }
}

trait Value {
    fn value(&self) -> f64;
}

#[differentiable]
impl Value for Line {
    #[differentiable]
    fn value(&self) -> f64 {
        self.a
    }
}

struct Of<T>(T);

#[differentiable]
impl<T> Of<T> {
    #[differentiable]
    fn square(x: f64) -> f64 {
        x * x
    }
}

#[differentiable]
impl Line {
    #[differentiable(wrt(other))]
    fn wrong(&self, x: f64) -> f64 {
        self.missing(x) + (x as i64) as f64
    }
}

#[differentiable]
impl Line {
    #[differentiable(vjp)]
    fn scale(&mut self, by: f64) {
        self.a *= by;
    }
}

fn main() {
    let line = Line { a: 1.0 };
    let _ = line.wrong_gradient(1.0);
}
