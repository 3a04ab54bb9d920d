//! A function with any number of arguments.
use chainrule::differentiable;

extern "C" {
    #[differentiable]
    fn printf(format: f64, ...) -> f64;
}

fn main() {}
