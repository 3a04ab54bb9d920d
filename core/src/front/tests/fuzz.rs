//! Random programs with loops, branches, mutation and indexing: what their graphs say against what they mean.
//!
//! A program is a tree that is printed as Rust and run as it stands; its lowered graph must give the same value, and
//! reverse mode on it the central differences of that value.

mod meaning;

use super::*;
use meaning::State;
use std::fmt::Write;

#[derive(Clone, Debug)]
enum At {
    Known(usize),
    /// `(i + c) % 4` of the loop at this depth.
    Loop(usize, usize),
    K,
    /// `(k + i) % 4`
    Sum(usize),
}

#[derive(Clone, Debug)]
enum Num {
    Lit(u8),
    S,
    T,
    X(At),
    A(At),
    B(At),
    /// The item of an iterator loop.
    Item,
    Position(At),
    Sin(Box<Num>),
    Of(char, Box<Num>, Box<Num>),
}

#[derive(Clone, Debug)]
enum Cond {
    Even,
    Above(usize, usize),
    Is(usize),
    Less(Num, Num),
}

#[derive(Clone, Debug)]
enum Line {
    S(&'static str, Num),
    T(&'static str, Num),
    A(At, &'static str, Num),
    Item(&'static str, Num),
    K(usize),
    If(Cond, Vec<Line>, Vec<Line>),
    Match(Vec<Line>, Vec<Line>, Vec<Line>),
    /// `for i in from..to`
    For(usize, usize, Vec<Line>),
    /// `for i in from(outer)..4`
    Triangle(usize, Vec<Line>),
    /// `while` a condition holds, so many times at most: `i` counts
    While(Cond, usize, Vec<Line>),
    /// The same as a `loop` that is left.
    Loop(Cond, usize, Vec<Line>),
    /// `for v in a.iter_mut()`, or over `x` where it only reads
    Each(bool, Vec<Line>),
    Leave(Cond, bool),
    Swap(At, At),
    Fill(Num),
    Copy,
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n
    }
}

/// What surrounds a statement: how many counted loops, and whether an item is in scope and may be written.
#[derive(Clone, Copy, Default)]
struct Around {
    loops: usize,
    item: bool,
    mutable: bool,
    inside: bool,
    /// Which of the loops turn as often as the run says, a bit for each.
    turns: u32,
}

fn at(r: &mut Random, w: Around) -> At {
    match r.below(if w.loops > 0 { 6 } else { 3 }) {
        0 | 1 => At::Known(r.below(4)),
        2 => At::K,
        3 => At::Sum(r.below(w.loops)),
        _ => At::Loop(r.below(w.loops), r.below(3)),
    }
}

fn num(r: &mut Random, w: Around, depth: usize) -> Num {
    match r.below(if depth == 0 { 8 } else { 13 }) {
        0 => Num::Lit(r.below(9) as u8),
        1 => Num::S,
        2 => Num::T,
        3 | 4 => Num::X(at(r, w)),
        5 if !w.mutable => Num::A(at(r, w)),
        5 | 6 if w.item => Num::Item,
        6 => Num::B(at(r, w)),
        5 | 7 => Num::Position(at(r, w)),
        8 | 9 => Num::Sin(Box::new(num(r, w, depth - 1))),
        k => {
            let op = ['+', '-', '*'][k % 3];
            Num::Of(op, Box::new(num(r, w, depth - 1)), Box::new(num(r, w, depth - 1)))
        }
    }
}

fn cond(r: &mut Random, w: Around) -> Cond {
    match r.below(4) {
        0 if w.loops > 0 => Cond::Above(r.below(w.loops), r.below(3)),
        1 if w.loops > 0 => Cond::Is(r.below(w.loops)),
        2 => Cond::Even,
        // what is inactive is the compiler's: the graph does not know it
        _ => {
            let active = Box::new(Num::X(at(r, w)));
            Cond::Less(Num::Of('+', active, Box::new(num(r, w, 1))), num(r, w, 1))
        }
    }
}

fn lines(r: &mut Random, w: Around, depth: usize) -> Vec<Line> {
    let count = 1 + r.below(3);
    (0..count).map(|_| line(r, w, depth)).collect()
}

fn line(r: &mut Random, w: Around, depth: usize) -> Line {
    let op = ["=", "+=", "-=", "*="][r.below(4)];
    match r.below(if depth == 0 { 9 } else { 20 }) {
        0 | 1 => Line::S(op, num(r, w, 2)),
        2 => Line::T(op, num(r, w, 2)),
        3 if w.mutable => Line::Item(op, num(r, w, 2)),
        3 | 4 | 5 if !w.mutable => Line::A(at(r, w), op, num(r, w, 2)),
        6 => Line::K(r.below(3)),
        7 if w.inside => Line::Leave(cond(r, w), r.below(2) == 0),
        8 if !w.mutable => match r.below(3) {
            0 => Line::Fill(num(r, w, 1)),
            1 => Line::Copy,
            _ => Line::Swap(at(r, w), at(r, w)),
        },
        9 | 10 => Line::If(cond(r, w), lines(r, w, depth - 1), lines(r, w, depth - 1)),
        11 => Line::Match(lines(r, w, depth - 1), lines(r, w, depth - 1), lines(r, w, depth - 1)),
        12 | 13 => {
            let inner = Around { loops: w.loops + 1, inside: true, ..w };
            Line::For(r.below(2), 2 + r.below(3), lines(r, inner, depth - 1))
        }
        14 if w.loops > 0 && w.turns >> (w.loops - 1) & 1 == 0 => {
            let inner = Around { loops: w.loops + 1, inside: true, ..w };
            Line::Triangle(w.loops - 1, lines(r, inner, depth - 1))
        }
        15 if !w.item => {
            let mutable = r.below(2) == 0;
            let inner = Around { item: true, mutable, inside: true, ..w };
            Line::Each(mutable, lines(r, inner, depth - 1))
        }
        16 | 17 | 18 => {
            let inner = Around { loops: w.loops + 1, inside: true, turns: w.turns | 1 << w.loops, ..w };
            let make = if r.below(3) == 0 { Line::Loop } else { Line::While };
            make(cond(r, w), 1 + r.below(4), lines(r, inner, depth - 1))
        }
        _ => Line::S("+=", num(r, w, 2)),
    }
}

// ---- as Rust ----

fn at_text(p: &At) -> String {
    match p {
        At::Known(k) => k.to_string(),
        At::Loop(d, c) => format!("(i{d} + {c}) % 4"),
        At::K => "k".into(),
        At::Sum(d) => format!("(k + i{d}) % 4"),
    }
}

fn num_text(n: &Num) -> String {
    match n {
        Num::Lit(k) => format!("{:.1}", f64::from(*k) * 0.5 - 1.5),
        Num::S => "s".into(),
        Num::T => "t".into(),
        Num::X(p) => format!("x[{}]", at_text(p)),
        Num::A(p) => format!("a[{}]", at_text(p)),
        Num::B(p) => format!("b[{}]", at_text(p)),
        Num::Item => "(*v)".into(),
        Num::Position(p) => format!("(({}) as f64)", at_text(p)),
        Num::Sin(x) => format!("({}).sin()", num_text(x)),
        Num::Of(op, a, b) => format!("({} {op} {})", num_text(a), num_text(b)),
    }
}

fn cond_text(c: &Cond) -> String {
    match c {
        Cond::Even => "k % 2 == 0".into(),
        Cond::Above(d, n) => format!("i{d} > {n}"),
        Cond::Is(d) => format!("i{d} == k"),
        Cond::Less(a, b) => format!("{} < {}", num_text(a), num_text(b)),
    }
}

fn text_of(list: &[Line], loops: usize, out: &mut String) {
    let block = |list: &[Line], loops: usize| {
        let mut inner = String::new();
        text_of(list, loops, &mut inner);
        inner
    };
    for l in list {
        let line = match l {
            Line::S(op, e) => format!("s {op} {};", num_text(e)),
            Line::T(op, e) => format!("t {op} {};", num_text(e)),
            Line::A(p, op, e) => format!("a[{}] {op} {};", at_text(p), num_text(e)),
            Line::Item(op, e) => format!("*v {op} {};", num_text(e)),
            Line::K(c) => format!("k = (k * 2 + {c}) % 4;"),
            Line::If(c, a, b) => {
                format!("if {} {{ {} }} else {{ {} }}", cond_text(c), block(a, loops), block(b, loops))
            }
            Line::Match(a, b, c) => {
                let [a, b, c] = [a, b, c].map(|l| block(l, loops));
                format!("match k {{ 0 => {{ {a} }} 1 | 2 => {{ {b} }} _ => {{ {c} }} }}")
            }
            Line::For(a, b, body) => format!("for i{loops} in {a}..{b} {{ {} }}", block(body, loops + 1)),
            Line::Triangle(d, body) => format!("for i{loops} in i{d}..4 {{ {} }}", block(body, loops + 1)),
            Line::While(c, most, body) => format!(
                "let mut n{loops} = 0; while n{loops} < {most} && {} {{ let i{loops} = n{loops} % 4; n{loops} += 1; {} }}",
                cond_text(c),
                block(body, loops + 1)
            ),
            Line::Loop(c, most, body) => format!(
                "let mut n{loops} = 0; loop {{ if n{loops} >= {most} {{ break; }} if {} {{ break; }} \
                 let i{loops} = n{loops} % 4; n{loops} += 1; {} }}",
                cond_text(c),
                block(body, loops + 1)
            ),
            Line::Each(true, body) => format!("for v in a.iter_mut() {{ {} }}", block(body, loops)),
            Line::Each(false, body) => format!("for v in x {{ {} }}", block(body, loops)),
            Line::Leave(c, true) => format!("if {} {{ break; }}", cond_text(c)),
            Line::Leave(c, false) => format!("if {} {{ continue; }}", cond_text(c)),
            Line::Swap(p, q) => format!("a.swap({}, {});", at_text(p), at_text(q)),
            Line::Fill(e) => format!("a.fill({});", num_text(e)),
            Line::Copy => "b = a;".into(),
        };
        let _ = write!(out, "{line} ");
    }
}

fn source_of(program: &[Line]) -> String {
    let mut body = String::new();
    text_of(program, 0, &mut body);
    format!(
        "fn f(x: &[f64; 4]) -> f64 {{ let (mut s, mut t) = (x[0], 0.5); let mut a = *x; let mut b = [0.25; 4]; let mut k = 1; \
         for _ in 0..1 {{ {body} }} s + t + a[0] * 0.5 + a[1] - a[2] + a[3] * 2.0 + b[k] }}"
    )
}

fn means(program: &[Line], x: [f64; 4]) -> (f64, Vec<bool>) {
    let mut state = State { s: x[0], t: 0.5, x, a: x, b: [0.25; 4], k: 1, ..State::default() };
    state.run(program);
    let (a, b) = (state.a, state.b);
    let value = state.s + state.t + a[0] * 0.5 + a[1] - a[2] + a[3] * 2.0 + b[state.k];
    (value, state.trace)
}

/// What is wrong with the program's graph or its gradient; nothing where the numbers say nothing.
fn wrong(program: &[Line]) -> Option<String> {
    let x = [0.3, 0.55, -0.25, 0.9];
    let (value, trace) = means(program, x);
    if !value.is_finite() || value.abs() > 1e4 {
        return None;
    }
    let source = source_of(program);
    let mut p = match lowered("", &source, &definitions(&[])) {
        Ok(p) => p,
        Err(e) => return Some(format!("refused: {}", e.list[0].text())),
    };
    let mut at = point(&p, &[], (0.0, 1.0));
    at.inputs[0] = x.iter().map(|v| Dual::constant(*v)).collect();
    let ours = values(&p, &at, 0)[0];
    if (ours - value).abs() > 1e-9 * (1.0 + value.abs()) {
        return Some(format!("the graph says {ours}, the program {value}\n{}", text(&p)));
    }
    let out = p.outputs[0].node;
    let one = p.graph.constant(1.0, Dtype::F64);
    let gradients = reverse(&mut p.graph, &[(out, one)], &[InputId(0)]);
    let g = &gradients[0];
    let all = evaluate(&p.graph, &[g.node], &at);
    let exact = over(&p.graph, &all, &at, g.node, &g.dims);
    for k in 0..4 {
        let shifted = |h: f64| {
            let mut x = x;
            x[k] += h;
            means(program, x)
        };
        let h = 1e-5;
        let ((up, up_trace), (down, down_trace)) = (shifted(h), shifted(-h));
        let numeric = (up - down) / (2.0 * h);
        if up_trace != trace || down_trace != trace || numeric.abs() > 1e4 {
            continue;
        }
        let found = exact[k].value;
        if !((found - numeric).abs() <= 1e-4 * (1.0 + numeric.abs())) {
            return Some(format!("∂/∂x[{k}]: {found} against {numeric}\n{}", text(&p)));
        }
    }
    None
}

/// Programs without one of their lines, or with a block in the place of its statement.
fn smaller(program: &[Line]) -> Vec<Vec<Line>> {
    let mut out = Vec::new();
    for k in 0..program.len() {
        let with = |list: &[Line]| {
            let mut all = program.to_vec();
            all.splice(k..=k, list.iter().cloned());
            all
        };
        out.push(with(&[]));
        let mut inner = |make: &dyn Fn(Vec<Line>) -> Line, body: &[Line]| {
            out.extend(smaller(body).into_iter().map(|b| with(&[make(b)])));
        };
        match &program[k] {
            Line::If(c, a, b) => {
                inner(&|l| Line::If(c.clone(), l, b.clone()), a);
                inner(&|l| Line::If(c.clone(), a.clone(), l), b);
                out.extend([with(a), with(b)]);
            }
            Line::Match(a, b, c) => {
                inner(&|l| Line::Match(l, b.clone(), c.clone()), a);
                inner(&|l| Line::Match(a.clone(), l, c.clone()), b);
                inner(&|l| Line::Match(a.clone(), b.clone(), l), c);
                out.extend([with(a), with(b), with(c)]);
            }
            Line::For(x, y, body) => inner(&|l| Line::For(*x, *y, l), body),
            Line::Triangle(d, body) => inner(&|l| Line::Triangle(*d, l), body),
            Line::While(c, n, body) => inner(&|l| Line::While(c.clone(), *n, l), body),
            Line::Loop(c, n, body) => inner(&|l| Line::Loop(c.clone(), *n, l), body),
            Line::Each(m, body) => inner(&|l| Line::Each(*m, l), body),
            _ => {}
        }
    }
    out
}

/// The smallest program found that is wrong in the same way.
fn shrunk(mut program: Vec<Line>, mut what: String) -> (Vec<Line>, String) {
    let kind = |what: &str| what.chars().take(5).collect::<String>();
    'again: loop {
        for next in smaller(&program) {
            let valid = std::panic::catch_unwind(|| wrong(&next)).ok().flatten();
            if let Some(now) = valid.filter(|now| kind(now) == kind(&what)) {
                (program, what) = (next, now);
                continue 'again;
            }
        }
        return (program, what);
    }
}

#[test]
fn random_programs_hold() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    // open: cases 181 and 265 of seed 2, 82 and 274 of seed 3, where a loop that the run counts has no turn
    let (cases, seed) = (number("CASES", 120), number("SEED", 1));
    let mut failures = Vec::new();
    for case in 0..cases {
        let mut r = Random(seed.wrapping_mul(7919).wrapping_add(case) ^ 0x9e37_79b9);
        r.below(2);
        let program = lines(&mut r, Around::default(), 3);
        if let Some(what) = wrong(&program) {
            let (program, what) = shrunk(program, what);
            failures.push(format!("SEED={seed} case {case}\n{}\n{what}", source_of(&program)));
        }
    }
    assert!(failures.is_empty(), "{} of {cases}\n{}", failures.len(), failures.join("\n\n"));
}
