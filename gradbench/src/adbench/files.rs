//! The file formats of ADBench: numbers in text, with white space or colons between them.

use crate::ba::Observation;
use crate::evals::run::{length, require, within};
use crate::evals::{ba, gmm, ht, lstm};
use crate::gmm::{below, Wishart};
use crate::ht::{Hand, Matrix};
use std::path::Path;
use std::str::FromStr;

/// The words of a file, from the first on.
struct Words<'a>(Box<dyn Iterator<Item = &'a str> + 'a>);

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        Words(Box::new(text.split_ascii_whitespace()))
    }

    /// The fields of a line.
    fn fields(line: &'a str) -> Self {
        Words(Box::new(line.trim().split(':')))
    }

    fn next<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.0.next().ok_or("the file ends too early")?;
        word.parse().map_err(|_| format!("`{word}` is no number of the right kind"))
    }

    /// A number of things, not too many for memory.
    fn count(&mut self) -> Result<usize, String> {
        let count = self.next()?;
        require(count <= ba::MOST, || format!("{count} are too many: there may be {}", ba::MOST))
            .map(|()| count)
    }

    fn list<T: FromStr>(&mut self, count: usize) -> Result<Vec<T>, String> {
        (0..count).map(|_| self.next()).collect()
    }

    fn array<const N: usize>(&mut self) -> Result<[f64; N], String> {
        let mut array = [0.0; N];
        for element in &mut array {
            *element = self.next()?;
        }
        Ok(array)
    }

    fn matrix(&mut self) -> Result<Matrix, String> {
        Ok([self.array()?, self.array()?, self.array()?, self.array()?])
    }

    /// That nothing is left.
    fn end(mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |word| Err(format!("`{word}` comes after the end")))
    }
}

/// Reads a file by a function; an error says which file it was.
fn file<T>(path: &Path, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
    text.and_then(|text| read(&text)).map_err(|e| format!("{}: {e}", path.display()))
}

/// A mixture of Gaussians.
pub fn gmm(path: &Path) -> Result<gmm::Arguments, String> {
    file(path, |text| {
        let mut words = Words::of(text);
        let (d, k, n) = (words.count()?, words.count()?, words.count()?);
        require(d >= 1 && k >= 1, || format!("`d` is {d} and `k` is {k}"))?;
        let (alpha, mu) = (words.list(k)?, words.list(k * d)?);
        let (mut q, mut l) = (vec![], vec![]);
        for _ in 0..k {
            q.extend(words.list::<f64>(d)?);
            l.extend(words.list::<f64>(below(d))?);
        }
        let x = words.list(n * d)?;
        let (gamma, m) = (words.next()?, words.next::<i64>()? as f64);
        words.end()?;
        Ok(gmm::Arguments { d, alpha, mu, q, l, x, wishart: Wishart { gamma, m } })
    })
}

/// A network and a sequence.
pub fn lstm(path: &Path) -> Result<lstm::Arguments, String> {
    file(path, |text| {
        let mut words = Words::of(text);
        let (layers, c, b) = (words.count()?, words.count()?, words.count()?);
        require(layers >= 1 && c >= 2 && b >= 1, || format!("{layers} layers, {c} characters, {b} bits"))?;
        let (main, extra) = (words.list(8 * layers * b)?, words.list(3 * b)?);
        let (state, sequence) = (words.list(2 * layers * b)?, words.list(c * b)?);
        words.end()?;
        Ok(lstm::Arguments { main, extra, state, sequence, b })
    })
}

/// Bundle adjustment: one camera, point, weight and feature for all.
pub fn ba(path: &Path) -> Result<ba::Arguments, String> {
    file(path, |text| {
        let mut words = Words::of(text);
        let (n, m, p) = (words.count()?, words.count()?, words.count()?);
        require(n >= 1 && m >= 1, || format!("{n} cameras and {m} points"))?;
        let (cameras, points, weights) =
            (vec![words.array()?; n], vec![words.array()?; m], vec![words.next()?; p]);
        let feature = words.array()?;
        words.end()?;
        let observations = (0..p).map(|i| Observation { camera: i % n, point: i % m, feature }).collect();
        Ok(ba::Arguments { cameras, points, weights, observations })
    })
}

