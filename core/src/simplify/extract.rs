//! Chooses one term for each class so that the terms the roots need, each counted once, are cheap.
//!
//! The search starts from the graph that came in and exchanges terms only where the total falls: a term for another, or
//! several terms at once that share something new. Invariant: the choice has no cycle, and its cost only falls.

use super::cost;
use super::lang::{Head, Term};
use super::saturate::Saturated;
use crate::ir::{FastMap, Graph, NodeId};
use egg::Id;

/// Walks over all classes.
const PASSES: usize = 4;

struct Candidate {
    term: Term,
    args: Vec<usize>,
    cost: u64,
}

struct Search {
    candidates: Vec<Vec<Candidate>>,
    /// The chosen candidate of each class.
    choice: Vec<usize>,
    /// How many chosen terms and roots use each class; 0 for what is not needed.
    uses: Vec<u32>,
    /// A number for each class that is greater than those of its operands.
    level: Vec<u32>,
}

const NONE: usize = usize::MAX;

/// The cheapest graph found; `None` where the choice cannot be made consistent.
pub fn extract(graph: &Graph, found: &Saturated) -> Option<(Graph, Vec<NodeId>)> {
    let egraph = &found.egraph;
    let extents = cost::extents(graph);
    let mut ids: Vec<Id> = egraph.classes().map(|c| c.id).collect();
    ids.sort();
    let number: FastMap<Id, usize> = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    let tables = &egraph.analysis.0;
    let over = |set: u32| cost::extent(&extents, tables.axes(set).iter().copied());

    let mut candidates = Vec::with_capacity(ids.len());
    for id in &ids {
        let class = &egraph[*id];
        let own = class.data.axes;
        let mut list = Vec::with_capacity(class.nodes.len());
        for term in &class.nodes {
            // a term must not depend on an axis that its class does not depend on
            let fits = match term.head {
                Head::Const(_) => true,
                Head::Apply(_) | Head::Cast => {
                    term.args.iter().all(|a| tables.subset(egraph[*a].data.axes, own))
                }
                Head::Reduce(_, reduced) => {
                    let body = egraph[term.args[0]].data.axes;
                    tables
                        .axes(body)
                        .iter()
                        .all(|a| tables.axes(reduced).contains(a) || tables.axes(own).contains(a))
                }
                Head::Shape(_) => true,
            };
            if !fits {
                continue;
            }
            let cost = match term.head {
                Head::Const(_) => 0,
                Head::Apply(op) => cost::apply(op) * over(own),
                Head::Cast => cost::CAST * over(own),
                Head::Reduce(op, _) => cost::reduce(op) * over(egraph[term.args[0]].data.axes),
                Head::Shape(shape) => cost::shape(&extents, tables.shape_node(shape), tables.axes(own)),
            };
            let args = term.args.iter().map(|a| number[&egraph.find(*a)]).collect();
            list.push(Candidate { term: term.clone(), args, cost });
        }
        candidates.push(list);
    }
    let mut choice = vec![NONE; ids.len()];
    for (id, term) in &found.incumbent {
        let c = number[&egraph.find(*id)];
        if choice[c] == NONE {
            if let Some(k) = candidates[c].iter().position(|k| k.term == *term) {
                choice[c] = k;
            }
        }
    }
    let n = ids.len();
    let roots: Vec<usize> = found.roots.iter().map(|r| number[&egraph.find(*r)]).collect();
    let mut search = Search { candidates, choice, uses: vec![0; n], level: vec![0; n] };
    search.defaults()?;
    if !search.order() {
        return None;
    }
    for r in &roots {
        search.hold(*r);
    }
    for _ in 0..PASSES {
        let singles = search.exchange();
        let groups = search.exchange_groups();
        if !singles && !groups {
            break;
        }
    }

    let mut out = graph.emptied();
    let mut order: Vec<usize> = (0..n).filter(|c| search.uses[*c] > 0).collect();
    search.order();
    order.sort_by_key(|c| (search.level[*c], *c));
    let mut nodes: Vec<NodeId> = vec![NodeId(0); n];
    for c in order {
        let chosen = &search.candidates[c][search.choice[c]];
        let args: Vec<NodeId> = chosen.args.iter().map(|a| nodes[*a]).collect();
        out.span = egraph[ids[c]].data.span;
        nodes[c] = tables.node(&mut out, &chosen.term, &args);
    }
    for (id, name) in &found.names {
        let c = number[&egraph.find(*id)];
        if search.uses[c] > 0 {
            out.set_name(nodes[c], name);
        }
    }
    Some((out, roots.iter().map(|r| nodes[*r]).collect()))
}

impl Search {
    /// The cheapest term for each class that the incumbent lacks, where the incumbent's classes cost nothing.
    fn defaults(&mut self) -> Option<()> {
        let n = self.choice.len();
        let open: Vec<usize> = (0..n).filter(|c| self.choice[*c] == NONE).collect();
        let mut best: Vec<u64> = self.choice.iter().map(|c| if *c == NONE { u64::MAX } else { 0 }).collect();
        loop {
            let mut news = false;
            for c in &open {
                for (k, candidate) in self.candidates[*c].iter().enumerate() {
                    let total = candidate.args.iter().try_fold(candidate.cost.max(1), |t: u64, a| {
                        t.checked_add(best[*a]).filter(|t| *t < u64::MAX)
                    });
                    if total.is_some_and(|t| t < best[*c]) {
                        best[*c] = total?;
                        self.choice[*c] = k;
                        news = true;
                    }
                }
            }
            if !news {
                break;
            }
        }
        self.choice.iter().all(|c| *c != NONE).then_some(())
    }

