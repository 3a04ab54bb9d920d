//! Runs the examples, small.

use std::f64::consts::PI;
use std::path::Path;

use chainrule::check_gradient;
use chainrule::random::Random;
use chainrule::Differentiable;
use ndarray::{array, Array2};

#[allow(dead_code)]
#[path = "../examples/chain_rule.rs"]
mod chain_rule;
#[allow(dead_code)]
#[path = "../examples/const_xor.rs"]
mod const_xor;
#[allow(dead_code)]
#[path = "../examples/digits.rs"]
mod digits;
#[allow(dead_code)]
#[path = "../examples/linear_regression.rs"]
mod linear_regression;
#[allow(dead_code)]
#[path = "../examples/mnist.rs"]
mod mnist;
#[allow(dead_code)]
#[path = "../examples/names.rs"]
mod names;
#[allow(dead_code)]
#[path = "../examples/pinn.rs"]
mod pinn;
#[allow(dead_code)]
#[path = "../examples/shakespeare.rs"]
mod shakespeare;

#[test]
fn chain_rule_shares_the_outer_partial() {
    for (a, b) in [(0.5, 2.0), (-1.0, 0.25), (0.0, 0.0), (3.0, -4.0)] {
        let [generated, by_hand] = chain_rule::run(a, b);
        for (g, h) in [(generated.0, by_hand.0), (generated.1, by_hand.1)] {
            assert!(
                (g - h).abs() <= 1e-12 * (1.0 + h.abs()),
                "at ({a}, {b}): {generated:?}, by hand {by_hand:?}"
            );
        }
    }
    assert_eq!(chain_rule::calls("tanh"), 1, "{}", chain_rule::y::SOURCE);
    assert_eq!(chain_rule::calls("sin"), 1, "{}", chain_rule::y::SOURCE);
    assert_eq!(chain_rule::calls("cos"), 1, "{}", chain_rule::y::SOURCE);
}

#[test]
fn const_xor_is_trained_by_the_compiler() {
    let (same, _) = const_xor::again();
    assert!(same, "the same training gave other bits when the program ran");
    assert!(const_xor::RIGHT * 100 >= 93 * const_xor::UNSEEN);
    let corners = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let answers = corners.map(|x| const_xor::answer(&const_xor::XOR, &x) > 0.5);
    assert_eq!(answers, [false, true, true, false]);
    check_gradient(
        |net| const_xor::surprise(net, &[0.5; 10], true),
        |net| const_xor::surprise::gradient(net, &[0.5; 10], true),
        &const_xor::JUDGE,
    )
    .expect("the gradient is right");
}

#[test]
fn linear_regression_explains_the_data() {
    let report = linear_regression::run(400, 200);
    assert!(report.last < 0.1 * report.first && report.explained > 0.9, "{report:?}");
}

#[test]
fn digits_learns_and_keeps_its_parameters() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let report = digits::run(1797, 8, folder).expect("the run succeeds");
    let first = report.curves.points("loss in training")[0].1;
    assert!(f64::from(report.loss) < 0.1 * first && report.accuracy >= 0.97, "{report:?}");
    assert_eq!(report.reloaded, report.accuracy);
    let curve = std::fs::read_to_string(folder.join("digits.svg")).expect("the learning curve is there");
    assert_eq!(curve, report.curves.svg().expect("a drawing"));
}

/// Digits of 8 × 8 pixels, each pixel three times as large, in the middle of 28 × 28.
fn enlarged_digits(count: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut images, mut labels) = (idx(3, count), idx(1, count));
    images.extend([28u32, 28].iter().flat_map(|n| n.to_be_bytes()));
    for line in include_str!("../examples/data/digits.csv").lines().take(count) {
        let numbers: Vec<usize> = line.split(',').map(|n| n.parse().expect("a number")).collect();
        images.extend((0..28 * 28).map(|k| match [k / 28, k % 28] {
            [i @ 2..26, j @ 2..26] => (numbers[(i - 2) / 3 * 8 + (j - 2) / 3] * 255 / 16) as u8,
            _ => 0,
        }));
        labels.push(numbers[64] as u8);
    }
    (images, labels)
}

/// The beginning of an IDX file: bytes, the number of axes, the length of the first.
fn idx(axes: u8, count: usize) -> Vec<u8> {
    [&[0, 0, 8, axes][..], &(count as u32).to_be_bytes()].concat()
}

/// Two files in a folder of their own, as the example reads them.
fn read_pictures(folder: &str, images: &[u8], labels: &[u8]) -> Result<mnist::Pictures, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let paths = [folder.join("images"), folder.join("labels")];
    std::fs::write(&paths[0], images).expect("a file");
    std::fs::write(&paths[1], labels).expect("a file");
    mnist::Pictures::load(&paths[0], &paths[1]).map_err(|e| e.to_string())
}

