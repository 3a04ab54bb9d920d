//! The types and the signatures of the generated module, from the user's signature alone.
//!
//! Invariant: nothing here depends on the body, so that the stub of a function with mistakes has the same face.

use super::lists;
use super::types::{const_generics, owned};
use crate::signature::{Arg, Form, Primal, Signature};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the functions of one module have in common.
pub struct Heads<'a> {
    pub primal: &'a Primal,
    pub active: Vec<&'a Arg>,
    /// `Gradient` with its generics applied.
    pub gradient: TokenStream,
    /// The owned type of the primal's results, with what the arguments hold that it changes.
    pub value: TokenStream,
    /// The owned type of what the primal returns.
    pub number: TokenStream,
    /// The functions as methods, by their names, where the primal is one.
    methods: RefCell<BTreeMap<String, TokenStream>>,
}

impl<'a> Heads<'a> {
    pub fn new(primal: &'a Primal) -> Self {
        let active: Vec<&Arg> = primal.signature.args.iter().filter(|a| a.differentiated).collect();
        let applied: Vec<TokenStream> = match &active[..] {
            [one] => mentioned(&owned(&one.form, &primal.graph.sizes), primal),
            _ => primal.signature.generic_args.clone(),
        };
        let owned_by = |forms: &[Form]| match forms {
            [one] => owned(one, &primal.graph.sizes),
            many => {
                let types = many.iter().map(|f| owned(f, &primal.graph.sizes));
                quote!((#(#types),*))
            }
        };
        let (value, number) = (
            owned_by(&primal.signature.results),
            owned_by(&primal.signature.results[..primal.signature.returned]),
        );
        Heads {
            primal,
            active,
            gradient: quote!(Gradient<#(#applied),*>),
            value,
            number,
            methods: RefCell::default(),
        }
    }

    /// `Gradient`: an alias of the owned type of the only differentiated argument, or a struct.
    pub fn gradient_type(&self) -> TokenStream {
        let sizes = &self.primal.graph.sizes;
        let args = &self.primal.signature.generic_args;
        let params = const_generics(args);
        if let [one] = self.active[..] {
            let ty = owned(&one.form, sizes);
            let docs = documentation(&format!("The gradient with respect to `{}`.", one.ident));
            let params = const_generics(&mentioned(&ty, self.primal));
            return quote!(#docs pub type Gradient<#(#params),*> = #ty;);
        }
        let fields = self.active.iter().map(|a| {
            let (name, ty) = (&a.ident, owned(&a.form, sizes));
            let docs = documentation(&format!("The partial derivative with respect to `{name}`."));
            quote!(#docs pub #name: #ty)
        });
        let comparable = self.active.iter().all(|a| !a.form.holds_structs());
        let derives = if comparable { quote!(Clone, Debug, PartialEq) } else { quote!(Clone) };
        let default = comparable.then(|| {
            let makes = self.active.iter().map(|a| {
                let (name, value) = (&a.ident, lists::empty(&a.form));
                quote!(#name: #value)
            });
            quote! {
                impl<#(#params),*> ::core::default::Default for Gradient<#(#args),*> {
                    fn default() -> Self { Gradient { #(#makes),* } }
                }
            }
        });
        quote! {
            /// One partial derivative for each differentiated argument.
            #[derive(#derives)]
            pub struct Gradient<#(#params),*> { #(#fields),* }
            #default
        }
    }

    /// The user's arguments with the user's types.
    pub fn parameters(&self) -> Vec<TokenStream> {
        let parameter = |a: &Arg| {
            let (name, ty) = (&a.ident, &a.ty);
            quote!(#name: #ty)
        };
        self.primal.signature.args.iter().map(parameter).collect()
    }

    pub fn function(
        &self,
        docs: &str,
        name: &str,
        extra: &[TokenStream],
        result: TokenStream,
    ) -> TokenStream {
        let (generics, bounds) = (&self.primal.signature.generics, &self.primal.signature.where_clause);
        let (name, params) = (format_ident!("{name}"), self.parameters());
        let params = params.iter().chain(extra);
        let result = (!result.is_empty()).then(|| quote!(-> #result));
        self.method(docs, &name, self.parameters(), extra, result.as_ref());
        let docs = documentation(docs);
        let constant = self.constant();
        quote!(#docs pub #constant fn #name #generics(#(#params),*) #result #bounds)
    }

    fn constant(&self) -> Option<TokenStream> {
        self.primal.options.constant.is_some().then(|| quote!(const))
    }

    /// Notes the function as a method: `gradient` is `loss_gradient`.
    fn method(
        &self,
        docs: &str,
        function: &Ident,
        params: Vec<TokenStream>,
        extra: &[TokenStream],
        result: Option<&TokenStream>,
    ) {
        let signature = &self.primal.signature;
        let Some(method) = &signature.method else { return };
        let own = method.own();
        let names = signature.args.iter().map(|a| &a.ident).skip(usize::from(own.is_some()));
        let first = |parameter: &TokenStream| parameter.clone().into_iter().take(1).collect::<TokenStream>();
        let passed = own.iter().chain(names).map(|name| quote!(#name)).chain(extra.iter().map(first));
        let params = params.into_iter().skip(usize::from(own.is_some())).chain(extra.iter().cloned());
        let receiver = own.is_some().then(|| method.receiver.clone());
        let params = receiver.into_iter().chain(params);
        let name = format_ident!("{}_{function}", method.name.to_string().trim_start_matches("r#"));
        let (vis, generics, args) = (&method.vis, &method.generics, &signature.generic_args);
        let generics = (!generics.is_empty()).then(|| quote!(<#generics>));
        let turbofish = (!args.is_empty()).then(|| quote!(::<#(#args),*>));
        let ident = &signature.ident;
        let docs = docs
            .replace(&format!("[`{ident}`](fn@super::{ident})"), &format!("[`{0}`](Self::{0})", method.name));
        let docs = documentation(&docs);
        let constant = self.constant();
        let tokens = quote!(#docs #vis #constant fn #name #generics(#(#params),*) #result { #function #turbofish(#(#passed),*) });
        self.methods.borrow_mut().insert(function.to_string(), tokens);
    }

    /// The derivatives of a method as methods beside it.
    pub fn methods(&self) -> TokenStream {
        let Some(method) = &self.primal.signature.method else { return TokenStream::new() };
        let [generics, ty, bounds] = &method.block;
        let functions = self.methods.borrow();
        let functions = functions.values();
        let name = method.name.to_string().trim_start_matches("r#").to_uppercase();
        let (vis, name) = (&method.vis, format_ident!("{name}_SOURCE"));
        quote! {
            impl<#generics> #ty #bounds {
                #(#functions)*
                /// The generated code.
                #vis const #name: &'static str = SOURCE;
            }
        }
    }

    pub fn ident(&self) -> &Ident {
        &self.primal.signature.ident
    }

    pub fn value_alone(&self) -> TokenStream {
        let docs = format!(
            "The value of [`{0}`](fn@super::{0}) by generated code: simplified, and in vectors.{1}",
            self.ident(),
            self.changes()
        );
        self.function(&docs, "value", &[], self.value.clone())
    }

    pub fn value_into(&self) -> TokenStream {
        let docs = "As [`value`], with memory of the caller: nothing but a value on the heap is allocated once `workspace` has\n\
            seen these shapes.\n\n*Panics* where shapes do not fit.";
        let workspace = self.primal.signature.local("workspace");
        self.function(docs, "value_into", &[quote!(#workspace: &mut Workspace)], self.value.clone())
    }

    pub fn gradient(&self) -> TokenStream {
        let docs = format!("The gradient of [`{0}`](fn@super::{0}).", self.ident());
        self.function(&docs, "gradient", &[], self.gradient.clone())
    }

    pub fn value_and_gradient(&self) -> TokenStream {
        let docs =
            format!("The value and the gradient of [`{0}`](fn@super::{0}), from one pass.", self.ident());
        let (output, gradient) = (&self.primal.signature.output, &self.gradient);
        self.function(&docs, "value_and_gradient", &[], quote!((#output, #gradient)))
    }

    pub fn value_and_gradient_into(&self) -> TokenStream {
        let docs = "As [`value_and_gradient`], into memory of the caller: nothing is allocated once `workspace` and\n\
            `gradient` have seen these shapes. `gradient` is overwritten.\n\n*Panics* where shapes do not fit, before anything is written.";
        let gradient = &self.gradient;
        let [name, workspace] = ["gradient", "workspace"].map(|name| self.primal.signature.local(name));
        let memory = [quote!(#name: &mut #gradient), quote!(#workspace: &mut Workspace)];
        self.function(docs, "value_and_gradient_into", &memory, self.primal.signature.output.clone())
    }

    /// The same at compile time, which needs no workspace.
    pub fn constant_into(&self) -> TokenStream {
        let docs = "As [`value_and_gradient`], into memory of the caller. `gradient` is overwritten.";
        let (gradient, name) = (&self.gradient, self.primal.signature.local("gradient"));
        let memory = [quote!(#name: &mut #gradient)];
        self.function(docs, "value_and_gradient_into", &memory, self.primal.signature.output.clone())
    }

    /// The training step: the differentiated argument behind `&mut`.
    pub fn step(&self, moved: &Arg) -> TokenStream {
        let signature = &self.primal.signature;
        let docs = documentation(&format!(
            "One step of training: the value of [`{0}`](fn@super::{0}), after which `optimiser` has moved `{1}` against the\n\
             gradient. It is what [`value_and_gradient_into`] and then `optimiser.step` do, but each parameter is moved while\n\
             its gradient is still in the cache. `gradient` is overwritten.\n\n*Panics* where shapes do not fit, before anything is written.",
            self.ident(),
            moved.ident
        ));
        let parameter = |a: &Arg| {
            let (name, ty) = (&a.ident, &a.ty);
            match a.ident == moved.ident {
                true => {
                    let owned = owned(&a.form, &self.primal.graph.sizes);
                    quote!(#name: &mut #owned)
                }
                false => quote!(#name: #ty),
            }
        };
        let parameters = signature.args.iter().map(parameter);
        let (generics, bounds, gradient) = (&signature.generics, &signature.where_clause, &self.gradient);
        let [name, workspace, optimiser] =
            ["gradient", "workspace", "optimiser"].map(|name| signature.local(name));
        let number =
            format_ident!("{}", signature.results.first().and_then(Form::dtype).map_or("f64", |d| d.name()));
        let output = &signature.output;
        quote! {
            #docs
            pub fn step #generics(
                #(#parameters,)* #optimiser: &mut impl ::chainrule::rt::Optimiser<#number>,
                #name: &mut #gradient, #workspace: &mut Workspace
            ) -> #output #bounds
        }
    }

    /// The search for the first value that is no number: it takes what the user's function takes.
    pub fn debug_nans(&self) -> TokenStream {
        let docs = format!(
            "Runs [`{0}`](fn@super::{0}) once more, as it is written, and looks at what its statements compute: the first value\n\
             that holds a NaN or an infinity, with its line; none where all are finite. It is for debugging.",
            self.ident()
        );
        let Signature { generics, where_clause, args, .. } = &self.primal.signature;
        let parameter = |a: &Arg| {
            let (name, ty) = (&a.ident, &a.declared);
            quote!(#name: #ty)
        };
        let parameters: Vec<TokenStream> = args.iter().map(parameter).collect();
        let result = quote!(-> ::core::option::Option<::chainrule::train::NonFinite>);
        self.method(&docs, &format_ident!("debug_nans"), parameters.clone(), &[], Some(&result));
        let docs = documentation(&docs);
        quote!(#docs pub fn debug_nans #generics(#(#parameters),*) #result #where_clause)
    }

    /// What the documentation says of arguments that the function changes.
    fn changes(&self) -> String {
        let names: Vec<String> = self.primal.signature.changed().map(|a| format!("`{}`", a.ident)).collect();
        match &names[..] {
            [] => String::new(),
            names => format!(
                "\n\nThe value holds what is returned, and then what is left in {}. Nothing is written to the arguments.",
                names.join(", ")
            ),
        }
    }

    pub fn vjp(&self) -> TokenStream {
        let docs = format!(
            "The value of [`{0}`](fn@super::{0}) and its vector-Jacobian product: the gradient of the\n\
             result's inner product with the given cotangent.{1}",
            self.ident(),
            self.changes()
        );
        let signature = &self.primal.signature;
        let parameter = |(name, form): (Ident, &Form)| {
            let ty = format_ident!("{}", form.dtype().map_or("f64", |d| d.name()));
            match form.rank() {
                0 => quote!(#name: #ty),
                rank => quote!(#name: &(impl ::chainrule::rt::Tensor<#rank, Elem = #ty> + ?Sized)),
            }
        };
        let extra: Vec<TokenStream> =
            signature.cotangents().into_iter().zip(&signature.results).map(parameter).collect();
        let (value, gradient) = (&self.value, &self.gradient);
        self.function(&docs, "vjp", &extra, quote!((#value, #gradient)))
    }

    pub fn jvp(&self) -> TokenStream {
        let docs = format!(
            "The value of [`{0}`](fn@super::{0}) and its Jacobian-vector product: the derivative along the\n\
             given tangents of the differentiated arguments.{1}",
            self.ident(),
            self.changes()
        );
        let value = &self.value;
        self.function(&docs, "jvp", &self.tangents(), quote!((#value, #value)))
    }

    pub fn hvp(&self) -> TokenStream {
        let docs = format!(
            "The value of [`{0}`](fn@super::{0}), its gradient, and its Hessian-vector product: the derivative of the\n\
             gradient along the given tangents of the differentiated arguments.",
            self.ident()
        );
        let (value, gradient) = (&self.number, &self.gradient);
        self.function(&docs, "hvp", &self.tangents(), quote!((#value, #gradient, #gradient)))
    }

    pub fn hvp_into(&self) -> TokenStream {
        let docs = "As [`hvp`], into memory of the caller: nothing is allocated once `workspace`, `gradient` and `product`\n\
            have seen these shapes. `gradient` and `product` are overwritten.\n\n*Panics* where shapes do not fit, before anything is written.";
        let ty = &self.gradient;
        let [gradient, product, workspace] =
            ["gradient", "product", "workspace"].map(|name| self.primal.signature.local(name));
        let mut more = self.tangents();
        more.extend([
            quote!(#gradient: &mut #ty),
            quote!(#product: &mut #ty),
            quote!(#workspace: &mut Workspace),
        ]);
        self.function(docs, "hvp_into", &more, self.number.clone())
    }

    /// A tangent for each differentiated argument, of the argument's type.
    fn tangents(&self) -> Vec<TokenStream> {
        let parameter = |a: &&Arg| {
            let (name, ty) = (self.primal.signature.tangent(a), &a.ty);
            quote!(#name: #ty)
        };
        self.active.iter().map(parameter).collect()
    }
}

/// Documentation as a person would write it: a comment for each line.
pub fn documentation(text: &str) -> TokenStream {
    let lines = text.lines().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote!(#(#[doc = #lines])*)
}

/// The const generics that a type mentions.
pub fn mentioned(ty: &TokenStream, primal: &Primal) -> Vec<TokenStream> {
    let text = format!(" {ty} ");
    let has = |g: &&TokenStream| text.contains(&format!(" {g} ")) || text.contains(&format!(" {g}]"));
    primal.signature.generic_args.iter().filter(has).cloned().collect()
}
