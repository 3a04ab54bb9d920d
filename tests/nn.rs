//! The functions of `chainrule::nn` against values from mpmath and PyTorch, at the hard points, on every kind of
//! operand, and by name.

use std::f64::consts::LN_2;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Asserts that two numbers agree to a relative error; NaN agrees with NaN.
#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    let same = found == expected || (found.is_nan() && expected.is_nan());
    let error = (found - expected).abs() / expected.abs();
    assert!(same || error <= tolerance, "found {found:e}, expected {expected:e}, relative error {error:e}");
}

#[track_caller]
fn all_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(&f, &e)| close(f, e, tolerance));
}

/// The message of the panic that `f` must raise.
fn panic_of<R>(f: impl FnOnce() -> R + std::panic::UnwindSafe) -> String {
    match std::panic::catch_unwind(f) {
        Ok(_) => panic!("no panic"),
        Err(payload) => match payload.downcast_ref::<&str>() {
            Some(message) => message.to_string(),
            None => payload.downcast_ref::<String>().expect("a message").clone(),
        },
    }
}

mod values {
    use super::*;
    use chainrule::nn::*;

    const X: [f64; 10] = [-30.0, -8.0, -2.5, -1.0, -0.1, 0.0, 1e-3, 0.7, 3.0, 12.0];

    #[test]
    fn xlogy_is_zero_where_x_is() {
        let found = xlogy([0.0, 0.0, 0.0, 0.0, 2.0, -1.0], [0.0, INF, -1.0, NAN, 0.0, 0.5]);
        all_close(&found, &[0.0, 0.0, 0.0, NAN, -INF, LN_2], 1e-15);
    }

    /// Expected values: mpmath with 40 digits.
    #[test]
    fn activations_agree_with_many_digits() {
        let sigmoids = [
            9.357622968839299e-14,
            0.0003353501304664781,
            0.07585818002124355,
            0.2689414213699951,
            0.47502081252106,
            0.5,
            0.5002499999791666,
            0.668187772168166,
            0.9525741268224333,
            0.9999938558253978,
        ];
        let silus = [
            -2.8072868906517896e-12,
            -0.002682801043731825,
            -0.18964545005310887,
            -0.2689414213699951,
            -0.047502081252106004,
            0.0,
            0.0005002499999791667,
            0.46773144051771626,
            2.8577223804672998,
            11.999926269904773,
        ];
        let softpluses = [
            9.357622968839737e-14,
            0.00033540637289576885,
            0.07888973429254963,
            0.3132616875182228,
            0.6443966600735709,
            std::f64::consts::LN_2,
            0.6936473055599401,
            1.103186048885458,
            3.048587351573742,
            12.000006144193478,
        ];
        let gelus = [
            -1.472014178144456e-196,
            -4.976768459417427e-15,
            -0.015524163314440337,
            -0.15865525393145705,
            -0.0460172162722971,
            0.0,
            0.000500398942213911,
            0.5306254434438489,
            2.99595030590511,
            12.0,
        ];
        let gelus_tanh = [
            -3.107782937501117e-21,
            -0.015084266089998582,
            -0.1588080093917233,
            -0.04601724895456484,
            0.0,
            0.000500398942213582,
            0.5305701347051167,
            2.996362607918227,
            12.0,
        ];
        all_close(&sigmoid(X), &sigmoids, 4e-16);
        all_close(&silu(X), &silus, 5e-16);
        all_close(&softplus(X), &softpluses, 5e-16);
        // the tail erfc(z) amplifies the rounding of its argument by 2 z²
        all_close(&gelu(X), &gelus, 1e-13);
        all_close(&gelu_tanh(&X[1..]), &gelus_tanh, 2e-14);
    }

    #[test]
    fn f32_is_the_f64_result_rounded_once() {
        for i in -2000..2000 {
            let x = i as f32 * 0.0137;
            let wide = f64::from(x);
            assert_eq!(sigmoid(x), sigmoid(wide) as f32);
            assert_eq!(silu(x), silu(wide) as f32);
            assert_eq!(gelu(x), gelu(wide) as f32);
            assert_eq!(gelu_tanh(x), gelu_tanh(wide) as f32);
            assert_eq!(softplus(x), softplus(wide) as f32);
            assert_eq!(relu(x), relu(wide) as f32);
        }
    }

