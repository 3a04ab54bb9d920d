//! Parameters: what optimisers, files and gradient checks need to know about a struct of arrays.
//!
//! A value of a [`Differentiable`] type is a tree whose leaves are tensors: scalars, nests of fixed-size arrays,
//! `Vec`s and `ndarray` arrays. The trait walks the leaves of any number of equal trees side by side.
//!
//! Invariant: the elements of a leaf are visited in logical (row-major) order and the leaves in the order of their
//! declaration, whatever the memory layout, so position `i` of a flattened tree is always the same parameter.

mod leaves;
mod path;

#[cfg(feature = "ndarray")]
mod arrays;

pub use path::{Part, Path, ShapeMismatch};

#[doc(hidden)]
pub use leaves::Dims;

use crate::Real;

/// What a walk over `M` mutable and `R` shared trees calls for each part of each leaf.
pub type Visitor<'v, T, const M: usize, const R: usize> = dyn FnMut(&Part, [&mut [T]; M], [&[T]; R]) + 'v;

/// A value made of parameters: what optimisers need.
///
/// Implemented for `f32`, `f64`, `[P; N]`, `Vec<P>`, tuples of up to four, `ndarray::Array<f32 | f64, D>` of any rank,
/// and by `#[derive(Differentiable)]` for structs of those. A field that is no parameter is marked `#[constant]`: it
/// is cloned by [`zeros_like`](Self::zeros_like) and otherwise passed over.
///
/// A leaf is one tensor with a path, a shape and its elements as a slice: `[[f32; 3]; 2]` is a leaf of shape `[2, 3]`,
/// `Vec<[f32; 3]>` one of shape `[len, 3]`; `Vec<Array2<f32>>` has one leaf for each element.
///
/// ```
/// use chainrule::Differentiable;
///
/// #[derive(Clone, Debug, PartialEq, Differentiable)]
/// struct Line {
///     slope: [f64; 2],
///     offset: f64,
///     #[constant]
///     unit: &'static str,
/// }
///
/// let mut line = Line { slope: [1.0, 2.0], offset: 3.0, unit: "m" };
/// assert_eq!(line.count(), 3);
/// assert_eq!(line.flatten(), [1.0, 2.0, 3.0]);
/// assert_eq!(line.zeros_like(), Line { slope: [0.0, 0.0], offset: 0.0, unit: "m" });
///
/// line.visit_mut(|part, values| {
///     if part.path().to_string() == "slope" {
///         values.fill(7.0);
///     }
/// });
/// assert_eq!(line.slope, [7.0, 7.0]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold differentiable parameters",
    label = "expected f32, f64, `[P; N]`, `Vec<P>`, a tuple, an owned ndarray array, or a struct with `#[derive(Differentiable)]`",
    note = "a field that is no parameter is marked `#[constant]`"
)]
pub trait Differentiable: Sized {
    /// The type of every parameter: `f32` or `f64`.
    type Scalar: Real;

    /// Visits the parameters of `M` mutable and `R` shared trees side by side, in pieces.
    ///
    /// This is what an implementation provides; callers use [`visit`](Self::visit) and its companions, which check all
    /// shapes before the first visit. A leaf is visited as one slice if it lies in one piece in standard order in all
    /// trees, and otherwise in several parts in logical order ([`Part::start`] tells which). `path` is where this value
    /// lies in the whole tree.
    ///
    /// *Errors:* the first leaf whose shapes differ; leaves before it have been visited.
    fn walk<const M: usize, const R: usize>(
        muts: [&mut Self; M],
        refs: [&Self; R],
        path: &Path,
        visitor: &mut Visitor<Self::Scalar, M, R>,
    ) -> Result<(), ShapeMismatch>;

    /// A value of the same shape with every parameter zero; constants are cloned.
    fn zeros_like(&self) -> Self;

    /// Visits the parameters, each leaf as one slice or, if it does not lie in one piece in memory, as several.
    fn visit(&self, mut visitor: impl FnMut(&Part, &[Self::Scalar])) {
        Self::walk([], [self], &Path::Root, &mut |part, [], [values]| visitor(part, values))
            .expect("one value has one shape")
    }

    /// Visits the parameters for changing them, as [`visit`](Self::visit).
    fn visit_mut(&mut self, mut visitor: impl FnMut(&Part, &mut [Self::Scalar])) {
        Self::walk([self], [], &Path::Root, &mut |part, [values], []| visitor(part, values))
            .expect("one value has one shape")
    }

