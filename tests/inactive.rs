//! Inactive code that changes variables: in its order, once, and followed where what it changes is differentiated later.

use chainrule::{check_gradient, differentiable};

/// The value is the primal's but for rounding, and the gradient is that of the differences.
macro_rules! holds {
    ($($f:ident),*) => {$(
        let x = vec![0.3, -0.7, 1.2, 0.9];
        let (value, primal) = ($f::value_and_gradient(&x).0, $f(&x));
        // sums are fused, and so rounded once
        assert!((value - primal).abs() <= 1e-14 * primal.abs(), "{}: {value} against {primal}", stringify!($f));
        check_gradient(|x| $f(x), |x| $f::gradient(x), &x).unwrap();
    )*};
}

fn raised(k: &mut usize) -> usize {
    *k += 1;
    *k
}

#[differentiable]
fn lets_that_change(x: &[f64]) -> f64 {
    let mut w = vec![3.0, 1.0, 2.0];
    let before = w[2] * x[0];
    let last: f64 = w.pop().unwrap();
    let first: f64 = w.remove(0);
    let mut k = 0;
    let _ = raised(&mut k);
    let a = raised(&mut k);
    before + last * x[0] + first * x[1] + w[0] * x[2] + w.len() as f64 * x[a] + k as f64 * x[3]
}

#[differentiable]
fn lets_that_nothing_reads(x: &[f64]) -> f64 {
    let table = [3.0, 4.0, 5.0];
    let mut rest = table.iter();
    let _first = rest.next();
    let a: f64 = *rest.next().unwrap();
    let b: f64 = *rest.next().unwrap();
    a * x[0] + b * x[1]
}

#[differentiable]
fn replaced(x: &[f64]) -> f64 {
    let mut w = [3.0, 1.0];
    let old: f64 = std::mem::replace(&mut w[0], 7.0);
    old * x[0] + w[0] * x[1] * x[1]
}

#[differentiable]
fn sorted(x: &[f64]) -> f64 {
    let mut w = vec![3.0, 1.0, 2.0];
    w.sort_by(|a: &f64, b: &f64| b.partial_cmp(a).unwrap());
    w[0] * x[0] + w[2] * x[1]
}

#[differentiable]
fn pushed_by_the_host(x: &[f64]) -> f64 {
    let mut w: Vec<f64> = std::iter::repeat_n(1.0, 2).collect();
    w.push(4.0);
    w.insert(0, 5.0);
    let mut s = 0.0;
    for i in 0..4 {
        s += w[i] * x[i];
    }
    s * w.len() as f64
}

#[differentiable]
fn begun_with_numbers(x: &[f64]) -> f64 {
    let mut a = [0.0; 3];
    a[0] = 2.0;
    a[1] = x[0];
    let mut p = (0.0, 1.0);
    p.0 = 3.0;
    p.1 = x[1];
    let mut m = [[0.0; 2]; 2];
    for i in 0..2 {
        m[i][i] = 1.0;
    }
    m[0][1] = x[2];
    a[0] * a[1] + p.0 * p.1 * a[1] + m[0][0] * m[0][1] * m[1][1] + m[1][0]
}

/// The borders of a table are numbers.
#[differentiable]
fn bordered(x: &[f64]) -> f64 {
    let n = x.len();
    let mut d = vec![vec![0.0; n + 1]; n + 1];
    for i in 1..=n {
        d[i][0] = i as f64;
        d[0][i] = 0.5 * i as f64;
    }
    for i in 1..=n {
        for j in 1..=n {
            d[i][j] = 0.3 * d[i - 1][j] + 0.4 * (d[i][j - 1] * x[i - 1]).sin() + d[i - 1][j - 1] * x[j - 1];
        }
    }
    d[n][n]
}

#[differentiable]
fn looked_up(x: &[f64]) -> f64 {
    let n = x.len();
    let mut order = vec![0usize; n];
    let mut weights = vec![0.0; n];
    for i in 0..n {
        order[i] = (3 * i + 1) % n;
        weights[i] = (i * i) as f64;
    }
    let mut s = 0.0;
    for i in 0..n {
        s += weights[i] * x[order[i]] * x[i];
    }
    s
}

#[test]
fn it_runs_in_its_order() {
    holds!(lets_that_change, lets_that_nothing_reads, replaced, sorted, pushed_by_the_host);
}

#[test]
fn what_it_writes_is_followed() {
    holds!(begun_with_numbers, bordered, looked_up);
}

/// Springs between places, as a list of pairs and of pairs with stiffness.
#[differentiable]
fn springs(x: &[f64], pairs: &[(usize, usize)], stiff: &Vec<(usize, usize, f64)>) -> f64 {
    let mut energy = 0.0;
    for &(i, j) in pairs {
        energy += (x[i] - x[j]).powi(2);
    }
    for spring in stiff.iter() {
        if spring.0 == spring.1 {
            continue;
        }
        energy += spring.2 * (x[spring.0] - x[spring.1]).sin();
    }
    for k in 0..pairs.len() {
        let (i, j) = pairs[k];
        energy *= 1.0 + 0.1 * x[i] * x[j];
    }
    energy
}

#[test]
fn lists_of_pairs_are_read_in_their_order() {
    let (pairs, stiff) = (vec![(0, 1), (1, 2), (3, 0)], vec![(0, 2, 0.5), (1, 1, 9.0), (3, 2, -1.5)]);
    for (pairs, stiff) in [(&pairs[..], &stiff), (&[], &stiff), (&pairs[..], &vec![])] {
        let x = vec![0.3, -0.7, 1.2, 0.9];
        let primal = |x: &Vec<f64>| springs(x, pairs, stiff);
        let (value, _) = springs::value_and_gradient(&x, pairs, stiff);
        assert!((value - primal(&x)).abs() <= 1e-14);
        check_gradient(primal, |x| springs::gradient(x, pairs, stiff), &x).unwrap();
    }
}
