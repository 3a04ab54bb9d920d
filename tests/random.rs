//! Random straight-line programs as source text: lowered, differentiated, simplified, and compared as graphs.
//!
//! The seed is fixed; `CASES=100000 SEED=7 cargo test --test random` is the long run (see `fuzz/README.md`).

use chainrule_core::front::{lower, Definition, Definitions};
use chainrule_core::ir::interp::{evaluate, over, Dual, Point};
use chainrule_core::ir::NodeId;
use chainrule_core::{programs, simplify};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Equal up to rounding errors of `tolerance` relative to the greatest element, or to 1.
fn near(what: &str, a: &[f64], b: &[f64], tolerance: f64) -> Result<(), String> {
    let scale = b.iter().fold(1.0f64, |m, b| m.max(b.abs()));
    match a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * scale) {
        true => Ok(()),
        false => Err(format!("{what}: {a:?} against {b:?}")),
    }
}

/// The operation of a line and two choices of earlier names.
type Line = (u8, u8, u8);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Numbers and one array.
    Numbers,
    /// Vectors and matrices of known sizes.
    Arrays,
    /// The same with names for the sizes.
    Sizes,
    /// The same with 17 for 3 and 18 for 4: more than a vector holds.
    Wide,
}

/// Attribute and function.
fn program(kind: Kind, lines: &[Line], strict: bool, single: bool) -> (String, String) {
    let attr = if strict { "math = \"strict\"" } else { "" };
    let text = match kind {
        Kind::Numbers => numbers(lines),
        Kind::Arrays => arrays(lines).replace("ROWS", "3").replace("COLS", "4"),
        Kind::Sizes => arrays(lines).replace("ROWS", "n").replace("COLS", "m"),
        Kind::Wide => arrays(lines).replace("ROWS", "17").replace("COLS", "18").replace("..3]", "..17]"),
    };
    (attr.into(), if single { text.replace("f64", "f32") } else { text })
}

/// Each line names a new number or array made of two earlier ones; all are finite and smooth near the points.
fn numbers(lines: &[Line]) -> String {
    let mut text = String::from("fn f(x: f64, y: f64, #[dims(3)] u: ArrayView1<f64>) -> f64 {\n");
    let mut numbers = vec!["x".to_string(), "y".to_string()];
    let mut arrays = vec!["u".to_string()];
    for (k, (op, a, b)) in lines.iter().enumerate() {
        let pick = |list: &[String], i: u8| list[i as usize % list.len()].clone();
        let (p, q) = (pick(&numbers, *a), pick(&numbers, *b));
        let (v, w) = (pick(&arrays, *a), pick(&arrays, *b));
        let (array, e) = match op % 18 {
            0 => (false, format!("{p} + {q}")),
            1 => (false, format!("{p} - {q}")),
            2 => (false, format!("({p} * {q}).sin()")),
            3 => (false, format!("{p} / ({q} * {q} + 1.0)")),
            4 => (false, format!("{p}.tanh() * {q}.cos()")),
            5 => (false, format!("(-{p} * {p}).exp() + {q}")),
            6 => (false, format!("({p} * {p} + 0.5).ln() - {q}.atan()")),
            7 => (false, format!("({p} * {p} + {q} * {q} + 0.25).sqrt()")),
            8 => (false, format!("1.0 / (1.0 + (-{p}).exp()) * {q}")),
            9 => (false, format!("(1.0 + {p}.sin().exp()).ln() + {q}.sin().powi(3)")),
            10 => (true, format!("&{v} * {p}.sin() + &{w}")),
            11 => (true, format!("{v}.mapv(|e| (e * {q}).sin())")),
            12 => (true, format!("&{v} * &{w}.mapv(f64::cos)")),
            13 => (false, format!("{v}.dot(&{w}).sin()")),
            14 => (false, format!("{v}.mapv(f64::tanh).sum() + {p}")),
            15 => (false, format!("{v}.mapv(f64::sin).mapv(f64::exp).sum().ln() * {q}")),
            16 => (true, format!("&{v}.mapv(f64::sin) - {w}.sum().sin()")),
            _ => (false, format!("{v}.mapv(|e| e * e).mean().unwrap().sin()")),
        };
        text.push_str(&format!("    let a{k} = {e};\n"));
        if array { &mut arrays } else { &mut numbers }.push(format!("a{k}"));
    }
    let result = format!("({}).sin() + {}.sum().cos()", numbers[numbers.len() - 1], arrays[arrays.len() - 1]);
    format!("{text}    {result}\n}}")
}

