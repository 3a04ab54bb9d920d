//! Sparse matrices whose rows are put together from dense pieces: Jacobians of functions in which each result depends on
//! few arguments, such as the residuals of bundle adjustment.
//!
//! The derivative of one residual with respect to what it depends on is small and dense, and comes from `jacobian` or from
//! `vjp`. Where its numbers stand in the whole matrix is known from the problem. [`Csr`] puts them there.
//!
//! ```
//! use chainrule::{differentiable, sparse::Csr};
//!
//! /// How far two positions are from the distance that was measured.
//! #[differentiable(wrt(a, b))]
//! fn residual(a: &[f64; 2], b: &[f64; 2], measured: f64) -> f64 {
//!     ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt() - measured
//! }
//!
//! fn main() {
//!     let positions = [[0.0, 0.0], [3.0, 4.0], [3.0, 0.0]];
//!     let measured = [(0, 1, 5.1), (1, 2, 4.0)];
//!     let mut jacobian = Csr::new(2 * positions.len());
//!     for (i, j, distance) in measured {
//!         let by = residual::gradient(&positions[i], &positions[j], distance);
//!         jacobian.push_row(&[(2 * i, &by.a[..]), (2 * j, &by.b[..])]);
//!     }
//!     assert_eq!(jacobian.rows, [0, 4, 8]);
//!     assert_eq!(jacobian.columns, [0, 1, 2, 3, 2, 3, 4, 5]);
//!     assert_eq!(jacobian.values, [-0.6, -0.8, 0.6, 0.8, 0.0, 1.0, 0.0, -1.0]);
//! }
//! ```

/// A sparse matrix in compressed rows: the entries of row r are those from `rows[r]` to `rows[r + 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    /// Where each row begins, and where the last one ends.
    pub rows: Vec<usize>,
    /// The column of each entry.
    pub columns: Vec<usize>,
    /// The number of each entry.
    pub values: Vec<f64>,
    width: usize,
}

impl Csr {
    /// A matrix of `width` columns, without rows yet.
    pub fn new(width: usize) -> Self {
        Csr { rows: vec![0], columns: vec![], values: vec![], width }
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many rows there are.
    pub fn height(&self) -> usize {
        self.rows.len() - 1
    }

    /// Makes it a matrix of `width` columns without rows, in the same memory.
    pub fn reset(&mut self, width: usize) {
        self.rows.truncate(1);
        self.columns.clear();
        self.values.clear();
        self.width = width;
    }

    /// Makes room for so many more rows and entries.
    pub fn reserve(&mut self, rows: usize, entries: usize) {
        self.rows.reserve(rows);
        self.columns.reserve(entries);
        self.values.reserve(entries);
    }

    /// Appends a row: pieces of entries in neighbouring columns, each with the column of its first one. Entries are kept as
    /// they are given, zeros too.
    ///
    /// *Panics* where a piece ends behind the last column, before anything is appended.
    #[inline]
    pub fn push_row(&mut self, pieces: &[(usize, &[f64])]) {
        let mut count = 0;
        for (column, values) in pieces {
            if values.len() > self.width || *column > self.width - values.len() {
                too_wide(*column, values.len(), self.width);
            }
            count += values.len();
        }
        self.columns.reserve(count);
        self.values.reserve(count);
        for (column, values) in pieces {
            self.columns.extend(*column..*column + values.len());
            self.values.extend_from_slice(values);
        }
        self.rows.push(self.columns.len());
    }
}

#[cold]
fn too_wide(column: usize, count: usize, width: usize) -> ! {
    panic!("{count} entries from column {column} on do not fit into {width} columns")
}

#[cfg(test)]
mod tests {
    use super::Csr;

    #[test]
    fn pieces_become_rows() {
        let mut matrix = Csr::new(5);
        matrix.push_row(&[(3, &[1.0, 2.0]), (0, &[0.0])]);
        matrix.push_row(&[]);
        matrix.push_row(&[(5, &[])]);
        assert_eq!((matrix.height(), matrix.width()), (3, 5));
        assert_eq!(matrix.rows, [0, 3, 3, 3]);
        assert_eq!(matrix.columns, [3, 4, 0]);
        assert_eq!(matrix.values, [1.0, 2.0, 0.0]);
        matrix.reset(2);
        assert_eq!(matrix, Csr::new(2));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for column in [4, 5, usize::MAX] {
            let mut matrix = Csr::new(5);
            matrix.push_row(&[(0, &[1.0])]);
            let before = matrix.clone();
            let pushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                matrix.push_row(&[(0, &[7.0]), (column, &[1.0, 2.0])]);
            }));
            let text = *pushed.expect_err("a panic").downcast::<String>().expect("a text");
            let expected = format!("2 entries from column {column} on do not fit into 5 columns");
            assert_eq!(text, expected);
            assert_eq!(matrix, before);
        }
    }
}
