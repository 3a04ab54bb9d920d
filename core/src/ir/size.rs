//! Sizes of dimensions: integer polynomials over symbols, and the table that solves equations between them.
//!
//! Invariant: a [`Size`] is a sorted list of monomials without zero coefficients, so equal sizes are equal values.

use super::graph::AxisId;
use std::fmt::Write;

/// An unknown size: a length that only the running program knows, or a const generic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Sym(pub u32);

/// An integer polynomial over symbols, such as `n - 1` or `3*rows*cols`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Size {
    terms: Vec<(Vec<Sym>, i64)>,
}

impl Size {
    pub fn constant(value: i64) -> Self {
        if value == 0 {
            Size::default()
        } else {
            Size { terms: vec![(vec![], value)] }
        }
    }

    pub fn sym(sym: Sym) -> Self {
        Size { terms: vec![(vec![sym], 1)] }
    }

    /// The value, where no symbol is left.
    pub fn as_const(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [(m, c)] if m.is_empty() => Some(*c),
            _ => None,
        }
    }

    pub fn is_one(&self) -> bool {
        self.as_const() == Some(1)
    }

    /// The symbol, where the size is nothing but one.
    pub fn as_sym(&self) -> Option<Sym> {
        match self.terms.as_slice() {
            [(m, 1)] if m.len() == 1 => Some(m[0]),
            _ => None,
        }
    }

    /// Monomials with their coefficients, sorted.
    pub fn terms(&self) -> &[(Vec<Sym>, i64)] {
        &self.terms
    }

    fn from_terms(mut terms: Vec<(Vec<Sym>, i64)>) -> Self {
        terms.sort();
        let mut out: Vec<(Vec<Sym>, i64)> = Vec::with_capacity(terms.len());
        for (m, c) in terms {
            match out.last_mut() {
                Some((last, total)) if *last == m => *total += c,
                _ => out.push((m, c)),
            }
        }
        out.retain(|(_, c)| *c != 0);
        Size { terms: out }
    }

    pub fn add(&self, other: &Size) -> Size {
        Size::from_terms(self.terms.iter().chain(&other.terms).cloned().collect())
    }

    pub fn sub(&self, other: &Size) -> Size {
        self.add(&other.scale(-1))
    }

    pub fn scale(&self, by: i64) -> Size {
        Size::from_terms(self.terms.iter().map(|(m, c)| (m.clone(), c * by)).collect())
    }

    pub fn mul(&self, other: &Size) -> Size {
        let mut terms = Vec::new();
        for (a, ca) in &self.terms {
            for (b, cb) in &other.terms {
                let mut m = a.clone();
                m.extend(b);
                m.sort();
                terms.push((m, ca * cb));
            }
        }
        Size::from_terms(terms)
    }

    /// The exact quotient, where there is one.
    pub fn div_exact(&self, by: &Size) -> Option<Size> {
        let (divisor, factor) = match by.terms.as_slice() {
            [(m, c)] => (m, *c),
            _ => return (self == by).then(|| Size::constant(1)),
        };
        let mut terms = Vec::new();
        for (m, c) in &self.terms {
            let mut rest = m.clone();
            for sym in divisor {
                rest.remove(rest.iter().position(|s| s == sym)?);
            }
            if c % factor != 0 {
                return None;
            }
            terms.push((rest, c / factor));
        }
        Some(Size::from_terms(terms))
    }

    pub fn product<'a>(sizes: impl IntoIterator<Item = &'a Size>) -> Size {
        sizes.into_iter().fold(Size::constant(1), |p, s| p.mul(s))
    }

    pub fn mentions(&self, sym: Sym) -> bool {
        self.terms.iter().any(|(m, _)| m.contains(&sym))
    }

    /// The symbol replaced by a size.
    pub fn substitute(&self, sym: Sym, by: &Size) -> Size {
        let mut out = Size::default();
        for (m, c) in &self.terms {
            let mut part = Size::constant(*c);
            for s in m {
                part = part.mul(&if *s == sym { by.clone() } else { Size::sym(*s) });
            }
            out = out.add(&part);
        }
        out
    }

    /// The number, with a value for each symbol.
    pub fn eval(&self, value: &dyn Fn(Sym) -> i64) -> i64 {
        self.terms.iter().map(|(m, c)| c * m.iter().map(|s| value(*s)).product::<i64>()).sum()
    }

    /// As text, with a name for each symbol.
    pub fn show(&self, name: &dyn Fn(Sym) -> String) -> String {
        let mut out = String::new();
        // symbols first, the constant last: `n - 1`
        for (m, c) in
            self.terms.iter().filter(|t| !t.0.is_empty()).chain(self.terms.iter().filter(|t| t.0.is_empty()))
        {
            let sign = match (out.is_empty(), *c < 0) {
                (true, true) => "-",
                (true, false) => "",
                (false, true) => " - ",
                (false, false) => " + ",
            };
            out.push_str(sign);
            let names: Vec<String> = m.iter().map(|s| name(*s)).collect();
            let _ = match (c.abs(), names.is_empty()) {
                (k, true) => write!(out, "{k}"),
                (1, false) => write!(out, "{}", names.join(" * ")),
                (k, false) => write!(out, "{k} * {}", names.join(" * ")),
            };
        }
        if out.is_empty() {
            out.push('0');
        }
        out
    }
}

