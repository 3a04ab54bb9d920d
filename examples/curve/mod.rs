//! Draws the curves that the examples show.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

/// A name, and points.
pub type Curve = (&'static str, Vec<(f64, f64)>);

/// One number for each epoch, from 1 on.
#[allow(dead_code)] // not every example has epochs
pub fn by_epoch<T: Copy + Into<f64>>(name: &'static str, numbers: &[T]) -> Curve {
    (name, (1..).map(f64::from).zip(numbers.iter().map(|&y| y.into())).collect())
}

/// Draws curves over one axis.
pub fn draw(file: &Path, title: &str, axis: &str, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, (720, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let range = |part: fn(&(f64, f64)) -> f64| {
        let numbers = || curves.iter().flat_map(|curve| &curve.1).map(part);
        let (low, high) =
            (numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max));
        low..if low < high { high } else { low + 1.0 }
    };
    let (x, y) = (range(|point| point.0), range(|point| point.1));
    let label = |y: &f64| match y.abs() {
        0.0..1e-12 => "0".to_string(),
        1e-12..1e-3 => format!("{y:.1e}"),
        _ => format!("{y:.2}"),
    };
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(x, y)?;
    chart.configure_mesh().x_desc(axis).y_label_formatter(&label).light_line_style(WHITE).draw()?;
    for ((name, points), color) in curves.iter().zip([RED, BLUE, BLACK]) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), &color))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
