//! Convolutions and pooling as graphs: sums and largest elements over the positions of a window.
//!
//! Invariant: an element is read at a sum of two positions, `stride` times that of the window and `dilation` times that in
//! the window; what lies outside of the array was added as zeros before.

use super::env::{Tensor, Value};
use super::index::along;
use super::Lower;
use crate::diag::Kind;
use crate::ir::{AxisId, Dtype, Index, Op, RedOp, Size};
use quote::ToTokens;
use syn::Expr;

/// How a window moves, as numbers.
struct Window {
    stride: i64,
    padding: i64,
    dilation: i64,
    groups: i64,
}

/// Whether this is a call or a chain of them, as a window is written.
fn is_window(tokens: &proc_macro2::TokenStream) -> bool {
    matches!(syn::parse2(tokens.clone()), Ok(Expr::MethodCall(_) | Expr::Call(_) | Expr::Paren(_)))
}

/// A sum of positions, each times a number.
fn sum(parts: &[(Option<AxisId>, Size)]) -> Index {
    let terms = parts.iter().filter_map(|(axis, c)| Some(((*axis)?, c.clone())));
    let mut terms: Vec<(AxisId, Size)> = terms.collect();
    terms.sort();
    Index { terms, ..Index::default() }
}

impl Lower {
    /// `nn::conv2d` and its relatives.
    pub fn windowed(&mut self, name: &str, args: Vec<Value>, at: &dyn ToTokens) -> Option<Tensor> {
        let mut tensors = vec![];
        let count = if name.starts_with("conv") { 3 } else { 1 };
        let (first, rest) = args.split_at(count.min(args.len()));
        let wanted = match name {
            "global_avg_pool2d" | "global_max_pool2d" => 0,
            "max_pool2d" | "avg_pool2d" => 2,
            _ => 1,
        };
        if first.len() != count || rest.len() != wanted {
            let text = format!("{} arguments", count + wanted);
            self.errors.push(Kind::Argument, at, &[&format!("`{name}`"), &text, ""]);
            return None;
        }
        for value in first {
            let dtype = tensors.first().map(|t: &Tensor| self.graph.dtype(t.node));
            tensors.push(self.tensor(value.clone(), dtype, at)?);
        }
        let rank = if name == "conv1d" { 3 } else { 4 };
        if tensors[0].rank() != rank {
            let shape = self.shape_text(&tensors[0].dims);
            let wanted =
                if rank == 3 { "[batch, channels, length]" } else { "[batch, channels, height, width]" };
            self.errors.push(Kind::Shape, at, &[&format!("`{name}`"), &shape, wanted, ""]);
            return None;
        }
        match name {
            "conv1d" | "conv2d" => {
                let window = self.window(name, &rest[0], at)?;
                self.convolution(name, &tensors, &window, at)
            }
            "conv_transpose2d" => {
                let window = self.window(name, &rest[0], at)?;
                self.transposed_convolution(name, &tensors, &window, at)
            }
            "global_avg_pool2d" => Some(self.mean(&tensors[0], &[2, 3])),
            "global_max_pool2d" => Some(self.reduce(RedOp::Max, &tensors[0], &[2, 3])),
            _ => {
                let size = self.number(name, "size", &rest[0], at)?;
                let window = self.window(name, &rest[1], at)?;
                self.pooled(name, &tensors[0], size, &window, at)
            }
        }
    }

    /// A number that is known when this is compiled, and at least 1.
    fn number(&mut self, name: &str, what: &str, value: &Value, at: &dyn ToTokens) -> Option<i64> {
        let known = match value {
            Value::Int(n) => self.graph.sizes.resolve(n).as_const(),
            _ => None,
        };
        match known {
            Some(n) if n >= i64::from(what != "padding") => Some(n),
            _ => {
                let help = "it shapes the loops of the generated code";
                let text = format!("the {what} as a literal or a constant");
                self.errors.push(Kind::Argument, at, &[&format!("`{name}`"), &text, help]);
                None
            }
        }
    }

