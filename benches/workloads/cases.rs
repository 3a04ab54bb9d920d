//! Each workload as closures over the same inputs: the function itself, the generated gradient and the one by hand.

use super::functions::{deep, digits, mixture, rosenbrock, tiny};
use super::networks::{block, block_inputs, lenet, lenet_inputs, lstm, lstm_inputs};
use super::{by_hand, inputs};
use chainrule::optim::Sgd;
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};
use chainrule::Differentiable;
use ndarray::Array1;

/// One evaluation: returns the value, and appends the gradient if it is asked for.
pub type Evaluate = Box<dyn FnMut(Option<&mut Vec<f64>>) -> f64>;

pub struct Case {
    pub name: &'static str,
    /// The function as the user wrote it.
    pub primal: Box<dyn Fn() -> f64>,
    pub generated: Evaluate,
    /// For the networks of several kinds of layers there is none.
    pub by_hand: Option<Evaluate>,
}

/// The names of all workloads.
pub const NAMES: [&str; 10] = ["w1", "w2b1", "w2b32", "w3", "w3s", "w4", "w5", "w6", "w7", "w8"];

/// The workload with a name of [`NAMES`].
pub fn case(name: &str) -> Case {
    match name {
        "w1" => w1(1000),
        "w2b1" => w2::<1>("w2b1"),
        "w2b32" => w2::<32>("w2b32"),
        "w3" => w3(),
        "w3s" => w3s(),
        "w4" => w4(),
        "w5" => w5(),
        "w6" => w6(),
        "w7" => w7(),
        "w8" => w8(1000),
        _ => panic!("no workload `{name}`; there are {NAMES:?}"),
    }
}

fn append<'a>(to: Option<&mut Vec<f64>>, from: impl IntoIterator<Item = &'a f64>) {
    if let Some(to) = to {
        to.extend(from);
    }
}

fn append_net(to: Option<&mut Vec<f64>>, from: &impl Differentiable<Scalar = f32>) {
    if let Some(to) = to {
        to.extend(from.flatten().into_iter().map(f64::from));
    }
}

fn w1(n: usize) -> Case {
    let x = inputs::rosenbrock(n);
    let (mut g, mut space) = (Array1::zeros(n), rosenbrock::Workspace::default());
    let generated: Evaluate = {
        let x = x.clone();
        Box::new(move |to| {
            let value = rosenbrock::value_and_gradient_into(x.view(), &mut g, &mut space);
            append(to, &g);
            value
        })
    };
    let primal = {
        let x = x.clone();
        Box::new(move || rosenbrock(x.view()))
    };
    let mut g = vec![0.0; n];
    let by_hand: Evaluate = Box::new(move |to: Option<&mut Vec<f64>>| {
        let value = by_hand::rosenbrock(x.as_slice().expect("one piece"), &mut g);
        append(to, &g);
        value
    });
    Case { name: "w1", primal, generated, by_hand: Some(by_hand) }
}

fn w2<const B: usize>(name: &'static str) -> Case {
    let (net, x, y) = inputs::tiny(B);
    let (mut g, mut space) = (net.zeros_like(), tiny::Workspace::default());
    let generated: Evaluate = {
        let (net, x, y) = (net.clone(), x.clone(), y.clone());
        Box::new(move |to| {
            let value = tiny::value_and_gradient_into(&net, x.view(), y.view(), &mut g, &mut space);
            append_net(to, &g);
            value.into()
        })
    };
    let primal = {
        let (net, x, y) = (net.clone(), x.clone(), y.clone());
        Box::new(move || tiny(&net, x.view(), y.view()).into())
    };
    let (mut g, mut space) = (net.zeros_like(), by_hand::TinyScratch::<B>::default());
    let by_hand: Evaluate = Box::new(move |to: Option<&mut Vec<f64>>| {
        let value = by_hand::tiny(&net, x.view(), y.view(), &mut g, &mut space);
        append_net(to, &g);
        value.into()
    });
    Case { name, primal, generated, by_hand: Some(by_hand) }
}

