//! Learning curves, drawn.
//!
//! Invariant: the picture depends on the points alone.

use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;

/// Blue, red, green, purple and orange, dark enough for thin lines on white.
const COLORS: [RGBColor; 5] = [
    RGBColor(0, 90, 200),
    RGBColor(210, 30, 40),
    RGBColor(0, 140, 70),
    RGBColor(140, 40, 160),
    RGBColor(220, 110, 0),
];

/// Named curves over one axis, for instance the losses of a training over its epochs, to be written as an SVG.
///
/// ```
/// use chainrule::train::Curves;
///
/// let mut curves = Curves::new("Learning to read digits", "epoch");
/// for (epoch, loss) in [(1, 2.3), (2, 0.7), (3, 0.4)] {
///     curves.push("loss in training", epoch, loss);
///     curves.push("loss in the test", epoch, loss + 0.1);
/// }
/// assert_eq!(curves.points("loss in training")[1], (2.0, 0.7));
/// # let directory = std::env::temp_dir();
/// curves.save(directory.join("digits.svg"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    title: String,
    axis: String,
    curves: Vec<(String, Vec<(f64, f64)>)>,
}

impl Curves {
    /// No curves yet. `axis` says what x is.
    pub fn new(title: impl Into<String>, axis: impl Into<String>) -> Self {
        Curves { title: title.into(), axis: axis.into(), curves: vec![] }
    }

    /// Adds a point to the end of the curve of that name, which begins with its first point. Where a point is not finite, the line has a gap.
    pub fn push(&mut self, name: &str, x: impl Into<f64>, y: impl Into<f64>) {
        let point = (x.into(), y.into());
        match self.curves.iter_mut().find(|curve| curve.0 == name) {
            Some((_, points)) => points.push(point),
            None => self.curves.push((name.to_string(), vec![point])),
        }
    }

    /// The points of the curve of that name; none if there is no such curve.
    pub fn points(&self, name: &str) -> &[(f64, f64)] {
        self.curves.iter().find(|curve| curve.0 == name).map_or(&[], |curve| &curve.1)
    }

    /// Writes the picture to a file. *Errors:* those of writing, with the path.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let wrong = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        self.svg().and_then(|svg| std::fs::write(path, svg)).map_err(wrong)
    }

    /// The picture, as the text of an SVG of 720 × 400.
    pub fn svg(&self) -> io::Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|e| io::Error::other(e.to_string()))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn Error + '_>> {
        let area = SVGBackend::with_string(svg, (720, 400)).into_drawing_area();
        area.fill(&WHITE)?;
        let finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let all = || self.curves.iter().flat_map(|curve| &curve.1).filter(finite);
        let (x, y) = (Scale::of(all().map(|point| point.0)), Scale::of(all().map(|point| point.1)));
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(x.range.clone(), y.range.clone())?;
        chart
            .configure_mesh()
            .x_desc(&self.axis)
            .x_label_formatter(&|&at| x.label(at))
            .y_label_formatter(&|&at| y.label(at))
            .light_line_style(WHITE)
            .draw()?;
        for (k, (name, points)) in self.curves.iter().enumerate() {
            let color = COLORS[k % COLORS.len()];
            for piece in points.split(|point| !finite(&point)) {
                let piece = piece.iter().map(|point| (point.0 / x.unit, point.1 / y.unit));
                // a line needs two points
                let size = if piece.len() == 1 { 2 } else { 0 };
                chart.draw_series(LineSeries::new(piece, color.filled()).point_size(size))?;
            }
            // the legend has a line for each curve, though a curve may have several pieces or none
            chart
                .draw_series(LineSeries::new([], color))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color));
        }
        if !self.curves.is_empty() {
            let mut legend = chart.configure_series_labels();
            legend
                .position(SeriesLabelPosition::MiddleRight)
                .background_style(WHITE)
                .border_style(BLACK)
                .draw()?;
        }
        area.present()?;
        Ok(())
    }
}

/// An axis, in units of a power of ten, so that it is drawn the same for losses of 10⁻³⁰ and of 10³⁰.
struct Scale {
    unit: f64,
    range: Range<f64>,
}

impl Scale {
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Scale {
        let largest = numbers.clone().fold(0.0, |max: f64, x| max.max(x.abs()));
        let unit = if largest == 0.0 { 1.0 } else { 10_f64.powf(largest.log10().floor().max(-300.0)) };
        let low = numbers.clone().fold(f64::INFINITY, f64::min) / unit;
        let high = numbers.fold(f64::NEG_INFINITY, f64::max) / unit;
        let range = match high - low {
            // also of no points
            span if span.is_nan() || span < 0.0 => 0.0..1.0,
            span if span < 1e-6 => low - 0.5..high + 0.5,
            _ => low..high,
        };
        Scale { unit, range }
    }

    /// A number on the axis, with the digits that tell it from its neighbours.
    fn label(&self, at: f64) -> String {
        let digits = |span: f64| (1.0 - span.log10().floor()).clamp(0.0, 9.0) as usize;
        let span = self.range.end - self.range.start;
        match self.unit {
            _ if at.abs() < 1e-9 => "0".to_string(),
            1e-3..1e6 => format!("{:.*}", digits(span * self.unit), at * self.unit),
            _ => format!("{:.*e}", digits(span), at * self.unit),
        }
    }
}
