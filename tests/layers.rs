//! The layers of `chainrule::nn` (convolutions, pools, normalisation, attention and the losses beside cross entropy) against
//! values that JAX and SciPy computed, at the hard points, on every layout, and their panics.

#[path = "layers/products.rs"]
mod products;

use chainrule::nn::*;
use ndarray::{
    arr0, array, s, Array, Array1, Array2, Array3, Array4, ArrayD, Axis, Dimension, Ix1, Ix2, Ix3, Ix4,
    ShapeBuilder,
};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The same numbers between -1 and 1 as `data` in tests/data/layers.py.
fn data<const N: usize>(seed: i64, shape: [usize; N]) -> ArrayD<f64> {
    let number = |i: i64| ((i * i * 7919 + i * 104729) % 1009) as f64 / 504.5 - 1.0;
    let count = shape.iter().product::<usize>() as i64;
    ArrayD::from_shape_vec(&shape[..], (seed..seed + count).map(number).collect()).expect("a shape")
}

fn one(seed: i64, shape: [usize; 1]) -> Array1<f64> {
    data(seed, shape).into_dimensionality::<Ix1>().expect("rank 1")
}
fn two(seed: i64, shape: [usize; 2]) -> Array2<f64> {
    data(seed, shape).into_dimensionality::<Ix2>().expect("rank 2")
}
fn three(seed: i64, shape: [usize; 3]) -> Array3<f64> {
    data(seed, shape).into_dimensionality::<Ix3>().expect("rank 3")
}
fn four(seed: i64, shape: [usize; 4]) -> Array4<f64> {
    data(seed, shape).into_dimensionality::<Ix4>().expect("rank 4")
}

/// The line of tests/data/layers.txt of this name.
fn recorded(name: &str) -> ArrayD<f64> {
    let line = include_str!("data/layers.txt").lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    let (shape, numbers) = line.expect(name).split_once(": ").unwrap_or(("", &line.expect(name)[2..]));
    let shape: Vec<usize> = shape.split_whitespace().map(|n| n.parse().expect(n)).collect();
    let numbers: Vec<f64> = numbers.split_whitespace().map(|n| n.parse().expect(n)).collect();
    ArrayD::from_shape_vec(shape, numbers).expect(name)
}

/// Asserts that the shape is the recorded one, and each element up to 1e-14 of the greatest.
#[track_caller]
fn check<D: Dimension>(name: &str, found: Array<f64, D>) {
    let expected = recorded(name);
    let scale = expected.fold(0.0, |max: f64, x| max.max(x.abs()));
    assert_eq!(found.shape(), expected.shape(), "{name}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-14 * scale, "{name}: {found:e} instead of {expected:e}");
    }
}

/// The message of the panic that `f` must raise.
fn panic_of<R>(f: impl FnOnce() -> R + std::panic::UnwindSafe) -> String {
    match std::panic::catch_unwind(f) {
        Ok(_) => panic!("no panic"),
        Err(payload) => payload.downcast_ref::<String>().expect("a message").clone(),
    }
}

mod recorded {
    use super::*;

    #[test]
    fn convolutions() {
        let window = Window::new();
        let (x, b) = (three(1, [2, 4, 7]), one(3, [6]));
        check("conv1d", conv1d(&x, three(2, [6, 4, 3]), &b, window));
        let all = window.stride(2).padding(3).dilation(2).groups(2);
        check("conv1d_window", conv1d(&x, three(2, [6, 2, 3]), &b, all));

        let (x, b) = (four(4, [2, 4, 5, 6]), one(6, [6]));
        check("conv2d", conv2d(x.slice(s![.., .., ..3, ..]), four(5, [6, 4, 2, 3]), &b, window));
        check("conv2d_stride", conv2d(&x, four(5, [6, 4, 2, 3]), &b, window.stride(3)));
        let small = x.slice(s![..1, .., ..2, ..2]);
        check("conv2d_padding", conv2d(small, four(5, [6, 4, 3, 3]), &b, window.padding(2)));
        check("conv2d_dilation", conv2d(&x, four(5, [6, 4, 3, 2]), &b, window.dilation(2)));
        let groups = window.stride(2).padding(1).groups(2);
        check("conv2d_groups", conv2d(&x, four(5, [6, 2, 3, 3]), &b, groups));
        let depthwise = window.stride(2).padding(1).dilation(3).groups(4);
        check("conv2d_depthwise", conv2d(&x, four(5, [8, 1, 2, 2]), one(6, [8]), depthwise));
    }