    #[test]
    fn infinities_are_limits_and_nan_stays() {
        let ends = [-INF, -1e300, -1000.0, 1000.0, 1e300, INF];
        all_close(&sigmoid(ends), &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0], 0.0);
        for f in [silu, gelu, gelu_tanh, relu, softplus] {
            all_close(&f(ends), &[0.0, 0.0, 0.0, 1000.0, 1e300, INF], 0.0);
        }
        for f in [sigmoid, silu, gelu, gelu_tanh, softplus, |x| leaky_relu(x, 0.1)] {
            assert!(f(NAN).is_nan());
        }
        assert_eq!(relu(NAN), 0.0);
        close(softplus(21.0), 21.000000000758256, 1e-16);
        close(softplus(-40.0), 4.248354255291589e-18, 1e-15);
        close(sigmoid(-700.0), (-700.0_f64).exp(), 0.0);
    }

    #[test]
    fn leaky_relu_scales_what_is_not_positive() {
        assert_eq!(leaky_relu([-2.0_f32, 0.0, 3.0], 0.25), [-0.5, 0.0, 3.0]);
    }

    /// Expected values: PyTorch 2, float64.
    #[test]
    fn row_functions_agree_with_pytorch() {
        let rows = [[1.0, 2.0, -0.5], [0.0, 1e3, -7.0]];
        let [a, b] = log_softmax(rows);
        all_close(&a, &[-1.3715390318526828, -0.37153903185268283, -2.871539031852683], 1e-15);
        all_close(&b, &[-1000.0, 0.0, -1007.0], 0.0);
        let [a, b] = softmax(rows);
        all_close(&a, &[0.25371618163502524, 0.6896720861245036, 0.056611732240471294], 1e-15);
        all_close(&b, &[0.0, 1.0, 0.0], 0.0);
        all_close(&logsumexp(rows), &[2.371539031852683, 1000.0], 1e-15);
        close(cross_entropy(rows, &[2, 0]), 501.4357695159263, 1e-15);
        close(mse(rows[0], [0.0, 4.0, -0.5]), 5.0 / 3.0, 1e-15);
    }

    /// The rows of KINKS.md on logsumexp: its gradient there is this softmax.
    #[test]
    fn infinite_rows_follow_the_convention() {
        let rows = [[-INF, -INF], [-INF, 0.0], [INF, 0.0], [INF, INF], [INF, -INF], [-INF, NAN], [INF, NAN]];
        all_close(&logsumexp(rows), &[-INF, 0.0, INF, INF, INF, NAN, NAN], 0.0);
        let softmaxes = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [NAN, NAN], [NAN, NAN]];
        let logs =
            [[-INF, -INF], [-INF, 0.0], [0.0, -INF], [-LN_2, -LN_2], [0.0, -INF], [NAN, NAN], [NAN, NAN]];
        for (i, row) in rows.into_iter().enumerate() {
            all_close(&softmax(row), &softmaxes[i], 0.0);
            all_close(&log_softmax(row), &logs[i], 0.0);
            close(cross_entropy(row, 0), -logs[i][0], 0.0);
        }
        assert_eq!(logsumexp::<&[f64]>(&[]), -INF);
        assert!(softmax::<&[f64]>(&[]).is_empty());
    }

    #[test]
    fn empty_means_are_nan() {
        assert!(mse::<Vec<f32>, _>(vec![], vec![]).is_nan());
        assert!(cross_entropy::<&[[f32; 3]]>(&[], &[]).is_nan());
    }

    #[test]
    fn sums_of_many_f32_keep_their_digits() {
        let a = vec![0.1_f32; 1_000_000];
        assert_eq!(mse(&a, vec![0.0; 1_000_000]), 0.1_f32 * 0.1);
    }

    #[test]
    fn wrong_sizes_panic_with_both_of_them() {
        assert_eq!(
            panic_of(|| mse(vec![1.0; 3], vec![1.0; 4])),
            "mse: `a` has shape [3], but `b` has shape [4]"
        );
        assert_eq!(
            panic_of(|| xlogy(vec![1.0; 3], vec![1.0; 4])),
            "xlogy: `x` has shape [3], but `y` has shape [4]"
        );
        assert_eq!(
            panic_of(|| dropout(vec![[1.0; 2]; 3], vec![[1.0; 2]; 4])),
            "dropout: `x` has shape [3, 2], but `mask` has shape [4, 2]"
        );
        assert_eq!(
            panic_of(|| cross_entropy([[0.0; 3]; 2], &[0, 1, 2])),
            "cross_entropy: `logits` of shape [2, 3] has 2 row(s), but `labels` has 3 label(s)"
        );
        assert_eq!(
            panic_of(|| cross_entropy([[0.0; 3]; 2], &[0, 3])),
            "cross_entropy: label 3 in row 1 is out of range: `logits` has 3 classes"
        );
    }
}