#[test]
fn mnist_learns_from_idx_files() {
    let (images, labels) = enlarged_digits(240);
    let pictures = read_pictures("mnist", &images, &labels).expect("the files are whole");
    let report = mnist::run(&pictures, 40, 3);
    let [(_, first), _, (_, last)] = report.curves.points("loss in training") else { panic!("{report:?}") };
    assert!(*last < 0.8 * first && report.accuracy >= 0.8, "{report:?}");
}

#[test]
fn mnist_names_the_file_that_is_wrong() {
    let (images, labels) = enlarged_digits(3);
    let refused =
        |images: &[u8], labels: &[u8], file: &str, what: &str| match read_pictures("bad", images, labels) {
            Ok(_) => panic!("it should have said: {what}"),
            Err(said) => assert!(said.contains(&format!("{file}: ")) && said.contains(what), "{said}"),
        };
    let cut = images.len() - 1;
    refused(&images[..cut], &labels, "images", "holds 2351 bytes of data, but its header says [3, 28, 28]");
    refused(&images[..10], &labels, "images", "ends within its header");
    refused(&[], &labels, "images", "begins with [], but");
    refused(
        &labels,
        &images,
        "images",
        "begins with [0, 0, 8, 1], but an IDX file of this kind with [0, 0, 8, 3]",
    );
    refused(&images, &images, "labels", "begins with [0, 0, 8, 3]");
    refused(&images, &[&labels[..], &[0]].concat(), "labels", "holds 4 bytes of data");
    refused(&images, &[&idx(1, 2)[..], &[0, 1]].concat(), "labels", "2 digits for 3 pictures");
    refused(&images, &[&idx(1, 3)[..], &[0, 1, 10]].concat(), "labels", "holds 10, which is no digit");
    let thin = [&idx(3, 1)[..], &[0, 0, 0, 28, 0, 0, 0, 1], &[0; 28]].concat();
    refused(&thin, &labels, "images", "28 × 1 pixels, not 28 × 28");
    let huge = [&[0, 0, 8, 3][..], &[255; 12]].concat();
    refused(&huge, &labels, "images", "holds 0 bytes of data");
    let missing = mnist::Pictures::load(Path::new("no/such/file"), Path::new("none")).err().expect("no file");
    assert!(missing.to_string().starts_with("no/such/file: "), "{missing}");
}

#[test]
fn pinn_solves_the_equation() {
    let report = pinn::run(300);
    assert!(report.last < 0.01 * report.first && report.error < 0.05, "{report:?}");
}

/// The second derivative inside of the loss, and the loss's gradient for the weights, against differences.
#[test]
fn pinn_has_the_right_derivatives() {
    let net = pinn::Mlp::new(&mut Random::new(2));
    let (x, ends) = (array![[0.2], [0.5], [0.9]], array![[0.0], [1.0]]);
    let u = |x: &Array2<f64>| pinn::u(&net, x.view());
    let h = 1e-4;
    let curvature = (u(&(&x + h)) - 2.0 * u(&x) + u(&(&x - h))) / (h * h);
    let residual = curvature + x.mapv(|x| PI * PI * (PI * x).sin());
    let expected = residual.pow2().mean().unwrap() + 10.0 * u(&ends).pow2().mean().unwrap();
    let loss = |net: &pinn::Mlp| pinn::loss(net, x.view(), ends.view());
    assert!((loss(&net) - expected).abs() < 1e-6 * expected, "{} {expected}", loss(&net));
    check_gradient(loss, |net| pinn::loss::gradient(net, x.view(), ends.view()), &net).unwrap();
}

#[test]
fn names_learns_what_follows() {
    let report = names::run(300, 3);
    for (model, (most, test)) in ["MLP", "GRU"].iter().zip([(2.5, 2.6), (2.8, 2.9)]) {
        let points = |name: &str| report.curves.points(&format!("{model} in {name}"));
        let [(_, first), _, (_, last)] = points("training") else { panic!("{report:?}") };
        // ln 27 is what one knows who knows nothing
        assert!(last < first && *last < most && points("the test")[2].1 < test, "{model}: {report:?}");
    }
    assert!(report.invented.iter().all(|names| names.len() == 20), "{report:?}");
    let again = names::run(300, 3);
    assert_eq!((report.invented, report.tests), (again.invented, again.tests));
}

