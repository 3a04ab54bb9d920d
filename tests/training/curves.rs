//! Curves as pictures.

use chainrule::train::Curves;

/// What stands between `from` and `to`, everywhere in the text.
fn between<'a>(text: &'a str, from: &str, to: &'a str) -> Vec<&'a str> {
    text.split(from).skip(1).filter_map(|rest| rest.split(to).next()).collect()
}

/// The places of the pieces of all curves; the legend's lines are left out.
fn pieces(svg: &str) -> Vec<Vec<(i32, i32)>> {
    let lines = between(svg, "<polyline ", "/>").into_iter().map(|line| {
        let places = between(line, "points=\"", "\"")[0].split_whitespace();
        let place =
            |p: &str| p.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap();
        places.map(place).collect::<Vec<_>>()
    });
    let legend = |line: &Vec<(i32, i32)>| line.len() == 2 && line[1] == (line[0].0 + 20, line[0].1);
    // axes are polylines, too, but not of curves: they are black and come before
    lines.filter(|line| !line.is_empty() && !legend(line)).collect()
}

fn texts(svg: &str) -> Vec<&str> {
    between(svg, "<text ", "</text>").iter().filter_map(|t| t.split(">\n").nth(1)).map(str::trim).collect()
}

#[test]
fn a_curve_is_where_its_points_are() {
    let mut curves = Curves::new("A title", "epoch");
    for (x, y) in [(0, 1.0), (1, 3.0), (2, 2.0)] {
        curves.push("loss", x, y);
    }
    let svg = curves.svg().unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    let texts = texts(&svg);
    for text in ["A title", "epoch", "loss", "0", "2.0", "1.0", "3.0"] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
    let line = pieces(&svg).pop().expect("a line");
    let [(x0, y0), (x1, y1), (x2, y2)] = line[..] else { panic!("{line:?}") };
    // y grows downwards
    assert!((x1 - x0 - (x2 - x1)).abs() <= 1 && (y0 - y2 - (y2 - y1)).abs() <= 1, "{line:?}");
    assert!(x0 < x1 && y1 < y0 && y0 - y1 > 250 && x2 - x0 > 500, "{line:?}");
}

#[test]
fn losses_of_any_size_look_alike() {
    let line = |scale: f64| {
        let mut curves = Curves::new("", "");
        for (x, y) in [(1, 0.5), (2, 0.125), (3, 0.25)] {
            curves.push("loss", x, y * scale);
        }
        let svg = curves.svg().unwrap();
        (pieces(&svg).pop().unwrap(), texts(&svg).len())
    };
    let one = line(1.0);
    assert_eq!(one.0.len(), 3);
    for scale in [1e-250, 1e-30, 1e-7, 1e5, 1e40, 1e307] {
        let other = line(scale);
        let apart = |(a, b): (&(i32, i32), &(i32, i32))| (a.0 - b.0).abs().max((a.1 - b.1).abs());
        assert!(other.0.iter().zip(&one.0).map(apart).max().unwrap() <= 1, "{scale}: {other:?} {one:?}");
        assert_eq!(other.1, one.1, "{scale}");
    }
}

#[test]
fn what_is_not_finite_is_a_gap() {
    let mut curves = Curves::new("", "");
    for (x, y) in
        [1.0, 2.0, f64::NAN, 3.0, f64::INFINITY, f64::NEG_INFINITY, 4.0, 5.0, 6.0].iter().enumerate()
    {
        curves.push("loss", x as u32, *y);
    }
    curves.push("loss", f64::NAN, 1.0);
    let svg = curves.svg().unwrap();
    let lengths: Vec<usize> = pieces(&svg).iter().map(Vec::len).collect();
    assert_eq!(lengths[lengths.len() - 3..], [2, 1, 3]);
    // the one between gaps is a point
    assert_eq!(svg.matches("<circle ").count(), 1);
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn any_points_are_drawn() {
    let sets: [&[f64]; 9] = [
        &[],
        &[f64::NAN],
        &[0.0],
        &[1.0, 1.0],
        &[1.0, 1.0 + f64::EPSILON],
        &[f64::MAX, f64::MIN],
        &[5e-324, 0.0],
        &[-1e-320, f64::MAX],
        &[1e300; 3],
    ];
    for set in sets {
        let mut curves = Curves::new("", "");
        set.iter().for_each(|y| curves.push("y", 1.0, *y));
        set.iter().for_each(|x| curves.push("x", *x, 1.0));
        let svg = curves.svg().unwrap();
        assert!(
            svg.matches("<text ").count() < 60 && !svg.contains("NaN") && !svg.contains("inf"),
            "{set:?}"
        );
    }
}

#[test]
fn each_curve_has_its_name_and_colour() {
    let mut curves = Curves::new("<&\">", "a & b");
    let names: Vec<String> = (0..5).map(|k| format!("<curve {k}>")).collect();
    for x in 0..3 {
        names.iter().zip(1..).for_each(|(name, k)| curves.push(name, x, x * k));
    }
    assert_eq!(curves.points("<curve 2>"), [(0.0, 0.0), (1.0, 3.0), (2.0, 6.0)]);
    assert_eq!(curves.points("curve"), []);
    let svg = curves.svg().unwrap();
    for name in ["&lt;curve 0&gt;", "&lt;curve 4&gt;", "&lt;&amp;&quot;&gt;", "a &amp; b"] {
        assert!(svg.contains(name), "{name}");
    }
    let mut colours = between(&svg, "<polyline fill=\"none\" opacity=\"1\" stroke=\"", "\"");
    colours.sort_unstable();
    colours.dedup();
    // those of the curves, and black axes
    assert_eq!(colours.len(), 6, "{colours:?}");
    assert_eq!(svg, curves.clone().svg().unwrap());
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let error = Curves::new("", "").save("no/such/folder/curve.svg").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with("no/such/folder/curve.svg: "), "{error}");
}
