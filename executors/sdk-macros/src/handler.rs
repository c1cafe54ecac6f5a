//! One method of an executor: which endpoints it handles, and what it is called with.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItemFn, LitStr, Meta, PathArguments, Receiver,
    Result, Token, Type,
};

/// A method that handles requests.
pub(crate) struct Handler {
    pub(crate) name: Ident,
    /// None for those that no other method handles.
    pub(crate) endpoints: Vec<LitStr>,
    pub(crate) is_async: bool,
    /// Whether it is called with one document after the other.
    one_by_one: bool,
    arguments: Vec<Argument>,
}

/// What a method is called with, told by the type that it asks for.
enum Argument {
    Call,
    Document,
    Documents,
    /// Parameters of the request, of that type.
    Parameters(Box<Type>),
}

impl Handler {
    /// The handler that `method` is; `None` when it says nothing of requests. Takes the attribute off.
    pub(crate) fn of(method: &mut ImplItemFn) -> Result<Option<Self>> {
        let Some(position) = method.attrs.iter().position(|attribute| attribute.path().is_ident("requests"))
        else {
            return Ok(None);
        };
        let attribute = method.attrs.remove(position);
        if let Some(second) = method.attrs.iter().find(|attribute| attribute.path().is_ident("requests")) {
            return Err(Error::new(second.span(), "name all endpoints in one `#[requests(…)]`"));
        }
        let signature = &method.sig;
        let is_async = signature.asyncness.is_some();
        receiver(signature.receiver(), signature.ident.span(), is_async)?;
        let inputs = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(&*argument.ty),
            FnArg::Receiver(_) => None,
        });
        let arguments = inputs.map(Argument::of).collect::<Result<Vec<_>>>()?;
        let one_by_one = arguments.iter().any(|argument| matches!(argument, Argument::Document));
        let whole = arguments.iter().any(|argument| matches!(argument, Argument::Call | Argument::Documents));
        if one_by_one && (whole || is_async) {
            let message = "a method that takes `&mut Document` is called for each document of the request: it can take \
                           parameters beside it, but not the call or its documents, and it cannot be async";
            return Err(Error::new(signature.inputs.span(), message));
        }
        let endpoints = endpoints(&attribute)?;
        Ok(Some(Self { name: signature.ident.clone(), endpoints, is_async, one_by_one, arguments }))
    }

    /// The expression that handles `call`.
    pub(crate) fn invocation(&self) -> TokenStream {
        let Self { name, .. } = self;
        let mut before = TokenStream::new();
        let mut given = Vec::new();
        for (position, argument) in self.arguments.iter().enumerate() {
            let variable = quote::format_ident!("argument{position}");
            given.push(match argument {
                Argument::Call => quote!(call),
                Argument::Document => quote!(document),
                Argument::Documents => quote!(call.documents_mut()),
                Argument::Parameters(of) => {
                    before.extend(quote_spanned! {of.span()=>
                        let #variable: #of = ::flowrun_sdk::endpoint::request_parameters(call)?;
                    });
                    match self.one_by_one {
                        true => quote!(::std::clone::Clone::clone(&#variable)),
                        false => quote!(#variable),
                    }
                }
            });
        }
        let awaited = self.is_async.then(|| quote!(.await));
        let settle = quote!(::flowrun_sdk::endpoint::HandlerOutput::apply);
        if self.one_by_one {
            let paths = quote!(::flowrun_sdk::AccessPaths::roots());
            return quote!({
                #before
                call.for_each(&#paths, |document| ::flowrun_sdk::endpoint::UnitOutput::into_result(self.#name(#(#given),*)))
            });
        }
        quote!({
            #before
            let handled = self.#name(#(#given),*)#awaited;
            #settle(handled, call)
        })
    }
}

impl Argument {
    fn of(kind: &Type) -> Result<Self> {
        let Type::Reference(reference) = kind else { return Ok(Self::Parameters(Box::new(kind.clone()))) };
        let name = last_segment(&reference.elem).map(|segment| segment.ident.to_string());
        let exclusive = reference.mutability.is_some();
        match name.as_deref() {
            Some("Call") if exclusive => Ok(Self::Call),
            Some("Document") if exclusive => Ok(Self::Document),
            Some("Vec") if exclusive && is_list_of_documents(&reference.elem) => Ok(Self::Documents),
            _ => Err(Error::new(
                kind.span(),
                "a method that handles requests takes `&mut Call<'_>`, `&mut Vec<Document>`, `&mut Document` (for each \
                 document), or parameters declared by `parameters!`, by value",
            )),
        }
    }
}

fn last_segment(kind: &Type) -> Option<&syn::PathSegment> {
    match kind {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn is_list_of_documents(kind: &Type) -> bool {
    let Some(PathArguments::AngleBracketed(of)) = last_segment(kind).map(|segment| &segment.arguments) else {
        return false;
    };
    matches!(of.args.first(), Some(GenericArgument::Type(item)) if last_segment(item).is_some_and(|item| item.ident == "Document"))
}

fn receiver(receiver: Option<&Receiver>, otherwise: proc_macro2::Span, is_async: bool) -> Result<()> {
    let Some(receiver) = receiver.filter(|receiver| receiver.reference.is_some()) else {
        return Err(Error::new(otherwise, "a method that handles requests takes `&mut self` or `&self`"));
    };
    if is_async && receiver.mutability.is_some() {
        let message = "an async method that handles requests takes `&self`, because several calls are under way at once";
        return Err(Error::new(receiver.span(), message));
    }
    Ok(())
}

/// The endpoints that an attribute names, each a text: `#[requests("/index", "/update")]`; none for `#[requests]`.
fn endpoints(attribute: &Attribute) -> Result<Vec<LitStr>> {
    let list = match &attribute.meta {
        Meta::Path(_) => return Ok(Vec::new()),
        Meta::List(list) => list,
        Meta::NameValue(value) => {
            return Err(Error::new(
                value.span(),
                "write `#[requests(\"/index\")]`, or `#[requests]` for all other endpoints",
            ));
        }
    };
    let endpoints =
        list.parse_args_with(Punctuated::<LitStr, Token![,]>::parse_terminated).map_err(|error| {
            Error::new(error.span(), "endpoints are texts: `#[requests(\"/index\", \"/update\")]`")
        })?;
    if let Some(wrong) = endpoints.iter().find(|endpoint| !endpoint.value().starts_with('/')) {
        let message = format!("an endpoint begins with a stroke: write \"/{}\"", wrong.value());
        return Err(Error::new(wrong.span(), message));
    }
    match endpoints.is_empty() {
        true => {
            Err(Error::new(list.span(), "name an endpoint, or write `#[requests]` for all other endpoints"))
        }
        false => Ok(endpoints.into_iter().collect()),
    }
}
