//! Products over named axes, and of lists of matrices.

use super::{panic_of, two};
use chainrule::einsum;
use chainrule::nn::matmul;
use ndarray::{array, Array2, Array3, Array4};

#[test]
fn operands_of_every_kind() {
    let (a, b) = (two(1, [2, 3]), two(2, [3, 4]));
    let expected = a.dot(&b);
    let near = |found: Array2<f64>| (found - &expected).iter().all(|d| d.abs() < 1e-15);
    assert!(near(einsum!("ij,jk->ik", &a, b.view())) && near(einsum!("ij,kj", a.view(), b.t())));
    assert!(near(einsum!(" ij, jk, -> ik ", a.clone(), b.clone(), 1.0)));
    assert!(near(matmul(a.view(), &b)) && near(matmul(a.t().reversed_axes(), b)));
    assert_eq!(einsum!("i,i", [1.0, 2.0], &vec![3.0, 4.0]), 11.0);
    assert_eq!(einsum!("ij->j", [[1.0, 2.0], [3.0, 4.0]]), array![4.0, 6.0]);
    assert_eq!(einsum!("bA->Ab", array![[1.0_f32, 2.0]]), array![[1.0], [2.0]]);
    let none = einsum!("ij,jk->ik", Array2::<f64>::zeros((2, 0)), Array2::zeros((0, 3)));
    assert_eq!(none, Array2::<f64>::zeros((2, 3)));
    assert_eq!(einsum!("->", 2.5), 2.5);
}

/// Letters that only the first arrays have are summed before the later ones come: a sum over all of them would take years.
#[test]
fn sums_come_early() {
    let m = Array2::<f64>::eye(40);
    let chain = einsum!("ab,bc,cd,de,ef,fg,gh->ah", &m, &m, &m, &m, &m, &m, &m);
    assert_eq!(chain, m);
}

#[test]
fn f32_is_the_f64_result_rounded_once() {
    let narrow = |x: &Array2<f64>| x.mapv(|x| x as f32);
    let (a, b) = (narrow(&two(1, [3, 50])), narrow(&two(2, [50, 3])));
    let wide = a.mapv(f64::from).dot(&b.mapv(f64::from));
    assert_eq!(einsum!("ij,jk", &a, &b), narrow(&wide));
    assert_eq!(matmul(&a, &b), narrow(&wide));
}

#[test]
fn wrong_sizes_are_named() {
    let found = [
        panic_of(|| einsum!("ij,jk->ik", Array2::<f64>::zeros((2, 3)), Array2::zeros((4, 5)))),
        panic_of(|| einsum!("ii", [[0.0; 3]; 2])),
        panic_of(|| matmul(Array3::<f64>::zeros((2, 3, 4)), Array3::zeros((5, 4, 3)))),
        panic_of(|| matmul(Array4::<f64>::zeros((2, 2, 3, 4)), Array2::zeros((5, 3)))),
    ];
    let expected = [
        "einsum!: `j` is 3 long in array 0 of shape [2, 3] (`ij`), but 4 in array 1 of shape [4, 5] (`jk`)",
        "einsum!: `i` is 2 long in array 0 of shape [2, 3] (`ii`), but 3 in array 0 of shape [2, 3] (`ii`)",
        "matmul: `a` has shape [2, 3, 4], but `b` has shape [5, 4, 3]: the axes before the last two differ",
        "matmul: the last axis of `a` of shape [2, 2, 3, 4] is 4 long, but the last but one of `b` of shape [5, 3] is 5",
    ];
    assert_eq!(found, expected);
}