    #[test]
    fn transposed_convolutions() {
        let (x, b) = (four(7, [2, 3, 2, 3]), one(9, [2]));
        let window = Window::new();
        check("conv_transpose2d", conv_transpose2d(&x, four(8, [3, 2, 2, 3]), &b, window));
        check("conv_transpose2d_stride", conv_transpose2d(&x, four(8, [3, 2, 2, 1]), &b, window.stride(3)));
        let all = window.stride(3).padding(1).dilation(2);
        check("conv_transpose2d_window", conv_transpose2d(&x, four(8, [3, 2, 3, 2]), &b, all));
    }

    #[test]
    fn pools() {
        let x = four(10, [2, 2, 7, 5]);
        check("max_pool2d", max_pool2d(&x, 2, 3));
        check("max_pool2d_overlap", max_pool2d(&x, 3, 2));
        check("avg_pool2d", avg_pool2d(&x, 2, 3));
        check("avg_pool2d_overlap", avg_pool2d(&x, 3, 2));
        check("global_max_pool2d", global_max_pool2d(&x));
        check("global_avg_pool2d", global_avg_pool2d(&x));
    }

    #[test]
    fn normalisation() {
        let (x, gain, bias) = (three(11, [2, 3, 5]), one(12, [5]), one(13, [5]));
        check("layer_norm", layer_norm(&x, &gain, &bias, 1e-5));
        check("rms_norm", rms_norm(&x, &gain, 1e-5));
        let (x, gain, bias) = (four(14, [2, 6, 3, 2]), one(15, [6]), one(16, [6]));
        check("group_norm", group_norm(&x, 3, &gain, &bias, 1e-3));
        let (y, mean, var) = batch_norm(&x, &gain, &bias, 1e-3);
        check("batch_norm", y.clone());
        check("batch_norm_mean", mean.clone());
        check("batch_norm_var", var.clone());
        let difference = batch_norm_with(&x, &mean, &var, &gain, &bias, 1e-3) - y;
        assert!(difference.iter().all(|d| d.abs() < 1e-15));
        let (mean, var) = (one(17, [6]), one(18, [6]).powi(2));
        check("batch_norm_with", batch_norm_with(&x, mean, var, &gain, &bias, 1e-3));
    }

    #[test]
    fn attention() {
        let (q, k, v) = (3.0 * four(19, [2, 2, 3, 4]), 3.0 * four(20, [2, 2, 5, 4]), four(21, [2, 2, 5, 3]));
        let mask = two(22, [3, 5]).mapv(|m| if m < -0.5 { -INF } else { m });
        check("attention", scaled_dot_product_attention(&q, &k, &v, mask));
        let first = s![.., .., ..3, ..];
        check("causal_attention", causal_attention(&q, k.slice(first), v.slice(first)));
        check("rotary", rotary(four(23, [1, 2, 4, 6]), 100.0));
    }

    #[test]
    fn losses() {
        let (x, y) = (6.0 * two(24, [3, 4]), two(25, [3, 4]) / 2.0 + 0.5);
        check("binary_cross_entropy_with_logits", arr0(binary_cross_entropy_with_logits(&x, &y)));
        check("nll_loss", arr0(nll_loss(&x, &[3, 0, 2])));
        check("huber", arr0(huber(&x, &y, 1.5)));
        check("l1", arr0(l1(&x, &y)));
        check("kl_div", arr0(kl_div(log_softmax(&x), softmax(two(26, [3, 4])))));
        check("cosine_similarity", cosine_similarity(&x, &y));
    }
}

mod meaning {
    use super::*;

