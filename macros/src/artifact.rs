//! `#[derive(Artifact)]`: from what a type and its fields say to an implementation of the trait, or
//! to all that is wrong with it at once. Calls nothing but `artel::__private`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{
    Data, DataEnum, DeriveInput, Error, Expr, Fields, FieldsNamed, GenericArgument, LitStr,
    PathArguments, Result, Type,
};

use crate::attributes::{Errors, FieldAttributes, TypeAttributes, check_name, is_artifact};
use crate::{fields, serde_attributes};

/// A named field with all that is said of it.
pub(crate) struct Field<'a> {
    pub(crate) field: &'a syn::Field,
    pub(crate) ident: &'a syn::Ident,
    pub(crate) serde: serde_attributes::Field,
    artifact: FieldAttributes,
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    check_generics(input, &mut errors);
    let attributes = TypeAttributes::parse(&input.attrs, &mut errors);
    let container = serde_attributes::Container::parse(&input.attrs, &mut errors);
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Some(parse_fields(named, &container, &mut errors)),
            Fields::Unit => None,
            Fields::Unnamed(unnamed) => {
                errors.push(Error::new(
                    unnamed.span(),
                    "the fields of an artifact have names: predicates and later versions of the \
                     type speak of them",
                ));
                None
            }
        },
        Data::Enum(data) => {
            check_enum(data, &mut errors);
            None
        }
        Data::Union(data) => {
            errors.push(Error::new(data.union_token.span(), "an artifact is a struct or an enum"));
            None
        }
    };
    let all = named.as_deref().unwrap_or_default();
    let name = type_name(input, &attributes, &mut errors);
    let keys = [
        key("idempotency_key", "IdempotencyKey", &attributes.idempotency_key, all, &mut errors),
        key("ordering_key", "OrderingKey", &attributes.ordering_key, all, &mut errors),
    ];
    errors.finish()?;

    let ident = &input.ident;
    let version = attributes.version.unwrap_or(1);
    let tags = tags(&attributes, all);
    let upcasters = upcasters(&attributes);
    let handles = match &named {
        Some(named) if !container.other_shape => fields::handles(input, named, &container),
        _ => TokenStream::new(),
    };
    Ok(quote! {
        #[automatically_derived]
        impl ::artel::__private::artifact::Artifact for #ident {
            const NAME: &'static ::core::primitive::str = #name;
            const VERSION: ::core::primitive::u32 = #version;
            #tags
            #(#keys)*
            #upcasters
        }
        #handles
    })
}

/// The function that gives the upcasters, if there are any.
fn upcasters(attributes: &TypeAttributes) -> Option<TokenStream> {
    let all = if let Some(old) = &attributes.upcast_from {
        quote_spanned!(generated(old.span())=>
            ::artel::__private::artifact::Upcasters::from_type::<#old, Self>()
        )
    } else {
        let each = attributes.upcasts.iter().map(|(version, function)| {
            quote_spanned!(generated(function.span())=> .with(#version, #function))
        });
        let each: Vec<TokenStream> = each.collect();
        if each.is_empty() {
            return None;
        }
        quote! {
            <::artel::__private::artifact::Upcasters as ::core::default::Default>::default()
                #(#each)*
        }
    };
    Some(quote! {
        fn upcasters() -> ::artel::__private::artifact::Upcasters {
            #all
        }
    })
}

pub(crate) fn check_generics(input: &DeriveInput, errors: &mut Errors) {
    if let Some(parameter) = input.generics.params.first() {
        errors.push(Error::new(
            parameter.span(),
            "this type cannot have parameters: a board knows a type by one name and one schema",
        ));
    }
}

fn parse_fields<'a>(
    named: &'a FieldsNamed,
    container: &serde_attributes::Container,
    errors: &mut Errors,
) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    for field in &named.named {
        let Some(ident) = &field.ident else { continue };
        let serde = serde_attributes::Field::parse(&field.attrs, errors);
        let artifact = FieldAttributes::parse(&field.attrs, errors);
        let field = Field { field, ident, serde, artifact };
        field.check_reading_back(container, errors);
        fields.push(field);
    }
    fields
}

impl Field<'_> {
    /// A field that is sometimes left out has to be filled in when it is read.
    fn check_reading_back(&self, container: &serde_attributes::Container, errors: &mut Errors) {
        let serde = &self.serde;
        let left_out = serde.skip_writing || serde.skip_writing_if;
        let read_without = inner_type(&self.field.ty, OPTION).is_some() && !serde.read_with;
        if left_out && !(serde.default || container.default || serde.skip || read_without) {
            errors.push(Error::new(
                self.ident.span(),
                "serde may leave this field out, and then nobody could read the artifact; add \
                 `#[serde(default)]`",
            ));
        }
    }
}

fn check_enum(data: &DataEnum, errors: &mut Errors) {
    for variant in &data.variants {
        let on_fields = variant.fields.iter().flat_map(|field| &field.attrs);
        for attribute in variant.attrs.iter().chain(on_fields).filter(is_artifact) {
            errors.push(Error::new(
                attribute.span(),
                "the tags and keys of an enum are said on the type: `tags = …`, \
                 `idempotency_key = …`, `ordering_key = …`",
            ));
        }
    }
}

fn type_name(input: &DeriveInput, attributes: &TypeAttributes, errors: &mut Errors) -> LitStr {
    if let Some(name) = &attributes.name {
        return name.clone();
    }
    let name = input.ident.unraw().to_string();
    if let Err(problem) = check_name(&name) {
        let advice = format!("{problem}; give it one with `#[artifact(name = \"…\")]`");
        errors.push(Error::new(input.ident.span(), advice));
    }
    LitStr::new(&name, input.ident.span())
}

