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

mod saturation {
    use chainrule::differentiable;
    use chainrule::nn::sigmoid;
    use ndarray::{Array1, ArrayView1};

    #[differentiable]
    fn tanhs(x: ArrayView1<f32>) -> f32 {
        x.mapv(f32::tanh).sum()
    }

    #[differentiable]
    fn squares(x: ArrayView1<f32>) -> f32 {
        x.mapv(|x| x.tanh().powi(2)).sum()
    }

    #[differentiable]
    fn sigmoids(x: ArrayView1<f32>) -> f32 {
        sigmoid(x).sum()
    }

    #[differentiable]
    fn one(x: f32) -> f32 {
        x.tanh() + sigmoid(x)
    }

    /// The derivative of the sigmoid.
    fn slope(x: f64) -> f64 {
        let e = (-x.abs()).exp();
        e / (1.0 + e) / (1.0 + e)
    }

    /// Where the function is 1 to all of its digits, its derivative has all of its own.
    #[test]
    fn slopes_keep_their_digits() {
        let x: Array1<f32> = (-4300..=4300).map(|k| k as f32 / 100.0).collect();
        let near = |g: f32, want: f64| {
            let error = (f64::from(g) - want).abs() / want.abs();
            assert!(error < 4e-7, "{g:e} is not {want:e}: {error:e}");
        };
        let tanh_slope = |x: f64| 4.0 * slope(2.0 * x);
        let (tanhs, squares) = (tanhs::gradient(x.view()), squares::gradient(x.view()));
        let sigmoids = sigmoids::gradient((&x * 2.0).view());
        for (k, x) in x.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            let wide = f64::from(*x);
            near(tanhs[k], tanh_slope(wide));
            near(squares[k], 2.0 * wide.tanh() * tanh_slope(wide));
            near(sigmoids[k], slope(2.0 * wide));
            near(one::gradient(*x), tanh_slope(wide) + slope(wide));
        }
        assert_eq!((one::gradient(f32::INFINITY), one::gradient(200.0)), (0.0, 0.0));
    }
}

mod product_of_a_matrix {
    use chainrule::differentiable;
    use ndarray::{array, s, Array1, Array2, ArrayView1, ArrayView2};

    /// The product of the others is a loop whose choice compares two positions, one of them outside of its vector.
    #[differentiable]
    fn product(#[dims(3, 3)] a: ArrayView2<f32>, #[dims(3)] u: ArrayView1<f32>) -> f32 {
        let rows = &a.slice(s![.., ..]) - &u;
        rows.product().sin() + rows.sum().cos()
    }

    #[test]
    fn each_element_receives_the_product_of_the_others() {
        let a: Array2<f32> = array![[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0], [1.5, 1.0, -0.5]];
        let g = product::gradient(a.view(), Array1::zeros(3).view());
        let (all, sum) = (a.product(), a.sum());
        let want = a.mapv(|x| all.cos() * all / x - sum.sin());
        assert!((&g.a - &want).iter().all(|e| e.abs() < 1e-5), "{} is not {want}", g.a);
        assert!((g.u[1] + want.column(1).sum()).abs() < 1e-5);
    }
}

mod early {
    use chainrule::differentiable;

    #[differentiable]
    pub fn powers(x: f64, n: usize) -> f64 {
        if n == 0 {
            return 1.0;
        }
        x.powi(n as i32)
    }

    /// An early result that nothing active goes into still overwrites the gradient.
    #[test]
    fn a_gradient_is_written_before_an_early_result() {
        let mut g = 7.0;
        let value = powers::value_and_gradient_into(3.0, 0, &mut g, &mut powers::Workspace::default());
        assert_eq!((value, g), (1.0, 0.0));
        assert_eq!(powers::value_and_gradient(3.0, 2), (9.0, 6.0));
    }
}