fn w3() -> Case {
    let (net, x, labels) = inputs::digits(64);
    let (mut g, mut space) = (net.zeros_like(), digits::Workspace::default());
    let generated: Evaluate = {
        let (net, x, labels) = (net.clone(), x.clone(), labels.clone());
        Box::new(move |to| {
            let value = digits::value_and_gradient_into(&net, x.view(), &labels, &mut g, &mut space);
            append_net(to, &g);
            value.into()
        })
    };
    let primal = {
        let (net, x, labels) = (net.clone(), x.clone(), labels.clone());
        Box::new(move || digits(&net, x.view(), &labels).into())
    };
    let (mut g, mut space) = (net.zeros_like(), by_hand::DigitsScratch::default());
    let by_hand: Evaluate = Box::new(move |to: Option<&mut Vec<f64>>| {
        let value = by_hand::digits(&net, x.view(), &labels, &mut g, &mut space);
        append_net(to, &g);
        value.into()
    });
    Case { name: "w3", primal, generated, by_hand: Some(by_hand) }
}

/// W3 with a step of gradient descent after each evaluation.
fn w3s() -> Case {
    let (net, x, labels) = inputs::digits(64);
    let (mut g, mut space, mut sgd) = (net.zeros_like(), digits::Workspace::default(), Sgd::new(0.01));
    let generated: Evaluate = {
        let (mut net, x, labels) = (net.clone(), x.clone(), labels.clone());
        Box::new(move |to| {
            let value = digits::value_and_gradient_into(&net, x.view(), &labels, &mut g, &mut space);
            sgd.step(&mut net, &g);
            append_net(to, &g);
            value.into()
        })
    };
    let primal = {
        let (net, x, labels) = (net.clone(), x.clone(), labels.clone());
        Box::new(move || digits(&net, x.view(), &labels).into())
    };
    let (mut net, mut g, mut space) = (net.clone(), net.zeros_like(), by_hand::DigitsScratch::default());
    let by_hand: Evaluate = Box::new(move |to: Option<&mut Vec<f64>>| {
        let value = by_hand::digits(&net, x.view(), &labels, &mut g, &mut space);
        descend(net.w1.as_slice_mut(), g.w1.as_slice());
        descend(net.b1.as_slice_mut(), g.b1.as_slice());
        descend(net.w2.as_slice_mut(), g.w2.as_slice());
        descend(net.b2.as_slice_mut(), g.b2.as_slice());
        descend(net.w3.as_slice_mut(), g.w3.as_slice());
        descend(net.b3.as_slice_mut(), g.b3.as_slice());
        append_net(to, &g);
        value.into()
    });
    Case { name: "w3s", primal, generated, by_hand: Some(by_hand) }
}

/// `p -= 0.01 g`
fn descend(p: Option<&mut [f32]>, g: Option<&[f32]>) {
    struct Descend<'a>(&'a mut [f32], &'a [f32]);
    impl Kernel for Descend<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            step::<S::F32>(self.0, self.1);
            let whole = self.0.len() / S::F32::LEN * S::F32::LEN;
            step::<S::S32>(&mut self.0[whole..], &self.1[whole..]);
        }
    }
    #[inline(always)]
    fn step<V: Vector<Elem = f32>>(p: &mut [f32], g: &[f32]) {
        for (p, g) in p.chunks_exact_mut(V::LEN).zip(g.chunks_exact(V::LEN)) {
            V::of(-0.01).mul_add(V::load(g), V::load(p)).store(p);
        }
    }
    dispatch(Descend(p.expect("standard layout"), g.expect("standard layout")))
}

