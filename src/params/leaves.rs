//! The parameter trees of plain Rust: scalars, arrays, vectors and tuples.

use std::slice;

use super::path::check;
use super::{Differentiable, Part, Path, ShapeMismatch, Visitor};

/// The most axes that a nest of fixed-size arrays is kept together for; a deeper nest has several leaves.
const MAX_RANK: usize = 8;

/// A short list of lengths of axes, without a heap allocation.
#[doc(hidden)]
#[derive(Default)]
pub struct Dims {
    lens: [usize; MAX_RANK],
    rank: usize,
}

impl Dims {
    /// Appends one length, unless the list is full, which it tells by `false`.
    fn push(&mut self, len: usize) -> bool {
        let free = self.rank < MAX_RANK;
        if free {
            self.lens[self.rank] = len;
            self.rank += 1;
        }
        free
    }

    fn as_slice(&self) -> &[usize] {
        &self.lens[..self.rank]
    }
}

/// Walks over sequences of equal length: as one leaf if their elements are dense, else element by element.
fn walk_slices<P: Differentiable, const M: usize, const R: usize>(
    mut muts: [&mut [P]; M],
    refs: [&[P]; R],
    path: &Path,
    visitor: &mut Visitor<P::Scalar, M, R>,
) -> Result<(), ShapeMismatch> {
    let Some(len) = muts.first().map(|s| s.len()).or(refs.first().map(|s| s.len())) else { return Ok(()) };
    let mut dims = Dims::default();
    if dims.push(len) && P::push_dims(&mut dims) {
        let dense = "a type with dims is dense";
        let muts = muts.map(|s| P::dense_mut(s).expect(dense));
        let refs = refs.map(|s| P::dense(s).expect(dense));
        visitor(&Part::new(path, dims.as_slice(), 0), muts, refs);
        return Ok(());
    }
    for i in 0..len {
        P::walk(muts.each_mut().map(|s| &mut s[i]), refs.map(|s| &s[i]), &path.index(i), visitor)?;
    }
    Ok(())
}

macro_rules! scalar {
    ($T:ident) => {
        impl Differentiable for $T {
            type Scalar = $T;

            fn walk<const M: usize, const R: usize>(
                muts: [&mut Self; M],
                refs: [&Self; R],
                path: &Path,
                visitor: &mut Visitor<$T, M, R>,
            ) -> Result<(), ShapeMismatch> {
                visitor(&Part::new(path, &[], 0), muts.map(slice::from_mut), refs.map(slice::from_ref));
                Ok(())
            }
            fn zeros_like(&self) -> Self {
                0.0
            }
            fn push_dims(_: &mut Dims) -> bool {
                true
            }
            fn dense(block: &[Self]) -> Option<&[$T]> {
                Some(block)
            }
            fn dense_mut(block: &mut [Self]) -> Option<&mut [$T]> {
                Some(block)
            }
        }
    };
}

scalar!(f32);
scalar!(f64);

impl<P: Differentiable, const N: usize> Differentiable for [P; N] {
    type Scalar = P::Scalar;

    fn walk<const M: usize, const R: usize>(
        muts: [&mut Self; M],
        refs: [&Self; R],
        path: &Path,
        visitor: &mut Visitor<P::Scalar, M, R>,
    ) -> Result<(), ShapeMismatch> {
        walk_slices(muts.map(|a| &mut a[..]), refs.map(|a| &a[..]), path, visitor)
    }
    fn zeros_like(&self) -> Self {
        self.each_ref().map(P::zeros_like)
    }
    fn push_dims(dims: &mut Dims) -> bool {
        dims.push(N) && P::push_dims(dims)
    }
    fn dense(block: &[Self]) -> Option<&[P::Scalar]> {
        P::dense(block.as_flattened())
    }
    fn dense_mut(block: &mut [Self]) -> Option<&mut [P::Scalar]> {
        P::dense_mut(block.as_flattened_mut())
    }
}

impl<P: Differentiable> Differentiable for Vec<P> {
    type Scalar = P::Scalar;

    fn walk<const M: usize, const R: usize>(
        muts: [&mut Self; M],
        refs: [&Self; R],
        path: &Path,
        visitor: &mut Visitor<P::Scalar, M, R>,
    ) -> Result<(), ShapeMismatch> {
        let (of_muts, of_refs) = (muts.each_ref().map(|v| [v.len()]), refs.map(|v| [v.len()]));
        check(path, of_muts.iter().chain(&of_refs).map(|len| &len[..]))?;
        walk_slices(muts.map(|v| &mut v[..]), refs.map(|v| &v[..]), path, visitor)
    }
    fn zeros_like(&self) -> Self {
        self.iter().map(P::zeros_like).collect()
    }
}

macro_rules! tuple {
    ($First:ident $first:tt $(, $Next:ident $next:tt)*) => {
        impl<$First: Differentiable, $($Next: Differentiable<Scalar = $First::Scalar>),*> Differentiable
            for ($First, $($Next,)*)
        {
            type Scalar = $First::Scalar;

            fn walk<const M: usize, const R: usize>(
                mut muts: [&mut Self; M],
                refs: [&Self; R],
                path: &Path,
                visitor: &mut Visitor<Self::Scalar, M, R>,
            ) -> Result<(), ShapeMismatch> {
                $First::walk(
                    muts.each_mut().map(|t| &mut t.$first),
                    refs.map(|t| &t.$first),
                    &path.field(stringify!($first)),
                    visitor,
                )?;
                $($Next::walk(
                    muts.each_mut().map(|t| &mut t.$next),
                    refs.map(|t| &t.$next),
                    &path.field(stringify!($next)),
                    visitor,
                )?;)*
                Ok(())
            }
            fn zeros_like(&self) -> Self {
                (self.$first.zeros_like(), $(self.$next.zeros_like(),)*)
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
