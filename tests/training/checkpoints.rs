//! A training that is interrupted and resumed is the same to the last bit; a file that is not whole is not loaded by halves.

use super::Layer;
use chainrule::nn::mse;
use chainrule::optim::{Adam, AdamW, Lion, Optimiser, RmsProp, Schedule, Sgd};
use chainrule::random::Random;
use chainrule::safetensors::{self, checkpoint, Error};
use chainrule::train::{clip_norm, Batches};
use chainrule::{differentiable, init, Differentiable, Real};
use ndarray::{array, Array2, ArrayView2, Axis, ShapeBuilder};

#[derive(Clone, Debug, PartialEq, Differentiable)]
struct Net {
    layers: Vec<Part>,
    scale: f32,
}

#[derive(Clone, Debug, PartialEq, Differentiable)]
struct Part {
    w: Array2<f32>,
    bias: ndarray::Array1<f32>,
}

#[differentiable(wrt(net))]
fn loss(net: &Net, x: ArrayView2<f32>, y: ArrayView2<f32>) -> f32 {
    let h = (x.dot(&net.layers[0].w) + &net.layers[0].bias).mapv(|z| z.tanh());
    mse(net.scale * (h.dot(&net.layers[1].w) + &net.layers[1].bias), y)
}

fn net(seed: u64) -> Net {
    let mut random = Random::new(seed);
    let mut part = |inputs, outputs| Part {
        w: init::xavier_normal((inputs, outputs), &mut random),
        bias: init::zeros(outputs),
    };
    Net { layers: vec![part(2, 8), part(8, 1)], scale: 1.0 }
}

/// Steps from `from` up to `to` of a training with batches and a schedule: the step tells where it is in both.
fn train(net: &mut Net, optimiser: &mut impl Optimiser<f32>, from: u64, to: u64) {
    let x: Array2<f32> = init::xavier_uniform((20, 2), &mut Random::new(99));
    let y = Array2::from_shape_fn((20, 1), |(i, _)| x[[i, 0]] * x[[i, 1]] + 0.5);
    let batches = Batches::new(20, 6).shuffled(5);
    let schedule = Schedule::cosine(0.05, 30).warm_up(3);
    assert_eq!(optimiser.steps(), from);
    while optimiser.steps() < to {
        let step = optimiser.steps();
        let (epoch, number) = (step / batches.len() as u64, step as usize % batches.len());
        let epoch = batches.epoch(epoch);
        let batch = epoch.iter().nth(number).expect("an epoch has so many batches");
        let (x, y) = (x.select(Axis(0), batch), y.select(Axis(0), batch));
        let mut gradient = loss::gradient(net, x.view(), y.view());
        clip_norm(&mut gradient, 1.0);
        optimiser.set_learning_rate(schedule.rate(step));
        optimiser.step(net, &gradient);
    }
}

fn bits(net: &Net) -> Vec<u32> {
    net.flatten().iter().map(|x| x.to_bits()).collect()
}

fn resumes<O: Optimiser<f32>>(make: impl Fn() -> O) {
    for (half, whole) in [(5, 10), (0, 3), (7, 30)] {
        let (mut straight, mut optimiser) = (net(1), make());
        train(&mut straight, &mut optimiser, 0, whole);

        let (mut first, mut before) = (net(1), make());
        train(&mut first, &mut before, 0, half);
        let bytes = checkpoint::to_bytes(&first, &before).unwrap();
        assert_eq!(checkpoint::to_bytes(&first, &before).unwrap(), bytes);

        // what is loaded into has other parameters and made other steps
        let (mut second, mut after) = (net(2), make());
        train(&mut second, &mut after, 0, 2);
        checkpoint::from_bytes(&bytes, &mut second, &mut after).unwrap();
        assert_eq!(checkpoint::to_bytes(&second, &after).unwrap(), bytes);
        train(&mut second, &mut after, half, whole);
        assert_eq!(bits(&second), bits(&straight));
        let end = checkpoint::to_bytes(&second, &after).unwrap();
        assert_eq!(end, checkpoint::to_bytes(&straight, &optimiser).unwrap());
    }
}

fn bias(path: &str) -> bool {
    path.ends_with("bias")
}

#[test]
fn a_resumed_training_is_the_same_to_the_last_bit() {
    resumes(|| Sgd::new(0.1));
    resumes(|| Sgd::new(0.1).momentum(0.9).nesterov(true).weight_decay(0.01));
    resumes(|| Adam::new(0.1).weight_decay(0.01));
    resumes(|| AdamW::new(0.1).no_decay(bias));
    resumes(|| RmsProp::new(0.1));
    resumes(|| RmsProp::new(0.1).momentum(0.9));
    resumes(|| RmsProp::new(0.1).centered(true).weight_decay(0.01).no_decay(bias));
    resumes(|| RmsProp::new(0.1).momentum(0.9).centered(true));
    resumes(|| Lion::new(0.1).weight_decay(0.1));
}

