//! `#[derive(Differentiable)]`: turns the definition of a struct into an implementation of the trait, and leaves the
//! definition behind as a macro of the struct's name.
//!
//! Invariant: the output is a function of the input tokens alone; all mistakes of one struct are reported together, each
//! at its own span, and never by a panic.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned, ToTokens};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{
    parse_quote, Attribute, Data, DeriveInput, Fields, GenericArgument, GenericParam, Generics, Member, Meta,
    PathArguments, PathSegment, Type, TypeParamBound, Visibility, WherePredicate,
};

/// Generates what `#[derive(Differentiable)]` adds to a struct.
///
/// *Errors* become `compile_error!` tokens: enums and unions are refused, and so is a `#[constant]` with arguments or in
/// the wrong place.
pub fn derive_differentiable(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let output = match &input.data {
        Data::Struct(data) => {
            let fields = parameters(&data.fields, &mut errors);
            reject_constant(&input.attrs, &mut errors);
            let implementation = implementation(&input, &fields);
            let definition = definition(&input);
            quote! { #implementation #definition }
        }
        Data::Enum(data) => {
            errors.push(
                data.enum_token.span,
                "`Differentiable` cannot be derived for an enum: which parameters it has would depend on the value. \
                 Use a struct, or keep the enum in a `#[constant]` field",
            );
            TokenStream::new()
        }
        Data::Union(data) => {
            errors
                .push(data.union_token.span, "`Differentiable` cannot be derived for a union: use a struct");
            TokenStream::new()
        }
    };
    let errors = errors.tokens;
    quote! { #errors #output }
}

/// Compile errors, collected until the end.
#[derive(Default)]
struct Errors {
    tokens: TokenStream,
}

impl Errors {
    fn push(&mut self, span: Span, message: &str) {
        self.tokens.extend(syn::Error::new(span, message).to_compile_error());
    }
}

/// A field as the implementation sees it.
struct Field<'a> {
    member: Member,
    /// the name in paths: that of the field, or its number
    name: String,
    ty: &'a Type,
    constant: bool,
}

/// Reads the fields and their `#[constant]` attributes.
fn parameters<'a>(fields: &'a Fields, errors: &mut Errors) -> Vec<Field<'a>> {
    let mut float: Option<&str> = None;
    let read = fields.iter().zip(fields.members()).map(|(field, member)| {
        let mut constant = false;
        for attr in field.attrs.iter().filter(|a| is_constant(a)) {
            if constant {
                errors.push(attr.span(), "this field is already marked `#[constant]`");
            } else if !matches!(attr.meta, Meta::Path(_)) {
                errors.push(attr.meta.span(), "`#[constant]` takes no arguments");
            }
            constant = true;
        }
        let own = ["f32", "f64"].into_iter().find(|name| says(field.ty.to_token_stream(), name));
        match (float, own) {
            (Some(first), Some(own)) if !constant && first != own => {
                errors.push(
                    field.ty.span(),
                    &format!(
                        "all parameters of a struct have one float type: this is `{own}`, and those above are \
                         `{first}`. Mark what is no parameter with `#[constant]`"
                    ),
                );
                // the rest of the implementation stays right
                constant = true;
            }
            (None, Some(own)) if !constant => float = Some(own),
            _ => {}
        }
        let name = match &member {
            Member::Named(ident) => unraw(ident),
            Member::Unnamed(index) => index.index.to_string(),
        };
        Field { member, name, ty: &field.ty, constant }
    });
    read.collect()
}

/// Whether the tokens contain the name.
fn says(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(g) => says(g.stream(), name),
        TokenTree::Ident(i) => i == name,
        _ => false,
    })
}

fn is_constant(attr: &Attribute) -> bool {
    attr.path().is_ident("constant")
}

fn unraw(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

fn reject_constant(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|a| is_constant(a)) {
        errors.push(attr.span(), "`#[constant]` marks a field, not a whole struct");
    }
}

