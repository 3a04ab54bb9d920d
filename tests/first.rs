use chainrule::differentiable;
use ndarray::{array, s, Array1, Array2, ArrayView1, ArrayView2};

#[differentiable]
pub fn rosenbrock(x: f64, y: f64) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

#[differentiable(wrt(w, b))]
pub fn layer(w: &Array2<f64>, b: &Array1<f64>, x: ArrayView2<f64>, y: ArrayView2<f64>) -> f64 {
    let h = (x.dot(w) + b).mapv(f64::tanh);
    let e = h - y;
    (&e * &e).sum() / 3.0
}

#[test]
fn works() {
    let (v, g) = rosenbrock::value_and_gradient(1.2, 1.0);
    println!("{v} {g:?}\n{}", rosenbrock::SOURCE);
    assert!((v - rosenbrock(1.2, 1.0)).abs() < 1e-12);
    println!("{}", layer::SOURCE);
    let w = array![[0.1, 0.2, 0.3], [0.5, -0.3, 0.2]];
    let b = array![0.1, -0.1, 0.3];
    let x = array![[0.3, 0.4], [0.5, 0.6], [0.7, 0.1], [0.2, 0.9], [1.0, 2.0]];
    let y = Array2::from_elem((5, 3), 0.25);
    let (v, g) = layer::value_and_gradient(&w, &b, x.view(), y.view());
    assert!((v - layer(&w, &b, x.view(), y.view())).abs() < 1e-12);
    for i in 0..2 {
        for j in 0..3 {
            let h = 1e-6;
            let mut p = w.clone();
            p[[i, j]] += h;
            let mut m = w.clone();
            m[[i, j]] -= h;
            let d = (layer(&p, &b, x.view(), y.view()) - layer(&m, &b, x.view(), y.view())) / (2.0 * h);
            assert!((d - g.w[[i, j]]).abs() < 1e-6, "{d} {}", g.w[[i, j]]);
        }
    }
    for j in 0..3 {
        let h = 1e-6;
        let mut p = b.clone();
        p[j] += h;
        let mut m = b.clone();
        m[j] -= h;
        let d = (layer(&w, &p, x.view(), y.view()) - layer(&w, &m, x.view(), y.view())) / (2.0 * h);
        assert!((d - g.b[j]).abs() < 1e-6, "{d} {}", g.b[j]);
    }
}

mod net {
    use chainrule::nn::{cross_entropy, mse, relu};
    use chainrule::{differentiable, Differentiable};
    use ndarray::{Array1, Array2, ArrayView2};

    #[derive(Clone, Differentiable)]
    pub struct Mlp {
        pub w1: Array2<f32>,
        pub b1: Array1<f32>,
        pub w2: Array2<f32>,
        pub b2: Array1<f32>,
    }

    #[differentiable(wrt(net))]
    pub fn loss(net: &Mlp, x: ArrayView2<f32>, y: ArrayView2<f32>) -> f32 {
        let hidden = relu(x.dot(&net.w1) + &net.b1);
        mse(hidden.dot(&net.w2) + &net.b2, y)
    }
    #[test]
    fn mlp() {
        println!("{}", loss::SOURCE);
        let net = Mlp {
            w1: Array2::from_elem((4, 8), 0.1),
            b1: Array1::zeros(8),
            w2: Array2::from_elem((8, 3), 0.2),
            b2: Array1::zeros(3),
        };
        let x = Array2::from_shape_fn((5, 4), |(i, j)| (i as f32) * 0.1 - j as f32 * 0.2 + 0.3);
        let y = Array2::from_elem((5, 3), 0.25);
        let (v, g) = loss::value_and_gradient(&net, x.view(), y.view());
        assert!((v - loss(&net, x.view(), y.view())).abs() < 1e-5);
        println!("{v} {:?}", g.w1);
    }
}

mod digits {
    use super::net::Mlp;
    use chainrule::nn::{cross_entropy, relu};
    use chainrule::{differentiable, Differentiable};
    use ndarray::{Array1, Array2, ArrayView2};

    #[differentiable(wrt(net))]
    pub fn loss(net: &Mlp, x: ArrayView2<f32>, labels: &[usize]) -> f32 {
        let hidden = relu(x.dot(&net.w1) + &net.b1);
        cross_entropy(hidden.dot(&net.w2) + &net.b2, labels)
    }
    #[test]
    fn classes() {
        println!("{}", loss::SOURCE);
        let net = Mlp {
            w1: Array2::from_elem((4, 8), 0.1),
            b1: Array1::zeros(8),
            w2: Array2::from_shape_fn((8, 3), |(i, j)| (i + 2 * j) as f32 * 0.1),
            b2: Array1::zeros(3),
        };
        let x = Array2::from_shape_fn((5, 4), |(i, j)| (i as f32) * 0.1 - j as f32 * 0.2 + 0.3);
        let labels = [0, 1, 2, 1, 0];
        let (v, g) = loss::value_and_gradient(&net, x.view(), &labels);
        assert!((v - loss(&net, x.view(), &labels)).abs() < 1e-5, "{v}");
        println!("{v} {:?}", g.b2);
        for j in 0..3 {
            let mut p = net.clone();
            p.b2[j] += 1e-2;
            let mut m = net.clone();
            m.b2[j] -= 1e-2;
            let d = (loss(&p, x.view(), &labels) - loss(&m, x.view(), &labels)) / 2e-2;
            assert!((d - g.b2[j]).abs() < 1e-3, "{d} {}", g.b2[j]);
        }
    }
}
