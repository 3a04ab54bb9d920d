//! Parameters to and from [safetensors](https://github.com/huggingface/safetensors) files, which PyTorch, JAX and others
//! read and write, and [`checkpoint`]s, which hold the state of an optimiser, too. Needs the feature `safetensors`.
//!
//! Each leaf of a [`Differentiable`] value is one tensor of its shape (rank 0 for a scalar), named by its
//! [`Path`](crate::params::Path): `layers[0].w1`. Constants are not saved.
//!
//! ```
//! use chainrule::{safetensors, Differentiable};
//!
//! #[derive(Differentiable)]
//! struct Line { slope: [f32; 2], offset: f32 }
//!
//! let bytes = safetensors::to_bytes(&Line { slope: [1.0, 2.0], offset: 3.0 })?;
//! let mut line = Line { slope: [0.0; 2], offset: 0.0 };
//! safetensors::from_bytes(&bytes, &mut line)?;
//! assert_eq!((line.slope, line.offset), ([1.0, 2.0], 3.0));
//! # Ok::<(), safetensors::Error>(())
//! ```
//!
//! Invariant: nothing is loaded by halves. A file is checked as a whole (header, names, types, shapes) against the value
//! before the first parameter is written.

pub mod checkpoint;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use ::safetensors::tensor::{Dtype, SafeTensors, View};

use crate::{Differentiable, Real};

/// Why a file could not be written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read or written.
    Io {
        /// the file
        path: PathBuf,
        /// what the operating system said
        source: std::io::Error,
    },
    /// The bytes are no safetensors file: truncated, or with a broken header.
    Format(String),
    /// The file lacks a tensor: a parameter, or in a checkpoint a part of the optimiser's state.
    Missing {
        /// the name of the tensor
        tensor: String,
    },
    /// The file has a tensor that belongs to nothing.
    Unexpected {
        /// the name of the tensor
        tensor: String,
    },
    /// A tensor holds elements of another type.
    Dtype {
        /// the name of the tensor
        tensor: String,
        /// the type that belongs there: `f32` or `f64`, or `u64` for the number of steps
        expected: &'static str,
        /// the type in the file, by its safetensors name
        found: String,
    },
    /// A tensor has another shape.
    Shape {
        /// the name of the tensor
        tensor: String,
        /// the shape that belongs there
        expected: Vec<usize>,
        /// the shape in the file
        found: Vec<usize>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Format(reason) => write!(f, "not a valid safetensors file: {reason}"),
            Error::Missing { tensor } => write!(f, "the file has no tensor `{tensor}`"),
            Error::Unexpected { tensor } => {
                write!(f, "the file has a tensor `{tensor}`, which belongs to nothing that is loaded")
            }
            Error::Dtype { tensor, expected, found } => {
                write!(f, "tensor `{tensor}` has elements of type {found}, but they should be {expected}")
            }
            Error::Shape { tensor, expected, found } => {
                write!(f, "tensor `{tensor}` has shape {found:?}, but it should have shape {expected:?}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A leaf on its way into a file.
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn dtype<T: Real>() -> Dtype {
    match T::SIZE {
        4 => Dtype::F32,
        _ => Dtype::F64,
    }
}

/// Tensors on their way into a file, with their names.
#[derive(Default)]
struct Tensors(Vec<(String, Tensor)>);

impl Tensors {
    /// Adds each leaf of a value under `prefix` and its path.
    fn push<P: Differentiable>(&mut self, prefix: &str, value: &P) {
        value.visit(|part, values| {
            if part.start() == 0 {
                let bytes = Vec::with_capacity(part.shape().iter().product::<usize>() * P::Scalar::SIZE);
                let tensor = Tensor { dtype: dtype::<P::Scalar>(), shape: part.shape().to_vec(), bytes };
                self.0.push((format!("{prefix}{}", part.path()), tensor));
            }
            let (_, tensor) = self.0.last_mut().expect("a leaf begins with its part 0");
            values.iter().for_each(|value| tensor.bytes.extend_from_slice(value.to_le_bytes().as_ref()));
        });
    }

    fn into_bytes(self) -> Result<Vec<u8>, Error> {
        ::safetensors::serialize(self.0, None).map_err(|error| Error::Format(error.to_string()))
    }
}

/// A file that is being read. What was [`expect`](Self::expect)ed may be [`read`](Self::read), once the file was
/// [`finish`](Self::finish)ed.
struct File<'a> {
    tensors: SafeTensors<'a>,
    expected: Vec<String>,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| Error::Format(error.to_string()))?;
        Ok(File { tensors, expected: vec![] })
    }

    /// Checks that the file has each leaf of a value under `prefix` and its path.
    fn expect<P: Differentiable>(&mut self, prefix: &str, value: &P) -> Result<(), Error> {
        let mut result = Ok(());
        value.visit(|part, _| {
            if part.start() == 0 && result.is_ok() {
                let name = format!("{prefix}{}", part.path());
                result = self.expect_tensor(name, dtype::<P::Scalar>(), P::Scalar::NAME, part.shape());
            }
        });
        result
    }

    fn expect_tensor(
        &mut self,
        tensor: String,
        dtype: Dtype,
        expected: &'static str,
        shape: &[usize],
    ) -> Result<(), Error> {
        let Ok(view) = self.tensors.tensor(&tensor) else { return Err(Error::Missing { tensor }) };
        if view.dtype() != dtype {
            return Err(Error::Dtype { tensor, expected, found: format!("{:?}", view.dtype()) });
        }
        if view.shape() != shape {
            return Err(Error::Shape { tensor, expected: shape.to_vec(), found: view.shape().to_vec() });
        }
        self.expected.push(tensor);
        Ok(())
    }

    /// Checks that the file has nothing that was not expected.
    fn finish(&mut self) -> Result<(), Error> {
        self.expected.sort_unstable();
        let mut unexpected = self.tensors.names();
        unexpected.retain(|&name| self.expected.binary_search_by(|n| n.as_str().cmp(name)).is_err());
        match unexpected.into_iter().min() {
            Some(name) => Err(Error::Unexpected { tensor: name.to_owned() }),
            None => Ok(()),
        }
    }

    /// Overwrites each leaf of a value with the tensor under `prefix` and its path, which was expected.
    fn read<P: Differentiable>(&self, prefix: &str, value: &mut P) {
        let mut elements = [].chunks_exact(P::Scalar::SIZE);
        value.visit_mut(|part, values| {
            if part.start() == 0 {
                elements = self.bytes(&format!("{prefix}{}", part.path())).chunks_exact(P::Scalar::SIZE);
            }
            for (value, bytes) in values.iter_mut().zip(&mut elements) {
                *value = P::Scalar::from_le_bytes(bytes).expect("a chunk has the size of an element");
            }
        });
    }

    /// The bytes of a tensor that was expected.
    fn bytes(&self, name: &str) -> &'a [u8] {
        self.tensors.tensor(name).expect("checked to be there").data()
    }
}