    /// Visits the parameters of `M` mutable and `R` shared values side by side.
    ///
    /// *Shapes:* in each call all slices have the same length. *Errors:* the first leaf whose shapes differ; nothing has
    /// been visited then.
    ///
    /// ```
    /// use chainrule::Differentiable;
    /// let (mut sum, mut count, x, y) = ([0.0; 2], [0.0; 2], [1.0, 2.0], [3.0, 4.0]);
    /// Differentiable::visit_together([&mut sum, &mut count], [&x, &y], |_, [sum, count], [x, y]| {
    ///     for i in 0..sum.len() {
    ///         sum[i] += x[i] + y[i];
    ///         count[i] += 2.0;
    ///     }
    /// })?;
    /// assert_eq!((sum, count), ([4.0, 6.0], [2.0, 2.0]));
    /// # Ok::<(), chainrule::params::ShapeMismatch>(())
    /// ```
    fn visit_together<const M: usize, const R: usize>(
        mut muts: [&mut Self; M],
        refs: [&Self; R],
        mut visitor: impl FnMut(&Part, [&mut [Self::Scalar]; M], [&[Self::Scalar]; R]),
    ) -> Result<(), ShapeMismatch> {
        Self::walk(muts.each_mut().map(|m| &mut **m), refs, &Path::Root, &mut |_, _, _| ())?;
        Self::walk(muts, refs, &Path::Root, &mut visitor)
    }

    /// Visits the parameters of `self`, for changing them, beside those of `other`: as [`visit_together`](Self::visit_together).
    fn visit2_mut(
        &mut self,
        other: &Self,
        mut visitor: impl FnMut(&Part, &mut [Self::Scalar], &[Self::Scalar]),
    ) -> Result<(), ShapeMismatch> {
        Self::visit_together([self], [other], |part, [a], [b]| visitor(part, a, b))
    }

    /// Visits the parameters of `self` and `second`, for changing them, beside those of `third`: as
    /// [`visit_together`](Self::visit_together).
    fn visit3_mut(
        &mut self,
        second: &mut Self,
        third: &Self,
        mut visitor: impl FnMut(&Part, &mut [Self::Scalar], &mut [Self::Scalar], &[Self::Scalar]),
    ) -> Result<(), ShapeMismatch> {
        Self::visit_together([self, second], [third], |part, [a, b], [c]| visitor(part, a, b, c))
    }

    /// Whether the parameters have the same shapes.
    ///
    /// *Errors:* the first leaf whose shapes differ, with both shapes.
    fn same_shape(&self, other: &Self) -> Result<(), ShapeMismatch> {
        Self::walk([], [self, other], &Path::Root, &mut |_, _, _| ())
    }

    /// The number of parameters: of scalars, not of leaves.
    fn count(&self) -> usize {
        let mut count = 0;
        self.visit(|_, values| count += values.len());
        count
    }

    /// All parameters in one vector, in the order of the walk.
    fn flatten(&self) -> Vec<Self::Scalar> {
        let mut flat = Vec::with_capacity(self.count());
        self.visit(|_, values| flat.extend_from_slice(values));
        flat
    }

    /// Overwrites all parameters with the elements of `flat`, in the order of [`flatten`](Self::flatten).
    ///
    /// *Panics* unless `flat` has [`count`](Self::count) elements; nothing is written then.
    fn unflatten_from(&mut self, flat: &[Self::Scalar]) {
        let count = self.count();
        assert!(
            flat.len() == count,
            "unflatten_from: `self` has {count} parameters, but `flat` has {} elements",
            flat.len(),
        );
        let mut rest = flat;
        self.visit_mut(|_, values| {
            let (head, tail) = rest.split_at(values.len());
            values.copy_from_slice(head);
            rest = tail;
        });
    }

    /// Overwrites each parameter with `value`.
    fn fill(&mut self, value: Self::Scalar) {
        self.visit_mut(|_, values| values.fill(value));
    }

    /// Appends the lengths of the axes of this type, if every value of it is one dense block of scalars; else says `false`.
    #[doc(hidden)]
    fn push_dims(_: &mut Dims) -> bool {
        false
    }

    /// The scalars of a slice of a type that [`push_dims`](Self::push_dims) describes.
    #[doc(hidden)]
    fn dense(_: &[Self]) -> Option<&[Self::Scalar]> {
        None
    }

    /// As [`dense`](Self::dense).
    #[doc(hidden)]
    fn dense_mut(_: &mut [Self]) -> Option<&mut [Self::Scalar]> {
        None
    }
}
