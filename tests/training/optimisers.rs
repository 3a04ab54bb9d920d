//! Optimisers and schedules against `data/training.rs`, and what they refuse.

use super::expected::{GRADIENTS, OPTIMISERS, SCHEDULES, START};
use super::{panic, Layer};
use chainrule::optim::{Adam, AdamW, Lion, Optimiser, RmsProp, Schedule, Sgd};
use chainrule::{Differentiable, Real};
use ndarray::{array, Array1, Array2, ShapeBuilder};

fn layer<T: Real>(numbers: [f64; 3]) -> Layer<T> {
    let [a, b, c] = numbers.map(T::from_f64);
    Layer { weight: array![[a, b]], bias: array![c] }
}

/// Where an optimiser leads with the gradients of the table.
fn run<T: Real>(mut optimiser: impl Optimiser<T>) -> Vec<f64> {
    let mut params = layer(START);
    for (k, &g) in GRADIENTS.iter().enumerate() {
        assert_eq!(optimiser.steps(), k as u64);
        optimiser.step(&mut params, &layer(g));
    }
    params.flatten().into_iter().map(T::to_f64).collect()
}

fn named<T: Real>(name: &str) -> Vec<f64> {
    let bias = |path: &str| path == "bias";
    match name {
        "Sgd" => run(Sgd::<T>::new(0.1)),
        "Sgd, decay" => run(Sgd::<T>::new(0.1).weight_decay(0.1)),
        "Sgd, momentum" => run(Sgd::<T>::new(0.1).momentum(0.9)),
        "Sgd, Nesterov, decay" => run(Sgd::<T>::new(0.1).momentum(0.9).nesterov(true).weight_decay(0.1)),
        "Sgd, decay, bias kept" => run(Sgd::<T>::new(0.1).momentum(0.9).weight_decay(0.1).no_decay(bias)),
        "Adam" => run(Adam::<T>::new(0.1)),
        "Adam, all" => run(Adam::<T>::new(0.1).betas(0.8, 0.95).epsilon(1e-3).weight_decay(0.1)),
        "Adam, decay, bias kept" => run(Adam::<T>::new(0.1).weight_decay(0.1).no_decay(bias)),
        "AdamW" => run(AdamW::<T>::new(0.1)),
        "AdamW, all" => run(AdamW::<T>::new(0.1).betas(0.8, 0.95).epsilon(1e-3).weight_decay(0.5)),
        "AdamW, decay, bias kept" => run(AdamW::<T>::new(0.1).weight_decay(0.5).no_decay(bias)),
        "RmsProp" => run(RmsProp::<T>::new(0.01)),
        "RmsProp, decay" => run(RmsProp::<T>::new(0.1).alpha(0.9).epsilon(1e-3).weight_decay(0.1)),
        "RmsProp, momentum" => run(RmsProp::<T>::new(0.1).momentum(0.9)),
        "RmsProp, centered" => run(RmsProp::<T>::new(0.1).centered(true)),
        "RmsProp, all" => {
            run(RmsProp::<T>::new(0.1).alpha(0.8).momentum(0.5).centered(true).weight_decay(0.1))
        }
        "RmsProp, decay, bias kept" => run(RmsProp::<T>::new(0.1).weight_decay(0.1).no_decay(bias)),
        "Lion" => run(Lion::<T>::new(0.1)),
        "Lion, all" => run(Lion::<T>::new(0.1).betas(0.8, 0.95).weight_decay(0.5)),
        "Lion, decay, bias kept" => {
            run(Lion::<T>::new(0.1).betas(0.8, 0.95).weight_decay(0.5).no_decay(bias))
        }
        _ => panic!("the table has an unknown run, {name}"),
    }
}

#[test]
fn optimisers_agree_with_pytorch_and_optax() {
    for (name, expected) in OPTIMISERS {
        for (found, tolerance) in [(named::<f64>(name), 1e-13), (named::<f32>(name), 2e-6)] {
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() <= tolerance * (1.0 + e.abs()), "{name}: {found:?}, not {expected:?}");
            }
        }
    }
}

#[test]
fn schedules_agree_with_pytorch() {
    for (name, expected) in SCHEDULES {
        let schedule = match *name {
            "constant" => Schedule::constant(0.5),
            "step decay" => Schedule::step_decay(0.5, 3, 0.5),
            "cosine" => Schedule::cosine(0.5, 7).floor(0.01),
            "warm-up, cosine" => Schedule::cosine(0.5, 10).warm_up(4),
            _ => panic!("the table has an unknown schedule, {name}"),
        };
        for (step, rate) in expected.iter().enumerate() {
            let found = schedule.rate(step as u64);
            assert!((found - rate).abs() < 1e-15, "{name}: {found} at step {step}, not {rate}");
        }
    }
}

