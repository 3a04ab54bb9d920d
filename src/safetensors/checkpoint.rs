//! A training to and from a safetensors file: parameters and the state of an optimiser, so that it goes on bit for bit as if
//! it had not been interrupted.
//!
//! | tensor | what it holds |
//! | --- | --- |
//! | `layers[0].w1` | a parameter, as in a file of parameters alone |
//! | `AdamW/step` | the number of steps, a `u64` |
//! | `AdamW/exp_avg/layers[0].w1` | the first moment of that parameter: of `Adam`, `AdamW` and `Lion` |
//! | `AdamW/exp_avg_sq/layers[0].w1` | the second moment: of `Adam` and `AdamW` |
//! | `RmsProp/square_avg/layers[0].w1` | the average of the squared gradient: of `RmsProp`; centered, also `grad_avg` |
//! | `Sgd/momentum_buffer/layers[0].w1` | the velocity: of `Sgd` and `RmsProp` with momentum |
//!
//! The names of moments are PyTorch's. Hyperparameters are not saved: load into an optimiser that was made as the first one was. The
//! number of steps tells where in its [`Schedule`](crate::optim::Schedule) and in its
//! [`Batches`](crate::train::Batches) a training is.
//!
//! ```
//! use chainrule::{optim::Adam, safetensors::checkpoint};
//!
//! fn train(x: &mut [f64; 2], adam: &mut Adam<f64>) {
//!     for _ in 0..5 {
//!         let gradient = [2.0 * x[0], 4.0 * x[1]];
//!         adam.step(x, &gradient);
//!     }
//! }
//! let (mut x, mut adam) = ([3.0, -2.0], Adam::new(0.1));
//! train(&mut x, &mut adam);
//! let bytes = checkpoint::to_bytes(&x, &adam)?;
//! train(&mut x, &mut adam);
//!
//! let (mut y, mut resumed) = ([0.0; 2], Adam::new(0.1));
//! checkpoint::from_bytes(&bytes, &mut y, &mut resumed)?;
//! train(&mut y, &mut resumed);
//! assert_eq!((y, resumed.steps()), (x, 10));
//! # Ok::<(), chainrule::safetensors::Error>(())
//! ```
//!
//! Invariant: nothing is loaded by halves, neither parameters nor state.

use std::io::Write;
use std::path::Path;

use ::safetensors::tensor::Dtype;

use super::{io, Error, File, Tensor, Tensors};
use crate::optim::Optimiser;
use crate::Differentiable;

/// The bytes of a checkpoint; equal trainings give equal bytes.
///
/// *Errors:* [`Error::Format`], if the header outgrows what the format allows (100 MB). *Panics* if the optimiser has made
/// steps with another number of parameters.
pub fn to_bytes<P, O>(params: &P, optimiser: &O) -> Result<Vec<u8>, Error>
where
    P: Differentiable,
    O: Optimiser<P::Scalar>,
{
    let (name, steps, moments) = optimiser.saved();
    let mut tensors = Tensors::default();
    tensors.push("", params);
    let bytes = steps.to_le_bytes().to_vec();
    tensors.0.push((step(name), Tensor { dtype: Dtype::U64, shape: vec![], bytes }));
    for moment in moments.iter().filter(|m| m.used) {
        let mut values = params.zeros_like();
        if !moment.values.is_empty() {
            moment.assert_fits("checkpoint", params.count());
            values.unflatten_from(&moment.values);
        }
        tensors.push(&prefix(name, moment.name), &values);
    }
    tensors.into_bytes()
}

/// Overwrites all parameters, and the state of the optimiser, with those in the bytes of a checkpoint.
///
/// *Shapes:* the file has exactly one tensor for each leaf of `params`, and for each moment of the optimiser one more, of the same
/// element type and shape. *Errors:* all of [`Error`] but `Io`; `params` and `optimiser` are unchanged then.
pub fn from_bytes<P, O>(bytes: &[u8], params: &mut P, optimiser: &mut O) -> Result<(), Error>
where
    P: Differentiable,
    O: Optimiser<P::Scalar>,
{
    let mut file = File::new(bytes)?;
    let (name, steps, moments) = optimiser.saved_mut();
    file.expect("", params)?;
    file.expect_tensor(step(name), Dtype::U64, "u64", &[])?;
    for moment in moments.iter().filter(|m| m.used) {
        file.expect(&prefix(name, moment.name), params)?;
    }
    file.finish()?;

    let mut values = params.zeros_like();
    for moment in moments.iter_mut() {
        moment.values.clear();
        if moment.used {
            file.read(&prefix(name, moment.name), &mut values);
            moment.values = values.flatten();
        }
    }
    *steps = file.bytes(&step(name)).try_into().map(u64::from_le_bytes).expect("a `u64` has eight bytes");
    file.read("", params);
    Ok(())
}

/// Writes a checkpoint to a file, replacing it if it exists: first to a file beside it, with `.new` after its name, so that
/// an interruption leaves the old checkpoint whole.
///
/// *Errors* and *Panics:* as [`to_bytes`], and [`Error::Io`].
pub fn save<P, O>(path: impl AsRef<Path>, params: &P, optimiser: &O) -> Result<(), Error>
where
    P: Differentiable,
    O: Optimiser<P::Scalar>,
{
    let path = path.as_ref();
    let bytes = to_bytes(params, optimiser)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    io(Path::new(&beside), |beside| {
        let mut file = std::fs::File::create(beside)?;
        file.write_all(&bytes)?;
        file.sync_all()
    })?;
    io(path, |path| std::fs::rename(&beside, path))
}

/// Overwrites all parameters, and the state of the optimiser, with those in a file.
///
/// *Shapes* and *Errors:* as [`from_bytes`], and [`Error::Io`]; nothing is changed after an error.
pub fn load_into<P, O>(path: impl AsRef<Path>, params: &mut P, optimiser: &mut O) -> Result<(), Error>
where
    P: Differentiable,
    O: Optimiser<P::Scalar>,
{
    from_bytes(&io(path.as_ref(), |path| std::fs::read(path))?, params, optimiser)
}

fn step(optimiser: &str) -> String {
    format!("{optimiser}/step")
}

fn prefix(optimiser: &str, moment: &str) -> String {
    format!("{optimiser}/{moment}/")
}