    /// Without padding a convolution with a kernel of one tap is a matrix product over the channels.
    #[test]
    fn one_tap_is_a_matrix_product() {
        let (x, w) = (four(1, [2, 3, 2, 5]), four(2, [4, 3, 1, 1]));
        let y = conv2d(&x, &w, Array1::zeros(4), Window::new());
        let w = w.to_shape((4, 3)).expect("a matrix");
        for (n, i, j) in ndarray::indices((2, 2, 5)) {
            let difference = w.dot(&x.slice(s![n, .., i, j])) - y.slice(s![n, .., i, j]);
            assert!(difference.iter().all(|d| d.abs() < 1e-15));
        }
    }

    #[test]
    fn groups_are_convolutions_of_their_own() {
        let (x, w, b) = (three(1, [2, 6, 7]), three(2, [9, 2, 3]), one(3, [9]));
        let y = conv1d(&x, &w, &b, Window::new().padding(1).groups(3));
        for g in 0..3 {
            let (of_x, of_w) = (x.slice(s![.., 2 * g..2 * g + 2, ..]), w.slice(s![3 * g..3 * g + 3, .., ..]));
            let part = conv1d(of_x, of_w, b.slice(s![3 * g..3 * g + 3]), Window::new().padding(1));
            assert_eq!(y.slice(s![.., 3 * g..3 * g + 3, ..]), part);
        }
    }

    #[test]
    fn means_are_convolutions_with_one_weight() {
        let (x, window) = (four(1, [2, 3, 7, 5]), Window::new().stride(2).padding(1).dilation(2));
        let weights = Array4::from_elem((3, 1, 2, 2), 0.25);
        let y = conv2d(&x, weights, Array1::zeros(3), window.groups(3));
        assert!((avg_pool2d(&x, 2, window) - y).iter().all(|d| d.abs() < 1e-15));
    }

    #[test]
    fn maxima_do_not_see_their_padding() {
        let x = four(1, [1, 2, 4, 3]) - 5.0;
        let y = max_pool2d(&x, 3, Window::new().padding(1));
        for (n, c, i, j) in ndarray::indices(y.dim()) {
            let rows = s![n, c, i.saturating_sub(1)..(i + 2).min(4), j.saturating_sub(1)..(j + 2).min(3)];
            assert_eq!(y[[n, c, i, j]], x.slice(rows).fold(-INF, |max, &x| max.max(x)));
        }
        // a window whose taps lie around the array has no element
        assert_eq!(
            max_pool2d(array![[[[1.0]]]], 2, Window::new().padding(1).dilation(2)),
            array![[[[-INF]]]]
        );
    }

    /// What lies beyond the last whole window is not read.
    #[test]
    fn rests_of_strides_are_not_read() {
        let mut x = four(1, [1, 1, 6, 6]);
        x.slice_mut(s![.., .., 5, ..]).fill(NAN);
        x.slice_mut(s![.., .., .., 5]).fill(NAN);
        let y = conv2d(&x, four(2, [1, 1, 2, 2]), array![0.0], Window::new().stride(3));
        assert!(y.iter().all(|y| y.is_finite()));
        assert!(avg_pool2d(&x, 2, 3).iter().all(|y| y.is_finite()));
        assert!(global_avg_pool2d(&x)[[0, 0]].is_nan());
    }

    #[test]
    fn maxima_ignore_nan_as_documented() {
        let x = array![[[[NAN, 1.0, NAN], [-2.0, NAN, NAN]]]];
        assert_eq!(max_pool2d(&x, 2, 1), array![[[[1.0, 1.0]]]]);
        assert_eq!(max_pool2d(x.slice(s![.., .., .., 2..]), 1, 1), array![[[[-INF], [-INF]]]]);
        assert_eq!(global_max_pool2d(&x), array![[1.0]]);
    }

