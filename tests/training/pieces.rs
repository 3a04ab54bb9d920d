//! Random numbers, batches, norms, sums, checks, early stopping, and parts in parallel.

use super::panic;
use chainrule::random::Random;
use chainrule::train::{
    accumulate, check_finite, clip_norm, in_chunks, norm, Batches, EarlyStopping, NotFinite, Verdict,
};
use chainrule::{differentiable, Differentiable};
use ndarray::{array, Array2, ShapeBuilder};

#[test]
fn random_numbers_are_those_of_splitmix64() {
    // the published first outputs of the seed 1234567
    let expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ];
    let mut random = Random::new(1234567);
    assert_eq!(expected.map(|_| random.next_u64()), expected);
    let mut again = Random::new(random.state());
    assert_eq!(random.normal().to_bits(), again.normal().to_bits());
}

#[test]
fn random_numbers_are_the_same_everywhere() {
    let mut random = Random::new(1);
    let found = ([random.unit(), random.unit()], [random.normal(), random.normal()], random.below(1000));
    let expected = ([0.5665615751722809, 0.7457817572627011], [0.4564552075888475, -0.3268385200683801], 877);
    assert_eq!(found, expected);
}

#[test]
fn random_numbers_have_their_distribution() {
    let (mut random, n) = (Random::new(3), 100_000);
    let moments = |xs: &[f64]| [1, 2, 3, 4].map(|k| xs.iter().map(|x| x.powi(k)).sum::<f64>() / n as f64);
    let units: Vec<f64> = (0..n).map(|_| random.unit()).collect();
    for (found, expected) in moments(&units).into_iter().zip([0.5, 1.0 / 3.0, 0.25, 0.2]) {
        assert!((found - expected).abs() < 5e-3, "{found}, not {expected}");
    }
    let normals: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    for (found, expected) in moments(&normals).into_iter().zip([0.0, 1.0, 0.0, 3.0]) {
        assert!((found - expected).abs() < 6e-2, "{found}, not {expected}");
    }
    // every third number would come twice as often if none was drawn again
    let often = (0..n).filter(|_| random.below(3 << 62) % 3 == 0).count();
    assert!((often as f64 / n as f64 - 1.0 / 3.0).abs() < 0.01, "{often}");
    assert_eq!(random.below(1), 0);
    assert_eq!(panic(|| random.below(0)), "Random::below: there is no number below 0");
}

#[test]
fn every_order_is_as_likely() {
    let mut counts = std::collections::BTreeMap::new();
    for k in 0..24_000 {
        let mut items = [0, 1, 2, 3];
        Random::nth(5, k).shuffle(&mut items);
        *counts.entry(items).or_insert(0_i32) += 1;
    }
    assert_eq!(counts.len(), 24);
    assert!(counts.values().all(|c| (c - 1000).abs() < 160), "{counts:?}");
}

#[test]
fn each_epoch_has_each_number_once_in_an_order_of_its_own() {
    let batches = Batches::new(100, 7).shuffled(11);
    let order = |epoch| batches.epoch(epoch).iter().flatten().copied().collect::<Vec<_>>();
    let orders: Vec<Vec<usize>> = (0..5).map(order).collect();
    for (k, order_) in orders.iter().enumerate() {
        assert_eq!(order_, &order(k as u64));
        assert!(orders[..k].iter().all(|other| other != order_));
        let mut sorted = order_.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..100));
    }
    assert_ne!(
        orders[0],
        Batches::new(100, 7).shuffled(12).epoch(0).iter().flatten().copied().collect::<Vec<_>>()
    );
    // by an implementation in another language, like the other recorded numbers here
    assert_eq!(order(0)[..8], [11, 27, 10, 62, 28, 93, 19, 88]);
}