/// The function that gives a key, if the type or one of its fields says what it is.
fn key(
    function: &str,
    kind: &str,
    on_type: &Option<Expr>,
    fields: &[Field<'_>],
    errors: &mut Errors,
) -> Option<TokenStream> {
    let by_field = fields.iter().filter_map(|field| {
        let said = match function {
            "idempotency_key" => field.artifact.idempotency_key,
            _ => field.artifact.ordering_key,
        };
        said.map(|span| (span, field))
    });
    let by_type = on_type.iter().map(|value| (value.span(), key_of_expression(value)));
    let mut sources: Vec<_> =
        by_type.chain(by_field.map(|(span, field)| (span, key_of_field(field, errors)))).collect();
    for (span, _) in sources.drain(1.min(sources.len())..) {
        let what = function.replace('_', " ");
        errors.push(Error::new(span, format!("this is a second {what}; an artifact has one")));
    }
    let (_, text) = sources.pop()?;
    let function = syn::Ident::new(function, Span::call_site());
    let kind = syn::Ident::new(kind, Span::call_site());
    Some(quote! {
        fn #function(
            &self,
        ) -> ::core::result::Result<
            ::core::option::Option<::artel::__private::names::#kind>,
            ::artel::__private::names::Error,
        > {
            match #text {
                ::core::option::Option::Some(text) => {
                    ::artel::__private::names::#kind::new(text).map(::core::option::Option::Some)
                }
                ::core::option::Option::None => {
                    ::core::result::Result::Ok(::core::option::Option::None)
                }
            }
        }
    })
}

fn key_of_expression(value: &Expr) -> TokenStream {
    let value = evaluated(value);
    quote_spanned!(generated(value.span())=> ::artel::__private::derive::KeyText::key_text(#value))
}

fn key_of_field(field: &Field<'_>, errors: &mut Errors) -> TokenStream {
    let (ident, ty) = (field.ident, &field.field.ty);
    if inner_type(ty, LISTS).is_some() {
        errors.push(Error::new(ty.span(), "a key is one text, and this field may hold several"));
    }
    if inner_type(ty, OPTION).is_some() {
        return quote_spanned! {generated(ty.span())=>
            self.#ident.as_ref().map(::artel::__private::derive::text_of)
        };
    }
    quote_spanned! {generated(ty.span())=>
        ::core::option::Option::Some(::artel::__private::derive::text_of(&self.#ident))
    }
}

/// A lone name is a method of the type.
fn evaluated(value: &Expr) -> TokenStream {
    match value {
        Expr::Path(path) if path.path.get_ident().is_some_and(|name| name != "self") => {
            quote_spanned!(generated(value.span())=> self.#value())
        }
        _ => quote!(#value),
    }
}

/// The function that gives the tags, if there are any.
fn tags(attributes: &TypeAttributes, fields: &[Field<'_>]) -> Option<TokenStream> {
    let fixed = attributes.tags.iter().map(
        |tag| quote_spanned!(generated(tag.span())=> ::artel::__private::derive::push_tag(&mut tags, #tag)?;),
    );
    let by_field = fields.iter().filter(|field| field.artifact.tag.is_some()).map(|field| {
        let (ident, ty) = (field.ident, &field.field.ty);
        tags_of(&quote_spanned!(generated(ident.span())=> &self.#ident), ty)
    });
    let more = attributes.more_tags.iter().map(|value| {
        let value = evaluated(value);
        quote_spanned!(generated(value.span())=> ::artel::__private::derive::push_tags(&mut tags, #value)?;)
    });
    let all: Vec<TokenStream> = fixed.chain(by_field).chain(more).collect();
    if all.is_empty() {
        return None;
    }
    Some(quote! {
        fn tags(
            &self,
        ) -> ::core::result::Result<
            ::std::vec::Vec<::artel::__private::names::Tag>,
            ::artel::__private::names::Error,
        > {
            let mut tags = ::std::vec::Vec::new();
            #(#all)*
            ::core::result::Result::Ok(tags)
        }
    })
}

/// Types that hold any number of values, which can be borrowed one after the other.
const LISTS: &[&str] = &["Vec", "BTreeSet", "HashSet", "VecDeque"];
const OPTION: &[&str] = &["Option"];

/// Makes a tag of each value that a field of this type holds.
fn tags_of(value: &TokenStream, ty: &Type) -> TokenStream {
    let span = generated(ty.span());
    let inner_tags = |inner| tags_of(&quote!(value), inner);
    if let Some(inner) = inner_type(ty, LISTS).map(inner_tags) {
        return quote_spanned!(span=> for value in #value { #inner });
    }
    if let Some(inner) = inner_type(ty, OPTION).map(inner_tags) {
        return quote_spanned!(span=>
            if let ::core::option::Option::Some(value) = #value { #inner }
        );
    }
    quote_spanned!(span=> ::artel::__private::derive::push_tag(&mut tags, #value)?;)
}

/// Generated code that is shown at a place of the user's: errors point there, and lints that are
/// about what people write do not look at it.
pub(crate) fn generated(place: Span) -> Span {
    Span::call_site().located_at(place)
}

/// What a type from the list holds.
fn inner_type<'t>(ty: &'t Type, outer: &[&str]) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if !outer.iter().any(|name| last.ident == name) {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}