    #[test]
    fn squares_do_not_overflow() {
        assert_eq!(rms_norm([1e200, -1e200], [1.0, 2.0], 1e-5), [1.0, -2.0]);
        assert_eq!(layer_norm([1e200, -1e200], [1.0, 2.0], [0.0; 2], 1e-5), [1.0, -1.0 * 2.0]);
        // eps rules where the elements are small
        assert_eq!(rms_norm([2e-200, 0.0], [1.0; 2], 0.25), [4e-200, 0.0]);
        assert_eq!(rms_norm([0.0; 2], [1.0; 2], 1e-5), [0.0; 2]);
        assert_eq!(layer_norm([3.0; 2], [1.0; 2], [0.5; 2], 1e-5), [0.5; 2]);
        assert!(rms_norm([0.0_f64; 2], [1.0; 2], 0.0)[0].is_nan());
        for odd in [NAN, INF] {
            assert!(rms_norm([odd, 1.0], [1.0; 2], 1e-5).iter().all(|y: &f64| y.is_nan()));
            assert!(layer_norm([odd, 1.0], [1.0; 2], [0.0; 2], 1e-5).iter().all(|y| y.is_nan()));
        }
    }

    #[test]
    fn fully_masked_queries_give_zeros() {
        let (q, k, v) = (four(1, [1, 2, 2, 3]), four(2, [1, 2, 4, 3]), four(3, [1, 2, 4, 5]));
        let mut mask = Array2::zeros((2, 4));
        mask.row_mut(1).fill(-INF);
        let y = scaled_dot_product_attention(&q, &k, &v, &mask);
        assert!(y.slice(s![.., .., 1, ..]).iter().all(|&y| y == 0.0));
        assert!(y.slice(s![.., .., 0, ..]).iter().all(|&y| y != 0.0));
    }

    #[test]
    fn a_query_does_not_see_what_comes_after_it() {
        let (q, k, mut v) = (four(1, [1, 1, 3, 2]), four(2, [1, 1, 3, 2]), four(3, [1, 1, 3, 2]));
        let before = causal_attention(&q, &k, &v);
        let mut later = k.clone();
        later.slice_mut(s![.., .., 2, ..]).fill(9.0);
        v.slice_mut(s![.., .., 2, ..]).fill(9.0);
        let after = causal_attention(&q, &later, &v);
        let seen = s![.., .., ..2, ..];
        assert_eq!(before.slice(seen), after.slice(seen));
        assert_ne!(before, after);
    }

    /// The product of two rotated rows depends on the distance of their positions only.
    #[test]
    fn rotated_products_are_relative() {
        let (a, b) = (one(1, [6]), one(2, [6]));
        let [a, b] = [a, b].map(|row| rotary(row.broadcast((1, 1, 5, 6)).expect("rows"), 10000.0));
        let product = |i: usize, j: usize| (&a.slice(s![0, 0, i, ..]) * &b.slice(s![0, 0, j, ..])).sum();
        assert!((product(0, 2) - product(2, 4)).abs() < 1e-14);
        assert!((product(0, 2) - product(0, 3)).abs() > 1e-3);
    }

    #[test]
    fn certain_predictions_cost_what_they_are_worth() {
        let loss = |x: f64, y: f64| binary_cross_entropy_with_logits(x, y);
        assert_eq!([loss(INF, 1.0), loss(-INF, 0.0), loss(INF, 0.0), loss(-INF, 1.0)], [0.0, 0.0, INF, INF]);
        assert_eq!(loss(100.0, 1.0), (-100.0_f64).exp());
        assert_eq!(loss(-100.0, 0.0), (-100.0_f64).exp());
        assert!(loss(NAN, 0.0).is_nan() && loss(NAN, 1.0).is_nan() && loss(3.0, NAN).is_nan());
    }

    #[test]
    fn a_divergence_counts_no_impossible_class() {
        assert_eq!(kl_div([-INF, 0.0], [0.0, 1.0]), 0.0);
        assert_eq!(kl_div([-INF, 0.0], [1.0, 0.0]), INF);
        assert!(kl_div([NAN, 0.0], [0.0, 1.0]).is_nan());
        assert!(kl_div([0.0_f64, 0.0], [-1.0, 1.0]).is_nan());
        assert_eq!(kl_div([[0.0; 2]; 3], [[1.0, std::f64::consts::E]; 3]), std::f64::consts::E);
    }

    #[test]
    fn huber_is_continuous_where_it_turns() {
        assert_eq!(huber(2.0, 0.0, 2.0), 2.0);
        for d in [2.0_f64.next_down(), 2.0_f64.next_up()] {
            assert!((huber(-d, 0.0, 2.0) - 0.5 * d * d).abs() < 1e-15);
        }
        assert_eq!(huber(-4.0, 0.0, 2.0), 6.0);
        assert_eq!(huber([0.0, 5.0], [1.0, 1.0], INF), (0.5 + 8.0) / 2.0);
    }

