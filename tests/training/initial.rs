//! Initialisers: their distributions, their bits, and orthogonality.

use chainrule::init;
use chainrule::random::Random;
use ndarray::{array, Array, Array2, Array4, Dimension};

/// The mean, the variance and the largest magnitude.
fn spread<D: Dimension>(weights: &Array<f64, D>) -> (f64, f64, f64) {
    let mean = weights.mean().unwrap();
    (
        mean,
        weights.mapv(|x| (x - mean).powi(2)).mean().unwrap(),
        weights.fold(0.0, |m: f64, x| m.max(x.abs())),
    )
}

/// Uniform of this variance is bounded by √3 of its deviation; normal numbers exceed that.
fn check<D: Dimension>(weights: Array<f64, D>, variance: f64, uniform: bool) {
    let (mean, found, largest) = spread(&weights);
    let deviations = largest / variance.sqrt();
    assert!(mean.abs() < 0.02 * variance.sqrt(), "the mean is {mean}");
    assert!((found / variance - 1.0).abs() < 0.03, "the variance is {found}, not {variance}");
    match uniform {
        true => assert!((1.73..1.7320509).contains(&deviations), "{deviations}"),
        false => assert!((3.0..7.0).contains(&deviations), "{deviations}"),
    }
}

#[test]
fn weights_have_their_variance() {
    let mut random = Random::new(2);
    let (matrix, kernel) = ((100, 300), (40, 20, 5, 7));
    check(init::xavier_uniform(matrix, &mut random), 2.0 / 400.0, true);
    check(init::xavier_normal(matrix, &mut random), 2.0 / 400.0, false);
    check(init::he_uniform(matrix, &mut random), 2.0 / 100.0, true);
    check(init::he_normal(matrix, &mut random), 2.0 / 100.0, false);
    check(init::xavier_uniform(kernel, &mut random), 2.0 / (60.0 * 35.0), true);
    check(init::xavier_normal(kernel, &mut random), 2.0 / (60.0 * 35.0), false);
    check(init::he_uniform(kernel, &mut random), 2.0 / (20.0 * 35.0), true);
    check(init::he_normal(kernel, &mut random), 2.0 / (20.0 * 35.0), false);
}

/// Expected values: an implementation of the module's formulas in another language.
#[test]
fn a_seed_gives_the_same_bits() {
    let weights = |seed| -> Array2<f64> { init::he_normal((3, 2), &mut Random::new(seed)) };
    assert_eq!(weights(4), weights(4));
    assert_ne!(weights(4), weights(5));
    assert_eq!(weights(4).row(1), array![-1.4369438980401135, 0.6591853346531399]);
    let single: Array2<f32> = init::he_normal((3, 2), &mut Random::new(4));
    assert_eq!(single, weights(4).mapv(|x| x as f32));
    let q: Array2<f64> = init::orthogonal((3, 2), 1.0, &mut Random::new(4));
    let expected = array![-0.07780787084414596, 0.5453001937438915, -0.8346218508627576];
    assert!((&q.column(0) - &expected).fold(0.0, |m: f64, x| m.max(x.abs())) < 1e-15, "{q}");
}

#[test]
fn constants() {
    assert_eq!(init::zeros::<f32, _>(3), array![0.0_f32, 0.0, 0.0]);
    assert_eq!(init::constant((2, 3), 0.5), Array2::from_elem((2, 3), 0.5));
}

/// The products of the columns, or of the rows where they are fewer.
fn check_orthogonal(q: &Array2<f64>, gain: f64) {
    let products = if q.nrows() >= q.ncols() { q.t().dot(q) } else { q.dot(&q.t()) };
    for ((i, j), product) in products.indexed_iter() {
        let expected = if i == j { gain * gain } else { 0.0 };
        assert!((product - expected).abs() < 1e-14 * (1.0 + gain * gain), "{product} at ({i}, {j})");
    }
}

#[test]
fn orthogonal_matrices_are_orthogonal() {
    let mut random = Random::new(6);
    for shape in [(1, 1), (5, 5), (60, 60), (70, 20), (20, 70), (3, 1), (0, 4), (4, 0)] {
        for gain in [1.0, 2.0_f64.sqrt()] {
            let q: Array2<f64> = init::orthogonal(shape, gain, &mut random);
            assert_eq!(q.dim(), shape);
            check_orthogonal(&q, gain);
        }
    }
    let kernel: Array4<f64> = init::orthogonal((6, 3, 2, 5), 1.0, &mut random);
    check_orthogonal(&kernel.into_shape_with_order((6, 30)).unwrap(), 1.0);
    let kernel: Array4<f64> = init::orthogonal((40, 3, 2, 5), 1.0, &mut random);
    check_orthogonal(&kernel.into_shape_with_order((40, 30)).unwrap(), 1.0);
}

/// The trace of a random orthogonal matrix has mean 0 and variance 1, and half of the matrices are reflections (Diaconis,
/// Shahshahani 1994). A decomposition whose signs are not random fails here.
#[test]
fn orthogonal_matrices_are_all_as_likely() {
    let (mut random, n) = (Random::new(8), 20_000);
    let (mut sum, mut squares, mut reflections) = (0.0, 0.0, 0);
    for _ in 0..n {
        let q: Array2<f64> = init::orthogonal((3, 3), 1.0, &mut random);
        // among so many, some had columns that were almost parallel
        check_orthogonal(&q, 1.0);
        let trace = q.diag().sum();
        sum += trace;
        squares += trace * trace;
        let cofactor = |i: usize, j: usize| q[[1, i]] * q[[2, j]] - q[[1, j]] * q[[2, i]];
        let determinant =
            q[[0, 0]] * cofactor(1, 2) + q[[0, 1]] * cofactor(2, 0) + q[[0, 2]] * cofactor(0, 1);
        reflections += usize::from(determinant < 0.0);
    }
    let n = n as f64;
    assert!((sum / n).abs() < 0.04 && (squares / n - 1.0).abs() < 0.06, "{sum}, {squares}");
    assert!((reflections as f64 / n - 0.5).abs() < 0.02, "{reflections}");
}
