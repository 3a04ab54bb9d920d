//! What a random program means: it is run as it stands.

use super::{At, Cond, Line, Num};

#[derive(Clone, Default)]
pub struct State {
    pub s: f64,
    pub t: f64,
    pub x: [f64; 4],
    pub a: [f64; 4],
    pub b: [f64; 4],
    pub k: usize,
    pub i: Vec<usize>,
    /// The item's value, and which element of `a` it is.
    pub item: (f64, Option<usize>),
    /// Which way each comparison of numbers went.
    pub trace: Vec<bool>,
}

#[derive(PartialEq)]
pub enum End {
    On,
    Break,
    Continue,
}

impl State {
    fn at(&self, p: &At) -> usize {
        match p {
            At::Known(k) => *k,
            At::Loop(d, c) => (self.i[*d] + c) % 4,
            At::K => self.k,
            At::Sum(d) => (self.k + self.i[*d]) % 4,
        }
    }
    fn num(&self, n: &Num) -> f64 {
        match n {
            Num::Lit(k) => f64::from(*k) * 0.5 - 1.5,
            Num::S => self.s,
            Num::T => self.t,
            Num::X(p) => self.x[self.at(p)],
            Num::A(p) => self.a[self.at(p)],
            Num::B(p) => self.b[self.at(p)],
            Num::Item => self.item.1.map_or(self.item.0, |k| self.a[k]),
            Num::Position(p) => self.at(p) as f64,
            Num::Sin(x) => self.num(x).sin(),
            Num::Of(op, a, b) => {
                let (a, b) = (self.num(a), self.num(b));
                match op {
                    '+' => a + b,
                    '-' => a - b,
                    _ => a * b,
                }
            }
        }
    }
    fn cond(&mut self, c: &Cond) -> bool {
        match c {
            Cond::Even => self.k.is_multiple_of(2),
            Cond::Above(d, n) => self.i[*d] > *n,
            Cond::Is(d) => self.i[*d] == self.k,
            Cond::Less(a, b) => {
                let (a, b) = (self.num(a), self.num(b));
                self.trace.extend([a < b, (a - b).abs() < 1e-4]);
                a < b
            }
        }
    }
    fn put(old: f64, op: &str, e: f64) -> f64 {
        match op {
            "=" => e,
            "+=" => old + e,
            "-=" => old - e,
            _ => old * e,
        }
    }
    fn body(&mut self, list: &[Line], i: Option<usize>) -> bool {
        self.i.extend(i);
        let end = self.run(list);
        if i.is_some() {
            self.i.pop();
        }
        end != End::Break
    }
    pub fn run(&mut self, list: &[Line]) -> End {
        for l in list {
            match l {
                Line::S(op, e) => self.s = Self::put(self.s, op, self.num(e)),
                Line::T(op, e) => self.t = Self::put(self.t, op, self.num(e)),
                Line::A(p, op, e) => {
                    let (k, e) = (self.at(p), self.num(e));
                    self.a[k] = Self::put(self.a[k], op, e);
                }
                Line::Item(op, e) => {
                    let (k, e) = (self.item.1.expect("an element"), self.num(e));
                    self.a[k] = Self::put(self.a[k], op, e);
                }
                Line::K(c) => self.k = (self.k * 2 + c) % 4,
                Line::If(c, a, b) => {
                    let side = if self.cond(c) { a } else { b };
                    match self.run(side) {
                        End::On => {}
                        end => return end,
                    }
                }
                Line::Match(a, b, c) => {
                    let side = [a, b, b, c][self.k];
                    match self.run(side) {
                        End::On => {}
                        end => return end,
                    }
                }
                Line::For(a, b, body) => {
                    for i in *a..*b {
                        if !self.body(body, Some(i)) {
                            break;
                        }
                    }
                }
                Line::Triangle(d, body) => {
                    for i in self.i[*d]..4 {
                        if !self.body(body, Some(i)) {
                            break;
                        }
                    }
                }
                Line::While(c, most, body) => {
                    let mut n = 0;
                    while n < *most && self.cond(c) {
                        n += 1;
                        if !self.body(body, Some((n - 1) % 4)) {
                            break;
                        }
                    }
                }
                Line::Loop(c, most, body) => {
                    let mut n = 0;
                    while n < *most && !self.cond(c) {
                        n += 1;
                        if !self.body(body, Some((n - 1) % 4)) {
                            break;
                        }
                    }
                }
                Line::Each(mutable, body) => {
                    for k in 0..4 {
                        self.item = (self.x[k], mutable.then_some(k));
                        if !self.body(body, None) {
                            break;
                        }
                    }
                }
                Line::Leave(c, breaks) => {
                    if self.cond(c) {
                        return if *breaks { End::Break } else { End::Continue };
                    }
                }
                Line::Swap(p, q) => {
                    let (p, q) = (self.at(p), self.at(q));
                    self.a.swap(p, q);
                }
                Line::Fill(e) => self.a = [self.num(e); 4],
                Line::Copy => self.b = self.a,
            }
        }
        End::On
    }
}