    #[test]
    fn cosines_of_any_size() {
        assert_eq!(cosine_similarity([1e200, 0.0], [-1e200, 0.0]), -1.0);
        assert_eq!(cosine_similarity([1e-200, 0.0], [1e200, 0.0]), 1.0);
        assert_eq!(cosine_similarity([0.0, 0.0], [1.0, 2.0]), 0.0);
        assert_eq!(cosine_similarity([1e-5, 0.0], [1e-5, 0.0]), 1e-10 / 1e-8);
        assert!(cosine_similarity([NAN, 0.0], [0.0, 1.0]).is_nan());
        let none: Vec<f64> = vec![];
        assert_eq!(cosine_similarity(&none, &none), 0.0);
    }

    #[test]
    fn masks_drop_as_often_as_asked() {
        let mut random = chainrule::random::Random::new(3);
        let mask: Array2<f64> = dropout_mask((100, 100), 0.2, &mut random);
        assert!(mask.iter().all(|&m| m == 0.0 || m == 1.25));
        // five deviations of a mean of 10,000
        assert!((mask.sum() / 1e4 - 1.0).abs() < 5.0 * 0.5 / 100.0);
        assert_ne!(mask, dropout_mask::<f64, _>((100, 100), 0.2, &mut random));
        assert_eq!(dropout_mask::<f32, _>(3, 0.0, &mut random), array![1.0, 1.0, 1.0]);
        assert_eq!(dropout_mask::<f32, _>(3, 1.0, &mut random), array![0.0, 0.0, 0.0]);
        let found = panic_of(|| dropout_mask::<f32, _>(3, 1.5, &mut chainrule::random::Random::new(1)));
        assert_eq!(found, "dropout_mask: `p` is 1.5, but a probability lies between 0 and 1");
    }

    #[test]
    fn empty_means_are_nan() {
        let none: Vec<f64> = vec![];
        assert!(l1(&none, &none).is_nan() && huber(&none, &none, 1.0).is_nan());
        assert!(binary_cross_entropy_with_logits(&none, &none).is_nan());
        assert!(nll_loss::<&[[f64; 2]]>(&[], &[]).is_nan());
        assert!(kl_div::<Vec<[f64; 2]>, _>(vec![], vec![]).is_nan());
        let (y, mean, var) = batch_norm(Array4::<f64>::zeros((0, 1, 2, 2)), array![1.0], array![0.0], 1e-5);
        assert!(y.is_empty() && mean[0].is_nan() && var[0].is_nan());
    }
}

/// Neither the memory layout nor the kind of the operand changes a result, and `f32` is `f64` rounded once.
mod operands {
    use super::*;

    fn fortran<D: Dimension>(x: &Array<f64, D>) -> Array<f64, D> {
        let mut out = Array::zeros(x.raw_dim().f());
        out.assign(x);
        assert!(!out.is_standard_layout());
        out
    }

