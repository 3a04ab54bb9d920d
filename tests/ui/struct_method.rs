//! Methods of a struct: the macro sees them through `impl` blocks with the attribute.
use chainrule::{differentiable, Differentiable};

#[derive(Clone, Differentiable)]
struct Line {
    a: f64,
    b: f64,
}

#[derive(Clone, Differentiable)]
struct Two {
    lines: [Line; 2],
}

impl Two {
    fn first(&self, x: f64) -> f64 {
        self.lines[0].a * x
    }
}

impl Line {
    #[differentiable]
    fn square(&self, x: f64) -> f64 {
        x * x
    }
}

#[differentiable]
impl Line {
    #[differentiable]
    fn at(&self, x: f64) -> f64 {
        self.a * x + self.b
    }
}

#[differentiable]
fn field(two: &Two, x: f64) -> f64 {
    two.lines[0].at(x).powi(2)
}

#[differentiable]
fn bound_again(line: &Line, x: f64) -> f64 {
    let line = Line { a: line.b, b: x };
    line.at(x)
}

#[differentiable]
fn without(two: &Two, x: f64) -> f64 {
    two.first(x)
}

fn main() {}