/// The shapes of [`arrays`]: a number, vectors of 3 and 4, matrices of 3 × 4, 3 × 3 and 4 × 3.
const SHAPES: [&str; 6] = ["", "3", "4", "34", "33", "43"];

/// Each line: the shape of the result, its text over operands `{shape:a}` and `{shape:b}` (the first or the second choice).
const OPERATIONS: &[(&str, &str)] = &[
    // numbers from numbers and from arrays
    ("", "({:a} * {:b}).sin()"),
    ("", "{:a} / ({:b} * {:b} + 1.0)"),
    ("", "{:a}.tanh() - {:b}.atan()"),
    ("", "{:a}.max({:b})"),
    ("", "sigmoid({:a}) * {:b}.cos()"),
    ("", "{3:a}.dot(&{3:b}).sin()"),
    ("", "{34:a}.sum().sin()"),
    ("", "{34:a}.mean().unwrap()"),
    ("", "{4:a}.product().sin()"),
    ("", "{33:a}.product()"),
    ("", "{4:a}.fold(f64::NEG_INFINITY, |a, b| a.max(*b))"),
    ("", "{34:a}.fold(f64::INFINITY, |a, b| a.min(*b))"),
    ("", "logsumexp({4:a})"),
    ("", "at.iter().map(|k| {4:a}[*k] * {4:b}[*k]).sum::<f64>().sin()"),
    ("", "{3:a}.iter().zip({3:b}.iter()).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sin()"),
    ("", "({3:a}.dot(&{3:a}) + 0.1).sqrt()"),
    ("", "{34:a}[[1, 2]] * {3:b}[0]"),
    ("", "cross_entropy({34:a}, labels)"),
    ("", "mse({34:a}, {34:b})"),
    // vectors
    ("3", "{3:a}.mapv(|e| (e * {:b}).sin())"),
    ("3", "&{3:a} * {:b}.sin() + &{3:b}"),
    ("3", "{34:a}.dot(&{4:b}).mapv(f64::sin)"),
    ("3", "{34:a}.sum_axis(Axis(1)).mapv(f64::sin)"),
    ("3", "logsumexp({34:a})"),
    ("3", "{34:a}.column(2)"),
    ("3", "{4:a}.slice(s![1..])"),
    ("3", "softmax({3:a})"),
    ("3", "{3:a}.slice(s![..;-1]).mapv(f64::tanh) - {3:b}.sum().sin()"),
    ("3", "{4:a}.dot(&{43:b}).mapv(f64::sin)"),
    ("3", "{33:a}.row(1)"),
    ("4", "{3:a}.dot(&{34:b}).mapv(f64::sin)"),
    ("4", "{34:a}.t().dot(&{3:b}).mapv(f64::tanh)"),
    ("4", "{34:a}.mean_axis(Axis(0)).unwrap()"),
    ("4", "{34:a}.row(2)"),
    ("4", "&{4:a} / (&{4:b} * &{4:b} + 1.0)"),
    ("4", "({4:a}.mapv(f64::exp) + 1.0).ln()"),
    ("4", "{4:a} - logsumexp({4:b})"),
    // matrices
    ("34", "(&{34:a} * &{4:b}).mapv(f64::sin)"),
    ("34", "&{34:a} + &{3:b}.insert_axis(Axis(1))"),
    ("34", "&{3:a}.insert_axis(Axis(1)) * &{4:b}"),
    ("34", "softmax({34:a})"),
    ("34", "log_softmax({34:a})"),
    ("34", "{33:a}.dot(&{34:b}).mapv(f64::sin)"),
    ("34", "{34:a}.mapv(|e| e.tanh() * {:b})"),
    ("34", "{34:a}.select(Axis(0), labels) - &{34:b}"),
    ("34", "{43:a}.t().mapv(f64::cos)"),
    ("33", "{34:a}.slice(s![.., 1..])"),
    ("33", "{34:a}.dot(&{34:b}.t()).mapv(f64::sin)"),
    ("33", "&{33:a} - &{3:b}"),
    ("43", "{34:a}.t().mapv(|e| e * e)"),
    ("43", "&{43:a} * &{3:b}"),
];

