//! `#[derive(Outputs)]`: an enum of what a handler may return declares what all its variants hold,
//! and hands over what the one at hand holds.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::artifact::{check_generics, generated};
use crate::attributes::Errors;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    check_generics(input, &mut errors);
    let Data::Enum(data) = &input.data else {
        errors.push(Error::new(
            input.ident.span(),
            "`Outputs` is for enums; a struct is returned as it is when it derives `Artifact`",
        ));
        return errors.finish().map(|()| TokenStream::new());
    };
    if data.variants.is_empty() {
        errors.push(Error::new(
            input.ident.span(),
            "an enum without variants cannot be returned; a handler that publishes nothing \
             returns `()`",
        ));
    }
    let (mut declared, mut arms) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        let ident = &variant.ident;
        match &variant.fields {
            Fields::Unit => arms.push(quote!(Self::#ident => {})),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                let ty = &fields.unnamed[0].ty;
                declared.push(quote_spanned! {generated(ty.span())=>
                    <#ty as ::artel::__private::outputs::IntoOutputs>::declare(types);
                });
                arms.push(quote_spanned! {generated(ty.span())=>
                    Self::#ident(output) => {
                        ::artel::__private::outputs::IntoOutputs::into_outputs(output, outputs)
                    }
                });
            }
            Fields::Unnamed(_) | Fields::Named(_) => errors.push(Error::new(
                variant.span(),
                format!("a variant holds one artifact, `{ident}(…)`, or nothing"),
            )),
        }
    }
    errors.finish()?;
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::artel::__private::outputs::IntoOutputs for #ident {
            fn declare(
                types: &mut ::std::vec::Vec<::artel::__private::artifact::TypeDescriptor>,
            ) {
                let _ = &types;
                #(#declared)*
            }

            fn into_outputs(self, outputs: &mut ::artel::__private::outputs::OutputSink) {
                let _ = &outputs;
                match self {
                    #(#arms)*
                }
            }
        }
    })
}