#[test]
fn files_name_what_they_hold() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("training");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("checkpoint.safetensors");
    let (mut first, mut adam) = (net(1), AdamW::new(0.1));
    train(&mut first, &mut adam, 0, 4);
    checkpoint::save(&file, &net(7), &Adam::new(0.1)).unwrap();
    checkpoint::save(&file, &first, &adam).unwrap();
    let (mut second, mut after) = (net(2), AdamW::new(0.1));
    checkpoint::load_into(&file, &mut second, &mut after).unwrap();
    assert_eq!((bits(&second), after.steps()), (bits(&first), 4));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);

    let bytes = std::fs::read(&file).unwrap();
    let header = String::from_utf8_lossy(&bytes).into_owned();
    for name in ["layers[1].bias", "AdamW/step", "AdamW/exp_avg/layers[0].w", "AdamW/exp_avg_sq/scale"] {
        assert!(header.contains(&format!("\"{name}\":{{")), "{name}");
    }

    let nowhere = folder.join("nowhere/checkpoint.safetensors");
    for error in [
        checkpoint::save(&nowhere, &first, &adam).unwrap_err(),
        checkpoint::load_into(&nowhere, &mut second, &mut after).unwrap_err(),
    ] {
        assert!(error.to_string().starts_with(&nowhere.display().to_string()), "{error}");
    }
}

fn layer<T: Real>(value: f64) -> Layer<T> {
    let t = T::from_f64;
    Layer { weight: array![[t(value), t(2.0), t(3.0)], [t(4.0), t(5.0), t(6.0)]], bias: array![t(7.0)] }
}

fn started() -> (Layer<f64>, Adam<f64>) {
    let (mut params, mut adam) = (layer(1.0), Adam::new(0.1));
    adam.step(&mut params, &layer(-1.0));
    (params, adam)
}

/// Loads bytes that must be refused, and checks that nothing was.
fn refused(bytes: &[u8]) -> Error {
    let ((mut params, mut adam), (before, other)) = (started(), started());
    let error = checkpoint::from_bytes(bytes, &mut params, &mut adam).unwrap_err();
    assert_eq!(params, before, "{error}");
    let state = |adam| checkpoint::to_bytes(&before, adam).unwrap();
    assert_eq!(state(&adam), state(&other), "{error}");
    error
}

/// A checkpoint of other numbers.
fn whole() -> Vec<u8> {
    let (mut params, mut adam) = started();
    (0..3).for_each(|_| adam.step(&mut params, &layer(2.0)));
    checkpoint::to_bytes(&params, &adam).unwrap()
}

