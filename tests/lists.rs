//! Lists whose elements are read by number: what is checked on entry, and what becomes of the elements not read.

#[path = "fixtures/nested_struct.rs"]
mod nested_struct;
#[path = "fixtures/vec_lines.rs"]
mod vec_lines;
#[path = "fixtures/vec_struct.rs"]
mod vec_struct;

use chainrule::differentiable;
use ndarray::{array, Array1, Array2, ArrayView1};
use nested_struct::Line;
use std::panic::{catch_unwind, AssertUnwindSafe};
use vec_struct::{Layer, Net};

/// The message of the panic.
fn panic_of(call: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("a panic");
    panic.downcast_ref::<String>().cloned().expect("a message")
}

fn line(slope: f64) -> Line {
    Line { slope, offset: slope }
}

fn net() -> Net {
    let layer = || Layer { w: Array2::ones((2, 2)), scales: vec![array![0.5, 1.5]; 2], offset: 0.25 };
    Net {
        layers: vec![layer(); 4],
        biases: vec![array![0.1, 0.2]; 3],
        table: vec![[1.0; 3]; 2],
        rows: [vec![1.0], vec![2.0, 3.0]],
        w: vec![2.0; 2],
    }
}

#[test]
fn a_list_that_is_too_short_is_named_before_anything_is_written() {
    let mut gradient = vec![line(7.0)];
    let mut workspace = vec_lines::vec_lines::Workspace::default();
    let said = panic_of(|| {
        let lines = [line(1.0), line(2.0)];
        vec_lines::vec_lines::value_and_gradient_into(&lines, 1.0, &mut gradient, &mut workspace);
    });
    assert_eq!(
        said,
        "vec_lines: `lines` has 2 elements, but 3 are needed: the last one that is read is `lines[2]`"
    );
    assert_eq!((gradient.len(), gradient[0].slope), (1, 7.0));

    let mut short = net();
    short.layers[0].scales.pop();
    let mut gradient = net();
    let mut workspace = vec_struct::vec_struct::Workspace::default();
    let x = array![1.0, 2.0];
    let said = panic_of(|| {
        vec_struct::vec_struct::value_and_gradient_into(&short, x.view(), &mut gradient, &mut workspace);
    });
    assert!(
        said.starts_with("vec_struct: `net.layers[0].scales` has 1 elements, but 2 are needed"),
        "{said}"
    );
    assert_eq!(gradient.biases[1], array![0.1, 0.2]);
}

#[test]
fn the_gradient_has_every_element_and_zeros_where_nothing_is_read() {
    let (net, x) = (net(), array![1.0, 2.0]);
    let wanted = vec_struct::vec_struct::gradient(&net, x.view());
    assert_eq!(wanted.layers.len(), 4);
    assert_eq!(wanted.layers[3].w, Array2::<f64>::zeros((2, 2)));
    assert_eq!(wanted.biases[2], array![0.0, 0.0]);
    assert_ne!(wanted.biases[1], array![0.0, 0.0]);

    // memory of other shapes, full of other numbers, in each list
    let mut memory = net.clone();
    memory.layers.truncate(1);
    memory.layers[0].scales.push(array![1.0]);
    memory.biases = vec![array![1.0, 2.0, 3.0]; 5];
    memory.rows = [vec![1.0; 3], vec![]];
    memory.table.clear();
    let mut workspace = vec_struct::vec_struct::Workspace::default();
    vec_struct::vec_struct::value_and_gradient_into(&net, x.view(), &mut memory, &mut workspace);
    assert_eq!(flat(&memory), flat(&wanted));
    assert_eq!(memory.biases.len(), 3);
}

fn flat(net: &Net) -> Vec<f64> {
    chainrule::Differentiable::flatten(net)
}

#[differentiable(jvp)]
fn views(x: &[ArrayView1<f64>], y: &[&[f64]]) -> f64 {
    x[1].dot(&x[0]) + y[1][0]
}