/// The bytes of a safetensors file with all parameters; equal parameters give equal bytes.
///
/// *Errors:* [`Error::Format`], if the header outgrows what the format allows (100 MB).
pub fn to_bytes<P: Differentiable>(params: &P) -> Result<Vec<u8>, Error> {
    let mut tensors = Tensors::default();
    tensors.push("", params);
    tensors.into_bytes()
}

/// Overwrites all parameters with those in the bytes of a safetensors file.
///
/// *Shapes:* the file has exactly one tensor for each leaf of `params`, of the same element type and shape. *Errors:*
/// all of [`Error`] but `Io`; `params` is unchanged then.
pub fn from_bytes<P: Differentiable>(bytes: &[u8], params: &mut P) -> Result<(), Error> {
    let mut file = File::new(bytes)?;
    file.expect("", params)?;
    file.finish()?;
    file.read("", params);
    Ok(())
}

/// Writes all parameters to a safetensors file, replacing it if it exists.
///
/// *Errors:* as [`to_bytes`], and [`Error::Io`].
pub fn save<P: Differentiable>(path: impl AsRef<Path>, params: &P) -> Result<(), Error> {
    let bytes = to_bytes(params)?;
    io(path.as_ref(), |path| std::fs::write(path, bytes))
}

/// Overwrites all parameters with those in a safetensors file.
///
/// *Shapes* and *Errors:* as [`from_bytes`], and [`Error::Io`]; `params` is unchanged after an error.
pub fn load_into<P: Differentiable>(path: impl AsRef<Path>, params: &mut P) -> Result<(), Error> {
    from_bytes(&io(path.as_ref(), |path| std::fs::read(path))?, params)
}

/// Does something with a file, so that an error names it.
fn io<T>(path: &Path, work: impl FnOnce(&Path) -> std::io::Result<T>) -> Result<T, Error> {
    work(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}
