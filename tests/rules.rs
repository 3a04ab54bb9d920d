//! Functions whose bodies are not read, with derivatives of the user's.

use chainrule::{check_gradient, differentiable};

mod physics {
    use chainrule::differentiable;

    /// Another one than that of the functions around.
    const SCALE: f64 = 2.0;

    /// Visible where `energy` is inlined.
    #[differentiable(custom = slope, wrt(x))]
    pub(crate) fn potential(x: f64, scale: f64, name: &str) -> f64 {
        assert_eq!(name, "spring");
        scale * x * x
    }

    fn slope(x: f64, scale: f64, _: &str) -> f64 {
        2.0 * scale * x
    }

    #[differentiable]
    pub fn energy(x: &[f64]) -> f64 {
        x.iter().map(|x| potential(*x, SCALE, "spring")).sum()
    }
}
use physics::energy;

#[differentiable]
fn inlined(x: &[f64]) -> f64 {
    energy(x).sin()
}

#[test]
fn a_rule_is_found_from_other_modules() {
    let x = vec![0.3, -0.4, 0.1];
    check_gradient(|x| inlined(x), |x| inlined::gradient(x), &x).unwrap();
    let expected: Vec<f64> = x.iter().map(|v| 4.0 * v).collect();
    assert_eq!(energy::gradient(&x), expected);
}

