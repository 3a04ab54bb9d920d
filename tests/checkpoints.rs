//! Recurrences of which some states are kept: the same derivatives, bit by bit, in the memory that theory says.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts the bytes that this thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

fn change(by: impl Fn(usize) -> usize) {
    // a thread that ends frees what nobody asks for any more
    let _ = HELD.try_with(|held| held.set(by(held.get())));
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        change(|held| held.wrapping_add(layout.size()));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        change(|held| held.wrapping_sub(layout.size()));
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        change(|held| held.wrapping_sub(layout.size()).wrapping_add(size));
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The same functions under some options.
macro_rules! functions {
    ($name:ident, $($option:tt)*) => {
        mod $name {
            use super::{bits, inputs, weights};
            use chainrule::differentiable;

            /// Two numbers that drive each other.
            #[differentiable(hvp, $($option)*)]
            pub fn numbers(x: f64, n: usize) -> f64 {
                let mut y = x;
                let mut z = 0.3;
                for i in 0..n {
                    y = (y * z + 0.001 * i as f64).sin() + 0.5 * y * x;
                    z = 0.9 * z + 0.1 * y.cos();
                }
                y * z
            }

            /// A row of cells, each driven by its neighbours.
            #[differentiable(vjp, hvp, $($option)*)]
            pub fn cells(x: &[f64], n: usize) -> f64 {
                let mut y = x.to_vec();
                for _ in 0..n {
                    let before = y.clone();
                    for j in 1..x.len() {
                        y[j] = 0.9 * before[j] + 0.1 * (before[j - 1] * x[j]).sin();
                    }
                }
                y.iter().sum::<f64>()
            }

            /// An array of which each iteration changes one element.
            #[differentiable(hvp, $($option)*)]
            pub fn elements(x: &[f64; 8], n: usize) -> f64 {
                let mut y = *x;
                for i in 0..n {
                    let (from, to) = (i % 8, (i * 5 + 3) % 8);
                    y[to] = (y[from] * x[to]).sin() + 0.5 * y[to];
                }
                y[0] * y[1] + y[5]
            }

            /// A recurrence in a recurrence.
            #[differentiable(hvp, $($option)*)]
            pub fn nested(x: f64, n: usize) -> f64 {
                let mut y = x;
                for _ in 0..n {
                    let mut z = y;
                    for _ in 0..5 {
                        z = (z * x).sin() + 0.1;
                    }
                    y = 0.5 * (y + z);
                }
                y
            }

            /// Steps in time, until the time is over.
            #[differentiable(wrt(x), hvp, $($option)*)]
            pub fn turns(x: f64, end: f64) -> f64 {
                let mut y = x;
                let mut t = 0.0;
                while t < end {
                    y += 0.01 * (y * x + t).sin();
                    t += 1.0;
                }
                y * y
            }

            /// A layer over each of many inputs, the last state of a network.
            #[differentiable(wrt(w, u), hvp, $($option)*)]
            pub fn network(x: &[[f64; 4]], w: &[[f64; 4]; 6], u: &[[f64; 6]; 6]) -> f64 {
                let mut h = [0.0; 6];
                for x in x {
                    let before = h;
                    for i in 0..6 {
                        let mut sum = 0.0;
                        for j in 0..4 {
                            sum += w[i][j] * x[j];
                        }
                        for j in 0..6 {
                            sum += u[i][j] * before[j];
                        }
                        h[i] = sum.tanh();
                    }
                }
                h.iter().map(|h| h * h).sum::<f64>()
            }

            /// All states are looked at.
            #[differentiable(vjp, $($option)*)]
            pub fn trace(x: f64, n: usize) -> (f64, Vec<f64>) {
                let mut out = vec![0.0; n];
                let mut y = x;
                let mut total = 0.0;
                for i in 0..n {
                    y = (y * x).sin() + 0.1;
                    total += y * y;
                    out[i] = y * total;
                }
                (total, out)
            }

            /// The numbers that the functions give, with the cases' names.
            pub fn results() -> Vec<(String, Vec<u64>)> {
                let mut out = vec![];
                for n in super::SIZES {
                    numbers_at(n, &mut out);
                    arrays_at(n, &mut out);
                    loops_at(n, &mut out);
                    network_at(n, &mut out);
                }
                out
            }

            fn numbers_at(n: usize, out: &mut Vec<(String, Vec<u64>)>) {
                let (value, gradient, product) = numbers::hvp(0.4, n, 1.5);
                out.push((format!("numbers {n}"), bits(&[value, gradient, product])));
                let along: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
                let ((total, states), gradient) = trace::vjp(0.8, n, 0.7, &along);
                out.push((format!("trace {n}"), bits(&[&[total, gradient][..], &states].concat())));
            }

            fn arrays_at(n: usize, out: &mut Vec<(String, Vec<u64>)>) {
                let x: Vec<f64> = (0..9).map(|j| 0.3 + 0.2 * j as f64).collect();
                let x_dot: Vec<f64> = (0..9).map(|j| 1.0 - 0.3 * j as f64).collect();
                let (value, gradient, product) = cells::hvp(&x, n, &x_dot);
                out.push((format!("cells {n}"), bits(&[&[value][..], &gradient, &product].concat())));
                let (value, gradient) = cells::vjp(&x, n, 2.0);
                out.push((format!("cells vjp {n}"), bits(&[&[value][..], &gradient].concat())));
                let x = [0.9, 1.1, -0.4, 0.7, 1.6, -1.2, 0.2, 0.5];
                let (value, gradient, product) = elements::hvp(&x, n, &[1.0; 8]);
                out.push((format!("elements {n}"), bits(&[&[value][..], &gradient, &product].concat())));
            }

            fn loops_at(n: usize, out: &mut Vec<(String, Vec<u64>)>) {
                let (value, gradient, product) = nested::hvp(0.8, n, 1.5);
                out.push((format!("nested {n}"), bits(&[value, gradient, product])));
                let (value, gradient, product) = turns::hvp(0.8, n as f64, 1.5);
                out.push((format!("turns {n}"), bits(&[value, gradient, product])));
            }

            fn network_at(n: usize, out: &mut Vec<(String, Vec<u64>)>) {
                let (x, (w, u)) = (inputs(n), weights());
                let (value, gradient, product) = network::hvp(&x, &w, &u, &w, &u);
                let both = [gradient.w.concat(), gradient.u.concat(), product.w.concat(), product.u.concat()];
                out.push((format!("network {n}"), bits(&[vec![value], both.concat()].concat())));
            }

            /// The bytes that the functions' workspaces hold after a call.
            #[allow(dead_code)]
            pub fn held(n: usize) -> Vec<(&'static str, usize)> {
                let mut out = vec![];
                let mut w = numbers::Workspace::default();
                out.push(("numbers", super::held(|| numbers::value_and_gradient_into(0.4, n, &mut 0.0, &mut w))));
                let x = vec![0.7; 40];
                let (mut g, mut w) = (cells::gradient(&x, 0), cells::Workspace::default());
                out.push(("cells", super::held(|| cells::value_and_gradient_into(&x, n, &mut g, &mut w))));
                let (mut g, mut w) = ([0.0; 8], elements::Workspace::default());
                out.push(("elements", super::held(|| elements::value_and_gradient_into(&[0.5; 8], n, &mut g, &mut w))));
                let mut w = nested::Workspace::default();
                out.push(("nested", super::held(|| nested::value_and_gradient_into(0.8, n, &mut 0.0, &mut w))));
                let mut w = turns::Workspace::default();
                out.push(("turns", super::held(|| turns::value_and_gradient_into(0.8, n as f64, &mut 0.0, &mut w))));
                let (x, (a, b)) = (inputs(n), weights());
                let (mut g, mut w) = (network::gradient(&x[..0], &a, &b), network::Workspace::default());
                out.push(("network", super::held(|| network::value_and_gradient_into(&x, &a, &b, &mut g, &mut w))));
                out
            }
        }
    };
}

functions!(all,);
functions!(every_1, checkpoint = 1);
functions!(every_7, checkpoint = 7);
functions!(every_100, checkpoint = 100);
functions!(halves, checkpoint = "log");

const SIZES: [usize; 12] = [0, 1, 2, 6, 7, 8, 31, 32, 33, 65, 100, 1234];

fn bits(list: &[f64]) -> Vec<u64> {
    list.iter().map(|x| x.to_bits()).collect()
}

fn inputs(n: usize) -> Vec<[f64; 4]> {
    (0..n).map(|i| [0.0, 0.2, 0.5, 0.9].map(|c| (c + i as f64).sin())).collect()
}

fn weights() -> ([[f64; 4]; 6], [[f64; 6]; 6]) {
    let number = |i: usize, j: usize| 0.4 * ((3 * i + 7 * j) as f64).sin();
    let w = std::array::from_fn(|i| std::array::from_fn(|j| number(i, j)));
    (w, std::array::from_fn(|i| std::array::from_fn(|j| number(j, i + 2))))
}

/// The bytes that a call leaves allocated.
fn held(call: impl FnOnce() -> f64) -> usize {
    let before = HELD.get();
    call();
    HELD.get().wrapping_sub(before)
}

#[test]
fn derivatives_keep_their_bits() {
    let want = all::results();
    for (plan, got) in [
        ("1", every_1::results()),
        ("7", every_7::results()),
        ("100", every_100::results()),
        ("log", halves::results()),
    ] {
        for ((name, want), (_, got)) in want.iter().zip(&got) {
            if name.starts_with("network") {
                // without checkpoints, its sums are matrix products over all iterations, in another order
                for (want, got) in want.iter().zip(got) {
                    let (want, got) = (f64::from_bits(*want), f64::from_bits(*got));
                    let close = (want - got).abs() <= 1e-13 * (1.0 + want.abs());
                    assert!(close, "{name}, checkpoint = {plan}: {got} instead of {want}");
                }
            } else {
                assert_eq!(want, got, "{name}, checkpoint = {plan}");
            }
        }
    }
}

#[test]
fn values_are_those_of_the_functions() {
    for n in SIZES {
        let (w, u) = weights();
        let value = halves::network::value_and_gradient(&inputs(n), &w, &u).0;
        assert!((value - halves::network(&inputs(n), &w, &u)).abs() < 1e-13);
        let value = all::network::value_and_gradient(&inputs(n), &w, &u).0;
        assert!((value - all::network(&inputs(n), &w, &u)).abs() < 1e-13);
        let value = halves::nested::value_and_gradient(0.8, n).0;
        assert!((value - halves::nested(0.8, n)).abs() < 1e-13);
    }
}

/// How many numbers are the state of each function.
const STATES: [usize; 6] = [2, 40, 8, 1, 2, 6];

#[test]
fn memory_drops_as_theory_says() {
    // what does not depend on the number of iterations
    let fixed = [all::held(0), every_100::held(0), halves::held(0)];
    for n in [1_000, 10_000, 100_000] {
        let [all, every_100, halves] = [all::held(n), every_100::held(n), halves::held(n)];
        for (k, state) in STATES.into_iter().enumerate() {
            let name = all[k].0;
            let [all, every_100, halves] =
                [(0, &all), (1, &every_100), (2, &halves)].map(|(j, l)| l[k].1 - fixed[j][k].1);
            println!("{name}, n = {n}: {all} bytes, {every_100} with 100, {halves} with log");
            assert!(all >= 8 * n, "{name} keeps {all} bytes of all {n} iterations");
            // the kept states, and what one segment of iterations computes again, each no more than a state; a vector that
            // grows is at most twice as long as it needs to be
            let states = n / 100 + 1 + 100;
            assert!(every_100 <= 2 * 8 * state * states, "{name} keeps {every_100} bytes of {n} iterations");
            let states = (n as f64 / 32.0).log2().ceil() as usize + 1 + 32;
            assert!(halves <= 2 * 8 * state * states, "{name} keeps {halves} bytes of {n} iterations");
        }
    }
}