#[test]
fn schedules_at_their_ends() {
    let cosine = Schedule::cosine(1.0, 10).floor(0.25).warm_up(4);
    assert_eq!([0, 3, 4, 7, 10, u64::MAX].map(|s| cosine.rate(s)), [0.25, 1.0, 1.0, 0.625, 0.25, 0.25]);
    let rise = Schedule::cosine(1.0, 4).warm_up(4);
    assert_eq!([0, 3, 4].map(|s| rise.rate(s)), [0.25, 1.0, 0.0]);
    assert_eq!(Schedule::cosine(1.0, 0).rate(0), 0.0);
    let steps = Schedule::step_decay(1.0, 2, 0.5).warm_up(2);
    assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|s| steps.rate(s)), [0.5, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);
    assert_eq!(steps.rate(u64::MAX), 0.0);
}

#[test]
fn schedules_refuse_what_means_nothing() {
    for (work, message) in [
        (
            Box::new(|| Schedule::constant(-1.0)) as Box<dyn FnOnce() -> Schedule>,
            "Schedule: `rate` must not be negative, but is -1",
        ),
        (Box::new(|| Schedule::cosine(f64::NAN, 3)), "Schedule: `rate` must not be negative, but is NaN"),
        (Box::new(|| Schedule::step_decay(1.0, 0, 0.5)), "Schedule: `every` must be at least 1"),
        (
            Box::new(|| Schedule::step_decay(1.0, 1, -0.5)),
            "Schedule: `factor` must not be negative, but is -0.5",
        ),
        (
            Box::new(|| Schedule::cosine(1.0, 3).warm_up(4)),
            "Schedule: a warm-up of 4 steps is longer than the total, 3",
        ),
        (Box::new(|| Schedule::cosine(1.0, 3).floor(2.0)), "Schedule: `floor` is 2, above the rate, 1"),
        (
            Box::new(|| Schedule::constant(1.0).floor(0.5)),
            "Schedule: only a cosine has a floor, but this is Constant",
        ),
    ] {
        assert_eq!(panic(work), message);
    }
}

#[test]
fn optimisers_refuse_what_means_nothing() {
    let not_negative = |what: &str| format!("{what} must not be negative, but is ");
    assert_eq!(panic(|| Sgd::<f32>::new(-1.0)), not_negative("Sgd: `learning_rate`") + "-1");
    assert_eq!(panic(|| Lion::<f32>::new(f64::NAN)), not_negative("Lion: `learning_rate`") + "NaN");
    assert_eq!(
        panic(|| RmsProp::<f32>::new(0.1).momentum(-0.5)),
        not_negative("RmsProp: `momentum`") + "-0.5"
    );
    assert_eq!(
        panic(|| Adam::<f32>::new(0.1).weight_decay(-0.5)),
        not_negative("Adam: `weight_decay`") + "-0.5"
    );
    assert_eq!(
        panic(|| AdamW::<f32>::new(0.1).set_learning_rate(-0.5)),
        not_negative("AdamW: `learning_rate`") + "-0.5"
    );
    let fraction = |what: &str| format!("{what} must lie in [0, 1), but is ");
    assert_eq!(panic(|| RmsProp::<f32>::new(0.1).alpha(1.0)), fraction("RmsProp: `alpha`") + "1");
    assert_eq!(panic(|| Lion::<f32>::new(0.1).betas(0.5, 1.5)), fraction("Lion: `beta2`") + "1.5");
    assert_eq!(panic(|| AdamW::<f32>::new(0.1).betas(f64::NAN, 0.5)), fraction("AdamW: `beta1`") + "NaN");
}

type Step<T> = Box<dyn FnMut(&mut Layer<T>, &Layer<T>)>;

fn boxed<T: Real>(mut optimiser: impl Optimiser<T> + 'static) -> Step<T> {
    Box::new(move |params, gradient| optimiser.step(params, gradient))
}

/// Every optimiser, with all that it has.
fn all<T: Real>() -> Vec<Step<T>> {
    let bias = |path: &str| path.ends_with("bias");
    vec![
        boxed(Sgd::new(0.1).weight_decay(0.1).no_decay(bias)),
        boxed(Sgd::new(0.1).momentum(0.9).weight_decay(0.1).no_decay(bias)),
        boxed(Adam::new(0.1).weight_decay(0.1).no_decay(bias)),
        boxed(AdamW::new(0.1).no_decay(bias)),
        boxed(RmsProp::new(0.1).centered(true)),
        boxed(RmsProp::new(0.1).centered(true).momentum(0.9).weight_decay(0.1).no_decay(bias)),
        boxed(Lion::new(0.1).weight_decay(0.1).no_decay(bias)),
    ]
}

