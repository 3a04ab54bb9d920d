//! Methods of a struct: the macro does not see its `impl` blocks.
use chainrule::{differentiable, Differentiable};

#[derive(Clone, Differentiable)]
struct Line {
    a: f64,
    b: f64,
}

impl Line {
    fn at(&self, x: f64) -> f64 {
        self.a * x + self.b
    }

    #[differentiable]
    fn square(&self, x: f64) -> f64 {
        x * x
    }
}

#[differentiable]
fn loss(line: &Line, x: f64) -> f64 {
    line.at(x).powi(2)
}

fn main() {}