/// Bundle adjustment of which everything is different.
pub fn ba_full(path: &Path) -> Result<ba::Arguments, String> {
    file(path, |text| {
        let mut words = Words::of(text);
        let (n, m, p) = (words.count()?, words.count()?, words.count()?);
        let cameras = (0..n).map(|_| words.array()).collect::<Result<_, _>>()?;
        let points = (0..m).map(|_| words.array()).collect::<Result<_, _>>()?;
        let (mut weights, mut observations) = (vec![], vec![]);
        for _ in 0..p {
            let (camera, point) = (words.next()?, words.next()?);
            within("cameras", camera, n)?;
            within("points", point, m)?;
            weights.push(words.next()?);
            observations.push(Observation { camera, point, feature: words.array()? });
        }
        words.end()?;
        Ok(ba::Arguments { cameras, points, weights, observations })
    })
}

/// A pose and measured points, of the hand in the folder `model`.
pub fn hand(model: &Path, path: &Path, complicated: bool) -> Result<ht::Arguments, String> {
    let hand = self::model(model)?;
    file(path, |text| {
        let mut words = Words::of(text);
        let (n, parameters) = (words.count()?, words.count()?);
        require(parameters == 26, || format!("{parameters} parameters instead of 26"))?;
        let places = if complicated { hand.triangles.len() } else { hand.base_positions.len() };
        let (mut correspondences, mut points) = (vec![], vec![]);
        for _ in 0..n {
            let place = words.next()?;
            within("correspondences", place, places)?;
            correspondences.push(place);
            points.push(words.array()?);
        }
        let us = (0..if complicated { n } else { 0 }).map(|_| words.array()).collect::<Result<_, _>>()?;
        let theta = words.array()?;
        words.end()?;
        Ok(ht::Arguments { theta, us, hand, correspondences, points })
    })
}

/// A hand: its bones, its skin, and the triangles of the skin.
fn model(folder: &Path) -> Result<Hand, String> {
    let mut hand = Hand {
        parents: vec![],
        base_relatives: vec![],
        inverse_base_absolutes: vec![],
        base_positions: vec![],
        weights: vec![],
        triangles: vec![],
        is_mirrored: false,
    };
    file(&folder.join("bones.txt"), |text| {
        for line in text.lines() {
            let mut fields = Words::fields(line);
            let (_name, parent): (String, isize) = (fields.next()?, fields.next()?);
            let parent = usize::try_from(parent).ok();
            require(parent.is_none_or(|p| p < hand.parents.len()), || "a child before its parent".into())?;
            hand.parents.push(parent);
            hand.base_relatives.push(fields.matrix()?);
            hand.inverse_base_absolutes.push(fields.matrix()?);
            fields.end()?;
        }
        require(hand.parents.len() >= 21, || "too few bones for five fingers".into())
    })?;
    let bones = hand.parents.len();
    file(&folder.join("vertices.txt"), |text| {
        for line in text.lines() {
            let mut fields = Words::fields(line);
            let [x, y, z] = fields.array()?;
            hand.base_positions.push([x, y, z, 1.0]);
            // the normal, and the place in a picture of the skin
            fields.array::<5>()?;
            let mut weights = vec![0.0; bones];
            for _ in 0..fields.count()? {
                let bone = fields.next()?;
                within("bones", bone, bones)?;
                weights[bone] = fields.next()?;
            }
            fields.end()?;
            hand.weights.extend(weights);
        }
        length("weights", &hand.weights, bones * hand.base_positions.len())
    })?;
    file(&folder.join("triangles.txt"), |text| {
        for line in text.lines() {
            let mut fields = Words::fields(line);
            let triangle: [usize; 3] = [fields.next()?, fields.next()?, fields.next()?];
            fields.end()?;
            for vertex in triangle {
                within("triangles", vertex, hand.base_positions.len())?;
            }
            hand.triangles.push(triangle);
        }
        Ok(())
    })?;
    Ok(hand)
}
