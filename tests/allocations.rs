//! Nothing is allocated once the workspace and the gradient have seen the shapes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, counting.
struct Counting;
static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[path = "fixtures/linear_regression.rs"]
mod linear_regression;
#[path = "fixtures/mlp.rs"]
mod mlp;
#[path = "fixtures/rosenbrock.rs"]
mod rosenbrock;
#[path = "fixtures/slice_dot.rs"]
mod slice_dot;
#[path = "fixtures/vec_struct.rs"]
mod vec_struct;
#[path = "fixtures/view2.rs"]
mod view2;

use chainrule::optim::{Adam, AdamW, Lion, RmsProp, Sgd};
use chainrule::train::{check_finite, clip_norm};
use ndarray::{Array1, Array2};

#[chainrule::differentiable(value, hvp, hessian)]
fn chain(x: &[f64]) -> f64 {
    let mut y = x[0];
    for i in 1..x.len() {
        y = (y * x[i]).sin() + y;
    }
    y * y
}

#[chainrule::differentiable(jacobian)]
fn pair(x: &[f64; 2]) -> [f64; 2] {
    [x[0] * x[1], x[0]]
}

/// How often a call allocates after the first one.
fn count(mut call: impl FnMut()) -> usize {
    call();
    let before = COUNT.load(Ordering::Relaxed);
    (0..3).for_each(|_| call());
    COUNT.load(Ordering::Relaxed) - before
}

/// One test: others beside it would allocate, too.
#[test]
fn nothing_is_allocated_in_steady_state() {
    let mut found = vec![];

    let mut g = rosenbrock::rosenbrock::gradient(1.0, 2.0);
    let mut w = rosenbrock::rosenbrock::Workspace::default();
    found.push((
        "rosenbrock",
        count(|| {
            rosenbrock::rosenbrock::value_and_gradient_into(1.0, 2.0, &mut g, &mut w);
        }),
    ));

    let (x, y) = (vec![0.5; 133], vec![0.25; 133]);
    let mut g = slice_dot::slice_dot::gradient(&x[..3], &y[..3]);
    let mut w = slice_dot::slice_dot::Workspace::default();
    found.push((
        "slice_dot",
        count(|| {
            slice_dot::slice_dot::value_and_gradient_into(&x, &y, &mut g, &mut w);
        }),
    ));

    let (x, y) = (Array1::from_elem(65, 0.5), Array1::from_elem(65, 0.25));
    let mut g = linear_regression::linear_regression::gradient(0.1, 0.2, x.view(), y.view());
    let mut w = linear_regression::linear_regression::Workspace::default();
    found.push((
        "linear_regression",
        count(|| {
            linear_regression::linear_regression::value_and_gradient_into(
                0.1,
                0.2,
                x.view(),
                y.view(),
                &mut g,
                &mut w,
            );
        }),
    ));

    // a view that is not in row-major order is copied into the workspace
    let x = Array2::from_elem((31, 17), 0.5);
    let mut g = view2::view2::gradient(x.t());
    let mut w = view2::view2::Workspace::default();
    found.push((
        "view2, transposed",
        count(|| {
            view2::view2::value_and_gradient_into(x.t(), &mut g, &mut w);
        }),
    ));

    let net = mlp::Mlp {
        w1: Array2::from_elem((64, 128), 0.01),
        b1: Array1::zeros(128),
        w2: Array2::from_elem((128, 10), 0.02),
        b2: Array1::zeros(10),
    };
    let (x, labels) = (Array2::from_elem((32, 64), 0.5), vec![3; 32]);
    let mut g = mlp::mlp::gradient(&net, x.view(), &labels);
    let mut w = mlp::mlp::Workspace::default();
    found.push((
        "mlp",
        count(|| {
            mlp::mlp::value_and_gradient_into(&net, x.view(), &labels, &mut g, &mut w);
        }),
    ));

    // products and matrices; a Jacobian of fixed size has no memory to keep
    let (x, mut w) = (vec![0.5; 33], chain::Workspace::default());
    let (_, mut g, mut product) = chain::hvp(&x, &x);
    let mut hessian = chain::hessian(&x[..2]);
    found.push((
        "hvp and hessian",
        count(|| {
            chain::hvp_into(&x, &x, &mut g, &mut product, &mut w);
            chain::hessian_into(&x, &mut hessian, &mut w);
        }),
    ));
    found.push((
        "value",
        count(|| {
            chain::value_into(&x, &mut w);
        }),
    ));
    found.push(("jacobian", count(|| assert_eq!(pair::jacobian(&[2.0, 3.0]), [[3.0, 2.0], [1.0, 0.0]]))));

    // lists, of which some elements are not read
    let layer = |rows| vec_struct::Layer {
        w: Array2::from_elem((rows, 65), 0.01),
        scales: vec![Array1::zeros(3), Array1::from_elem(65, 0.5)],
        offset: 0.25,
    };
    let net = vec_struct::Net {
        layers: vec![layer(3), layer(2), layer(31), layer(7)],
        biases: vec![Array1::zeros(65); 3],
        table: vec![[1.0; 3]; 2],
        rows: [vec![1.0], vec![2.0, 3.0]],
        w: vec![2.0; 2],
    };
    let x = Array1::from_elem(31, 0.5);
    let mut g = vec_struct::vec_struct::gradient(&net, x.view());
    let mut w = vec_struct::vec_struct::Workspace::default();
    found.push((
        "vec_struct",
        count(|| {
            vec_struct::vec_struct::value_and_gradient_into(&net, x.view(), &mut g, &mut w);
        }),
    ));

    // optimisers, each of them with parameters that weight decay spares
    let mut params = (vec![1.0; 33], (2.0, Array2::from_elem((3, 5), 0.5).reversed_axes()));
    let gradient = params.clone();
    let spared = |path: &str| path == "1.0";
    let mut optimisers = (
        (Sgd::new(0.1).momentum(0.9).no_decay(spared), Adam::new(0.1).no_decay(spared)),
        (AdamW::new(0.1).no_decay(spared), Lion::new(0.1).no_decay(spared)),
        RmsProp::new(0.1).momentum(0.9).centered(true).no_decay(spared),
    );
    found.push((
        "optimisers",
        count(|| {
            let ((sgd, adam), (adamw, lion), rms_prop) = &mut optimisers;
            sgd.step(&mut params, &gradient);
            adam.step(&mut params, &gradient);
            adamw.step(&mut params, &gradient);
            lion.step(&mut params, &gradient);
            rms_prop.step(&mut params, &gradient);
            clip_norm(&mut params, 1.0);
            check_finite(&params).expect("small numbers");
        }),
    ));

    let some: Vec<_> = found.iter().filter(|f| f.1 > 0).collect();
    assert!(some.is_empty(), "allocations in three calls: {some:?}");
}
