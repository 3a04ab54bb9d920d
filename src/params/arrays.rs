//! `ndarray` arrays as parameters: each is one leaf.
//!
//! Invariant: arrays whose elements do not lie in standard order are visited element by element in logical order,
//! never in the order of their memory.

use std::slice;

use ndarray::{Array, Dimension};

use super::path::check;
use super::{Differentiable, Part, Path, ShapeMismatch, Visitor};
use crate::Real;

impl<T: Real, D: Dimension> Differentiable for Array<T, D> {
    type Scalar = T;

    fn walk<const M: usize, const R: usize>(
        muts: [&mut Self; M],
        refs: [&Self; R],
        path: &Path,
        visitor: &mut Visitor<T, M, R>,
    ) -> Result<(), ShapeMismatch> {
        check(path, muts.iter().map(|a| a.shape()).chain(refs.iter().map(|a| a.shape())))?;
        let Some(dims) = muts.first().map(|a| a.raw_dim()).or(refs.first().map(|a| a.raw_dim())) else {
            return Ok(());
        };
        let in_order =
            muts.iter().all(|a| a.is_standard_layout()) && refs.iter().all(|a| a.is_standard_layout());
        if in_order {
            let standard = "an array in standard layout is a slice";
            let muts = muts.map(|a| a.as_slice_mut().expect(standard));
            let refs = refs.map(|a| a.as_slice().expect(standard));
            visitor(&Part::new(path, dims.slice(), 0), muts, refs);
            return Ok(());
        }
        let (mut muts, mut refs) = (muts.map(|a| a.iter_mut()), refs.map(|a| a.iter()));
        let in_step = "arrays of one shape have the same number of elements";
        for start in 0..dims.size() {
            visitor(
                &Part::new(path, dims.slice(), start),
                muts.each_mut().map(|i| slice::from_mut(i.next().expect(in_step))),
                refs.each_mut().map(|i| slice::from_ref(i.next().expect(in_step))),
            );
        }
        Ok(())
    }

    fn zeros_like(&self) -> Self {
        Array::from_elem(self.raw_dim(), T::ZERO)
    }
}
