//! One method with `#[requests]`: its endpoints and its arguments.

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
    /// Name of the method.
    pub(crate) name: Ident,
    /// Endpoints of the method; empty for all that no other method handles.
    pub(crate) endpoints: Vec<LitStr>,
    /// `true` for an `async fn`.
    pub(crate) is_async: bool,
    /// `true` if it is called for each document.
    per_document: bool,
    arguments: Vec<Argument>,
}

/// Argument of a method, determined by its type.
enum Argument {
    Call,
    Document,
    Documents,
    /// Parameters of the request, parsed as this type.
    Parameters(Box<Type>),
}

impl Handler {
    /// Parses a method and removes its attribute; `None` for a method without `#[requests]`.
    ///
    /// # Errors
    /// The mistake in the attribute, the receiver or an argument, at its position.
    pub(crate) fn parse(method: &mut ImplItemFn) -> Result<Option<Self>> {
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
        check_receiver(signature.receiver(), signature.ident.span(), is_async)?;
        let inputs = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(&*argument.ty),
            FnArg::Receiver(_) => None,
        });
        let arguments = inputs.map(Argument::parse).collect::<Result<Vec<_>>>()?;
        let per_document = arguments.iter().any(|argument| matches!(argument, Argument::Document));
        let takes_call =
            arguments.iter().any(|argument| matches!(argument, Argument::Call | Argument::Documents));
        if per_document && (takes_call || is_async) {
            let message = "a method that takes `&mut Document` is called for each document of the request: it can also \
                           take parameters, but not the call or its documents, and it cannot be async";
            return Err(Error::new(signature.inputs.span(), message));
        }
        let endpoints = parse_endpoints(&attribute)?;
        Ok(Some(Self { name: signature.ident.clone(), endpoints, is_async, per_document, arguments }))
    }

    /// Block that parses the parameters of the variable `call`, calls the method on `self` and applies its return value to
    /// the call.
    pub(crate) fn invocation(&self) -> TokenStream {
        let Self { name, .. } = self;
        let mut parsing = TokenStream::new();
        let mut arguments = Vec::new();
        for (position, argument) in self.arguments.iter().enumerate() {
            let variable = quote::format_ident!("argument{position}");
            arguments.push(match argument {
                Argument::Call => quote!(call),
                Argument::Document => quote!(document),
                Argument::Documents => quote!(call.documents_mut()),
                Argument::Parameters(parameters) => {
                    parsing.extend(quote_spanned! {parameters.span()=>
                        let #variable: #parameters = ::flowrun_sdk::endpoint::request_parameters(call)?;
                    });
                    match self.per_document {
                        true => quote!(::std::clone::Clone::clone(&#variable)),
                        false => quote!(#variable),
                    }
                }
            });
        }
        let awaited = self.is_async.then(|| quote!(.await));
        if self.per_document {
            let paths = quote!(::flowrun_sdk::AccessPaths::roots());
            return quote!({
                #parsing
                call.for_each(&#paths, |document| ::flowrun_sdk::endpoint::UnitOutput::into_result(self.#name(#(#arguments),*)))
            });
        }
        quote!({
            #parsing
            let output = self.#name(#(#arguments),*)#awaited;
            ::flowrun_sdk::endpoint::HandlerOutput::apply(output, call)
        })
    }
}

impl Argument {
    fn parse(argument: &Type) -> Result<Self> {
        let Type::Reference(reference) = argument else {
            return Ok(Self::Parameters(Box::new(argument.clone())));
        };
        let name = last_segment(&reference.elem).map(|segment| segment.ident.to_string());
        let exclusive = reference.mutability.is_some();
        match name.as_deref() {
            Some("Call") if exclusive => Ok(Self::Call),
            Some("Document") if exclusive => Ok(Self::Document),
            Some("Vec") if exclusive && is_list_of_documents(&reference.elem) => Ok(Self::Documents),
            _ => Err(Error::new(
                argument.span(),
                "a method that handles requests takes `&mut Call<'_>`, `&mut Vec<Document>`, `&mut Document` (for each \
                 document), or parameters declared by `parameters!`, by value",
            )),
        }
    }
}

fn last_segment(path_type: &Type) -> Option<&syn::PathSegment> {
    match path_type {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn is_list_of_documents(list: &Type) -> bool {
    let Some(PathArguments::AngleBracketed(generics)) = last_segment(list).map(|segment| &segment.arguments)
    else {
        return false;
    };
    matches!(generics.args.first(), Some(GenericArgument::Type(item)) if last_segment(item).is_some_and(|item| item.ident == "Document"))
}

fn check_receiver(receiver: Option<&Receiver>, method: proc_macro2::Span, is_async: bool) -> Result<()> {
    let Some(receiver) = receiver.filter(|receiver| receiver.reference.is_some()) else {
        return Err(Error::new(method, "a method that handles requests takes `&mut self` or `&self`"));
    };
    if is_async && receiver.mutability.is_some() {
        let message = "an async method that handles requests takes `&self`, because calls are concurrent";
        return Err(Error::new(receiver.span(), message));
    }
    Ok(())
}

/// Parses the endpoints of an attribute: `#[requests("/index", "/update")]`; none for `#[requests]`.
fn parse_endpoints(attribute: &Attribute) -> Result<Vec<LitStr>> {
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
            Error::new(error.span(), "endpoints are string literals: `#[requests(\"/index\", \"/update\")]`")
        })?;
    if let Some(wrong) = endpoints.iter().find(|endpoint| !endpoint.value().starts_with('/')) {
        let message = format!("an endpoint begins with a slash: write \"/{}\"", wrong.value());
        return Err(Error::new(wrong.span(), message));
    }
    match endpoints.is_empty() {
        true => {
            Err(Error::new(list.span(), "name an endpoint, or write `#[requests]` for all other endpoints"))
        }
        false => Ok(endpoints.into_iter().collect()),
    }
}
