//! `Differentiable`: the derive on every shape of struct, the walks, and the layouts that arrays come in.

use chainrule::params::{Part, ShapeMismatch};
use chainrule::Differentiable;

/// The paths and shapes of all leaves.
fn leaves<P: Differentiable>(params: &P) -> Vec<(String, Vec<usize>)> {
    let mut leaves = Vec::new();
    params.visit(|part, _| {
        if part.start() == 0 {
            leaves.push((part.path().to_string(), part.shape().to_vec()));
        }
    });
    leaves
}

fn leaf(path: &str, shape: &[usize]) -> (String, Vec<usize>) {
    (path.to_owned(), shape.to_vec())
}

/// What every implementation must do, for a value with these parameters in order.
fn check<P: Differentiable<Scalar = f64>>(mut value: P, expected: &[f64]) {
    assert_eq!(value.count(), expected.len());
    assert_eq!(value.flatten(), expected);
    let mut zeros = value.zeros_like();
    assert_eq!(zeros.flatten(), vec![0.0; expected.len()]);
    value.same_shape(&zeros).unwrap();
    zeros.unflatten_from(expected);
    assert_eq!(zeros.flatten(), expected);
    zeros.visit2_mut(&value, |_, z, v| z.iter_mut().zip(v).for_each(|(z, v)| *z += v)).unwrap();
    let mut sum = value.zeros_like();
    sum.visit3_mut(&mut zeros, &value, |part, s, z, v| {
        assert_eq!((s.len(), z.len()), (v.len(), v.len()), "{}", part.path());
        for i in 0..s.len() {
            s[i] = z[i] + v[i];
            z[i] = 0.0;
        }
    })
    .unwrap();
    assert_eq!(sum.flatten(), expected.iter().map(|x| 3.0 * x).collect::<Vec<_>>());
    assert_eq!(zeros.flatten(), vec![0.0; expected.len()]);
    value.fill(2.5);
    assert_eq!(value.flatten(), vec![2.5; expected.len()]);
}

mod plain {
    use super::*;

    #[test]
    fn scalars_nests_vectors_tuples() {
        check(1.5, &[1.5]);
        check([1.0, 2.0], &[1.0, 2.0]);
        check([[1.0, 2.0], [3.0, 4.0]], &[1.0, 2.0, 3.0, 4.0]);
        check(vec![[1.0], [2.0]], &[1.0, 2.0]);
        check(vec![vec![1.0], vec![], vec![2.0, 3.0]], &[1.0, 2.0, 3.0]);
        check((1.0, [2.0, 3.0], vec![4.0], (5.0,)), &[1.0, 2.0, 3.0, 4.0, 5.0]);
        check(Vec::<f64>::new(), &[]);
        check([[0.0_f64; 0]; 3], &[]);
    }

    #[test]
    fn a_dense_block_is_one_leaf() {
        assert_eq!(leaves(&1.0), [leaf("value", &[])]);
        assert_eq!(leaves(&[[0.0; 3]; 2]), [leaf("value", &[2, 3])]);
        assert_eq!(leaves(&vec![[[0.0_f32; 3]; 2]; 4]), [leaf("value", &[4, 2, 3])]);
        assert_eq!(leaves(&(1.0, [2.0])), [leaf("0", &[]), leaf("1", &[1])]);
        assert_eq!(leaves(&[vec![0.0; 2], vec![0.0]]), [leaf("[0]", &[2]), leaf("[1]", &[1])]);
        assert_eq!(leaves(&([(1.0, 2.0)],)), [leaf("0[0].0", &[]), leaf("0[0].1", &[])]);
        // nine axes are more than are kept together
        let deep = [[[[[[[[[7.0; 2]; 1]; 1]; 1]; 1]; 1]; 1]; 1]; 1];
        assert_eq!(leaves(&deep), [leaf("[0]", &[1, 1, 1, 1, 1, 1, 1, 2])]);
    }

    #[test]
    fn different_shapes_are_found_before_the_first_visit() {
        let (mut a, b) = ((1.0, vec![1.0; 2]), (2.0, vec![2.0; 3]));
        let expected = ShapeMismatch { parameter: "1".into(), left: vec![2], right: vec![3] };
        assert_eq!(a.same_shape(&b), Err(expected.clone()));
        assert_eq!(a.visit2_mut(&b, |_, _, _| panic!("visited")), Err(expected.clone()));
        assert_eq!(expected.to_string(), "parameter `1` has shape [2] in one value, but [3] in the other");
        let nested = vec![vec![0.0_f32]];
        assert_eq!(nested.same_shape(&vec![]).unwrap_err().parameter, "value");
        assert_eq!(nested.same_shape(&vec![vec![]]).unwrap_err().parameter, "[0]");
    }

    #[test]
    #[should_panic = "unflatten_from: `self` has 2 parameters, but `flat` has 3 elements"]
    fn unflatten_needs_every_parameter() {
        [0.0; 2].unflatten_from(&[1.0; 3]);
    }
}

