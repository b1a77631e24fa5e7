//! The handles of a struct's fields, by which predicates name them.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::DeriveInput;
use syn::ext::IdentExt as _;

use crate::artifact::{Field, generated};
use crate::serde_attributes::Container;

/// The struct of handles, and the functions that make it.
pub(crate) fn handles(
    input: &DeriveInput,
    fields: &[Field<'_>],
    container: &Container,
) -> TokenStream {
    let (ident, visibility) = (&input.ident, &input.vis);
    let handles = format_ident!("{}Fields", ident, span = Span::call_site());
    let written = || {
        fields.iter().filter(|field| {
            let serde = &field.serde;
            !(serde.flatten || serde.skip || serde.skip_writing || serde.written_with)
        })
    };
    let declared = written().map(|field| {
        let (name, visibility, ty) = (respanned(field), &field.field.vis, &field.field.ty);
        let doc = format!("The field `{}`.", json_name(field, container));
        quote! {
            #[doc = #doc]
            #visibility #name: ::artel::__private::predicate::Field<#ty>
        }
    });
    let made = written().map(|field| {
        let (name, ty) = (respanned(field), &field.field.ty);
        let key = json_name(field, container);
        quote!(#name: ::artel::__private::derive::Handle::<#ty>::at(field, #key))
    });
    let doc = format!("Handles of the fields of [`{ident}`], for predicates.");
    quote! {
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #handles {
            #(#declared,)*
        }

        #[automatically_derived]
        impl ::artel::__private::predicate::Fields for #ident {
            type Handles = #handles;

            fn handles(field: &::artel::__private::predicate::Field<Self>) -> #handles {
                use ::artel::__private::derive::PlainHandle as _;
                let _ = field;
                #handles { #(#made,)* }
            }
        }

        #[automatically_derived]
        impl #ident {
            /// Handles of the fields, for predicates.
            #[must_use]
            #visibility fn fields() -> #handles {
                <Self as ::artel::__private::predicate::Fields>::handles(
                    &::artel::__private::predicate::Field::root(),
                )
            }
        }
    }
}

fn json_name(field: &Field<'_>, container: &Container) -> String {
    field.serde.name(&field.ident.unraw().to_string(), container)
}

/// The field's name as a name of the generated struct, so that lints about unused fields do not
/// point at the user's own.
fn respanned(field: &Field<'_>) -> syn::Ident {
    let mut name = field.ident.clone();
    name.set_span(generated(field.ident.span()));
    name
}