    /// `Window::new().stride(2).padding(1)`, as it is written; of a pool, its stride alone may be.
    fn window(&mut self, name: &str, value: &Value, at: &dyn ToTokens) -> Option<Window> {
        let mut window = Window { stride: 1, padding: 0, dilation: 1, groups: 1 };
        if name.ends_with("pool2d") && !matches!(value, Value::Host(tokens) if is_window(tokens)) {
            window.stride = self.number(name, "stride", value, at)?;
            return Some(window);
        }
        let written = match value {
            Value::Host(tokens) => syn::parse2::<Expr>(tokens.clone()).ok(),
            _ => None,
        };
        let mut e = match &written {
            Some(Expr::Paren(p)) => Some(&*p.expr),
            e => e.as_ref(),
        };
        while let Some(Expr::MethodCall(m)) = e {
            let (method, value) = (m.method.to_string(), m.args.first().map(|a| self.expr(a)));
            let slot = match method.as_str() {
                "stride" => &mut window.stride,
                "padding" => &mut window.padding,
                "dilation" => &mut window.dilation,
                "groups" => &mut window.groups,
                _ => break,
            };
            *slot = self.number(name, &method, &value?, at)?;
            e = Some(&m.receiver);
        }
        let is_new = |c: &syn::ExprCall| match &*c.func {
            Expr::Path(p) => p.path.segments.last().is_some_and(|s| s.ident == "new" || s.ident == "default"),
            _ => false,
        };
        match e {
            Some(Expr::Call(c)) if c.args.is_empty() && is_new(c) => Some(window),
            _ => {
                let help =
                    "write it in the call, `Window::new().stride(2).padding(1)`, with literals or constants";
                self.errors.push(Kind::Argument, at, &[&format!("`{name}`"), "a window", help]);
                None
            }
        }
    }

    /// How many places a window of `size` elements has.
    fn window_count(
        &mut self,
        name: &str,
        length: &Size,
        size: &Size,
        window: &Window,
        at: &dyn ToTokens,
    ) -> Option<Size> {
        let reach = size.sub(&self.int(1)).scale(window.dilation);
        let last = length.add(&self.int(2 * window.padding)).sub(&reach).sub(&self.int(1));
        let last = self.graph.sizes.resolve(&last);
        match last.as_const() {
            Some(last) if last < 0 => {
                let (a, b) = (self.graph.sizes.show(size), self.graph.sizes.show(length));
                let help = "the window must fit into the padded array";
                self.errors.push(Kind::Shape, at, &[&format!("`{name}`"), &a, &b, help]);
                None
            }
            Some(last) => Some(self.int(last / window.stride + 1)),
            None if window.stride == 1 => Some(last.add(&self.int(1))),
            None => {
                let help = "state the dimension: `#[dims(B, 3, 28, 28)]`";
                self.unsupported(at, "a stride over a dimension of unknown length", help);
                None
            }
        }
    }

    /// The array with more elements around it along all dimensions but the first two: zeros.
    fn padded(&mut self, x: &Tensor, padding: i64) -> Tensor {
        if padding == 0 {
            return x.clone();
        }
        let x = self.canonical(x);
        let mut dims = x.dims.clone();
        let mut index: Vec<Index> = x.axes.iter().map(along).collect();
        for k in 2..x.rank() {
            dims[k] = dims[k].add(&self.int(2 * padding));
            index[k].offset = self.int(padding);
        }
        self.put_together(dims, &[(x.clone(), index)], x.nd)
    }

    /// The same with elements below all others.
    fn padded_below(&mut self, x: &Tensor, padding: i64, at: &dyn ToTokens) -> Option<Tensor> {
        let all = self.padded(x, padding);
        let mut inside = None;
        for (axis, n) in all.axes[2..].iter().flatten().zip(&x.dims[2..]) {
            let place = self.graph.position(*axis, Dtype::Int);
            let (first, end) = (self.int(padding), n.add(&self.int(padding)));
            let (first, end) = (self.graph.size(&first, Dtype::Int), self.graph.size(&end, Dtype::Int));
            let (above, below) =
                (self.graph.apply(Op::Ge, &[place, first]), self.graph.apply(Op::Lt, &[place, end]));
            let both = self.graph.apply(Op::And, &[above, below]);
            inside = Some(inside.map_or(both, |i| self.graph.apply(Op::And, &[i, both])));
        }
        let inside = Tensor { node: inside?, active: false, ..all.clone() };
        let below = self.graph.constant(f64::NEG_INFINITY, self.graph.dtype(x.node));
        let below = self.scalar(below, false);
        self.select(&inside, &all, &below, at)
    }

    /// Two sizes of a network function that must be one.
    pub fn agrees(&mut self, name: &str, a: &Size, b: &Size, help: &str, at: &dyn ToTokens) -> Option<()> {
        if self.graph.sizes.unify(a, b) {
            return Some(());
        }
        let (a, b) = (self.graph.sizes.show(a), self.graph.sizes.show(b));
        self.errors.push(Kind::Shape, at, &[&format!("`{name}`"), &a, &b, help]);
        None
    }

