//! Where a parameter lies in its tree, and the error that names it.
//!
//! Invariant: a path is a chain of references on the stack; naming a parameter allocates only when it is printed.

use std::fmt;

/// The place of a parameter in a tree of structs, tuples and sequences.
///
/// Printed as Rust would write it: `layers[0].w1`, `0.1` for tuples, and `value` for the tree itself.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    /// The tree itself.
    Root,
    /// A field of the value at a path; the fields of tuples are called `0`, `1`, …
    Field(&'a Path<'a>, &'static str),
    /// An element of the sequence at a path.
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    /// The path of the field `name` of what lies here.
    pub fn field(&'a self, name: &'static str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// The path of element `index` of what lies here.
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }

    fn write(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => {
                parent.write(f)?;
                write!(f, ".{name}")
            }
            Path::Index(parent, index) => {
                parent.write(f)?;
                write!(f, "[{index}]")
            }
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Path::Root => f.write_str("value"),
            _ => self.write(f),
        }
    }
}

/// A piece of a leaf, as a visitor sees it.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    path: &'a Path<'a>,
    shape: &'a [usize],
    start: usize,
}

impl<'a> Part<'a> {
    /// The part of the leaf at `path`, of shape `shape`, that begins at its element number `start`.
    pub fn new(path: &'a Path<'a>, shape: &'a [usize], start: usize) -> Part<'a> {
        Part { path, shape, start }
    }

    /// The place of the leaf in the tree.
    pub fn path(&self) -> &'a Path<'a> {
        self.path
    }

    /// The shape of the whole leaf: the length of each axis, outermost first; empty for a scalar.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// How many elements of the leaf, in logical order, come before this part.
    pub fn start(&self) -> usize {
        self.start
    }
}

/// Two values that should have the same shapes, but do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// The path of the first leaf (or sequence) that differs.
    pub parameter: String,
    /// Its shape in the first value.
    pub left: Vec<usize>,
    /// Its shape in the other value.
    pub right: Vec<usize>,
}

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ShapeMismatch { parameter, left, right } = self;
        write!(f, "parameter `{parameter}` has shape {left:?} in one value, but {right:?} in the other")
    }
}

impl std::error::Error for ShapeMismatch {}

/// Checks that all shapes equal the first.
pub(super) fn check<'s>(
    path: &Path,
    mut shapes: impl Iterator<Item = &'s [usize]>,
) -> Result<(), ShapeMismatch> {
    let Some(left) = shapes.next() else { return Ok(()) };
    match shapes.find(|&right| right != left) {
        None => Ok(()),
        Some(right) => {
            Err(ShapeMismatch { parameter: path.to_string(), left: left.to_vec(), right: right.to_vec() })
        }
    }
}