#[test]
fn the_last_batch_is_kept_or_dropped() {
    for (count, size, kept, dropped) in
        [(10, 4, 3, 2), (8, 4, 2, 2), (3, 4, 1, 0), (0, 4, 0, 0), (5, usize::MAX, 1, 0)]
    {
        let batches = Batches::new(count, size).shuffled(1);
        assert_eq!((batches.len(), batches.is_empty()), (kept, kept == 0));
        let lens: Vec<usize> = batches.epoch(1).iter().map(<[usize]>::len).collect();
        assert_eq!((lens.len(), lens.iter().sum::<usize>()), (kept, count));
        let batches = batches.drop_last();
        assert_eq!((batches.len(), batches.is_empty()), (dropped, dropped == 0));
        let mut found = 0;
        for batch in &batches.epoch(1) {
            assert_eq!(batch.len(), size);
            found += 1;
        }
        assert_eq!(found, dropped);
    }
    assert_eq!(panic(|| Batches::new(3, 0)), "Batches: `size` must be at least 1");
}

#[test]
fn norms_are_clipped() {
    let gradient = (vec![3.0, 0.0], [[4.0, 0.0], [0.0, 12.0]]);
    for (max, after) in [(26.0, 13.0), (13.0, 13.0), (f64::INFINITY, 13.0), (6.5, 6.5), (0.0, 0.0)] {
        let mut clipped = gradient.clone();
        assert_eq!(clip_norm(&mut clipped, max), 13.0);
        assert_eq!(norm(&clipped), after);
        assert!(clipped.flatten().iter().zip(gradient.flatten()).all(|(c, g)| *c == g * after / 13.0));
    }
    let mut zeros = gradient.zeros_like();
    assert_eq!((clip_norm(&mut zeros, 0.0), norm(&zeros)), (0.0, 0.0));
    assert_eq!(clip_norm(&mut Vec::<f32>::new(), 1.0), 0.0);
    let refused = "clip_norm: `max` must not be negative, but is ";
    assert_eq!(panic(|| clip_norm(&mut zeros, -1.0)), format!("{refused}-1"));
    assert_eq!(panic(|| clip_norm(&mut zeros, f64::NAN)), format!("{refused}NaN"));
}

#[test]
fn norms_do_not_overflow_between() {
    for scale in [1e-320, 1e-200, 1.0, 1e200, 1e307] {
        let found = norm(&[3.0 * scale, -4.0 * scale]);
        assert!((found / scale - 5.0).abs() < 1e-3, "{found} at {scale}");
    }
    let mut single = [3e38_f32, 3e38];
    assert!((clip_norm(&mut single, 1e-30) / (3e38 * 2.0_f64.sqrt()) - 1.0).abs() < 1e-7);
    assert!((norm(&single) / 1e-30 - 1.0).abs() < 1e-7, "{single:?}");
}

#[test]
fn gradients_that_are_not_finite_are_not_clipped() {
    for (bad, expected) in [
        (vec![1.0, f64::NAN], f64::NAN),
        (vec![f64::INFINITY, 1.0], f64::INFINITY),
        (vec![f64::NEG_INFINITY, 1.0], f64::INFINITY),
        (vec![f64::INFINITY, f64::NAN], f64::NAN),
        (vec![f64::MAX, f64::MAX], f64::INFINITY),
    ] {
        let mut clipped = bad.clone();
        let found = clip_norm(&mut clipped, 1.0);
        assert_eq!(found.to_bits(), expected.to_bits(), "{bad:?}: {found}");
        let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&clipped), bits(&bad));
    }
}

#[test]
fn sums_of_gradients() {
    let mut total = (array![[1.0_f32, 2.0]], vec![3.0_f32]);
    accumulate(&mut total, &(array![[10.0], [20.0]].reversed_axes(), vec![30.0]), 0.5).unwrap();
    assert_eq!(total, (array![[6.0, 12.0]], vec![18.0]));
    // the second leaf is wrong, so the first is not written either
    let error = accumulate(&mut total, &(array![[1.0, 1.0]], vec![1.0, 1.0]), 1.0).unwrap_err();
    assert_eq!((error.parameter.as_str(), error.left, error.right), ("1", vec![1], vec![2]));
    assert_eq!(total, (array![[6.0, 12.0]], vec![18.0]));
}

#[test]
fn the_first_number_that_is_not_finite_is_named() {
    let mut matrix = Array2::<f32>::zeros((2, 3).f());
    assert_eq!(check_finite(&(1.0_f32, vec![matrix.clone()])), Ok(()));
    matrix[[1, 0]] = f32::NEG_INFINITY;
    matrix[[1, 2]] = f32::NAN;
    let error = check_finite(&(1.0_f32, vec![matrix])).unwrap_err();
    let expected = NotFinite { parameter: "1[0]".into(), position: vec![1, 0], value: f64::NEG_INFINITY };
    assert_eq!((error.to_string().as_str(), error), ("parameter `1[0]` is -inf at [1, 0]", expected));
    let error = check_finite(&(f64::NAN, [f64::INFINITY])).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.position), ("parameter `0` is NaN", vec![]));
}