/// Arrays of several shapes, each name in the pool of its shape.
fn arrays(lines: &[Line]) -> String {
    let mut text = String::from(
        "fn f(x: f64, y: f64, #[dims(ROWS)] u: ArrayView1<f64>, #[dims(COLS)] w: ArrayView1<f64>, \
         #[dims(ROWS, COLS)] a: ArrayView2<f64>, #[dims(5)] at: &[usize], #[dims(ROWS)] labels: &[usize]) -> f64 {\n    \
         let (s33, s43) = (a.slice(s![.., ..3]), a.t());\n",
    );
    let mut pools: Vec<Vec<String>> = vec![vec![]; SHAPES.len()];
    for (name, shape) in [("x", 0), ("y", 0), ("u", 1), ("w", 2), ("a", 3), ("s33", 4), ("s43", 5)] {
        pools[shape].push(name.into());
    }
    let index = |shape: &str| SHAPES.iter().position(|s| *s == shape).expect("a shape");
    for (k, (op, a, b)) in lines.iter().enumerate() {
        let (shape, pattern) = OPERATIONS[*op as usize % OPERATIONS.len()];
        let mut e = String::from(pattern);
        for (s, shape) in SHAPES.iter().enumerate() {
            for (name, choice) in [("a", a), ("b", b)] {
                let pool = &pools[s];
                e = e.replace(&format!("{{{shape}:{name}}}"), &pool[*choice as usize % pool.len()]);
            }
        }
        text.push_str(&format!("    let a{k} = {e};\n"));
        pools[index(shape)].push(format!("a{k}"));
    }
    let sums: Vec<String> = pools[1..].iter().map(|p| format!("{}.sum().cos()", p[p.len() - 1])).collect();
    let number = &pools[0][pools[0].len() - 1];
    format!("{text}    {number}.sin() + {}\n}}", sums.join(" + "))
}

/// What the paths of a program stand for.
fn definitions() -> Definitions {
    let mut out = Definitions::default();
    for name in ["sigmoid", "softmax", "log_softmax", "logsumexp", "cross_entropy", "mse"] {
        out.insert(name.parse().expect("a path"), Definition::Builtin(name.into()));
    }
    out
}

/// The numbers of an input and the direction of its change.
fn input(kind: Kind, name: &str) -> (Vec<f64>, Vec<f64>) {
    let rows = if kind == Kind::Wide { 17 } else { 3 };
    let wave = |n: usize, step: f64| (0..n).map(|k| (step * (k as f64 + 1.3)).sin()).collect::<Vec<f64>>();
    match name {
        "x" => (vec![0.6], vec![0.7]),
        "y" => (vec![-0.8], vec![0.4]),
        "u" => (wave(rows, 3.3), wave(rows, 1.9)),
        "w" => (wave(rows + 1, 2.0), wave(rows + 1, 1.1)),
        "a" => (wave(rows * (rows + 1), 1.7), wave(rows * (rows + 1), 0.9)),
        "at" => (vec![3.0, 0.0, 2.0, 3.0, 1.0], vec![0.0; 5]),
        "labels" => ((0..rows).map(|k| ((5 * k + 2) % rows) as f64).collect(), vec![0.0; rows]),
        other => panic!("no input `{other}`"),
    }
}

