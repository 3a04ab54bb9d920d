//! Large layers: value and gradient of `relu(x.dot(w) + b)` under a loss, as a share of the rate of its three matrix products.
//!
//! `cargo bench --bench dense [-- [--json] MILLISECONDS]`: time per figure, 500 if not given; the best of its calls is printed.

use chainrule::differentiable;
use chainrule::nn::{mse, relu};
use chainrule::rt::gemm::{gemm, Mat};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rows, inputs and outputs of a layer.
const SHAPES: [(usize, usize, usize); 3] = [(512, 1024, 1024), (256, 2048, 2048), (128, 4096, 1024)];

#[differentiable(wrt(x, w, b))]
pub fn dense(x: ArrayView2<f32>, w: ArrayView2<f32>, b: ArrayView1<f32>, y: ArrayView2<f32>) -> f32 {
    mse(relu(x.dot(&w) + b), y)
}

/// Seconds of the best of the calls that fit into `budget`.
fn best(budget: Duration, mut f: impl FnMut()) -> f64 {
    let (start, mut least) = (Instant::now(), f64::MAX);
    while start.elapsed() < budget {
        let t = Instant::now();
        f();
        least = least.min(t.elapsed().as_secs_f64());
    }
    least
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let json = arguments.iter().any(|a| a == "--json");
    let budget = Duration::from_millis(arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(500));
    if !json {
        println!("GFLOP/s of value and gradient, of the three products by themselves, and their quotient");
    }
    for (rows, from, to) in SHAPES {
        let fill = |n: usize, m: usize| {
            Array2::from_shape_fn((n, m), |(i, j)| ((i * 7919 + j * 31) % 1000) as f32 / 500.0 - 1.0)
        };
        let (x, w, b, y) = (fill(rows, from), fill(from, to), Array1::<f32>::zeros(to), fill(rows, to));
        let mut space = dense::Workspace::default();
        let (_, mut g) = dense::value_and_gradient(x.view(), w.view(), b.view(), y.view());
        let layer = best(budget, || {
            black_box(dense::value_and_gradient_into(
                x.view(),
                w.view(),
                b.view(),
                y.view(),
                &mut g,
                &mut space,
            ));
        });

        let [xs, ws, ys] = [&x, &w, &y].map(|a| a.as_slice().expect("one piece"));
        let (mut h, mut x_bar, mut w_bar) =
            (vec![0.0; rows * to], vec![0.0; rows * from], vec![0.0; from * to]);
        let (xm, wm, ym) = (Mat::row_major(xs, from), Mat::row_major(ws, to), Mat::row_major(ys, to));
        let products = best(budget, || {
            gemm(rows, from, to, xm, wm, black_box(&mut h), to, false);
            gemm(from, rows, to, xm.t(), ym, black_box(&mut w_bar), to, false);
            gemm(rows, to, from, ym, wm.t(), black_box(&mut x_bar), from, false);
        });

        let rate = |seconds: f64| 6.0 * (rows * from * to) as f64 / seconds * 1e-9;
        let (layer, products) = (rate(layer), rate(products));
        if json {
            println!(
                "{{\"shape\": [{rows}, {from}, {to}], \"layer\": {layer:.1}, \"products\": {products:.1}}}"
            );
        } else {
            println!("{rows} x {from} x {to}  {layer:.1}  {products:.1}  {:.2}", layer / products);
        }
    }
}
