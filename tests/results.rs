//! Results that are a reduction and nothing after it.

use chainrule::differentiable;
use chainrule::nn::logsumexp;
use ndarray::{array, ArrayView1};

#[differentiable]
pub fn sines(a: ArrayView1<f64>) -> f64 {
    a.mapv(|v| v.sin()).sum()
}

#[differentiable]
pub fn largest(a: ArrayView1<f64>) -> f64 {
    logsumexp(a)
}

#[differentiable]
pub fn scaled(a: ArrayView1<f64>, b: f64) -> f64 {
    (&a * b).sum()
}

#[test]
fn a_reduction_is_a_result() {
    let a = array![0.5, 0.25, -1.0];
    let (value, g) = sines::value_and_gradient(a.view());
    assert!((value - sines(a.view())).abs() < 1e-15 && (g[0] - 0.5f64.cos()).abs() < 1e-15);
    let (value, g) = largest::value_and_gradient(a.view());
    assert!((value - largest(a.view())).abs() < 1e-15 && (g.sum() - 1.0).abs() < 1e-15);
    let (value, g) = scaled::value_and_gradient(a.view(), 2.0);
    assert_eq!((value, g.b, g.a[1]), (-0.5, -0.25, 2.0));
}

mod solved_sizes {
    use chainrule::differentiable;
    use ndarray::{s, Array1, ArrayView1};

    /// The only dimension is a sum: its unknown is solved for on entry.
    #[differentiable]
    fn all_but_the_last(#[dims(n + 1)] x: ArrayView1<f64>) -> f64 {
        x.slice(s![..-1]).sum()
    }

    #[test]
    fn a_dimension_that_is_a_sum_gives_its_unknown() {
        let x = Array1::from(vec![1.0, 2.0, 4.0]);
        let (value, gradient) = all_but_the_last::value_and_gradient(x.view());
        assert_eq!((value, gradient), (3.0, Array1::from(vec![1.0, 1.0, 0.0])));
    }

    #[test]
    #[should_panic(expected = "dimension 0 of `x` must be n + 1")]
    fn and_is_refused_where_there_is_none() {
        all_but_the_last::gradient(Array1::zeros(0).view());
    }
}