#[test]
fn a_list_may_hold_views_and_slices() {
    let (a, b) = (array![1.0, 2.0], array![3.0, 4.0]);
    let g = views::gradient(&[a.view(), b.view(), a.view()], &[&[], &[5.0, 6.0]]);
    assert_eq!(g.x, [b.clone(), a.clone(), Array1::zeros(2)]);
    assert_eq!(g.y, [vec![], vec![1.0, 0.0]]);
    let said = panic_of(|| {
        let (x, y) = ([a.view(), b.view()], [&[][..], &[1.0]]);
        views::jvp(&x, &y, &x[..1], &y);
    });
    assert!(said.starts_with("views: `x_dot` has 1 elements, but 2 are needed"), "{said}");
}

/// The number of elements is a number like any other.
#[differentiable]
fn mean_of_two(x: &[Array1<f64>]) -> f64 {
    (&x[0] + &x[1]).sum() / x.len() as f64
}

#[test]
fn the_length_of_a_list_can_be_computed_with() {
    assert_eq!(mean_of_two::gradient(&vec![array![1.0]; 4])[1], array![0.25]);
}

#[path = "fixtures/list_loop.rs"]
mod list_loop;
#[path = "fixtures/list_rows.rs"]
mod list_rows;

fn deep(layers: usize) -> list_loop::Deep {
    let layer =
        || list_loop::Dense { w: Array2::eye(2) * 0.5, b: array![0.1, 0.2], gain: 0.5, taps: [1.0, 2.0] };
    list_loop::Deep { layers: vec![layer(); layers], out: array![1.0, -1.0] }
}

#[test]
fn a_loop_goes_through_elements_of_one_shape() {
    let x = array![[1.0, 2.0]];
    let mut net = deep(3);
    net.layers[2].w = Array2::zeros((2, 3));
    let mut gradient = deep(1);
    let kept = flat_of(&gradient);
    let said = panic_of(|| {
        let mut workspace = list_loop::list_loop::Workspace::default();
        list_loop::list_loop::value_and_gradient_into(&net, x.view(), &mut gradient, &mut workspace);
    });
    assert_eq!(
        said,
        "list_loop: `net.layers[2].w` has shape [2, 3], but `net.layers[0].w` has [2, 2]: a loop goes through elements of one shape"
    );
    assert_eq!(flat_of(&gradient), kept);
    let said = panic_of(|| {
        list_loop::list_loop::gradient(&deep(2), array![[1.0, 2.0, 3.0]].view());
    });
    assert!(said.contains("`x` has shape [1, 3]") && said.contains("makes it 2"), "{said}");
    let said = panic_of(|| {
        list_loop::list_loop::jvp(&deep(2), x.view(), &deep(1));
    });
    assert!(said.contains("`net_dot.layers.len()` must be net.layers.len(): 1 is not 2"), "{said}");
}

#[test]
fn a_list_that_a_loop_goes_through_may_be_empty() {
    let x = array![[1.0, 2.0]];
    let g = list_loop::list_loop::gradient(&deep(0), x.view());
    assert_eq!((g.layers.len(), g.out), (0, array![1.0, 2.0]));
    let g = list_rows::list_rows::gradient(&[], &[array![1.0], array![2.0]], &[]);
    assert_eq!((g.rows.len(), g.arrays), (0, vec![array![2.0], array![1.0]]));
}

#[test]
fn memory_of_other_lengths_becomes_the_gradient() {
    let x = array![[1.0, 2.0]];
    let wanted = list_loop::list_loop::gradient(&deep(3), x.view());
    let mut workspace = list_loop::list_loop::Workspace::default();
    for other in [0, 1, 5] {
        let mut gradient = deep(other);
        gradient.layers.iter_mut().for_each(|l| l.w = Array2::ones((1, 4)));
        list_loop::list_loop::value_and_gradient_into(&deep(3), x.view(), &mut gradient, &mut workspace);
        assert_eq!(flat_of(&gradient), flat_of(&wanted));
    }
}

fn flat_of(net: &list_loop::Deep) -> Vec<f64> {
    chainrule::Differentiable::flatten(net)
}