#[differentiable(custom = norm_rule, jvp, vjp)]
fn norm(x: &[[f64; 2]]) -> f64 {
    x.as_flattened().iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn norm_rule(x: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let norm = norm(x);
    x.iter().map(|row| row.map(|v| v / norm)).collect()
}

#[test]
fn a_function_with_a_rule_has_a_module_like_any_other() {
    let x = vec![[3.0, 0.0], [0.0, 4.0]];
    assert_eq!(norm::value_and_gradient(&x), (5.0, vec![[0.6, 0.0], [0.0, 0.8]]));
    let (mut gradient, mut workspace) = (vec![], norm::Workspace::default());
    assert_eq!(norm::value_and_gradient_into(&x, &mut gradient, &mut workspace), 5.0);
    assert_eq!(gradient, vec![[0.6, 0.0], [0.0, 0.8]]);
    assert_eq!(norm::jvp(&x, &[[1.0, 0.0], [0.0, 1.0]]), (5.0, 1.4));
    assert_eq!(norm::vjp(&x, 2.0).1, vec![[1.2, 0.0], [0.0, 1.6]]);
    check_gradient(|x| norm(x), |x| norm::gradient(x), &vec![[0.3, -0.2], [0.5, 0.1]]).unwrap();
}

#[differentiable(custom = root_wrong)]
fn root(x: f64) -> f64 {
    x.sqrt()
}

fn root_wrong(x: f64) -> f64 {
    1.0 / x.sqrt()
}

#[test]
fn a_wrong_rule_is_found_by_differences() {
    let wrong = check_gradient(|x| root(*x), |x| root::gradient(*x), &0.7).unwrap_err();
    assert!((wrong.exact / wrong.numeric - 2.0).abs() < 1e-6, "{wrong}");
}

#[differentiable(custom = short_rule)]
fn short(x: &[f64]) -> f64 {
    x[0] + x[1]
}

fn short_rule(_: &[f64]) -> Vec<f64> {
    vec![1.0]
}

#[test]
#[should_panic(expected = "short: the rule gives 1 numbers for `x`, which has 2")]
fn a_gradient_of_another_length_is_refused() {
    short::gradient(&[1.0, 2.0]);
}

#[differentiable(custom = volume_rule, hvp, hessian)]
fn volume(sides: &[f64; 2], height: f64) -> f64 {
    sides[0] * sides[1] * height * height
}

#[differentiable(vjp)]
fn volume_rule(sides: &[f64; 2], height: f64) -> ([f64; 2], f64) {
    let [a, b] = *sides;
    ([b * height * height, a * height * height], 2.0 * a * b * height)
}

#[differentiable(hvp, hessian)]
fn waves(sides: &[f64; 2], height: f64) -> f64 {
    let mut sum = 0.0;
    for i in 0..3 {
        if height > 0.5 {
            sum += volume(&[sides[0] * i as f64, sides[1]], height).sin();
        }
    }
    sum
}

#[test]
fn a_rule_that_is_differentiable_gives_second_derivatives() {
    let (sides, height, along, up) = ([0.7, 0.3], 0.8, [0.2, -0.5], 0.4);
    let (_, _, product) = waves::hvp(&sides, height, &along, up);
    let moved =
        |t: f64| waves::gradient(&[sides[0] + t * along[0], sides[1] + t * along[1]], height + t * up);
    let (after, before) = (moved(1e-5), moved(-1e-5));
    let near = |exact: f64, after: f64, before: f64| {
        let numeric = (after - before) / 2e-5;
        assert!((exact - numeric).abs() < 1e-8, "{exact} {numeric}");
    };
    near(product.sides[0], after.sides[0], before.sides[0]);
    near(product.sides[1], after.sides[1], before.sides[1]);
    near(product.height, after.height, before.height);
    // the sides enter the volume as a product
    let hessian = volume::hessian(&sides, height);
    assert_eq!(hessian.sides.sides, [[0.0, height * height], [height * height, 0.0]]);
}

#[differentiable(custom = counted_rule, wrt(x))]
fn counted(x: f64, at: &std::cell::Cell<u32>) -> f64 {
    at.set(at.get() + 1);
    x
}

fn counted_rule(_: f64, at: &std::cell::Cell<u32>) -> f64 {
    at.set(at.get() + 100);
    1.0
}

#[differentiable(wrt(x))]
fn branches(x: &[f64], n: usize, at: &std::cell::Cell<u32>) -> f64 {
    let mut sum = 0.0;
    for i in 0..x.len() {
        if x[i] > 0.0 && counted(x[i], at) < 1.0 {
            sum += x[i];
        }
    }
    for _ in 0..n {
        sum += counted(x[0], at);
    }
    sum
}

#[test]
fn a_call_runs_where_the_primal_runs_it() {
    let at = std::cell::Cell::new(0);
    let x = [0.5, -1.0, 2.0];
    // on two of three branches, and not in a loop without turns
    assert_eq!(branches::gradient(&x, 0, &at), [1.0, 0.0, 0.0]);
    assert_eq!(at.get(), 2);
    // equal calls are one
    at.set(0);
    assert_eq!(branches::gradient(&x, 3, &at), [4.0, 0.0, 0.0]);
    assert_eq!(at.get(), 2 + 1 + 100);
}

#[differentiable]
fn early(x: f64, n: usize) -> f64 {
    if n == 0 {
        return 1.0;
    }
    x * n as f64
}

#[test]
fn a_return_of_inactive_code_does_not_leave_the_generated_function() {
    let (mut gradient, mut workspace) = (7.0, early::Workspace::default());
    assert_eq!(early::value_and_gradient_into(3.0, 0, &mut gradient, &mut workspace), 1.0);
    assert_eq!(gradient, 0.0);
    assert_eq!(early::value_and_gradient(3.0, 2), (6.0, 2.0));
}

/// Each call is counted, and those of its adjoint come through here too: they are made for the base case.
#[differentiable(custom = leaf_rule, wrt(x))]
fn leaf(x: f64, at: &std::cell::Cell<u32>) -> f64 {
    at.set(at.get() + 1);
    x
}

fn leaf_rule(_: f64, _: &std::cell::Cell<u32>) -> f64 {
    1.0
}

#[differentiable(wrt(x))]
fn linear(x: f64, n: usize, at: &std::cell::Cell<u32>) -> f64 {
    if n == 0 {
        return leaf(x, at);
    }
    2.0 * linear(x, n - 1, at) + x * linear(x, n - 1, at)
}

#[test]
fn a_cotangent_that_is_known_makes_one_call() {
    let at = std::cell::Cell::new(0);
    let (value, gradient) = linear::value_and_gradient(0.5, 5, &at);
    // equal calls are one
    assert_eq!(at.get(), 1);
    assert_eq!((value, gradient), (0.5 * 2.5f64.powi(5), 2.5f64.powi(5) + 0.5 * 5.0 * 2.5f64.powi(4)));
}

/// A list whose rows are of one element: they are numbers for the kernels.
#[differentiable]
fn rows(x: &[[f64; 1]], one: &[f64; 1], n: usize) -> f64 {
    if n == 0 {
        return x[0][0] * one[0];
    }
    rows(x, one, n - 1) * 2.0 + x[n][0] * one[0]
}

#[test]
fn dimensions_of_one_element_are_no_dimensions() {
    let x = [[0.5], [0.25], [2.0]];
    let (value, gradient) = rows::value_and_gradient(&x, &[3.0], 2);
    assert_eq!(value, 3.0 * (4.0 * 0.5 + 2.0 * 0.25 + 2.0));
    assert_eq!((gradient.x, gradient.one), (vec![[12.0], [6.0], [3.0]], [4.5]));
}

#[differentiable(custom = step_rule)]
fn step(x: f64, by: &[f64; 2]) -> f64 {
    x * by[0] + by[1]
}

fn step_rule(x: f64, by: &[f64; 2]) -> (f64, [f64; 2]) {
    (by[0], [x, 1.0])
}

#[differentiable]
fn walked(x: f64, by: &[f64; 2]) -> f64 {
    let mut at = x;
    while at < 10.0 {
        at = step(at, by).max(step(x, &[1.0, by[1]]));
    }
    at
}

#[test]
fn calls_run_in_loops_that_the_run_counts() {
    let by = [1.3, 0.4];
    check_gradient(|x| walked(*x, &by), |x| walked::gradient(*x, &by).x, &1.0).unwrap();
    check_gradient(|by| walked(1.0, by), |by| walked::gradient(1.0, by).by, &by).unwrap();
    assert_eq!(walked::value_and_gradient(11.0, &by).1.x, 1.0);
}

#[differentiable(custom = square_rule)]
fn square(x: f64) -> f64 {
    x * x
}

fn square_rule(x: f64) -> f64 {
    2.0 * x
}

/// The array has as many elements as the loop has turns, and what remains of its adjoint is read along that axis.
#[differentiable]
fn neighbours_of_calls(x: &[f64; 2]) -> f64 {
    let mut a = [x[0], x[1]];
    for i in 0..2 {
        a[i] = square(a[i]) + a[(i + 1) % 2];
    }
    a[0] + 2.0 * a[1]
}

#[test]
fn what_remains_of_a_recurrence_is_read_behind_its_loop() {
    let x = [0.3, -0.7];
    // x₀² + x₁ is in both elements
    assert_eq!(neighbours_of_calls::gradient(&x), [3.0 * 2.0 * 0.3, 3.0 + 2.0 * 2.0 * -0.7]);
    check_gradient(neighbours_of_calls, neighbours_of_calls::gradient, &x).unwrap();
}

/// The determinant of the rows from `row` on, without the columns whose bits are set in `gone`.
#[differentiable(wrt(a))]
fn minors(a: &[f64], n: usize, row: usize, gone: u64) -> f64 {
    if row + 1 == n {
        return a[row * n + gone.trailing_ones() as usize];
    }
    let mut sum = 0.0;
    let mut sign = 1.0;
    for column in 0..n {
        if gone >> column & 1 == 0 {
            sum += sign * a[row * n + column] * minors(a, n, row + 1, gone | 1 << column);
            sign = -sign;
        }
    }
    sum
}

/// What the calls in a loop add to the gradient goes there at once: an array for each turn made this twenty times slower.
#[test]
fn recursion_in_a_loop_keeps_nothing() {
    assert!(minors::SOURCE.contains("// - stored: nothing"), "{}", minors::SOURCE);
    let g = minors::gradient(&[1.0, 2.0, 3.0, 5.0], 2, 0, 0);
    assert_eq!(g, [5.0, -3.0, -2.0, 1.0]);
}