/// `impl Differentiable for` the struct.
fn implementation(input: &DeriveInput, fields: &[Field]) -> TokenStream {
    let name = &input.ident;
    let trait_ = quote!(::chainrule::Differentiable);
    let generics = bounded(&input.generics, fields);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();

    let scalar = match fields.iter().find(|f| !f.constant) {
        Some(Field { ty, .. }) => quote_spanned!(ty.span()=> <#ty as #trait_>::Scalar),
        None => quote!(f64),
    };
    let walks = fields.iter().filter(|f| !f.constant).map(|Field { member, name, ty, .. }| {
        quote_spanned! {ty.span()=>
            <#ty as #trait_>::walk(
                muts.each_mut().map(|s| &mut s.#member),
                refs.map(|s| &s.#member),
                &path.field(#name),
                visitor,
            )?;
        }
    });
    let zeros = fields.iter().map(|Field { member, ty, constant, .. }| match constant {
        true => quote_spanned!(ty.span()=> #member: <#ty as ::core::clone::Clone>::clone(&self.#member)),
        false => quote_spanned!(ty.span()=> #member: <#ty as #trait_>::zeros_like(&self.#member)),
    });
    quote! {
        #[automatically_derived]
        #[allow(non_upper_case_globals, private_bounds, unused_mut, unused_variables, clippy::all)]
        impl #impl_generics #trait_ for #name #ty_generics #where_clause {
            type Scalar = #scalar;

            fn walk<const __MUTS: usize, const __REFS: usize>(
                mut muts: [&mut Self; __MUTS],
                refs: [&Self; __REFS],
                path: &::chainrule::params::Path<'_>,
                visitor: &mut ::chainrule::params::Visitor<'_, Self::Scalar, __MUTS, __REFS>,
            ) -> ::core::result::Result<(), ::chainrule::params::ShapeMismatch> {
                #(#walks)*
                ::core::result::Result::Ok(())
            }

            fn zeros_like(&self) -> Self {
                Self { #(#zeros,)* }
            }
        }
    }
}

/// The generics of the struct, with what its parameters must fulfil: to be differentiable, over one scalar type.
///
/// A type parameter that is the element of an array (`Array2<T>`) must be `Real`; any other that occurs in a field of
/// parameters must be differentiable, unless the user bounded it by `Real` already. The bounds are on the type
/// parameters and not on the types of the fields, because rustc cannot use a bound on `Array1<T>` whose scalar type is
/// that of `Array2<T>`.
fn bounded(generics: &Generics, fields: &[Field]) -> Generics {
    let mut bounded = generics.clone();
    let all: Vec<&Ident> = generics.type_params().map(|p| &p.ident).collect();
    let (reals, others): (Vec<&Ident>, Vec<&Ident>) = all
        .iter()
        .filter(|name| fields.iter().any(|f| !f.constant && mentions(f.ty.to_token_stream(), &[name])))
        .partition(|name| {
            is_real(generics, name) || fields.iter().any(|f| !f.constant && is_element(f.ty, name))
        });

    // the scalar type, in terms that need no bound that is still to be added
    let concrete =
        fields.iter().find(|f| !f.constant && !mentions(f.ty.to_token_stream(), &all)).map(|f| f.ty);
    let scalar = match (concrete, reals.first(), others.first()) {
        (Some(ty), ..) => quote!(<#ty as ::chainrule::Differentiable>::Scalar),
        (None, Some(real), _) => quote!(#real),
        (None, None, Some(other)) => quote!(<#other as ::chainrule::Differentiable>::Scalar),
        (None, None, None) => quote!(f64),
    };
    let defines_scalar =
        |name: &Ident| concrete.is_none() && reals.is_empty() && others.first() == Some(&name);
    let predicates = &mut bounded.make_where_clause().predicates;
    for name in &reals {
        predicates.push(parse_quote!(#name: ::chainrule::Real));
    }
    for name in &others {
        predicates.push(match defines_scalar(name) {
            true => parse_quote!(#name: ::chainrule::Differentiable),
            false => parse_quote!(#name: ::chainrule::Differentiable<Scalar = #scalar>),
        });
    }
    for Field { ty, .. } in fields.iter().filter(|f| f.constant && mentions(f.ty.to_token_stream(), &all)) {
        predicates.push(parse_quote!(#ty: ::core::clone::Clone));
    }
    bounded
}

/// Whether the user bounded the type parameter by `Real`.
fn is_real(generics: &Generics, name: &Ident) -> bool {
    let is_real = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|s| s.ident == "Real"),
        _ => false,
    };
    let inline = generics.type_params().filter(|p| p.ident == *name).flat_map(|p| &p.bounds);
    let clauses = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let later = clauses.filter_map(|predicate| match predicate {
        WherePredicate::Type(p) if matches!(&p.bounded_ty, Type::Path(t) if t.path.is_ident(name)) => {
            Some(&p.bounds)
        }
        _ => None,
    });
    inline.chain(later.flatten()).any(is_real)
}

/// Whether the type contains an `ndarray` array whose element is the type parameter: `Array…<name, …>`.
fn is_element(ty: &Type, name: &Ident) -> bool {
    struct Search<'a> {
        name: &'a Ident,
        found: bool,
    }
    impl<'ast> Visit<'ast> for Search<'_> {
        fn visit_path_segment(&mut self, segment: &'ast PathSegment) {
            if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                let first = arguments.args.first();
                let is_name =
                    matches!(first, Some(GenericArgument::Type(Type::Path(t))) if t.path.is_ident(self.name));
                self.found |= is_name && segment.ident.to_string().starts_with("Array");
            }
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let mut search = Search { name, found: false };
    search.visit_type(ty);
    search.found
}

/// Whether one of the names occurs among the tokens, at any depth.
fn mentions(tokens: TokenStream, names: &[&Ident]) -> bool {
    let mut open = vec![tokens];
    while let Some(tokens) = open.pop() {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if names.contains(&&ident) => return true,
                TokenTree::Group(group) => open.push(group.stream()),
                _ => {}
            }
        }
    }
    false
}

/// The macro of the struct's name that hands its definition to `__expand!`.
///
/// Called as `Name! { state… }` it becomes `::chainrule::__expand! { state… { struct Name<…> … } }`. It shares the name
/// with the struct because macros live in a namespace of their own, so every `use` that brings the struct brings it too.
fn definition(input: &DeriveInput) -> TokenStream {
    let payload = payload(input);
    let mut requests = crate::front::struct_requests(&payload);
    // a tree of itself needs no other definition
    requests.retain(|r| input.ident != r.to_string());
    crate::expand::structure(payload, requests)
}

/// What the definition macro carries: `struct Name<…> { … }`, parsable as an item, without visibility and without
/// attributes except `#[constant]`.
fn payload(input: &DeriveInput) -> TokenStream {
    let mut item = input.clone();
    item.attrs.clear();
    item.vis = Visibility::Inherited;
    for param in &mut item.generics.params {
        match param {
            GenericParam::Lifetime(p) => p.attrs.clear(),
            GenericParam::Type(p) => p.attrs.clear(),
            GenericParam::Const(p) => p.attrs.clear(),
        }
    }
    if let Data::Struct(data) = &mut item.data {
        for field in &mut data.fields {
            field.attrs.retain(|a| is_constant(a) || a.path().is_ident("dims"));
        }
    }
    item.to_token_stream()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of the compile errors in generated tokens.
    fn errors(tokens: TokenStream) -> Vec<String> {
        let file: syn::File = syn::parse2(tokens).expect("the output parses");
        let messages = file.items.iter().filter_map(|item| match item {
            syn::Item::Macro(item)
                if item.mac.path.to_token_stream().to_string().ends_with("compile_error") =>
            {
                Some(item.mac.tokens.to_string())
            }
            _ => None,
        });
        messages.collect()
    }

    fn pretty(tokens: TokenStream) -> String {
        prettyplease::unparse(&syn::parse2(tokens).expect("the output parses"))
    }

    #[test]
    fn named_struct_is_walked_field_by_field() {
        let out = pretty(derive_differentiable(quote! {
            /// A layer.
            #[derive(Clone)]
            pub struct Dense { pub w: Array2<f32>, #[doc = "x"] #[constant] name: String }
        }));
        assert!(out.contains("type Scalar = <Array2<f32> as ::chainrule::Differentiable>::Scalar;"), "{out}");
        assert!(out.contains("&path.field(\"w\")"), "{out}");
        assert!(!out.contains("&path.field(\"name\")"), "{out}");
        assert!(out.contains("name: <String as ::core::clone::Clone>::clone(&self.name)"), "{out}");
        assert!(out.contains("pub(crate) use __def_Dense as Dense;"), "{out}");
    }

    #[test]
    fn payload_is_an_item_without_foreign_attributes() {
        let input: DeriveInput = syn::parse_quote! {
            #[derive(Clone)]
            pub struct Pair<#[allow(unused)] T: Real>(#[serde(skip)] pub T, #[constant] u8) where T: Copy;
        };
        let expected = quote!(
            struct Pair<T: Real>(pub T, #[constant] u8)
            where
                T: Copy;
        );
        assert_eq!(payload(&input).to_string(), expected.to_string());
    }

    /// The where clause that the derive adds.
    fn bounds(input: TokenStream) -> String {
        let out = derive_differentiable(input).to_string();
        let clause = out.split(" where ").nth(1).and_then(|rest| rest.split(" {").next());
        clause.unwrap_or_default().replace(" :: chainrule :: ", " ")
    }

    #[test]
    fn type_parameters_are_bounded_by_their_use() {
        let input = quote!(
            struct S<T, L, const N: usize> {
                w: Array2<T>,
                l: [L; N],
                #[constant]
                k: Vec<T>,
            }
        );
        let expected = "T : Real , L : Differentiable < Scalar = T > , Vec < T > : :: core :: clone :: Clone";
        assert_eq!(bounds(input), expected);
        let input = quote!(
            struct S<A, B> {
                a: A,
                b: B,
            }
        );
        let expected =
            "A : Differentiable , B : Differentiable < Scalar = < A as Differentiable > :: Scalar >";
        assert_eq!(bounds(input), expected);
        let input = quote!(
            struct S<A> {
                a: A,
                x: f32,
            }
        );
        assert_eq!(bounds(input), "A : Differentiable < Scalar = < f32 as Differentiable > :: Scalar >");
        assert_eq!(
            bounds(quote!(
                struct S<T: Real> {
                    x: T,
                }
            )),
            "T : Real"
        );
        assert_eq!(
            bounds(quote!(
                struct S<T> {
                    #[constant]
                    x: PhantomData<T>,
                }
            )),
            "PhantomData < T > : :: core :: clone :: Clone"
        );
    }

    #[test]
    fn every_mistake_is_reported() {
        let found = errors(derive_differentiable(quote! {
            #[constant]
            struct S { #[constant(1)] a: f32, #[constant] #[constant] b: f32, c: f32 }
        }));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("takes no arguments"));
        assert!(found[1].contains("already marked"));
        assert!(found[2].contains("not a whole struct"));
    }

    #[test]
    fn enums_and_unions_are_refused() {
        assert!(errors(derive_differentiable(quote!(
            enum E {
                A(f32),
            }
        )))[0]
            .contains("an enum"));
        assert!(errors(derive_differentiable(quote!(union U { a: f32 })))[0].contains("a union"));
        assert_eq!(
            errors(derive_differentiable(quote!(
                fn f() {}
            )))
            .len(),
            1
        );
    }

    #[test]
    fn same_tokens_give_same_output() {
        let input = quote!(
            struct S<T>(T, #[constant] u8, Vec<T>);
        );
        let once = derive_differentiable(input.clone()).to_string();
        assert_eq!(once, derive_differentiable(input).to_string());
    }
}