    fn args(&self, c: usize) -> &[usize] {
        &self.candidates[c][self.choice[c]].args
    }

    /// Numbers the classes, operands first; `false` at a cycle.
    fn order(&mut self) -> bool {
        let n = self.choice.len();
        let mut state = vec![0u8; n];
        for start in 0..n {
            if state[start] == 2 {
                continue;
            }
            let mut stack = vec![(start, 0usize)];
            state[start] = 1;
            while let Some((c, k)) = stack.pop() {
                match self.args(c).get(k).copied() {
                    Some(a) => {
                        stack.push((c, k + 1));
                        match state[a] {
                            0 => {
                                state[a] = 1;
                                stack.push((a, 0));
                            }
                            1 => return false,
                            _ => {}
                        }
                    }
                    None => {
                        self.level[c] = self.args(c).iter().map(|a| self.level[*a] + 1).max().unwrap_or(0);
                        state[c] = 2;
                    }
                }
            }
        }
        true
    }

    /// One more use of a class; the cost of what becomes needed by it.
    fn hold(&mut self, c: usize) -> u64 {
        let mut added = 0;
        let mut stack = vec![c];
        while let Some(c) = stack.pop() {
            self.uses[c] += 1;
            if self.uses[c] == 1 {
                let chosen = &self.candidates[c][self.choice[c]];
                added += chosen.cost;
                stack.extend(&chosen.args);
            }
        }
        added
    }

    /// One use less; the cost of what is no longer needed.
    fn release(&mut self, c: usize) -> u64 {
        let mut freed = 0;
        let mut stack = vec![c];
        while let Some(c) = stack.pop() {
            self.uses[c] -= 1;
            if self.uses[c] == 0 {
                let chosen = &self.candidates[c][self.choice[c]];
                freed += chosen.cost;
                stack.extend(&chosen.args);
            }
        }
        freed
    }

    /// Whether the class is among what these operands need.
    fn reaches(&self, from: &[usize], target: usize) -> bool {
        let floor = self.level[target];
        let mut seen: Vec<usize> = Vec::new();
        let mut stack: Vec<usize> = from.to_vec();
        while let Some(c) = stack.pop() {
            if c == target {
                return true;
            }
            // what lies no higher than the target cannot need it
            if self.level[c] > floor && !seen.contains(&c) {
                seen.push(c);
                stack.extend(self.args(c));
            }
        }
        false
    }

    /// Exchanges the term of a class that is needed; the gain, or `None` where there would be a cycle.
    fn switch(&mut self, c: usize, k: usize) -> Option<i128> {
        let args = self.candidates[c][k].args.clone();
        if self.reaches(&args, c) {
            return None;
        }
        let old = self.choice[c];
        let mut gain = i128::from(self.candidates[c][old].cost) - i128::from(self.candidates[c][k].cost);
        for a in &args {
            gain -= i128::from(self.hold(*a));
        }
        for a in self.candidates[c][old].args.clone() {
            gain += i128::from(self.release(a));
        }
        self.choice[c] = k;
        if args.iter().any(|a| self.level[*a] >= self.level[c]) {
            self.order();
        }
        Some(gain)
    }

    /// Exchanges single terms where that is cheaper.
    fn exchange(&mut self) -> bool {
        let mut news = false;
        for c in (0..self.choice.len()).rev() {
            for k in 0..self.candidates[c].len() {
                let old = self.choice[c];
                if self.uses[c] == 0 || k == old {
                    continue;
                }
                match self.switch(c, k) {
                    Some(gain) if gain > 0 => news = true,
                    Some(_) => {
                        self.switch(c, old);
                    }
                    None => {}
                }
            }
        }
        news
    }

    /// Exchanges several terms at once for terms that share an operand that nothing needs yet.
    fn exchange_groups(&mut self) -> bool {
        let n = self.choice.len();
        let mut users: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n];
        for c in (0..n).filter(|c| self.candidates[*c].len() > 1) {
            for (k, candidate) in self.candidates[c].iter().enumerate() {
                for a in &candidate.args {
                    if self.uses[*a] == 0 && self.uses[c] > 0 && !users[*a].contains(&(c, k)) {
                        users[*a].push((c, k));
                    }
                }
            }
        }
        let mut news = false;
        for (shared, users) in users.iter().enumerate() {
            let classes = users.iter().map(|u| u.0).fold(Vec::new(), |mut v: Vec<usize>, c| {
                if !v.contains(&c) {
                    v.push(c);
                }
                v
            });
            if classes.len() < 2 || self.uses[shared] > 0 {
                continue;
            }
            let mut total = -i128::from(self.hold(shared));
            let mut undo = Vec::new();
            for (c, k) in users {
                let old = self.choice[*c];
                if self.uses[*c] == 0 || old == *k {
                    continue;
                }
                match self.switch(*c, *k) {
                    Some(gain) if gain > 0 => {
                        total += gain;
                        undo.push((*c, old));
                    }
                    Some(_) => {
                        self.switch(*c, old);
                    }
                    None => {}
                }
            }
            total += i128::from(self.release(shared));
            if total > 0 {
                news = true;
            } else {
                self.hold(shared);
                for (c, old) in undo.into_iter().rev() {
                    if self.uses[c] > 0 {
                        self.switch(c, old);
                    } else {
                        self.choice[c] = old;
                    }
                }
                self.release(shared);
            }
        }
        news
    }
}
