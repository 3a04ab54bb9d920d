//! A method that no number has.
use chainrule::differentiable;

trait Sinn {
    fn sinn(self) -> f64;
}
impl Sinn for f64 {
    fn sinn(self) -> f64 {
        self.sin()
    }
}

#[differentiable]
fn f(x: f64) -> f64 {
    x * x.sinn()
}

fn main() {}