mod derived {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Differentiable)]
    pub struct Dense {
        pub weight: [[f64; 2]; 2],
        pub r#type: f64,
        #[constant]
        pub name: String,
    }

    #[derive(Differentiable)]
    pub struct Pair(pub Dense, #[constant] pub usize, pub Vec<Dense>);

    #[derive(Clone, Debug, PartialEq, Differentiable)]
    struct Unit;

    #[derive(Differentiable)]
    struct Generic<'a, T, L: Clone, const N: usize>
    where
        L: PartialEq,
    {
        bias: [T; N],
        layers: [L; 2],
        #[constant]
        extra: &'a [L],
        again: [T; N],
    }

    #[derive(Differentiable)]
    struct Chain<A, B> {
        first: A,
        second: Wrapped<B>,
        third: f64,
    }

    #[derive(Differentiable)]
    struct Wrapped<B>(B);

    #[derive(Differentiable)]
    struct Unordered<A, B>(A, B);

    #[derive(Differentiable)]
    struct Tree {
        value: f64,
        children: Vec<Tree>,
    }

    fn dense(start: f64) -> Dense {
        Dense {
            weight: [[start, start + 1.0], [start + 2.0, start + 3.0]],
            r#type: start + 4.0,
            name: "d".into(),
        }
    }

    #[test]
    fn named() {
        check(dense(1.0), &[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(leaves(&dense(0.0)), [leaf("weight", &[2, 2]), leaf("type", &[])]);
        assert_eq!(dense(1.0).zeros_like(), Dense { weight: [[0.0; 2]; 2], r#type: 0.0, name: "d".into() });
    }

    #[test]
    fn tuple_and_nested() {
        let pair = Pair(dense(1.0), 7, vec![dense(6.0)]);
        assert_eq!(pair.zeros_like().1, 7);
        assert_eq!(
            leaves(&pair),
            [
                leaf("0.weight", &[2, 2]),
                leaf("0.type", &[]),
                leaf("2[0].weight", &[2, 2]),
                leaf("2[0].type", &[])
            ]
        );
        check(pair, &(1..=10).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn unit_has_no_parameters() {
        check(Unit, &[]);
        assert_eq!(Unit.zeros_like(), Unit);
    }

    #[test]
    fn generic() {
        let extra = [dense(0.0)];
        let value = Generic {
            bias: [1.0, 2.0],
            layers: [dense(3.0), dense(8.0)],
            extra: &extra,
            again: [13.0, 14.0],
        };
        assert_eq!(value.zeros_like().extra, &extra);
        assert_eq!(leaves(&value)[3], leaf("layers[1].weight", &[2, 2]));
        check(value, &(1..=14).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn generic_over_layers() {
        check(
            Chain { first: dense(1.0), second: Wrapped([6.0, 7.0]), third: 8.0 },
            &[1., 2., 3., 4., 5., 6., 7., 8.],
        );
        check(Unordered(1.0, Unordered([2.0], dense(3.0))), &[1., 2., 3., 4., 5., 6., 7.]);
    }

    #[test]
    fn recursive() {
        let leaf_ = |value| Tree { value, children: vec![] };
        let tree = Tree { value: 1.0, children: vec![leaf_(2.0), leaf_(3.0)] };
        assert_eq!(leaves(&tree)[1], leaf("children[0].value", &[]));
        check(tree, &[1.0, 2.0, 3.0]);
    }

    /// The definition macro is there under the path: it answers an expansion that asks for it.
    macro_rules! known {
        ($($path:ident)::+) => {
            const _: () = { $($path)::+! { { struct { struct Probe; } } { { $($path)::+ } } {} } };
        };
    }

    /// A definition travels with every way of naming the struct.
    mod definitions {
        mod by_name {
            use super::super::{Dense, Pair};
            known!(Dense);
            known!(Pair);

            #[test]
            fn and_the_struct_comes_along() {
                let Pair(Dense { .. }, ..) = Pair(super::super::dense(0.0), 0, vec![]);
            }
        }

        mod by_glob {
            use super::super::*;
            known!(Dense);
            known!(Pair);
            known!(Unit);
            known!(Tree);
        }

        mod by_path {
            known!(super::super::Dense);
            known!(crate::derived::Pair);
        }

        /// The same name again, in an inner module and in function bodies.
        #[allow(dead_code)]
        mod same_name {
            use chainrule::Differentiable;

            #[derive(Differentiable)]
            struct Dense(f32);
            known!(Dense);

            mod inner {
                use chainrule::Differentiable;

                #[derive(Differentiable)]
                struct Dense(f64);
                known!(Dense);
            }

            #[test]
            fn in_a_body() {
                #[derive(Differentiable)]
                struct Dense([f32; 2]);
                assert_eq!(Dense([1.0, 2.0]).count(), 2);
                {
                    #[derive(Differentiable)]
                    struct Dense([f32; 3]);
                    assert_eq!(Dense([1.0; 3]).count(), 3);
                }
            }
        }
    }
}

#[cfg(feature = "ndarray")]
mod arrays {
    use super::*;
    use chainrule::Real;
    use ndarray::{arr0, array, Array, Array1, Array2, Array3, ArrayD, Dimension, IxDyn, ShapeBuilder};

    #[derive(Clone, Differentiable)]
    struct Layer<T> {
        // an array's element must be `Real`, which the derive adds
        w: Array2<T>,
        b: Array1<T>,
    }

    #[derive(Differentiable)]
    struct Net<T: Real> {
        layers: Vec<Layer<T>>,
        scale: T,
    }

    /// Written over the trait, without naming the struct's fields.
    fn norm<P: Differentiable>(params: &P) -> f64 {
        let mut sum = 0.0;
        params.visit(|_, values| sum += values.iter().map(|v| v.to_f64().powi(2)).sum::<f64>());
        sum.sqrt()
    }

    fn generic_over_the_float<T: Real>(layer: &Layer<T>) -> Vec<T> {
        let _: T = layer.flatten()[0];
        layer.flatten()
    }

    #[test]
    fn structs_of_arrays() {
        let layer = Layer { w: array![[1.0, 2.0]], b: array![2.0] };
        assert_eq!(norm(&layer), 3.0);
        assert_eq!(generic_over_the_float(&layer), [1.0, 2.0, 2.0]);
        let net = Net { layers: vec![layer.clone(), layer], scale: 4.0 };
        assert_eq!(
            leaves(&net),
            [
                leaf("layers[0].w", &[1, 2]),
                leaf("layers[0].b", &[1]),
                leaf("layers[1].w", &[1, 2]),
                leaf("layers[1].b", &[1]),
                leaf("scale", &[])
            ]
        );
        check(net, &[1.0, 2.0, 2.0, 1.0, 2.0, 2.0, 4.0]);
        let single = Layer { w: array![[1.0_f32]], b: array![2.0] };
        assert_eq!(norm(&Net { layers: vec![single], scale: 2.0 }), 3.0);
    }

    fn numbered<D: Dimension>(mut array: Array<f64, D>) -> (Array<f64, D>, Vec<f64>) {
        array.iter_mut().enumerate().for_each(|(i, x)| *x = i as f64 + 1.0);
        let flat = array.iter().copied().collect();
        (array, flat)
    }

    #[test]
    fn every_layout_is_walked_in_logical_order() {
        let mut reversed = Array2::zeros((3, 4));
        reversed.invert_axis(ndarray::Axis(0));
        let strided = Array3::zeros((4, 3, 2)).slice_move(ndarray::s![..;2, 1.., ..]);
        let broadcastable = Array2::zeros((1, 5)).reversed_axes();
        for array in [
            Array2::zeros((3, 4)).into_dyn(),
            Array2::zeros((3, 4).f()).into_dyn(),
            Array2::zeros((3, 4)).reversed_axes().into_dyn(),
            reversed.into_dyn(),
            strided.into_dyn(),
            broadcastable.into_dyn(),
            arr0(0.0).into_dyn(),
            Array2::zeros((0, 3).f()).into_dyn(),
            ArrayD::zeros(IxDyn(&[1, 2, 1, 2, 1, 2, 3]).f()),
        ] {
            let (array, flat) = numbered(array);
            check(array, &flat);
        }
    }

    #[test]
    fn different_layouts_side_by_side() {
        let (mut a, flat) = numbered(Array2::zeros((3, 4).f()));
        let (b, _) = numbered(Array2::zeros((3, 4)));
        let mut starts = Vec::new();
        let mut record = |part: &Part, a: &mut [f64], b: &[f64]| {
            starts.extend((0..a.len()).map(|i| part.start() + i));
            a.iter_mut().zip(b).for_each(|(a, b)| *a = 10.0 * *a + b);
        };
        a.visit2_mut(&b, &mut record).unwrap();
        assert_eq!(starts, (0..12).collect::<Vec<_>>());
        assert_eq!(a.flatten(), flat.iter().map(|x| 11.0 * x).collect::<Vec<_>>());
        assert_eq!(a, 11.0 * b);
    }

    #[test]
    fn shapes_are_compared_not_sizes() {
        let error = Array2::<f32>::zeros((2, 3)).same_shape(&Array2::zeros((3, 2))).unwrap_err();
        assert_eq!((error.left, error.right), (vec![2, 3], vec![3, 2]));
        let error = (1.0, ArrayD::zeros(IxDyn(&[2]))).same_shape(&(1.0, ArrayD::zeros(IxDyn(&[2, 1]))));
        assert_eq!(error.unwrap_err().parameter, "1");
    }
}