/// The same, with a piece of its header exchanged for another of its length.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let mut bytes = whole();
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = (0..bytes.len()).filter(|&k| bytes[k..].starts_with(from.as_bytes())).collect();
    assert_eq!(places.len(), 1, "{from}");
    bytes[places[0]..places[0] + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let bytes = whole();
    for end in 0..bytes.len() {
        let error = refused(&bytes[..end]);
        assert!(matches!(error, Error::Format(_)), "{error:?}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(refused(&longer), Error::Format(_)));
    assert!(matches!(refused(&[0xff; 64]), Error::Format(_)));
}

/// Whatever is wrong with a byte: it is refused and nothing is changed, or the file is still one of the right form.
#[test]
fn a_damaged_file_is_refused_as_a_whole() {
    let bytes = whole();
    let header = 8 + usize::from(bytes[0]) + 256 * usize::from(bytes[1]);
    let mut refusals = 0;
    for at in 0..header {
        for flip in [0x01, 0x02, 0x10, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let (mut params, mut adam) = started();
            if checkpoint::from_bytes(&damaged, &mut params, &mut adam).is_err() {
                refused(&damaged);
                refusals += 1;
            }
        }
    }
    assert!(refusals > 4 * header, "only {refusals} of {} are refused", 5 * header);
}

#[test]
fn what_does_not_fit_is_refused_by_its_name() {
    for (from, to, message) in [
        ("\"Adam/exp_avg/bias\"", "\"Adam/exp_avg/bian\"", "the file has no tensor `Adam/exp_avg/bias`"),
        ("\"Adam/step\"", "\"Adam/stop\"", "the file has no tensor `Adam/step`"),
        ("\"weight\"", "\"height\"", "the file has no tensor `weight`"),
        (
            "\"Adam/exp_avg_sq/weight\":{\"dtype\":\"F64\",\"shape\":[2,3]",
            "\"Adam/exp_avg_sq/weight\":{\"dtype\":\"F64\",\"shape\":[3,2]",
            "tensor `Adam/exp_avg_sq/weight` has shape [3, 2], but it should have shape [2, 3]",
        ),
        (
            "\"Adam/exp_avg/weight\":{\"dtype\":\"F64\"",
            "\"Adam/exp_avg/weight\":{\"dtype\":\"I64\"",
            "tensor `Adam/exp_avg/weight` has elements of type I64, but they should be f64",
        ),
        (
            "\"Adam/step\":{\"dtype\":\"U64\"",
            "\"Adam/step\":{\"dtype\":\"F64\"",
            "tensor `Adam/step` has elements of type F64, but they should be u64",
        ),
    ] {
        assert_eq!(refused(&edited(from, to)).to_string(), message);
    }
    let mut tuple = ((layer::<f64>(1.0), 1.0), Adam::new(0.1));
    tuple.1.step(&mut tuple.0, &(layer(1.0), 1.0));
    let error = refused(&checkpoint::to_bytes(&tuple.0, &tuple.1).unwrap());
    assert_eq!(error.to_string(), "the file has no tensor `weight`");
}

#[test]
fn checkpoints_of_other_trainings_are_refused() {
    let message = |bytes: Result<Vec<u8>, Error>| refused(&bytes.unwrap()).to_string();
    let params = layer::<f64>(3.0);
    let parameters_alone = message(safetensors::to_bytes(&params));
    assert_eq!(parameters_alone, "the file has no tensor `Adam/step`");
    assert_eq!(
        message(checkpoint::to_bytes(&params, &AdamW::new(0.1))),
        "the file has no tensor `Adam/step`"
    );
    let single = message(checkpoint::to_bytes(&layer::<f32>(3.0), &Adam::new(0.1)));
    assert_eq!(single, "tensor `weight` has elements of type F32, but they should be f64");

    // a moment too many, and parameters alone from a checkpoint
    let bytes = checkpoint::to_bytes(&params, &Sgd::new(0.1).momentum(0.9)).unwrap();
    let (mut other, mut sgd) = (layer::<f64>(1.0), Sgd::new(0.1));
    let error = checkpoint::from_bytes(&bytes, &mut other, &mut sgd).unwrap_err();
    let expected =
        "the file has a tensor `Sgd/momentum_buffer/bias`, which belongs to nothing that is loaded";
    assert_eq!((error.to_string().as_str(), &other), (expected, &layer(1.0)));
    let error = safetensors::from_bytes(&bytes, &mut other).unwrap_err();
    assert!(matches!(error, Error::Unexpected { tensor } if tensor == "Sgd/momentum_buffer/bias"));
}

/// Whatever numbers a file of the right form holds, the next step does not panic.
#[test]
fn any_number_of_steps_may_be_loaded() {
    let (params, adam) = started();
    let mut bytes = checkpoint::to_bytes(&params, &adam).unwrap();
    let one = 1_u64.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len()).filter(|&k| bytes[k..].starts_with(&one)).collect();
    assert_eq!(places.len(), 1);
    bytes[places[0]..places[0] + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    let (mut params, mut adam) = started();
    checkpoint::from_bytes(&bytes, &mut params, &mut adam).unwrap();
    adam.step(&mut params, &layer(1.0));
    assert_eq!(adam.steps(), u64::MAX);
    assert!(params.flatten().iter().all(|x| x.is_finite()));
}

#[test]
fn the_memory_layout_does_not_matter() {
    let columns = || Layer { weight: Array2::from_elem((2, 3).f(), 1.0), bias: array![2.0] };
    let gradient = Layer { weight: array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], bias: array![7.0] };
    let (mut params, mut lion) = (columns(), Lion::new(0.1));
    lion.step(&mut params, &gradient);
    let bytes = checkpoint::to_bytes(&params, &lion).unwrap();
    let (mut rows, mut other) = (layer(0.0), Lion::new(0.1));
    checkpoint::from_bytes(&bytes, &mut rows, &mut other).unwrap();
    assert_eq!(rows, params);
    for _ in 0..2 {
        lion.step(&mut params, &gradient);
        other.step(&mut rows, &gradient);
    }
    assert_eq!(rows, params);
    assert_eq!(checkpoint::to_bytes(&rows, &other).unwrap(), checkpoint::to_bytes(&params, &lion).unwrap());
}