#[test]
fn the_memory_layout_does_not_matter() {
    let numbers = |order: bool| {
        let mut weight = Array2::zeros((3, 4).set_f(order));
        (0..12).for_each(|k| weight[[k / 4, k % 4]] = k as f64 - 5.5);
        Layer { weight, bias: Array1::from_elem(2, 1.5) }
    };
    for (mut one, mut other) in all().into_iter().zip(all()) {
        let (mut rows, mut columns) = (numbers(false), numbers(true));
        for _ in 0..3 {
            let (g, h) = (numbers(false), numbers(true));
            one(&mut rows, &g);
            other(&mut columns, if rows.bias[0] > 0.0 { &h } else { &g });
        }
        assert_eq!(rows, columns);
        assert_ne!(rows, numbers(false));
    }
}

/// Nothing is written, and the next step is as if the wrong one had not been.
#[test]
fn a_gradient_of_another_shape_is_refused() {
    for (k, (mut one, mut other)) in all::<f64>().into_iter().zip(all()).enumerate() {
        let (mut params, start) = (layer(START), layer(START));
        let wrong = Layer { weight: array![[1.0], [2.0]], bias: array![3.0] };
        let message = panic(|| one(&mut params, &wrong));
        let name = ["Sgd", "Sgd", "Adam", "AdamW", "RmsProp", "RmsProp", "Lion"][k];
        let expected = "parameter `weight` has shape [1, 2], but its gradient has shape [2, 1]";
        assert_eq!(message, format!("{name}::step: {expected}"));
        let wrong = Layer { weight: array![[1.0, 2.0]], bias: array![3.0, 4.0] };
        assert!(panic(|| one(&mut params, &wrong)).contains("parameter `bias` has shape [1]"));
        assert_eq!(params, start);
        let mut expected = start;
        other(&mut expected, &layer(GRADIENTS[0]));
        one(&mut params, &layer(GRADIENTS[0]));
        assert_eq!(params, expected);
    }
}

#[test]
fn another_number_of_parameters_needs_a_reset() {
    let mut lion = Lion::new(0.5);
    let (mut two, mut three) = (vec![1.0, 2.0], vec![1.0, 2.0, 3.0]);
    lion.step(&mut two, &vec![1.0, 1.0]);
    let message = panic(|| lion.step(&mut three, &vec![1.0; 3]));
    let expected =
        "Lion::step: `params` has 3 parameters, but the steps before had 2; call `reset` for another model";
    assert_eq!(message, expected);
    assert_eq!((three.clone(), lion.steps()), (vec![1.0, 2.0, 3.0], 1));
    lion.reset();
    assert_eq!(lion.steps(), 0);
    lion.step(&mut three, &vec![1.0; 3]);
    assert_eq!(three, [0.5, 1.5, 2.5]);
}

#[test]
fn a_reset_optimiser_begins_again() {
    let mut adam = Adam::new(0.1);
    let (mut first, mut second) = ([1.0, 2.0], [1.0, 2.0]);
    (0..3).for_each(|_| adam.step(&mut first, &[1.0, -3.0]));
    adam.reset();
    (0..3).for_each(|_| adam.step(&mut second, &[1.0, -3.0]));
    assert_eq!(first, second);
}

/// A NaN of the gradient reaches its parameter and no other, and stays in the moments.
#[test]
fn nan_is_not_hidden() {
    for (k, mut step) in all::<f64>().into_iter().enumerate() {
        let mut params = layer(START);
        step(&mut params, &layer([f64::NAN, 1.0, 1.0]));
        let nan = |params: &Layer<f64>| params.flatten().iter().map(|x| x.is_nan()).collect::<Vec<_>>();
        assert_eq!(nan(&params), [true, false, false]);
        let mut restored = layer(START);
        step(&mut restored, &layer([1.0, 1.0, 1.0]));
        assert_eq!(nan(&restored), [k > 0, false, false], "optimiser {k}");
    }
}

/// The squared average may fall below the average's square by rounding: the root is zero then, not NaN.
#[test]
fn centered_rmsprop_with_equal_gradients_stays_finite() {
    let (mut x, mut rms) = (vec![0.0_f32; 64], RmsProp::new(1e-9).centered(true).alpha(0.5));
    let gradient: Vec<f32> = (0..64).map(|k| 1.0 + k as f32 / 7.0).collect();
    (0..100).for_each(|_| rms.step(&mut x, &gradient));
    assert!(x.iter().all(|x| x.is_finite()), "{x:?}");
}

#[test]
fn paths_of_spared_parameters() {
    let spared: std::collections::BTreeSet<String> = ["[0].bias", "[1].weight"].map(String::from).into();
    let mut layers = vec![layer::<f64>([1.0; 3]), layer([1.0; 3])];
    let mut adam = AdamW::new(0.5).weight_decay(1.0).no_decay(move |path| spared.contains(path));
    let zeros = layers.zeros_like();
    (0..2).for_each(|_| adam.clone().step(&mut layers, &zeros));
    adam.step(&mut layers, &zeros);
    assert_eq!(layers.flatten(), [0.125, 0.125, 1.0, 1.0, 1.0, 0.125]);
    assert!(format!("{adam:?}").contains("Spared"));
}