#[test]
fn patience_ends() {
    let mut stopping = EarlyStopping::new(3);
    let losses = [f64::NAN, 2.0, 2.0, 1.0, 1.0, 5.0, 0.5, f64::INFINITY, f64::NAN, 0.5, 0.4, 0.3];
    let found = losses.map(|loss| match stopping.observe(loss) {
        Verdict::Better => 'b',
        Verdict::Wait => 'w',
        Verdict::Stop => 's',
    });
    assert_eq!(String::from_iter(found), "wbwbwwbwwsbb");
    assert_eq!((stopping.best(), EarlyStopping::new(1).best()), (Some(0.3), None));
    assert_eq!(EarlyStopping::new(1).observe(f64::NAN), Verdict::Stop);
    assert_eq!(panic(|| EarlyStopping::new(0)), "EarlyStopping: `patience` must be at least 1");
    let negative = "EarlyStopping: `min_delta` must not be negative, but is -0.1";
    assert_eq!(panic(|| EarlyStopping::new(1).min_delta(-0.1)), negative);
}

#[differentiable(wrt(w))]
fn loss(w: &[f64], x: &[[f64; 3]], count: f64) -> f64 {
    x.iter().map(|x| (w[0] * x[0] + w[1] * x[1].sin() + w[2]).powi(2) / count).sum()
}

/// On any number of threads, the bits are those of the parts added in order.
#[test]
fn parts_are_added_in_order() {
    let mut random = Random::new(9);
    let x: Vec<[f64; 3]> = (0..101).map(|_| [0.0; 3].map(|_| random.normal())).collect();
    let w = vec![0.3, -1.2, 0.7];
    let (value, gradient) = loss::value_and_gradient(&w, &x, 101.0);
    for (chunks, lens) in [(1, vec![101]), (2, vec![51, 50]), (4, vec![26, 25, 25, 25]), (500, vec![1; 101])]
    {
        let (mut sum, mut total, mut start) = (0.0, vec![0.0; 3], 0);
        for len in lens {
            let (v, g) = loss::value_and_gradient(&w, &x[start..start + len], 101.0);
            sum += v;
            accumulate(&mut total, &g, 1.0).unwrap();
            start += len;
        }
        assert!((sum - value).abs() < 1e-12 && (total[0] - gradient[0]).abs() < 1e-12);
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for _ in 0..10 {
                let found = pool.install(|| {
                    in_chunks(0..101, chunks, |part| loss::value_and_gradient(&w, &x[part], 101.0))
                });
                assert_eq!(found, (sum, total.clone()), "{chunks} parts on {threads} threads");
            }
        }
    }
}

#[test]
fn parts_cover_the_range() {
    for (range, chunks) in [(3..20, 4), (0..3, 8), (5..5, 2), (7..8, 1)] {
        let seen = std::sync::Mutex::new(vec![]);
        let (count, _) = in_chunks(range.clone(), chunks, |part| {
            seen.lock().unwrap().push(part.clone());
            (part.len() as f64, 0.0)
        });
        assert_eq!(count, range.len() as f64);
        let mut seen = seen.into_inner().unwrap();
        assert_eq!(seen.len(), chunks.min(range.len()).max(1));
        seen.sort_by_key(|part| part.start);
        assert!(seen.into_iter().flatten().eq(range));
    }
}

#[test]
fn parts_of_different_shapes_are_refused() {
    let message = panic(|| in_chunks(0..5, 2, |part| (0.0, (1.0, vec![0.0; part.len()]))));
    let expected = "in_chunks: the gradients' parameter `1` has shape [3] in one part, but [2] in another";
    assert_eq!(message, expected);
    let message = panic(|| in_chunks(0..5, 0, |_| (0.0, 0.0)));
    assert_eq!(message, "in_chunks: `chunks` must be at least 1");
}