/// The value, and its derivative along the direction.
fn holds(kind: Kind, lines: &[Line], strict: bool, single: bool) -> Result<Dual, String> {
    let (attr, text) = program(kind, lines, strict, single);
    let parse = |s: &str| s.parse().expect("tokens");
    let attr = match kind {
        Kind::Numbers => parse(&attr),
        _ => parse(&format!("wrt(x, y, u, w, a), {attr}")),
    };
    let mut primal = lower(attr, parse(&text), &definitions(), chainrule_core::derive::MODES)
        .map_err(|e| format!("{:?}", e.errors.list.iter().map(|e| e.text()).collect::<Vec<_>>()))?;
    let (start, way): (Vec<Vec<f64>>, Vec<Vec<f64>>) =
        primal.graph.inputs.iter().map(|i| input(kind, &i.name)).unzip();
    let syms: Vec<i64> = primal.graph.sizes.syms.iter().map(|s| if s.name == "m" { 4 } else { 3 }).collect();
    let at = |t: f64| {
        let dual = |(x, d): (&Vec<f64>, &Vec<f64>)| {
            x.iter().zip(d).map(|(x, d)| Dual { value: x + t * d, dot: *d }).collect()
        };
        Point { inputs: start.iter().zip(&way).map(dual).collect(), syms: syms.clone(), functions: vec![] }
    };
    // constants of `f32` are rounded where they are folded
    let room = if single { 1e5 } else { 1.0 };
    let points = [at(0.0), at(1e-5), at(-1e-5)];
    let value = |p: &Point| {
        let node = primal.outputs[0].node;
        over(&primal.graph, &evaluate(&primal.graph, &[node], p), p, node, &[])[0]
    };
    let [here, ahead, behind] = [0, 1, 2].map(|k| value(&points[k]));
    near("forward against differences", &[here.dot], &[(ahead.value - behind.value) / 2e-5], 1e-5)?;
    for recognised in [false, true] {
        if recognised {
            let (graph, roots) = simplify::recognise(&primal.graph, &[primal.outputs[0].node]);
            primal.graph = graph;
            primal.outputs[0].node = roots[0];
        }
        for simplified in [false, true] {
            let program = programs::gradient(&primal).expect("a scalar");
            let program = if simplified { programs::simplified(program) } else { program };
            let mut nodes: Vec<NodeId> = vec![program.outputs[0].node];
            nodes.extend(program.gradients.iter().map(|g| g.node));
            let all = evaluate(&program.graph, &nodes, &points[0]);
            let of = |node, dims| -> Vec<f64> {
                over(&program.graph, &all, &points[0], node, dims).iter().map(|d| d.value).collect()
            };
            let what = format!("recognised {recognised}, simplified {simplified}");
            near(&format!("value, {what}"), &of(nodes[0], &[]), &[here.value], 1e-11 * room)?;
            let slope: f64 = program
                .gradients
                .iter()
                .map(|g| {
                    of(g.node, &g.dims).iter().zip(&way[g.input.0 as usize]).map(|(g, d)| g * d).sum::<f64>()
                })
                .sum();
            near(&format!("reverse against forward, {what}"), &[slope], &[here.dot], 1e-9 * room)?;
        }
    }
    Ok(here)
}

/// Programs that failed once, shrunk.
const REGRESSIONS: &[(Kind, &[Line], bool)] =
    &[(Kind::Numbers, &[], false), (Kind::Numbers, &[(9, 0, 1), (15, 0, 2)], false)];

#[test]
fn programs_that_failed_once_hold() {
    for (kind, lines, strict) in REGRESSIONS {
        holds(*kind, lines, *strict, false)
            .unwrap_or_else(|e| panic!("{lines:?}: {e}\n{}", program(*kind, lines, *strict, false).1));
    }
}

/// Each operation alone, so that a program cannot fail for what is not supported.
#[test]
fn every_operation_holds() {
    for kind in [Kind::Arrays, Kind::Sizes, Kind::Wide] {
        for op in 0..OPERATIONS.len() as u8 {
            for single in [false, true] {
                let lines = [(op, 0, 1)];
                holds(kind, &lines, false, single)
                    .unwrap_or_else(|e| panic!("{e}\n{}", program(kind, &lines, false, single).1));
            }
        }
    }
}

#[test]
fn random_programs_hold() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (cases, seed) = (number("CASES", 60), number("SEED", 1));
    println!("SEED={seed} CASES={cases}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    for kind in [Kind::Numbers, Kind::Arrays, Kind::Sizes] {
        let config = Config { cases: cases as u32, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let line = (any::<u8>(), any::<u8>(), any::<u8>());
        let programs = (vec(line, 1..9), any::<bool>(), any::<bool>());
        let done = runner.run(&programs, |(lines, strict, single)| {
            holds(kind, &lines, strict, single).map(|_| ()).map_err(|e| {
                let text = program(kind, &lines, strict, single).1;
                TestCaseError::fail(format!("SEED={seed} {kind:?} strict {strict}\n{lines:?}\n{e}\n{text}"))
            })
        });
        done.unwrap_or_else(|e| panic!("{e}"));
    }
}