    #[test]
    fn layouts() {
        let (x, w, b) = (four(1, [2, 4, 5, 6]), four(2, [6, 4, 2, 3]), one(3, [6]));
        let window = Window::new().stride(2).padding(1);
        assert_eq!(conv2d(fortran(&x), fortran(&w).view(), b.view(), window), conv2d(&x, &w, &b, window));
        let back = conv_transpose2d(fortran(&x), four(2, [4, 2, 2, 2]), one(3, [2]), window);
        assert_eq!(back, conv_transpose2d(&x, four(2, [4, 2, 2, 2]), one(3, [2]), window));
        assert_eq!(max_pool2d(fortran(&x), 2, 2), max_pool2d(&x, 2, 2));
        assert_eq!(rotary(fortran(&x), 100.0), rotary(&x, 100.0));
        let (gain, bias) = (one(4, [4]), one(5, [4]));
        let near = |a: &Array4<f64>, b: &Array4<f64>| (a - b).iter().all(|d| d.abs() < 1e-14);
        assert!(near(
            &group_norm(fortran(&x), 2, &gain, &bias, 1e-5),
            &group_norm(&x, 2, &gain, &bias, 1e-5)
        ));
        assert!(near(&batch_norm(fortran(&x), &gain, &bias, 1e-5).0, &batch_norm(&x, &gain, &bias, 1e-5).0));
        let (gain, bias) = (one(4, [6]), one(5, [6]));
        assert_eq!(layer_norm(fortran(&x), &gain, &bias, 1e-5), layer_norm(&x, &gain, &bias, 1e-5));
        assert_eq!(cosine_similarity(fortran(&x), x.view()), cosine_similarity(&x, fortran(&x)));
        let (x, y) = (three(6, [2, 3, 4]), three(7, [2, 3, 4]));
        for (similarity, (a, b)) in
            cosine_similarity(fortran(&x), &y).iter().zip(x.lanes(Axis(2)).into_iter().zip(y.lanes(Axis(2))))
        {
            assert_eq!(*similarity, cosine_similarity(a, b));
        }
    }

    #[test]
    fn rows_in_plain_containers() {
        let rows = [[1.0, -2.0, 4.0], [0.5, 0.0, 3.0]];
        let expected = rms_norm(array![[1.0, -2.0, 4.0], [0.5, 0.0, 3.0]], array![1.0, 2.0, 3.0], 1e-5);
        let found = rms_norm(rows, [1.0, 2.0, 3.0], 1e-5);
        assert_eq!(Array2::from(found.to_vec()), expected);
        assert_eq!(rms_norm(&rows[..], vec![1.0, 2.0, 3.0], 1e-5), found.to_vec());
    }

    #[test]
    fn rows_of_tables_by_every_kind_of_index() {
        let table = two(1, [5, 3]);
        let expected = table.select(Axis(0), &[4, 0, 4]);
        assert_eq!(embedding(&table, &[4, 0, 4]), expected);
        assert_eq!(embedding(table.view(), &vec![4, 0, 4]), expected);
        assert_eq!(embedding(table.clone(), array![4, 0, 4].view()), expected);
        assert_eq!(embedding(table, &[] as &[usize]).dim(), (0, 3));
    }

    #[test]
    fn f32_is_the_f64_result_rounded_once() {
        let narrow = |x: &Array4<f64>| x.mapv(|x| x as f32);
        let (x32, w32) = (narrow(&four(1, [2, 3, 5, 4])), narrow(&four(2, [2, 3, 3, 3])));
        let (x, w) = (x32.mapv(f64::from), w32.mapv(f64::from));
        let window = Window::new().padding(1);
        let b = array![0.25, 0.5];
        assert_eq!(conv2d(&x32, &w32, b.mapv(|b| b as f32), window), narrow(&conv2d(&x, &w, b, window)));
        assert_eq!(
            layer_norm(&x32, [1.5_f32; 4], [0.5_f32; 4], 0.125),
            narrow(&layer_norm(&x, [1.5; 4], [0.5; 4], 0.125))
        );
        assert_eq!(causal_attention(&x32, &x32, &x32), narrow(&causal_attention(&x, &x, &x)));
        assert_eq!(rotary(&x32, 100.0), narrow(&rotary(&x, 100.0)));
        assert_eq!(huber(&x32, &x32 * 3.0, 0.5), huber(&x, (&x32 * 3.0).mapv(f64::from), 0.5) as f32);
    }
}

