//! The derivative of a Rust function, as Rust code, at compile time.
//!
//! ```
//! use chainrule::differentiable;
//!
//! #[differentiable]
//! pub fn rosenbrock(x: f64, y: f64) -> f64 {
//!     (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
//! }
//!
//! fn main() {
//!     let (value, gradient) = rosenbrock::value_and_gradient(1.0, 2.0);
//!     assert_eq!(value, rosenbrock(1.0, 2.0));
//!     assert_eq!((gradient.x, gradient.y), (-400.0, 200.0));
//!     println!("{}", rosenbrock::SOURCE); // the generated code
//! }
//! ```
//!
//! # What the attribute generates
//!
//! The function stays as it is. Beside it stands a module of its name and visibility. Functions and modules live in separate
//! namespaces, so `use model::loss;` brings both along.
//!
//! | item of `mod f` | meaning |
//! | --- | --- |
//! | `f::gradient(args…) -> Gradient` | the gradient of a function with a scalar result |
//! | `f::value_and_gradient(args…) -> (T, Gradient)` | value and gradient, from one pass |
//! | `f::value_and_gradient_into(args…, &mut Gradient, &mut Workspace) -> T` | the same into the caller's memory. The gradient is overwritten. Once both have seen these shapes, nothing is allocated |
//! | `f::Gradient` | a struct with one public field per differentiated argument, named as it. With exactly one such argument, an alias of that argument's owned type |
//! | `f::Workspace` | memory for intermediate values, made by `Workspace::default()` |
//! | `f::SOURCE` | the generated code, formatted, for reading and for snapshot tests |
//! | `f::value(args…) -> T`, `f::value_into(args…, &mut Workspace) -> T` | on request: the value by generated code. Under `math = "strict"` it is the function's to the last bit |
//! | `f::jvp(args…, tangents…) -> (T, T)` | on request: the value, and the derivative along the tangents |
//! | `f::vjp(args…, cotangents…) -> (T, Gradient)` | on request: the value, and the gradient of its inner product with the cotangent (one for each component of a tuple, and for each argument that `f` changes) |
//! | `f::jacobian(args…)`, `f::value_and_jacobian(args…)`, `f::value_and_jacobian_into(args…, &mut Jacobian, &mut Workspace)` | on request: the result with each number replaced by its partial derivatives. `Jacobian` is that type, or a struct of one for each of several differentiated arguments. Arrays of `ndarray` join their dimensions |
//! | `f::hvp(args…, tangents…) -> (T, Gradient, Gradient)`, `f::hvp_into(…)` | on request: value, gradient, and the derivative of the gradient along the tangents |
//! | `f::hessian(args…)`, `f::hessian_into(args…, &mut Hessian, &mut Workspace)` | on request: the Jacobian of the gradient |
//! | `f::debug_nans(args…) -> Option<NonFinite>` | on request, for debugging: the function runs as it is written, and the first value that holds a NaN or an infinity is named with its line. See [`train::NonFinite`] |
//!
//! The gradient of a thing has the thing's owned type: `f64` for `f64`, `Vec<f64>` for `&[f64]`, `[f32; N]` for `&[f32; N]`,
//! `Array2<f32>` for `ArrayView2<f32>` and for `&Array2<f32>`, `Mlp` for `&Mlp`.
//!
//! # Options
//!
//! | option | meaning |
//! | --- | --- |
//! | `wrt(a, b)` | the differentiated arguments. Default: every argument of a differentiable type |
//! | `math = "real"` | the default: rewrites that hold over the real numbers, on a domain that is proven at compile time |
//! | `math = "strict"` | only rewrites that keep every bit of every IEEE result. Sums are taken in order, as iterators take them; `ndarray`'s own `sum` and `dot` take blocks of eight |
//! | `jvp`, `vjp`, `jacobian`, `value` | generate these, too. A function whose result is no scalar needs one of them |
//! | `jacobian(a, b)` | the Jacobian with respect to these arguments alone |
//! | `hvp`, `hessian` | generate these, too. For functions with a scalar result |
//! | `debug_nans` | generate this, too. It costs nothing where it is not called |
//! | `custom = path` | the body is not read: the function at the path takes the same arguments and returns the gradient |
//! | `custom(vjp = path, jvp = path)` | the same for results that are arrays: functions of the arguments, and of the cotangent of the result or of tangents |
//! | `const` | on a `const fn`: `gradient`, `value_and_gradient` and `value_and_gradient_into` are `const fn`, see below |
//! | `#[dims(B, 784)]` | on an `ndarray` argument: its dimensions. A number is a constant, an identifier is one size wherever it stands |
//!
//! ```
//! # #[cfg(feature = "ndarray")] mod only {
//! use chainrule::differentiable;
//! use ndarray::{ArrayView1, ArrayView2};
//!
//! #[differentiable(wrt(w), math = "strict")]
//! pub fn energy(#[dims(N)] w: ArrayView1<f64>, #[dims(N, N)] a: ArrayView2<f64>) -> f64 {
//!     w.dot(&a.dot(&w))
//! }
//! # }
//! # #[cfg(feature = "ndarray")]
//! # fn main() {
//! # use only::energy;
//! # let (w, a) = (ndarray::array![1.0, 2.0], ndarray::array![[1.0, 0.5], [0.5, 2.0]]);
//! assert_eq!(energy::gradient(w.view(), a.view()), 2.0 * a.dot(&w));
//! # }
//! # #[cfg(not(feature = "ndarray"))] fn main() {}
//! ```
//!
//! Dimensions that contradict each other at compile time are an error at the expression where they meet. All others are checked
//! once on entry, before anything is computed or written. The panic names the function, the arguments and both sizes.
//!
//! # What the body may contain
//!
//! - *Types*: `f32`, `f64`, arrays of any nesting, slices of those, `ndarray` arrays and views of one to four dimensions, structs
//!   with [`#[derive(Differentiable)]`](derive@Differentiable). Sizes may be const generics. Arguments of other types are not
//!   differentiated: integers, `bool`, `&[usize]`, and whatever else.
//! - *Scalars*: arithmetic, comparison, and the methods of `f32` and `f64`.
//! - *Slices and arrays*: indexing by constants and by arrays of indices, iterator chains such as `iter().zip(…).map(…).sum()`.
//! - *`ndarray`*: operators with broadcasting, `dot`, `t`, `mapv`, `sum`, `mean`, `sum_axis`, `mean_axis`, reshaping, `s![…]`,
//!   `concatenate!`, `stack!`.
//! - *[`nn`]*: activations, softmax and its relatives, convolutions, pools, norms, attention, losses.
//! - *Calls* of other `#[differentiable]` functions of the same crate, which are inlined and simplified with the caller. The fields that
//!   they read must be visible to the caller. Where the attribute is missing, rustc "cannot find macro" of the function's name.
//! - *Derivatives* of such functions, by path: `loss::gradient(x)`, and `value_and_gradient`, `jvp`, `vjp`, `hvp`, `jacobian`,
//!   `hessian`. They are differentiated in turn. [`constant`](fn@constant) holds a value fixed.
//! - *Anything at all* that does not depend on a differentiated argument.
//!
//! - *Control flow and assignments*: `if`, `match`, `for`, `while`, `loop`, early exits; variables, elements, rows and fields that change.
//!
//! `docs/language.md` in the repository lists all of it, with what is refused and what is planned. What is not supported is a compile
//! error at the smallest expression that is not, with what to write instead; it is never a zero gradient:
//!
//! ```compile_fail
//! #[chainrule::differentiable]
//! fn nearest(x: f64) -> f64 {
//!     (x as i64) as f64 // error: `as i64` of a differentiated value loses its derivative; use `trunc()`
//! }
//! # fn main() {}
//! ```
//!
//! # Arguments that the function changes
//!
//! `&mut f64`, `&mut [f64]`, `&mut [f64; N]`, `&mut Vec<f64>`, `&mut Array2<f64>`, `ArrayViewMut1<f64>`: what such an argument holds after the
//! call is a result, and what it held before is an input. The derivatives take it by `&` (or as a view) and write to no argument. The value is what the
//! function returns, followed by the changed arguments in their order; `vjp` takes a cotangent for each (`y_bar`), `jvp` and `jacobian` give
//! a part for each. `gradient` differentiates the number that is returned.
//!
//! ```
//! use chainrule::differentiable;
//!
//! /// One step of `y' = -rate y`.
//! #[differentiable(vjp)]
//! fn step(y: &mut [f64], rate: &[f64], h: f64) {
//!     for (y, rate) in y.iter_mut().zip(rate) {
//!         *y -= h * rate * *y;
//!     }
//! }
//!
//! fn main() {
//!     let (y, rate) = ([1.0, 2.0], [0.5, 0.25]);
//!     let (after, gradient) = step::vjp(&y, &rate, 0.5, &[1.0, 1.0]);
//!     assert_eq!((after, y), (vec![0.75, 1.75], [1.0, 2.0]));
//!     assert_eq!(gradient.y, [0.75, 0.875]); // with respect to `y` before the step
//!     assert_eq!((gradient.rate, gradient.h), (vec![-0.5, -1.0], -1.0));
//! }
//! ```
//!
//! A function with such arguments and no options is a helper: it is inlined where it is called, and has no derivatives of its own.
//!
//! # Parameters in a struct
//!
//! [`#[derive(Differentiable)]`](derive@Differentiable) lets a struct be differentiated, and implements the trait
//! [`Differentiable`](trait@Differentiable), which is what [`optim`]isers, files and your own code need of it.
//!
//! ```
//! use chainrule::{differentiable, optim::Sgd, Differentiable};
//!
//! #[derive(Clone, Debug, PartialEq, Differentiable)]
//! pub struct Line {
//!     slope: f64,
//!     offset: f64,
//! }
//!
//! #[differentiable(wrt(line))]
//! pub fn error(line: &Line, x: &[f64; 3], y: &[f64; 3]) -> f64 {
//!     x.iter().zip(y).map(|(x, y)| (line.slope * x + line.offset - y).powi(2)).sum()
//! }
//!
//! fn main() {
//!     let (x, y) = ([0.0, 1.0, 2.0], [1.0, 3.0, 5.0]);
//!     let (mut line, mut sgd) = (Line { slope: 0.0, offset: 0.0 }, Sgd::new(0.1));
//!     for _ in 0..200 {
//!         let gradient = error::gradient(&line, &x, &y); // a `Line`
//!         sgd.step(&mut line, &gradient);
//!     }
//!     assert!((line.slope - 2.0).abs() < 1e-6 && (line.offset - 1.0).abs() < 1e-6);
//! }
//! ```
//!
//! What else a training needs: [`train`] has mini-batches, clipping, accumulation, checks and early stopping, [`optim::Schedule`] learning rates,
//! [`random`] numbers from a seed, the module `init` initial weights.
//!
//! # Methods
//!
//! The attribute stands on an `impl` block and on each of its methods that needs derivatives. They come as methods: `loss_gradient`,
//! `loss_value_and_gradient`, … beside `loss`, and `LOSS_SOURCE`. Methods of the block that it calls (`self.at(x)`, `Self::square(x)`) need no
//! attribute of their own. `wrt(self)` names the receiver. Where several arguments are differentiated, the receiver's field of the gradient is called `this`.
//!
//! ```
//! use chainrule::{differentiable, Differentiable};
//!
//! #[derive(Clone, Debug, PartialEq, Differentiable)]
//! pub struct Line {
//!     slope: f64,
//!     offset: f64,
//! }
//!
//! #[differentiable]
//! impl Line {
//!     #[differentiable]
//!     pub fn square(&self, x: f64) -> f64 {
//!         self.at(x).powi(2)
//!     }
//!
//!     fn at(&self, x: f64) -> f64 {
//!         self.slope * x + self.offset
//!     }
//! }
//!
//! /// Methods of arguments are called by their names, those of other values by their path.
//! #[differentiable(wrt(line))]
//! fn sum(line: &Line, x: f64) -> f64 {
//!     line.square(x) + Line::square(line, 2.0 * x)
//! }
//!
//! fn main() {
//!     let line = Line { slope: 1.0, offset: 2.0 };
//!     let gradient = line.square_gradient(3.0);
//!     assert_eq!((gradient.this.slope, gradient.this.offset, gradient.x), (30.0, 10.0, 10.0));
//!     assert_eq!(sum::gradient(&line, 3.0).offset, 10.0 + 16.0);
//!     let _ = line_square::Workspace::default(); // the module of the function that the method is
//! }
//! ```
//!
//! A function of another module that calls `line.square(x)` needs `use …::{line_square, Line};`, as it needs a `use` for functions.
//!
//! # At compile time
//!
//! ```
//! use chainrule::{differentiable, math};
//!
//! #[differentiable(const)]
//! const fn distance(angle: f64) -> f64 {
//!     let (x, y) = (math::cos(angle), math::sin(angle));
//!     (x - 0.6) * (x - 0.6) + (y - 0.8) * (y - 0.8)
//! }
//!
//! const NEAREST: f64 = {
//!     let mut angle = 0.0;
//!     let mut step = 0;
//!     while step < 60 {
//!         angle -= 0.3 * distance::gradient(angle);
//!         step += 1;
//!     }
//!     angle
//! };
//! const _: () = assert!(distance(NEAREST) < 1e-12);
//! # fn main() {}
//! ```
//!
//! [`math`] has the functions that a `const fn` can call. What such a function may contain is in `docs/language.md`; an index out of range stops the
//! compiler:
//!
//! ```compile_fail,E0080
//! #[chainrule::differentiable(const, wrt(w))]
//! const fn chosen(w: &[f64; 3], label: &[usize; 1]) -> f64 {
//!     w[label[0]] * w[label[0]]
//! }
//! # fn main() {
//! const { chosen::gradient(&[1.0, 2.0, 3.0], &[3]) }; // chosen: `label` is out of range of what it chooses from
//! # }
//! ```
//!
//! # Features
//!
//! - `ndarray` (default): arrays and views of `ndarray` in signatures and as parameters.
//! - `safetensors`: parameters to and from files, and checkpoints of a training, in the module `safetensors`.
//! - `parallel`: gradients of the parts of a batch at the same time, [`train`]`::in_chunks`.
//! - `progress`: a bar with the steps that are done, the loss and the time left, [`train`]`::Progress`.
//! - `plot`: learning curves as SVG, [`train`]`::Curves`.
//!
//! Rust 1.95 or newer. The instruction set is chosen when the program runs; no compiler flag is needed.

mod check;
mod constant;
#[cfg(feature = "ndarray")]
pub mod init;
pub mod math;
pub mod nn;
pub mod optim;
pub mod params;
pub mod random;
mod real;
#[doc(hidden)]
pub mod rt;
#[cfg(feature = "safetensors")]
pub mod safetensors;
pub mod sparse;
pub mod train;

#[doc(hidden)]
pub use chainrule_macros::__expand;
#[cfg(feature = "ndarray")]
pub use chainrule_macros::einsum;
pub use chainrule_macros::{differentiable, Differentiable};
pub use check::{check_gradient, Disagreement};
pub use constant::constant;
pub use params::Differentiable;
pub use real::Real;

/// The programs of the README, which run as documentation tests.
#[cfg(all(doctest, feature = "ndarray"))]
#[doc = include_str!("../README.md")]
struct Readme;
