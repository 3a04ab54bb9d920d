//! What `debug_nans` tells: the first value of a function that is no number, and where it was computed.

use std::fmt;

/// A value that holds a NaN or an infinity, and the line of the function where it first did.
///
/// The option `debug_nans` generates the function that finds it, for debug builds: it runs the function as it is written, and looks at its
/// arguments, at what each `let` binds, at what is assigned, and at the result. What a closure or a pattern of `match` and `for` computes is
/// found at the statement around it, and so is what a called function does. Numbers are looked at in arrays, slices, tuples, and structs with
/// `#[derive(Differentiable)]`; values of other types are passed over. So is a `let` that mentions `INFINITY` or `NEG_INFINITY`: such a start of
/// a minimum is meant.
///
/// ```
/// use chainrule::differentiable;
///
/// #[differentiable(debug_nans)]
/// fn entropy(p: &[f64; 3]) -> f64 {
///     let logs = p.map(|p| p.ln());
///     -p.iter().zip(&logs).map(|(p, l)| p * l).sum::<f64>()
/// }
///
/// fn main() {
///     assert_eq!(entropy::debug_nans(&[0.5, 0.25, 0.25]), None);
///     let found = entropy::debug_nans(&[0.5, 0.5, 0.0]).unwrap();
///     assert_eq!((found.expression.as_str(), found.position[0]), ("p.map(|p| p.ln())", 2));
///     assert!(found.to_string().ends_with("`p.map(|p| p.ln())` is -inf at [2]"));
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// The file of the function, as `file!()` says it.
    pub file: &'static str,
    /// The line where the expression begins, counted from 1.
    pub line: u32,
    /// The column where the expression begins, counted from 1.
    pub column: u32,
    /// What was computed: the expression of a `let`, an assignment, the name of an argument with the path of its parameter.
    pub expression: String,
    /// The index along each axis of the value; empty for a scalar.
    pub position: Vec<usize>,
    /// The first element that is NaN or infinite.
    pub value: f64,
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let NonFinite { file, line, column, expression, position, value } = self;
        write!(f, "{file}:{line}:{column}: `{expression}` is {value}")?;
        match position.is_empty() {
            true => Ok(()),
            false => write!(f, " at {position:?}"),
        }
    }
}

impl std::error::Error for NonFinite {}