#[test]
fn wrong_arguments_panic_with_what_is_wrong() {
    let window = Window::new();
    let zeros = |shape| Array4::<f64>::zeros(shape);
    let conv = |x, w, b, window| panic_of(move || conv2d(zeros(x), zeros(w), Array1::zeros(b), window));
    let back =
        |x, w, b, window| panic_of(move || conv_transpose2d(zeros(x), zeros(w), Array1::zeros(b), window));
    let cell = |x, h, w, b: usize| {
        panic_of(move || {
            rnn_cell(two(1, x), two(2, h), two(3, w), two(4, [h[1], h[1]]), one(5, [b]), one(6, [h[1]]))
        })
    };
    let x = (1, 4, 5, 5);
    let found = [
        conv(x, (2, 3, 3, 3), 2, window),
        conv(x, (3, 2, 3, 3), 3, window.groups(2)),
        conv(x, (2, 4, 3, 3), 3, window),
        conv(x, (2, 4, 0, 3), 2, window),
        conv(x, (2, 4, 3, 3), 2, window.padding(1).dilation(4)),
        conv(x, (2, 4, 3, 3), 2, window.stride(0)),
        panic_of(move || {
            conv1d(Array3::<f64>::zeros((1, 1, 3)), Array3::zeros((1, 1, 4)), Array1::zeros(1), window)
        }),
        back(x, (3, 2, 3, 3), 2, window),
        back(x, (4, 2, 3, 3), 4, window),
        back((1, 4, 0, 5), (4, 2, 3, 3), 2, window),
        back((1, 4, 1, 5), (4, 2, 2, 3), 2, window.padding(1)),
        back(x, (4, 2, 3, 3), 6, window.groups(3)),
        back(x, (4, 2, 3, 3), 2, window.groups(2)),
        panic_of(|| max_pool2d(zeros(x), 6, 1)),
        panic_of(|| avg_pool2d(zeros(x), 2, 0)),
        panic_of(move || max_pool2d(zeros(x), 3, window.padding(2))),
        panic_of(move || max_pool2d(zeros(x), 3, window.padding(1).dilation(4))),
        panic_of(move || avg_pool2d(zeros(x), 3, window.groups(2))),
        panic_of(|| layer_norm([[0.0; 3]; 2], [1.0; 3], [0.0; 2], 1e-5)),
        panic_of(|| rms_norm([[0.0; 3]; 2], [[1.0; 3]; 2], 1e-5)),
        panic_of(|| group_norm(zeros(x), 3, Array1::ones(4), Array1::zeros(4), 1e-5)),
        panic_of(|| batch_norm(zeros(x), Array1::ones(5), Array1::zeros(4), 1e-5)),
        panic_of(|| batch_norm(Array1::ones(4), Array1::ones(4), Array1::zeros(4), 1e-5)),
        panic_of(|| rotary(zeros(x), 1e4)),
        panic_of(|| embedding(Array2::<f64>::zeros((3, 2)), &[0, 3])),
        panic_of(|| causal_attention(zeros((1, 2, 3, 4)), zeros((1, 2, 5, 4)), zeros((1, 2, 5, 4)))),
        panic_of(|| causal_attention(zeros((1, 2, 3, 4)), zeros((1, 2, 3, 5)), zeros((1, 2, 3, 4)))),
        panic_of(|| causal_attention(zeros((1, 2, 3, 4)), zeros((1, 2, 3, 4)), zeros((1, 1, 3, 4)))),
        panic_of(|| {
            let x = zeros((1, 2, 3, 4));
            scaled_dot_product_attention(&x, &x, &x, Array2::zeros((3, 4)))
        }),
        panic_of(|| nll_loss([[0.0; 3]; 2], &[0, 3])),
        panic_of(|| huber(vec![0.0; 3], vec![0.0; 4], 1.0)),
        panic_of(|| cosine_similarity(vec![0.0; 3], vec![0.0; 4])),
        panic_of(|| kl_div(vec![0.0; 3], vec![0.0; 4])),
        cell([2, 3], [4, 5], [5, 3], 5),
        cell([2, 3], [2, 5], [5, 4], 5),
        cell([2, 3], [2, 5], [5, 3], 6),
        panic_of(|| {
            let (x, w, b) = (two(1, [2, 3]), two(2, [9, 3]), one(3, [9]));
            gru_cell(&x, &x, &w, w.slice(s![..6, ..]), &b, &b)
        }),
        panic_of(|| {
            let (x, w, b) = (two(1, [2, 3]), two(2, [12, 3]), one(3, [12]));
            lstm_cell(&x, (&x, two(4, [2, 4])), &w, &w, &b, &b)
        }),
    ];
    let expected = include_str!("data/layers_panics.txt");
    assert_eq!(found.join("\n"), expected.trim_end(), "\n{}", found.join("\n"));
}