/// Of each parameter of the network that remembers, along its own gradient.
#[test]
fn names_has_the_right_gradient() {
    let gru = names::Gru::new(&mut Random::new(3));
    let (seen, next) = ([0, 0, 3, 1, 20, 2], [3, 1, 20, 2, 0, 0]);
    let loss = |gru: &names::Gru| f64::from(names::gru_loss(gru, &seen, &next, 2));
    let (value, gradient) = names::gru_loss::value_and_gradient(&gru, &seen, &next, 2);
    assert!((f64::from(value) - loss(&gru)).abs() < 1e-5, "{value}");
    let (at, gradient) = (gru.flatten(), gradient.flatten());
    let (mut places, mut from) = (vec![], 0);
    gru.visit(|part, numbers| {
        places.push((part.path().to_string(), from..from + numbers.len()));
        from += numbers.len();
    });
    assert_eq!(places.len(), 5);
    for (name, place) in places {
        let norm = place.clone().map(|k| f64::from(gradient[k]).powi(2)).sum::<f64>().sqrt();
        let moved = |step: f64| {
            let (mut numbers, mut moved) = (at.clone(), gru.clone());
            place.clone().for_each(|k| numbers[k] += (step * f64::from(gradient[k]) / norm) as f32);
            moved.unflatten_from(&numbers);
            loss(&moved)
        };
        let numeric = (moved(0.02) - moved(-0.02)) / 0.04;
        assert!(
            norm > 1e-3 && (norm - numeric).abs() < 2e-5 + 0.01 * norm,
            "{name}: {norm} against {numeric}"
        );
    }
}

#[test]
fn shakespeare_learns_what_follows() {
    let text =
        shakespeare::Text::new(&include_str!("../examples/data/names.txt")[..3000]).expect("long enough");
    let report = shakespeare::run(&text, 40, 2, 50);
    let [(_, first), .., (_, last)] = report.curves.points("loss in training") else { panic!("{report:?}") };
    // ln 27 is what one knows who knows nothing
    assert!(last < first && *last < 3.0 && report.test < 3.0, "{report:?}");
    assert_eq!(report.written.chars().count(), 50);
    assert!(report.written.chars().all(|c| c == '\n' || c.is_ascii_lowercase()), "{report:?}");
    assert_eq!(report.written, shakespeare::run(&text, 40, 2, 50).written);
}

/// Of each parameter, along its own gradient and for two of its elements.
#[test]
fn shakespeare_has_the_right_gradient() {
    let model = shakespeare::Gpt::new(5, &mut Random::new(3));
    let (tokens, next) = ([0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]);
    let loss = |numbers: &[f32]| {
        let mut moved = model.clone();
        moved.unflatten_from(numbers);
        f64::from(shakespeare::loss(&moved, &tokens, &next, 3))
    };
    let (at, gradient) = (model.flatten(), shakespeare::loss::gradient(&model, &tokens, &next, 3).flatten());
    let check = |name: &str, direction: &[(usize, f64)], step: f64| {
        let moved = |step: f64| {
            let mut numbers = at.clone();
            direction.iter().for_each(|(k, d)| numbers[*k] += (step * d) as f32);
            loss(&numbers)
        };
        let numeric = (moved(step) - moved(-step)) / (2.0 * step);
        let exact: f64 = direction.iter().map(|(k, d)| f64::from(gradient[*k]) * d).sum();
        assert!((exact - numeric).abs() < 2e-5 + 0.02 * exact.abs(), "{name}: {exact} against {numeric}");
        exact
    };
    let (mut places, mut from) = (vec![], 0);
    model.visit(|part, numbers| {
        places.push((part.path().to_string(), from..from + numbers.len()));
        from += numbers.len();
    });
    assert_eq!(places.len(), 2 + 2 * 12 + 4);
    let mut random = Random::new(4);
    for (name, place) in places {
        let norm = place.clone().map(|k| f64::from(gradient[k]).powi(2)).sum::<f64>().sqrt();
        let along: Vec<_> = place.clone().map(|k| (k, f64::from(gradient[k]) / norm)).collect();
        assert!(check(&name, &along, 0.01) > 1e-3, "{name}");
        for _ in 0..2 {
            check(&name, &[(place.start + random.below(place.len() as u64) as usize, 1.0)], 0.03);
        }
    }
}

#[test]
fn shakespeare_names_the_file_that_is_wrong() {
    let load = |path: &Path| shakespeare::Text::load(path).err().expect("no text");
    let missing = load(Path::new("no/such/file"));
    assert!(missing.starts_with("no/such/file: "), "{missing}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("short.txt");
    std::fs::write(&path, "a".repeat(649)).expect("a file");
    let short = load(&path);
    assert!(
        short.ends_with("short.txt: holds 649 characters, but 650 are the least to learn from"),
        "{short}"
    );
    std::fs::write(&path, "ab".repeat(325)).expect("a file");
    let least = shakespeare::Text::load(&path).expect("just long enough");
    assert!(shakespeare::run(&least, 1, 1, 1).test.is_finite());
    std::fs::write(&path, [b'a', 255]).expect("a file");
    let binary = load(&path);
    assert!(binary.contains("UTF-8"), "{binary}");
}
