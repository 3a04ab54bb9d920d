//! Class indices, in the containers that they usually come in.

/// The class of each row, as [`cross_entropy`](super::cross_entropy) takes them, or the numbers of rows of a table.
///
/// Implemented for `&[usize]`, `&Vec<usize>`, `&[usize; N]`, a single `usize` (for a single row), and `ndarray`'s
/// `Array1<usize>` and `ArrayView1<usize>`, by value or borrowed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sequence of class indices",
    label = "expected `&[usize]`, `&Vec<usize>`, `&Array1<usize>`, `ArrayView1<usize>` or one `usize`"
)]
pub trait Labels {
    /// The number of labels.
    fn count(&self) -> usize;
    /// The label in place `index`, which is below [`count`](Self::count).
    fn get(&self, index: usize) -> usize;
}

impl Labels for usize {
    fn count(&self) -> usize {
        1
    }
    fn get(&self, _: usize) -> usize {
        *self
    }
}

impl Labels for &[usize] {
    fn count(&self) -> usize {
        self.len()
    }
    fn get(&self, index: usize) -> usize {
        self[index]
    }
}

impl Labels for &Vec<usize> {
    fn count(&self) -> usize {
        self.len()
    }
    fn get(&self, index: usize) -> usize {
        self[index]
    }
}

impl<const N: usize> Labels for &[usize; N] {
    fn count(&self) -> usize {
        N
    }
    fn get(&self, index: usize) -> usize {
        self[index]
    }
}

#[cfg(feature = "ndarray")]
mod arrays {
    use super::Labels;
    use ndarray::{ArrayBase, ArrayRef1, Data, Ix1};

    impl<S: Data<Elem = usize>> Labels for ArrayBase<S, Ix1> {
        fn count(&self) -> usize {
            self.len()
        }
        fn get(&self, index: usize) -> usize {
            self[index]
        }
    }

    impl<S: Data<Elem = usize>> Labels for &ArrayBase<S, Ix1> {
        fn count(&self) -> usize {
            self.len()
        }
        fn get(&self, index: usize) -> usize {
            self[index]
        }
    }

    impl Labels for &ArrayRef1<usize> {
        fn count(&self) -> usize {
            self.len()
        }
        fn get(&self, index: usize) -> usize {
            self[index]
        }
    }
}