/// `OUT=src/main.rs CASES=50 SEED=1 cargo test --test random -- --ignored write` writes a program that runs the generated
/// code of random programs, and compares it with the interpreter (see `fuzz/README.md`).
#[test]
#[ignore = "writes a program"]
fn write() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (cases, mut state) = (number("CASES", 50), number("SEED", 1));
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    let (mut out, mut calls) = (String::from("#![recursion_limit = \"256\"]\n"), String::new());
    for k in 0..cases {
        let kind = [Kind::Arrays, Kind::Wide, Kind::Sizes][next() as usize % 3];
        let (strict, single) = (next() % 4 == 0, next() % 3 == 0);
        let lines: Vec<Line> = (0..1 + next() % 9).map(|_| (next(), next(), next())).collect();
        let Ok(here) = holds(kind, &lines, strict, single) else { continue };
        let (attr, text) = program(kind, &lines, strict, single);
        let parse = |s: &str| s.parse().expect("tokens");
        let compiled = chainrule_core::compile(
            parse(&format!("wrt(x, y, u, w, a), {attr}")),
            parse(&text),
            &definitions(),
        );
        let (ty, rows) = (if single { "f32" } else { "f64" }, if kind == Kind::Wide { 17 } else { 3 });
        let whole =
            |name: &str| format!("{:?}", input(kind, name).0.iter().map(|x| *x as usize).collect::<Vec<_>>());
        let list = |name: &str, way: bool| {
            let (at, d) = input(kind, name);
            format!("{:?}", if way { d } else { at })
        };
        let body = text.replace('\n', "\n// ");
        out.push_str(&format!(
            "mod p{k} {{\n#![allow(unused, clippy::all)]\nuse ndarray::*;\n// {body}\n{}\n",
            compiled.tokens
        ));
        out.push_str(&format!(
            "pub fn check() {{ let c = |v: Vec<f64>| v.into_iter().map(|x| x as {ty}).collect::<Vec<{ty}>>();\n\
             let (u, w, a) = (Array1::from(c(vec!{u})), Array1::from(c(vec!{w})), Array2::from_shape_vec(({rows}, {rows} + 1), c(vec!{a})).unwrap());\n\
             let (v, g) = f::value_and_gradient(0.6, -0.8, u.view(), w.view(), a.view(), &{at}, &{labels});\n\
             let dot = |g: Vec<{ty}>, d: Vec<f64>| g.iter().zip(&d).map(|(g, d)| f64::from(*g) * d).sum::<f64>();\n\
             let slope = f64::from(g.x) * 0.7 + f64::from(g.y) * 0.4 + dot(g.u.to_vec(), vec!{du}) + dot(g.w.to_vec(), vec!{dw}) + dot(g.a.iter().copied().collect(), vec!{da});\n\
             crate::near({k}, f64::from(v), {value:?}, slope, {dot:?}, {single}); }} }}\n",
            u = list("u", false), w = list("w", false), a = list("a", false),
            du = list("u", true), dw = list("w", true), da = list("a", true),
            at = whole("at"), labels = whole("labels"), value = here.value, dot = here.dot,
        ));
        calls.push_str(&format!("p{k}::check();\n"));
    }
    out.push_str(&format!(
        "fn near(k: usize, v: f64, want: f64, s: f64, slope: f64, single: bool) {{\n\
         let t = if single {{ 1e-3 }} else {{ 1e-10 }};\n\
         if !((v - want).abs() <= t * want.abs().max(1.0) && (s - slope).abs() <= 10.0 * t * slope.abs().max(1.0)) {{ \
         println!(\"p{{k}}: {{v}} for {{want}}, {{s}} for {{slope}}\"); }} }}\nfn main() {{\n{calls}println!(\"done\"); }}\n"
    ));
    std::fs::write(std::env::var("OUT").expect("OUT is a path"), out).expect("a file can be written");
}