/// Where a symbol comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SymInfo {
    /// How the symbol is shown: `B`, `N`, `x.len()`.
    pub name: String,
    /// A const generic or an inactive integer: given, never solved for.
    pub rigid: bool,
    /// How often a loop turns: known once it has run. The axes of the loops around it, at whose positions it may differ.
    pub counted: Option<Vec<AxisId>>,
}

/// All symbols of a function and what is known about them.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    pub syms: Vec<SymInfo>,
    solved: Vec<Option<Size>>,
    /// Sizes that must be zero and could not be solved for: checked when the program runs.
    pub residual: Vec<Size>,
    /// Lengths of slices, which must not be negative.
    pub spans: Vec<Size>,
}

impl Sizes {
    pub fn fresh(&mut self, name: impl Into<String>, rigid: bool) -> Sym {
        self.syms.push(SymInfo { name: name.into(), rigid, counted: None });
        self.solved.push(None);
        Sym(self.syms.len() as u32 - 1)
    }

    /// The size with every solved symbol replaced.
    pub fn resolve(&self, size: &Size) -> Size {
        let mut size = size.clone();
        loop {
            let known = size.terms.iter().flat_map(|(m, _)| m).find_map(|s| {
                self.solved.get(s.0 as usize).and_then(|v| v.as_ref()).map(|v| (*s, v.clone()))
            });
            match known {
                Some((sym, by)) => size = size.substitute(sym, &by),
                None => return size,
            }
        }
    }

    /// Makes two sizes equal; `false` where they can never be.
    pub fn unify(&mut self, a: &Size, b: &Size) -> bool {
        let diff = self.resolve(a).sub(&self.resolve(b));
        if let Some(value) = diff.as_const() {
            return value == 0;
        }
        // solve for the youngest symbol that occurs exactly once, with coefficient one
        let candidate = diff
            .terms
            .iter()
            .filter(|(m, c)| m.len() == 1 && c.abs() == 1 && !self.is_rigid(m[0]))
            .filter(|(m, _)| diff.terms.iter().filter(|(o, _)| o.contains(&m[0])).count() == 1)
            .max_by_key(|(m, _)| m[0]);
        match candidate.cloned() {
            Some((m, c)) => {
                let rest = diff.sub(&Size { terms: vec![(m.clone(), c)] });
                self.solved[m[0].0 as usize] = Some(rest.scale(-c));
            }
            None => {
                if !self.residual.contains(&diff) {
                    self.residual.push(diff);
                }
            }
        }
        true
    }

    fn is_rigid(&self, sym: Sym) -> bool {
        self.syms.get(sym.0 as usize).is_none_or(|s| s.rigid || s.counted.is_some())
    }

    /// The size depends on how often a loop turns.
    pub fn counted(&self, size: &Size) -> bool {
        self.resolve(size).terms().iter().flat_map(|t| &t.0).any(|s| self.around(*s).is_some())
    }

    /// The axes at whose positions a size may differ: those of the loops around the loops whose turns it counts.
    pub fn within(&self, size: &Size) -> Vec<AxisId> {
        if self.syms.iter().all(|s| s.counted.as_ref().is_none_or(Vec::is_empty)) {
            return vec![];
        }
        let size = self.resolve(size);
        let mut axes: Vec<AxisId> = size
            .terms()
            .iter()
            .flat_map(|t| &t.0)
            .filter_map(|s| self.around(*s))
            .flatten()
            .copied()
            .collect();
        axes.sort();
        axes.dedup();
        axes
    }

    /// The axes around the loop whose turns a symbol counts, the outermost first.
    pub fn around(&self, sym: Sym) -> Option<&Vec<AxisId>> {
        self.syms.get(sym.0 as usize)?.counted.as_ref()
    }

    pub fn name(&self, sym: Sym) -> String {
        self.syms.get(sym.0 as usize).map_or_else(|| format!("s{}", sym.0), |s| s.name.clone())
    }

    pub fn show(&self, size: &Size) -> String {
        self.resolve(size).show(&|s| self.name(s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sizes_are_equal_values() {
        let mut t = Sizes::default();
        let n = Size::sym(t.fresh("n", false));
        let m = Size::sym(t.fresh("m", false));
        let one = Size::constant(1);
        assert_eq!(n.add(&one).sub(&one), n);
        assert_eq!(n.mul(&m), m.mul(&n));
        assert_eq!(n.mul(&m).div_exact(&m), Some(n.clone()));
        assert_eq!(n.sub(&one).show(&|s| t.name(s)), "n - 1");
        assert!(t.unify(&m, &n.sub(&one)));
        assert_eq!(t.resolve(&m), n.sub(&one));
        assert!(!t.unify(&m, &n));
    }
}