fn w4() -> Case {
    let (net, x, y) = inputs::deep(128);
    let (mut g, mut space) = (net.zeros_like(), deep::Workspace::default());
    let generated: Evaluate = {
        let (net, x, y) = (net.clone(), x.clone(), y.clone());
        Box::new(move |to| {
            let value = deep::value_and_gradient_into(&net, x.view(), y.view(), &mut g, &mut space);
            append_net(to, &g);
            value.into()
        })
    };
    let primal = {
        let (net, x, y) = (net.clone(), x.clone(), y.clone());
        Box::new(move || deep(&net, x.view(), y.view()).into())
    };
    let (mut g, mut space) = (net.zeros_like(), by_hand::DeepScratch::default());
    let by_hand: Evaluate = Box::new(move |to: Option<&mut Vec<f64>>| {
        let value = by_hand::deep(&net, x.view(), y.view(), &mut g, &mut space);
        append_net(to, &g);
        value.into()
    });
    Case { name: "w4", primal, generated, by_hand: Some(by_hand) }
}

fn w5() -> Case {
    let (net, x, labels) = lenet_inputs(32);
    let (mut g, mut space) = (net.zeros_like(), lenet::Workspace::default());
    let primal = {
        let (net, x, labels) = (net.clone(), x.clone(), labels.clone());
        Box::new(move || lenet(&net, x.view(), &labels).into())
    };
    let generated: Evaluate = Box::new(move |to| {
        let value = lenet::value_and_gradient_into(&net, x.view(), &labels, &mut g, &mut space);
        append_net(to, &g);
        value.into()
    });
    Case { name: "w5", primal, generated, by_hand: None }
}

fn w6() -> Case {
    let (net, x, y) = lstm_inputs(16);
    let (mut g, mut space) = (net.zeros_like(), lstm::Workspace::default());
    let primal = {
        let (net, x, y) = (net.clone(), x.clone(), y.clone());
        Box::new(move || lstm(&net, x.view(), y.view()).into())
    };
    let generated: Evaluate = Box::new(move |to| {
        let value = lstm::value_and_gradient_into(&net, x.view(), y.view(), &mut g, &mut space);
        append_net(to, &g);
        value.into()
    });
    Case { name: "w6", primal, generated, by_hand: None }
}

fn w7() -> Case {
    let (net, x) = block_inputs(8);
    let (mut g, mut space) = (net.zeros_like(), block::Workspace::default());
    let primal = {
        let (net, x) = (net.clone(), x.clone());
        Box::new(move || block(&net, x.view()).into())
    };
    let generated: Evaluate = Box::new(move |to| {
        let value = block::value_and_gradient_into(&net, x.view(), &mut g, &mut space);
        append_net(to, &g);
        value.into()
    });
    Case { name: "w7", primal, generated, by_hand: None }
}

fn w8(n: usize) -> Case {
    let m = inputs::mixture(n);
    let (_, mut g) = mixture::value_and_gradient(
        m.alphas.view(),
        m.means.view(),
        m.icf.view(),
        m.x.view(),
        &m.places,
        m.constant,
    );
    let mut space = mixture::Workspace::default();
    let generated: Evaluate = {
        let m = inputs::mixture(n);
        Box::new(move |to| {
            let value = mixture::value_and_gradient_into(
                m.alphas.view(),
                m.means.view(),
                m.icf.view(),
                m.x.view(),
                &m.places,
                m.constant,
                &mut g,
                &mut space,
            );
            append(to, g.alphas.iter().chain(&g.means).chain(&g.icf));
            value
        })
    };
    let primal = {
        let m = inputs::mixture(n);
        Box::new(move || {
            mixture(m.alphas.view(), m.means.view(), m.icf.view(), m.x.view(), &m.places, m.constant)
        })
    };
    let mut g = [vec![0.0; inputs::K], vec![0.0; m.means.len()], vec![0.0; m.icf.len()]];
    let mut space = by_hand::MixtureScratch::default();
    let by_hand: Evaluate = Box::new(move |to: Option<&mut Vec<f64>>| {
        let value = by_hand::mixture(&m, g.each_mut().map(|g| &mut g[..]), &mut space);
        append(to, g.iter().flatten());
        value
    });
    Case { name: "w8", primal, generated, by_hand: Some(by_hand) }
}
