//! The attribute `#[artifact(…)]` on types and fields: what it may say, and what is wrong with what
//! it says.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Expr, LitInt, LitStr, Result, Token, Type, token};

/// What is wrong with upcasters of a first version.
const FIRST: &str = "version 1 has no version before it; say `version = 2`";

/// What a type says of itself.
#[derive(Default)]
pub(crate) struct TypeAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<u32>,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) more_tags: Option<Expr>,
    pub(crate) idempotency_key: Option<Expr>,
    pub(crate) ordering_key: Option<Expr>,
    /// The type that is the version before.
    pub(crate) upcast_from: Option<Type>,
    /// Functions from older versions, by the version that each takes.
    pub(crate) upcasts: Vec<(LitInt, Expr)>,
}

/// What a field says of itself.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) tag: Option<Span>,
    pub(crate) idempotency_key: Option<Span>,
    pub(crate) ordering_key: Option<Span>,
}

/// Collects errors, so that all of them are shown at once.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            None => self.0 = Some(error),
            Some(errors) => errors.combine(error),
        }
    }

    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Whether this is the attribute that is read here.
pub(crate) fn is_artifact(attribute: &&Attribute) -> bool {
    attribute.path().is_ident("artifact")
}

fn once<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if slot.is_some() {
        return Err(meta.error("this is said twice"));
    }
    *slot = Some(value);
    Ok(())
}

impl TypeAttributes {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut parsed = Self::default();
        for attribute in attributes.iter().filter(is_artifact) {
            let result = attribute.parse_nested_meta(|meta| parsed.parse_one(&meta));
            errors.take(result);
        }
        parsed.check_upcasts(errors);
        parsed
    }

    fn parse_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(key) = meta.path.get_ident() else { return Err(unknown(meta)) };
        match key.to_string().as_str() {
            "name" => {
                let name: LitStr = meta.value()?.parse()?;
                check_name(&name.value()).map_err(|problem| Error::new(name.span(), problem))?;
                once(&mut self.name, name, meta)
            }
            "version" => {
                let version: LitInt = meta.value()?.parse()?;
                let number: u32 = version.base10_parse()?;
                if number == 0 {
                    return Err(Error::new(version.span(), "versions count from 1"));
                }
                once(&mut self.version, number, meta)
            }
            "tags" if meta.input.peek(token::Paren) => self.parse_tags(meta),
            "tags" => once(&mut self.more_tags, expression(meta)?, meta),
            "idempotency_key" => once(&mut self.idempotency_key, expression(meta)?, meta),
            "ordering_key" => once(&mut self.ordering_key, expression(meta)?, meta),
            "upcast_from" => once(&mut self.upcast_from, meta.value()?.parse()?, meta),
            "upcast" => self.parse_upcasts(meta),
            "tag" => Err(meta.error(
                "`tag` belongs on a field; on the type it is `tags(\"…\", …)` or `tags = …`",
            )),
            _ => Err(unknown(meta)),
        }
    }

    fn parse_tags(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let content;
        syn::parenthesized!(content in meta.input);
        let tags =
            content.parse_terminated(<LitStr as syn::parse::Parse>::parse, syn::Token![,])?;
        for tag in tags {
            check_tag(&tag.value()).map_err(|problem| Error::new(tag.span(), problem))?;
            self.tags.push(tag);
        }
        Ok(())
    }
}

impl TypeAttributes {
    fn parse_upcasts(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if !meta.input.peek(token::Paren) {
            return Err(meta.error(
                "`upcast` names a function for each older version: `upcast(1 = from_1, 2 = from_2)`",
            ));
        }
        let content;
        syn::parenthesized!(content in meta.input);
        while !content.is_empty() {
            let version: LitInt = content.parse()?;
            content.parse::<Token![=]>()?;
            self.upcasts.push((version, content.parse()?));
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    /// Upcasters begin from versions that are older than the type, each from one of its own.
    fn check_upcasts(&self, errors: &mut Errors) {
        let current = self.version.unwrap_or(1);
        if let Some(old) = &self.upcast_from {
            if current == 1 {
                errors.push(Error::new(old.span(), FIRST));
            }
            if let Some((version, _)) = self.upcasts.first() {
                errors.push(Error::new(
                    version.span(),
                    "say either `upcast_from = …` or `upcast(…)`; the older type says what it is \
                     upcast from itself",
                ));
            }
        }
        let mut seen = Vec::new();
        for (literal, _) in &self.upcasts {
            let Some(version) = errors.take(literal.base10_parse::<u32>()) else { continue };
            if version == 0 || version >= current {
                let older = format!("the older versions of version {current} are from 1 to ");
                let problem = match current {
                    1 => FIRST.to_owned(),
                    _ => format!("{older}{}", current - 1),
                };
                errors.push(Error::new(literal.span(), problem));
            }
            if seen.contains(&version) {
                errors.push(Error::new(literal.span(), "this version has an upcaster already"));
            }
            seen.push(version);
        }
    }
}

fn unknown(meta: &ParseNestedMeta<'_>) -> Error {
    meta.error(
        "unknown attribute; on a type there are `name`, `version`, `tags`, `idempotency_key`, \
         `ordering_key`, `upcast_from` and `upcast`",
    )
}

/// The value of a key: an expression, or a string that holds one.
fn expression(meta: &ParseNestedMeta<'_>) -> Result<Expr> {
    let value: Expr = meta.value()?.parse()?;
    match &value {
        Expr::Lit(literal) => match &literal.lit {
            syn::Lit::Str(text) => text.parse(),
            _ => Ok(value),
        },
        _ => Ok(value),
    }
}

impl FieldAttributes {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut parsed = Self::default();
        for attribute in attributes.iter().filter(is_artifact) {
            let result = attribute.parse_nested_meta(|meta| {
                let span =
                    meta.path.segments.first().map_or_else(Span::call_site, |s| s.ident.span());
                let slot = match meta.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("tag") => &mut parsed.tag,
                    Some("idempotency_key") => &mut parsed.idempotency_key,
                    Some("ordering_key") => &mut parsed.ordering_key,
                    _ => {
                        return Err(meta.error(
                            "unknown attribute; on a field there are `tag`, `idempotency_key` and \
                             `ordering_key`",
                        ));
                    }
                };
                if meta.input.peek(syn::Token![=]) || meta.input.peek(token::Paren) {
                    return Err(meta.error(
                        "on a field this takes no value; what the field holds is the value",
                    ));
                }
                once(slot, span, &meta)
            });
            errors.take(result);
        }
        parsed
    }
}

/// What boards accept as the name of a type.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() {
        return Err("a type name must not be empty".to_owned());
    }
    if name.len() > 200 {
        return Err(format!("this type name has {} bytes, the limit is 200", name.len()));
    }
    match name.chars().find(|&c| !allowed(c)) {
        None => Ok(()),
        Some(character) => Err(format!(
            "a type name cannot have the character {character:?}; allowed are ASCII letters, \
             digits, `_`, `-` and `.`"
        )),
    }
}

/// What boards accept as a tag.
fn check_tag(tag: &str) -> std::result::Result<(), String> {
    if tag.is_empty() {
        return Err("a tag must not be empty".to_owned());
    }
    if tag.len() > 200 {
        return Err(format!("this tag has {} bytes, the limit is 200", tag.len()));
    }
    match tag.chars().find(|c| c.is_control()) {
        None => Ok(()),
        Some(character) => Err(format!("a tag cannot have the control character {character:?}")),
    }
}
