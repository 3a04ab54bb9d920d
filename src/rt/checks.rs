//! What generated code checks on entry, before anything is written, and the messages of what it finds.

/// One dimension of an argument must have a size that another argument or a type gives.
///
/// *Panics* with the function, the arguments and both sizes.
#[inline]
#[track_caller]
pub fn check_dim(function: &str, argument: &str, shape: &[usize], dim: usize, expected: usize, reason: &str) {
    if shape[dim] != expected {
        dim_mismatch(function, argument, shape, dim, expected, reason);
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn dim_mismatch(
    function: &str,
    argument: &str,
    shape: &[usize],
    dim: usize,
    expected: usize,
    reason: &str,
) -> ! {
    panic!(
        "{function}: `{argument}` has shape {shape:?}: its dimension {dim} is {}, but {reason} makes it {expected}",
        shape[dim]
    )
}

/// A list must have the elements that the function reads by number.
///
/// *Panics* with the function, the argument and both lengths.
#[inline]
#[track_caller]
pub fn check_length(function: &str, argument: &str, length: usize, needed: usize) {
    if length < needed {
        panic!("{function}: `{argument}` has {length} elements, but {needed} are needed: the last one that is read is `{argument}[{}]`", needed - 1);
    }
}

/// Two sizes that must be equal.
#[inline]
#[track_caller]
pub fn check_size(function: &str, what: &str, left: usize, right: usize) {
    if left != right {
        panic!("{function}: {what}: {left} is not {right}");
    }
}

/// A size that is a difference must not be negative.
#[inline]
#[track_caller]
pub fn nothing_below_zero(function: &str, what: &str, plus: usize, minus: usize) {
    if plus < minus {
        panic!("{function}: {what}, but {plus} is less than {minus}");
    }
}

/// Each index of an argument must be below a size.
#[track_caller]
pub fn check_labels(function: &str, argument: &str, values: &[usize], below: usize) {
    for (at, value) in values.iter().enumerate() {
        if *value >= below {
            // a negative one wrapped around
            let value = *value as isize;
            panic!(
                "{function}: `{argument}[{at}]` is {value}, but there are {below} positions to choose from"
            );
        }
    }
}

/// An index that is computed where it is used.
#[inline(always)]
#[track_caller]
pub fn bounded(index: isize, below: usize) -> usize {
    assert!(index >= 0 && (index as usize) < below, "index {index} is out of range for {below} positions");
    index as usize
}

/// The same in a `const fn`, which formats no numbers.
#[track_caller]
pub const fn chosen(index: isize, below: usize, message: &str) -> usize {
    if index < 0 || index as usize >= below {
        panic!("{}", message);
    }
    index as usize
}

/// The greater of two integers.
pub const fn larger(a: isize, b: isize) -> isize {
    if a > b {
        a
    } else {
        b
    }
}

/// The lesser of two integers.
pub const fn smaller(a: isize, b: isize) -> isize {
    if a < b {
        a
    } else {
        b
    }
}
