//! The determinant: the adjoint of a minor is known before the minor is, so that one recursion gives both.

/// The determinant; its gradient is written to `g`.
pub fn determinant(a: &[f64], ell: usize, g: &mut [f64]) -> f64 {
    g.fill(0.0);
    minor(a, ell, 0, (1 << ell) - 1, 1.0, g)
}

fn minor(a: &[f64], ell: usize, row: usize, columns: u32, bar: f64, g: &mut [f64]) -> f64 {
    let at = row * ell;
    if row + 1 == ell {
        let column = columns.trailing_zeros() as usize;
        g[at + column] += bar;
        return a[at + column];
    }
    let (mut sum, mut sign, mut left) = (0.0, 1.0, columns);
    while left != 0 {
        let column = left.trailing_zeros() as usize;
        left &= left - 1;
        let factor = sign * a[at + column];
        let inner = minor(a, ell, row + 1, columns & !(1 << column), bar * factor, g);
        g[at + column] += bar * sign * inner;
        sum += factor * inner;
        sign = -sign;
    }
    sum
}
