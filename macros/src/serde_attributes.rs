//! What serde's attributes say about the JSON of a type, as far as handles and payloads depend on
//! it. Everything else of them is serde's own business.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, LitStr, Result, token};

use crate::attributes::Errors;

/// What is said on the type.
#[derive(Default)]
pub(crate) struct Container {
    rename_all: Option<Rule>,
    /// Fields that are missing are filled in.
    pub(crate) default: bool,
    /// The JSON is that of another type.
    pub(crate) other_shape: bool,
}

/// What is said on a field.
#[derive(Default)]
pub(crate) struct Field {
    rename: Option<String>,
    pub(crate) default: bool,
    pub(crate) flatten: bool,
    pub(crate) skip: bool,
    pub(crate) skip_writing: bool,
    pub(crate) skip_writing_if: bool,
    /// It is written by a function of its own.
    pub(crate) written_with: bool,
    /// It is read by a function of its own.
    pub(crate) read_with: bool,
}

/// How serde makes the names of fields.
#[derive(Clone, Copy)]
enum Rule {
    AsIs,
    Upper,
    Pascal,
    Camel,
    Kebab,
    UpperKebab,
}

impl Rule {
    fn parse(name: &LitStr) -> Result<Self> {
        Ok(match name.value().as_str() {
            "lowercase" | "snake_case" => Self::AsIs,
            "UPPERCASE" | "SCREAMING_SNAKE_CASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::UpperKebab,
            _ => return Err(Error::new(name.span(), "serde does not have this rule")),
        })
    }

    fn apply(self, field: &str) -> String {
        let pascal = || -> String {
            field
                .split('_')
                .map(|word| {
                    let mut letters = word.chars();
                    let first = letters.next().map(|c| c.to_ascii_uppercase());
                    first.into_iter().chain(letters).collect::<String>()
                })
                .collect()
        };
        match self {
            Self::AsIs => field.to_owned(),
            Self::Upper => field.to_ascii_uppercase(),
            Self::Pascal => pascal(),
            Self::Camel => {
                let pascal = pascal();
                let mut letters = pascal.chars();
                let first = letters.next().map(|c| c.to_ascii_lowercase());
                first.into_iter().chain(letters).collect()
            }
            Self::Kebab => field.replace('_', "-"),
            Self::UpperKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// Calls `read` for each thing that serde's attributes say.
fn each(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let result = attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            read(&key, &meta)?;
            skip_value(&meta)
        });
        errors.take(result);
    }
}

/// Passes over a value that was not read.
fn skip_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}

/// A name: one for both ways, or one for each, which must be the same.
fn name(meta: &ParseNestedMeta<'_>) -> Result<Option<LitStr>> {
    if !meta.input.peek(token::Paren) {
        return meta.value()?.parse().map(Some);
    }
    let (mut written, mut read) = (None::<LitStr>, None::<LitStr>);
    meta.parse_nested_meta(|meta| {
        let value: LitStr = meta.value()?.parse()?;
        *(if meta.path.is_ident("serialize") { &mut written } else { &mut read }) = Some(value);
        Ok(())
    })?;
    if written.as_ref().map(LitStr::value) != read.as_ref().map(LitStr::value) {
        return Err(meta.error(
            "an artifact is read by the names that it is written by; say the same for \
             `serialize` and `deserialize`",
        ));
    }
    Ok(written)
}

impl Container {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut container = Self::default();
        each(attributes, errors, |key, meta| {
            match key {
                "rename_all" => {
                    container.rename_all = name(meta)?.as_ref().map(Rule::parse).transpose()?;
                }
                "default" => container.default = true,
                "transparent" | "into" | "remote" => container.other_shape = true,
                _ => {}
            }
            Ok(())
        });
        container
    }
}

impl Field {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut field = Self::default();
        each(attributes, errors, |key, meta| {
            match key {
                "rename" => field.rename = name(meta)?.map(|name| name.value()),
                "default" => field.default = true,
                "flatten" => field.flatten = true,
                "skip" => field.skip = true,
                "skip_serializing" => field.skip_writing = true,
                "skip_serializing_if" => field.skip_writing_if = true,
                "with" => (field.written_with, field.read_with) = (true, true),
                "serialize_with" => field.written_with = true,
                "deserialize_with" => field.read_with = true,
                _ => {}
            }
            Ok(())
        });
        field
    }

    /// What the field is called in JSON.
    pub(crate) fn name(&self, rust_name: &str, container: &Container) -> String {
        let by_rule = || container.rename_all.unwrap_or(Rule::AsIs).apply(rust_name);
        self.rename.clone().unwrap_or_else(by_rule)
    }
}