    /// `out[b, o, y] = Σ_{c, k} x[b, c, stride·y + dilation·k] · w[o, c, k] + bias[o]`
    fn convolution(
        &mut self,
        name: &str,
        tensors: &[Tensor],
        window: &Window,
        at: &dyn ToTokens,
    ) -> Option<Tensor> {
        let [x, w, bias] = tensors else { return None };
        if w.rank() != x.rank() || bias.rank() != 1 {
            let (a, b) = (self.shape_text(&w.dims), self.shape_text(&bias.dims));
            let help = "the weights are [out, in / groups, …] and the bias is [out]";
            self.errors.push(Kind::Shape, at, &[&format!("`{name}`"), &a, &b, help]);
            return None;
        }
        let groups = self.int(window.groups);
        let (inside, outside) = (w.dims[1].clone(), w.dims[0].clone());
        let help = "the input must have the channels of the weights times the groups";
        self.agrees(name, &x.dims[1], &inside.scale(window.groups), help, at)?;
        self.agrees(
            name,
            &bias.dims[0],
            &outside,
            "the bias has one number for each channel that comes out",
            at,
        )?;
        let help = "the channels that come out must be known, and a multiple of the groups";
        let each = self.group_of(name, &outside, window.groups, help, at)?;
        let mut dims = vec![x.dims[0].clone(), groups, each.clone()];
        for k in 2..x.rank() {
            dims.push(self.window_count(name, &x.dims[k].clone(), &w.dims[k].clone(), window, at)?);
        }
        let kept = dims.len();
        dims.push(inside.clone());
        dims.extend(w.dims[2..].iter().cloned());
        let x = self.padded(x, window.padding);
        let spatial = x.rank() - 2;
        let (stride, dilation, one) = (self.int(window.stride), self.int(window.dilation), self.int(1));
        let from = self.remap(&x, dims.clone(), |_, a| {
            let mut index = vec![along(&a[0]), sum(&[(a[1], inside.clone()), (a[kept], one.clone())])];
            for k in 0..spatial {
                index.push(sum(&[(a[3 + k], stride.clone()), (a[kept + 1 + k], dilation.clone())]));
            }
            index
        });
        let by = self.remap(w, dims, |_, a| {
            let mut index = vec![sum(&[(a[1], each.clone()), (a[2], one.clone())]), along(&a[kept])];
            index.extend((0..spatial).map(|k| along(&a[kept + 1 + k])));
            index
        });
        let product = self.elementwise(Op::Mul, &[from, by], name, at)?;
        let over: Vec<usize> = (kept..product.rank()).collect();
        let total = self.reduce(RedOp::Sum, &product, &over);
        let mut shape = total.dims.clone();
        shape.splice(1..3, [outside]);
        let Value::Tensor(total) = self.reshaped(&total, shape.clone(), at) else { return None };
        self.with_bias(name, total, bias, at)
    }

    /// How many of the channels each group has.
    fn group_of(
        &mut self,
        name: &str,
        channels: &Size,
        groups: i64,
        help: &str,
        at: &dyn ToTokens,
    ) -> Option<Size> {
        match (groups, self.graph.sizes.resolve(channels).as_const()) {
            (1, _) => Some(channels.clone()),
            (g, Some(n)) if n % g == 0 => Some(self.int(n / g)),
            _ => {
                let (a, b) = (self.graph.sizes.show(channels), groups.to_string());
                self.errors.push(Kind::Shape, at, &[&format!("`{name}`"), &a, &b, help]);
                None
            }
        }
    }

    /// One number for each channel, added to all of its elements.
    fn with_bias(&mut self, name: &str, x: Tensor, bias: &Tensor, at: &dyn ToTokens) -> Option<Tensor> {
        let bias = self.remap(bias, x.dims.clone(), |_, a| vec![along(&a[1])]);
        let sum = self.elementwise(Op::Add, &[x, bias], name, at)?;
        Some(Tensor { nd: true, ..sum })
    }