#[cfg(feature = "ndarray")]
mod operands {
    use chainrule::nn::{cross_entropy, dropout, log_softmax, logsumexp, mse, relu, softmax};
    use ndarray::{arr0, array, s, Array1, Array2, Array3, ArrayD, ArrayView1, ArrayView2, Axis, IxDyn};

    struct Mlp {
        w1: Array2<f32>,
        b1: Array1<f32>,
        w2: Array2<f32>,
        b2: Array1<f32>,
    }

    fn loss(net: &Mlp, x: ArrayView2<f32>, labels: &[usize]) -> f32 {
        let h = relu(x.dot(&net.w1) + &net.b1);
        cross_entropy(h.dot(&net.w2) + &net.b2, labels)
    }

    #[test]
    fn types_are_inferred_in_a_network() {
        let net = Mlp {
            w1: Array2::ones((4, 3)),
            b1: Array1::zeros(3),
            w2: Array2::ones((3, 2)),
            b2: array![0.0, 0.0],
        };
        let x = Array2::ones((5, 4));
        assert!((loss(&net, x.view(), &[0; 5]) - 2.0_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn scalars() {
        let (a, b): (f64, f32) = (relu(0.3), relu(&-0.3_f32));
        assert_eq!((a, b), (0.3, 0.0));
        assert_eq!(mse(1.0, 3.0), 4.0);
    }

    #[test]
    fn plain_rust_containers() {
        let (nest, slice) = ([[1.0_f32, -1.0], [-2.0, 2.0]], [-1.0, 1.0]);
        assert_eq!(relu(nest), [[1.0, 0.0], [0.0, 2.0]]);
        assert_eq!(relu(&nest), [[1.0, 0.0], [0.0, 2.0]]);
        assert_eq!(relu(&nest[..]), vec![[1.0, 0.0], [0.0, 2.0]]);
        assert_eq!(relu(&slice[..]), vec![0.0, 1.0]);
        assert_eq!(relu(&slice.to_vec()), vec![0.0, 1.0]);
        assert_eq!(relu(slice.to_vec()), vec![0.0, 1.0]);
        assert_eq!(softmax(&[[0.0; 2]; 3][..]), vec![[0.5; 2]; 3]);
        assert_eq!(logsumexp([[[0.0; 1]; 2]; 3]), [[0.0; 2]; 3]);
        assert_eq!(logsumexp(&[[0.0; 1]; 2][..]), vec![0.0; 2]);
    }

    #[test]
    fn arrays_of_every_kind() {
        let mut h = array![[1.0_f32, -1.0], [-2.0, 2.0]];
        let expected = array![[1.0, 0.0], [0.0, 2.0]];
        assert_eq!(relu(&h), expected);
        assert_eq!(relu(h.view()), expected);
        assert_eq!(relu(&h.view()), expected);
        assert_eq!(relu(h.view_mut()), expected);
        assert_eq!(relu(h.to_shared()), expected);
        assert_eq!(relu(&*h), expected);
        assert_eq!(relu(h.t()), expected.t());
        assert_eq!(relu(h.row(0)), expected.row(0));
        assert_eq!(relu(arr0(-1.0)), arr0(0.0));
        assert_eq!(relu(h.clone().into_dyn()), expected.clone().into_dyn());
        assert_eq!(relu(h), expected);
    }

    #[test]
    fn rows_lie_along_the_last_axis_whatever_the_layout() {
        let x = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| ((7 * i + 5 * j + 3 * k) % 11) as f64 / 3.0);
        let expected = softmax(&x);
        for (sums, row) in logsumexp(&x).iter().zip(x.lanes(Axis(2))) {
            assert_eq!(*sums, logsumexp(row));
        }
        let mut fortran = Array3::zeros(ndarray::ShapeBuilder::f((2, 3, 4)));
        fortran.assign(&x);
        assert!(!fortran.is_standard_layout());
        assert_eq!(softmax(&fortran), expected);
        assert_eq!(softmax(fortran.clone()), expected);
        assert_eq!(log_softmax(&fortran), log_softmax(&x));
        assert_eq!(logsumexp(&fortran), logsumexp(&x));
        assert_eq!(softmax(x.slice(s![.., 1..;2, ..])), expected.slice(s![.., 1..;2, ..]));
        let reversed = softmax(x.slice(s![.., .., ..;-1])) - expected.slice(s![.., .., ..;-1]);
        assert!(reversed.iter().all(|error| error.abs() < 1e-15)); // summed in another order
        assert_eq!(softmax(x.clone().into_dyn()), expected.into_dyn());
        assert_eq!(mse(&fortran, &x), 0.0);
        assert_eq!(mse(x.view(), fortran), 0.0);
        assert_eq!(dropout(&x, x.view()), &x * &x);
        let labels = [0, 1, 2, 3, 0, 1];
        assert_eq!(cross_entropy(&x, &labels), cross_entropy(x.to_shape((6, 4)).unwrap(), &labels));
    }

    #[test]
    fn reduced_ranks() {
        let scalar: f32 = logsumexp(array![0.0_f32]);
        let vector: Array1<f32> = logsumexp(array![[0.0_f32], [0.0]]);
        let dynamic: ArrayD<f32> = logsumexp(ArrayD::zeros(IxDyn(&[2, 1])));
        assert_eq!((scalar, vector), (0.0, array![0.0, 0.0]));
        assert_eq!(dynamic.shape(), [2]);
        let message = super::panic_of(|| softmax(ArrayD::<f32>::zeros(IxDyn(&[]))));
        assert_eq!(message, "chainrule::nn: an array of rank 0 has no last axis to work along");
    }

    #[test]
    fn labels_of_every_kind() {
        let logits = array![[0.0, 0.0], [0.0, 0.0]];
        let (vec, array): (Vec<usize>, Array1<usize>) = (vec![0, 1], array![0, 1]);
        let view: ArrayView1<usize> = array.view();
        let expected = std::f64::consts::LN_2;
        assert_eq!(cross_entropy(&logits, &vec), expected);
        assert_eq!(cross_entropy(&logits, &vec[..]), expected);
        assert_eq!(cross_entropy(&logits, &[0, 1]), expected);
        assert_eq!(cross_entropy(&logits, &array), expected);
        assert_eq!(cross_entropy(&logits, view), expected);
        assert_eq!(cross_entropy(&logits, array.slice(s![..;-1])), expected);
        assert_eq!(cross_entropy(&logits, array), expected);
        assert_eq!(cross_entropy(logits.row(0), 1), expected);
        assert_eq!(cross_entropy(logits.row(0), &[1]), expected);
    }
}

/// A differentiated function finds each of them by path, by name, through a glob, and under another name.
mod names {
    mod by_name {
        use chainrule::differentiable;
        use chainrule::nn::{relu, sigmoid};

        #[differentiable]
        fn f(x: f64) -> f64 {
            relu(x) + sigmoid(x)
        }

        #[test]
        fn both() {
            assert!((f::value_and_gradient(-1.0).0 - f(-1.0)).abs() <= f64::EPSILON);
        }
    }

    mod by_glob {
        use chainrule::differentiable;
        use chainrule::nn::*;

        #[differentiable]
        fn f(x: f64) -> f64 {
            gelu(x) + silu(x) + leaky_relu(x, 0.1) + softplus(x) + gelu_tanh(x)
        }

        #[test]
        fn both() {
            assert!((f::value_and_gradient(0.3).0 - f(0.3)).abs() < 1e-14);
        }
    }

    mod by_path {
        use chainrule::{differentiable, nn};

        #[differentiable]
        fn f(x: f64) -> f64 {
            nn::relu(x) * chainrule::nn::sigmoid(x)
        }

        #[test]
        fn both() {
            assert_eq!(f::gradient(-1.0), 0.0);
        }
    }

    mod by_another_name {
        use chainrule::differentiable;
        use chainrule::nn::relu as rectify;

        #[differentiable]
        fn f(x: f64) -> f64 {
            rectify(x) * 2.0
        }

        #[test]
        fn both() {
            assert_eq!(f::gradient(3.0), 2.0);
        }
    }

    /// A function of the user's own that has the name of one of ours is the user's own.
    mod own {
        use chainrule::differentiable;

        #[differentiable]
        fn relu(x: f64) -> f64 {
            3.0 * x
        }

        #[differentiable]
        fn f(x: f64) -> f64 {
            relu(x)
        }

        #[test]
        fn is_not_mistaken() {
            assert_eq!(f::gradient(-1.0), 3.0);
        }
    }
}
