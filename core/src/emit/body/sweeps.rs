//! Recurrences of which only some states are kept: the loop that keeps them, and the adjoint that goes back by segments.
//!
//! Invariant: what is run again writes to the kept states and to the arrays of a segment, and to memory that nothing else
//! reads by then.

use super::super::place::{self, Slice};
use super::{Body, Frame, Lanes};
use crate::ir::{AxisId, Checkpoint, Dtype, NodeId, Size};
use crate::schedule::{Step, Sweep, SEGMENT};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, ToTokens};
use std::collections::BTreeSet;

/// The variables of a segment: which kept state it starts from, and where it lies.
struct Segment {
    slot: Ident,
    start: Ident,
    end: Ident,
}

impl<'a> Body<'a> {
    /// The sweep whose first loop this is.
    pub(super) fn kept_in(&self, axis: AxisId, inside: &[usize]) -> Option<&'a Sweep> {
        let scans = self.plan.scans_of(axis, inside);
        self.plan.sweeps.iter().find(|s| scans.contains(&s.scan))
    }

    /// The sweep whose adjoint's loop this is.
    pub(super) fn gone_back_in(&self, axis: AxisId, inside: &[usize]) -> Option<&'a Sweep> {
        let scans = self.plan.scans_of(axis, inside);
        self.plan.sweeps.iter().find(|s| scans.contains(&s.back))
    }

    /// Leaves out all statements of a loop but some. Gives what was left out before.
    pub(super) fn only(&mut self, inside: &[usize], run: &BTreeSet<usize>) -> BTreeSet<usize> {
        let skip = inside.iter().copied().filter(|s| !run.contains(s)).collect();
        std::mem::replace(&mut self.skip, skip)
    }

    /// The memory of a variable of a kept state, where it is an array, and how many numbers it has.
    fn memory_of(&mut self, last: NodeId) -> (Option<Slice>, TokenStream) {
        let layout = self.plan.storage.get(&last).map(|s| s.layout.clone()).unwrap_or_default();
        let sizes: Vec<Size> = layout.iter().map(|a| self.plan.graph.axis_size(*a).clone()).collect();
        let slice = place::of_stored(self.plan, last).map(|(slice, _)| slice);
        (slice, self.size(&Size::product(&sizes)))
    }

    /// Room for so many states.
    fn room_for(&mut self, sweep: &Sweep, states: &TokenStream) -> TokenStream {
        let mut out = TokenStream::new();
        for (carry, last) in &sweep.state {
            let (slice, len) = self.memory_of(*last);
            let name = self.name_of(Slice::Kept(*carry), true);
            out.extend(match slice {
                None => quote!(rt::grow(#name, #states);),
                Some(_) => quote!(rt::grow(#name, (#states) * #len);),
            });
        }
        out
    }

    /// Keeps the state as it is.
    fn keep_state(&mut self, sweep: &Sweep, slot: &TokenStream) -> TokenStream {
        let mut out = TokenStream::new();
        for (carry, last) in &sweep.state {
            let (slice, len) = self.memory_of(*last);
            let name = self.name_of(Slice::Kept(*carry), true);
            out.extend(match (slice, self.states.get(carry)) {
                (Some(slice), _) => {
                    let from = self.name_of(slice, false);
                    quote!(#name[(#slot) * #len..][..#len].copy_from_slice(&#from[..#len]);)
                }
                (None, Some(variable)) => match self.plan.graph.dtype(*carry) {
                    Dtype::Bool => quote!(#name[#slot] = #variable;),
                    Dtype::Int => quote!(#name[#slot] = #variable as usize;),
                    _ => quote!(#name[#slot] = #variable.lane(0);),
                },
                (None, None) => TokenStream::new(),
            });
        }
        out
    }

    /// How many positions an axis has, as a value with a type.
    fn length(&mut self, axis: AxisId) -> TokenStream {
        let size = self.plan.graph.axis_size(axis).clone();
        match size.as_const() {
            Some(n) => Literal::usize_suffixed(n as usize).to_token_stream(),
            None => self.size(&size),
        }
    }

    /// Before the loop: room for the states that are kept, and the first one where that is the only one.
    pub(super) fn before_kept(&mut self, sweep: &Sweep) {
        let n = self.plan.graph.axis_size(sweep.axis).clone();
        let tokens = match sweep.kept {
            Checkpoint::Every(_) if self.plan.graph.sizes.counted(&n) => return,
            Checkpoint::Every(k) => {
                let (n, k) = (self.length(sweep.axis), usize_literal(k));
                self.room_for(sweep, &quote!(#n.div_ceil(#k)))
            }
            Checkpoint::Halving => {
                let room = self.room_for(sweep, &quote!(1));
                let keep = self.keep_state(sweep, &quote!(0));
                quote!(#room #keep)
            }
        };
        self.push(tokens);
    }

    /// At the start of an iteration of the first loop.
    pub(super) fn kept_here(&mut self, sweep: &Sweep, var: &Ident) -> TokenStream {
        let Checkpoint::Every(k) = sweep.kept else { return TokenStream::new() };
        let k = usize_literal(k);
        let counted = self.plan.graph.sizes.counted(self.plan.graph.axis_size(sweep.axis));
        let room = if counted { self.room_for(sweep, &quote!(#var / #k + 1)) } else { TokenStream::new() };
        let keep = self.keep_state(sweep, &quote!(#var / #k));
        quote!(if #var % #k == 0 { #room #keep })
    }

    /// Some of the scan's statements from a kept state on. With `rows`, they fill a segment; without, they leave the state
    /// where they end.
    fn from_state(
        &mut self,
        sweep: &Sweep,
        run: &BTreeSet<usize>,
        at: &Segment,
        rows: Option<&Ident>,
    ) -> TokenStream {
        let Segment { slot, start, end } = at;
        let (mut open, mut close) = (TokenStream::new(), TokenStream::new());
        for (carry, last) in &sweep.state {
            let (slice, len) = self.memory_of(*last);
            let kept = self.name_of(Slice::Kept(*carry), true);
            if let Some(slice) = slice {
                let name = self.name_of(slice, true);
                open.extend(match rows {
                    Some(_) => quote!(let #name = &mut #kept[#slot * #len..][..#len];),
                    None => quote! {
                        #kept.copy_within(#slot * #len..(#slot + 1) * #len, (#slot + 1) * #len);
                        let #name = &mut #kept[(#slot + 1) * #len..][..#len];
                    },
                });
                continue;
            }
            let dtype = self.plan.graph.dtype(*carry);
            let one = self.vector_type(dtype, Lanes::One);
            let name = self.node_name(*carry, "s");
            let (value, back) = match dtype {
                Dtype::Bool => (quote!(#kept[#slot]), quote!(#name)),
                Dtype::Int => (quote!((#kept[#slot] as isize)), quote!(#name as usize)),
                _ => (quote!(#one::splat(#kept[#slot])), quote!(#name.lane(0))),
            };
            open.extend(quote!(let mut #name = #value;));
            if rows.is_none() {
                close.extend(quote!(#kept[#slot + 1] = #back;));
            }
            self.states.insert(*carry, name);
        }
        let plan = self.plan;
        let own = |step: &&Step| match step {
            Step::Loop { axis, body } => {
                plan.scans_of(*axis, &self.statements(std::slice::from_ref(step))).contains(&sweep.scan)
                    && !body.is_empty()
            }
            Step::Run(_) => false,
        };
        let Some(Step::Loop { body, .. }) = plan.steps.iter().find(own) else {
            self.bugs.push("a scan whose states are kept has no loop".into());
            return TokenStream::new();
        };
        let inside = self.statements(body);
        let before = self.only(&inside, run);
        let var = self.names.fresh("i");
        let mut frame = Frame::new(Some(sweep.axis), Some(var.clone()), Lanes::One);
        frame.rows = Some((sweep.rows, rows.cloned()));
        self.frames.push(frame);
        self.steps(body);
        let out = self.frames.pop().map(|f| f.out).unwrap_or_default();
        self.skip = before;
        sweep.state.iter().for_each(|(carry, _)| {
            self.states.remove(carry);
        });
        let row = rows.map(|row| quote!(let #row = #var - #start;));
        quote!({ #open for #var in #start..#end { #row #out } #close })
    }

    /// The adjoint's loop around `body`, segment by segment from the last one to the first.
    pub(super) fn back_by_segments(&mut self, sweep: &Sweep, var: &Ident, row: &Ident, body: TokenStream) {
        let at = Segment {
            slot: self.names.fresh("slot"),
            start: self.names.fresh("start"),
            end: self.names.fresh("end"),
        };
        let n = self.length(sweep.axis);
        let again = self.from_state(sweep, &sweep.again, &at, Some(row));
        let ahead = match sweep.kept {
            Checkpoint::Halving => self.from_state(sweep, &sweep.ahead, &at, None),
            Checkpoint::Every(_) => TokenStream::new(),
        };
        let Segment { slot, start, end } = &at;
        let back = quote! {
            #again
            for #var in (#start..#end).rev() { let #row = #var - #start; #body }
        };
        match sweep.kept {
            Checkpoint::Every(k) => {
                let k = usize_literal(k);
                self.push(quote! {
                    for #slot in (0..#n.div_ceil(#k)).rev() {
                        let #start = #slot * #k;
                        let #end = #n.min(#start + #k);
                        #back
                    }
                });
            }
            Checkpoint::Halving => {
                let length = usize_literal(SEGMENT);
                let halves = self.names.fresh("halves");
                let room = self.room_for(sweep, &quote!(#halves.slots()));
                self.push(quote! {
                    let mut #halves = rt::Halves::new(#n, #length);
                    #room
                    while let Some((#slot, #start, #end)) = #halves.next() {
                        if #halves.ahead() { #ahead } else { #back }
                    }
                });
            }
        }
    }
}

fn usize_literal(n: u32) -> TokenStream {
    super::super::entry::usize_literal(n as usize)
}