    /// `out[b, o, stride·y + dilation·k - padding] += Σ_c x[b, c, y] · w[c, o, k]`, in each group
    fn transposed_convolution(
        &mut self,
        name: &str,
        tensors: &[Tensor],
        window: &Window,
        at: &dyn ToTokens,
    ) -> Option<Tensor> {
        let [x, w, bias] = tensors else { return None };
        if w.rank() != 4 || bias.rank() != 1 {
            let (a, b) = (self.shape_text(&w.dims), self.shape_text(&bias.dims));
            let help = "the weights are [in, out / groups, …] and the bias is [out]";
            self.errors.push(Kind::Shape, at, &[&format!("`{name}`"), &a, &b, help]);
            return None;
        }
        self.agrees(name, &x.dims[1], &w.dims[0], "the input must have the channels of the weights", at)?;
        let (b, o) = (x.dims[0].clone(), w.dims[1].scale(window.groups));
        let help = "the bias has one number for each channel that comes out";
        self.agrees(name, &bias.dims[0], &o, help, at)?;
        let help = "the channels that come in must be known, and a multiple of the groups";
        let inside = self.group_of(name, &w.dims[0], window.groups, help, at)?;
        let dims: Vec<Size> =
            [&x.dims[2], &x.dims[3], &w.dims[2], &w.dims[3], &inside].map(Clone::clone).to_vec();
        let dims = [vec![b.clone(), self.int(window.groups), w.dims[1].clone()], dims].concat();
        let one = self.int(1);
        let channel = |a: &[Option<AxisId>]| sum(&[(a[1], inside.clone()), (a[7], one.clone())]);
        let from =
            self.remap(x, dims.clone(), |_, a| vec![along(&a[0]), channel(a), along(&a[3]), along(&a[4])]);
        let by = self.remap(w, dims, |_, a| vec![channel(a), along(&a[2]), along(&a[5]), along(&a[6])]);
        let product = self.elementwise(Op::Mul, &[from, by], name, at)?;
        let total = self.reduce(RedOp::Sum, &product, &[7]);
        let mut shape = total.dims.clone();
        shape.splice(1..3, [o.clone()]);
        let Value::Tensor(total) = self.reshaped(&total, shape, at) else { return None };
        let (stride, dilation) = (self.int(window.stride), self.int(window.dilation));
        let mut index = vec![along(&total.axes[0]), along(&total.axes[1])];
        let (mut whole, mut shape) = (vec![b.clone(), o.clone()], vec![b, o]);
        for k in 0..2 {
            index.push(sum(&[(total.axes[2 + k], stride.clone()), (total.axes[4 + k], dilation.clone())]));
            let last = total.dims[2 + k].sub(&self.int(1)).scale(window.stride);
            let reach = total.dims[4 + k].sub(&self.int(1)).scale(window.dilation);
            let length = last.add(&reach).add(&self.int(1));
            let cut = length.sub(&self.int(2 * window.padding));
            if self.graph.sizes.resolve(&cut).as_const().is_some_and(|n| n < 1) {
                let (a, b) = (self.graph.sizes.show(&length), window.padding.to_string());
                let help = "the padding takes away more than there is";
                self.errors.push(Kind::Shape, at, &[&format!("`{name}`"), &a, &b, help]);
                return None;
            }
            whole.push(length);
            shape.push(cut);
        }
        let all = self.put_together(whole, &[(total, index)], true);
        let start = self.int(window.padding);
        let cut = self.remap(&all, shape, |_, a| {
            let from = |k: usize| Index { offset: start.clone(), ..along(&a[k]) };
            vec![along(&a[0]), along(&a[1]), from(2), from(3)]
        });
        self.with_bias(name, cut, bias, at)
    }

    /// The mean or the largest element of each window.
    fn pooled(
        &mut self,
        name: &str,
        x: &Tensor,
        size: i64,
        window: &Window,
        at: &dyn ToTokens,
    ) -> Option<Tensor> {
        let span = window.dilation * (size - 1) + 1;
        if window.groups != 1 || 2 * window.padding > span {
            let text = "one group, and a padding of at most half of what the window spans";
            let help = format!("it spans {span}, and is padded by {}", window.padding);
            self.errors.push(Kind::Argument, at, &[&format!("`{name}`"), text, &help]);
            return None;
        }
        let side = self.int(size);
        let mut dims = x.dims[..2].to_vec();
        for k in 2..4 {
            dims.push(self.window_count(name, &x.dims[k].clone(), &side, window, at)?);
        }
        dims.extend([side.clone(), side]);
        let x = match (name, window.padding) {
            ("max_pool2d", 1..) => self.padded_below(x, window.padding, at)?,
            _ => self.padded(x, window.padding),
        };
        let (stride, dilation) = (self.int(window.stride), self.int(window.dilation));
        let all = self.remap(&x, dims, |_, a| {
            let place = |k: usize| sum(&[(a[2 + k], stride.clone()), (a[4 + k], dilation.clone())]);
            vec![along(&a[0]), along(&a[1]), place(0), place(1)]
        });
        let all = Tensor { nd: true, ..all };
        Some(match name {
            "max_pool2d" => self.reduce(RedOp::Max, &all, &[4, 5]),
            _ => self.mean(&all, &[4, 5]),
        })
    }
}
