//! The `impl` block: its handlers, its constructor and its `#[close]` method.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, Expr, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Lit, LitStr, Meta, Result, Type,
};

use crate::handler::Handler;

/// Expands `item`, an `impl` block, to the block without the attributes of its methods, followed by the implementations
/// that make the type an executor. `arguments` are those of `#[executor]`, which takes none.
///
/// # Errors
/// The first mistake, at its position.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(
            arguments.span(),
            "`#[executor]` takes no arguments; endpoints belong to methods: `#[requests(\"/index\")]`",
        ));
    }
    let mut item: ItemImpl = syn::parse2(item).map_err(|error| {
        Error::new(error.span(), "put `#[executor]` before the `impl` block with the methods of the executor")
    })?;
    if let Some((_, implemented, _)) = &item.trait_ {
        return Err(Error::new(
            implemented.span(),
            "put `#[executor]` before an `impl` block of the type itself, not of a trait",
        ));
    }
    let (mut handlers, mut create, mut close) = (Vec::new(), None, None);
    for member in &mut item.items {
        let ImplItem::Fn(method) = member else { continue };
        handlers.extend(Handler::parse(method)?);
        take_marked(method, "create", &mut create)?;
        take_marked(method, "close", &mut close)?;
    }
    check(&handlers, item.self_ty.span())?;
    let close = close.as_ref();
    let executor = match handlers.iter().any(|handler| handler.is_async) {
        true => async_executor(&item, &handlers, close)?,
        false => sync_executor(&item, &handlers, close)?,
    };
    let instance = instance(&item, &handlers);
    let constant = create.as_ref().map(|create| type_constant(&item, create)).transpose()?;
    Ok(quote!(#item #executor #instance #constant))
}

/// Stores a copy of the method in `found` if it has the attribute `name`, and removes the attribute.
fn take_marked(method: &mut ImplItemFn, name: &str, found: &mut Option<ImplItemFn>) -> Result<()> {
    let Some(position) = method.attrs.iter().position(|attribute| attribute.path().is_ident(name)) else {
        return Ok(());
    };
    let attribute = method.attrs.remove(position);
    if found.is_some() {
        return Err(Error::new(attribute.span(), format!("there is another method with `#[{name}]`")));
    }
    *found = Some(method.clone());
    Ok(())
}

fn check(handlers: &[Handler], executor: Span) -> Result<()> {
    let Some(first) = handlers.first() else {
        return Err(Error::new(
            executor,
            "no method handles requests: write `#[requests(\"/index\")]` or `#[requests]` before one",
        ));
    };
    if let Some(other) = handlers.iter().find(|handler| handler.is_async != first.is_async) {
        let message = "either all methods that handle requests are async, or none";
        return Err(Error::new(other.name.span(), message));
    }
    let mut seen: HashMap<Option<String>, &Ident> = HashMap::new();
    for handler in handlers {
        let endpoints = handler.endpoints.iter().map(|endpoint| (Some(endpoint.value()), endpoint.span()));
        let default = handler.endpoints.is_empty().then(|| (None, handler.name.span()));
        for (endpoint, span) in endpoints.chain(default) {
            let what = endpoint
                .as_ref()
                .map_or_else(|| "other endpoints".to_owned(), |endpoint| format!("`{endpoint}`"));
            if let Some(other) = seen.insert(endpoint, &handler.name) {
                return Err(Error::new(span, format!("`{other}` handles {what} already")));
            }
        }
    }
    Ok(())
}

/// Match arms from endpoints to methods.
fn arms(handlers: &[Handler]) -> TokenStream {
    let named = handlers.iter().filter(|handler| !handler.endpoints.is_empty()).map(|handler| {
        let (endpoints, invocation) = (&handler.endpoints, handler.invocation());
        quote!(#(#endpoints)|* => #invocation,)
    });
    let default = handlers.iter().find(|handler| handler.endpoints.is_empty());
    let otherwise = default.map_or_else(|| quote!(::std::result::Result::Ok(())), Handler::invocation);
    quote!(#(#named)* _ => #otherwise)
}

fn sync_executor(item: &ItemImpl, handlers: &[Handler], close: Option<&ImplItemFn>) -> Result<TokenStream> {
    let (generics, _, conditions) = item.generics.split_for_impl();
    let (executor_type, arms) = (&item.self_ty, arms(handlers));
    let close = close_method(close, false)?.map(|close| {
        quote!(fn close(&mut self) -> ::std::result::Result<(), ::flowrun_sdk::ExecutorError> {
            ::flowrun_sdk::endpoint::UnitOutput::into_result(self.#close())
        })
    });
    Ok(quote! {
        impl #generics ::flowrun_sdk::Executor for #executor_type #conditions {
            fn execute(&mut self, call: &mut ::flowrun_sdk::Call<'_>) -> ::std::result::Result<(), ::flowrun_sdk::ExecutorError> {
                match call.endpoint() { #arms }
            }
            #close
        }
    })
}

/// Name of the `#[close]` method, which has to be async if the handlers are.
fn close_method(close: Option<&ImplItemFn>, is_async: bool) -> Result<Option<&Ident>> {
    let Some(method) = close else { return Ok(None) };
    if method.sig.asyncness.is_some() != is_async {
        let message =
            "the method with `#[close]` must be async if the methods that handle requests are, else not";
        return Err(Error::new(method.sig.ident.span(), message));
    }
    Ok(Some(&method.sig.ident))
}

fn async_executor(item: &ItemImpl, handlers: &[Handler], close: Option<&ImplItemFn>) -> Result<TokenStream> {
    let close = close_method(close, true)?.map(|close| {
        quote!(async fn close(&self) -> ::std::result::Result<(), ::flowrun_sdk::ExecutorError> {
            ::flowrun_sdk::endpoint::UnitOutput::into_result(self.#close().await)
        })
    });
    let (generics, _, conditions) = item.generics.split_for_impl();
    let (executor_type, arms) = (&item.self_ty, arms(handlers));
    Ok(quote! {
        #[::flowrun_sdk::async_trait]
        impl #generics ::flowrun_sdk::AsyncExecutor for #executor_type #conditions {
            async fn execute(&self, call: &mut ::flowrun_sdk::Call<'_>) -> ::std::result::Result<(), ::flowrun_sdk::ExecutorError> {
                match call.endpoint() { #arms }
            }
            #close
        }
    })
}

/// Conversion into an `Instance`, with the endpoints.
fn instance(item: &ItemImpl, handlers: &[Handler]) -> TokenStream {
    let (generics, _, conditions) = item.generics.split_for_impl();
    let executor_type = &item.self_ty;
    let make = match handlers.iter().any(|handler| handler.is_async) {
        true => quote!(::flowrun_sdk::Instance::new_async(executor)),
        false => quote!(::flowrun_sdk::Instance::new(executor)),
    };
    let every = handlers.iter().any(|handler| handler.endpoints.is_empty());
    let endpoints: Vec<&LitStr> = handlers.iter().flat_map(|handler| &handler.endpoints).collect();
    let endpoints = (!every).then(|| quote!(.with_endpoints([#(#endpoints),*])));
    quote! {
        impl #generics ::std::convert::From<#executor_type> for ::flowrun_sdk::Instance #conditions {
            fn from(executor: #executor_type) -> Self {
                #make #endpoints
            }
        }
    }
}

/// The constant `TYPE`.
fn type_constant(item: &ItemImpl, create: &ImplItemFn) -> Result<TokenStream> {
    let executor_type = &item.self_ty;
    let name = match &**executor_type {
        Type::Path(path) if item.generics.params.is_empty() => {
            path.path.segments.last().map(|segment| segment.ident.to_string())
        }
        _ => None,
    };
    let name = name.ok_or_else(|| {
        Error::new(
            executor_type.span(),
            "an executor that a flow can name is a type without generic parameters",
        )
    })?;
    let inputs: Vec<&Type> = create
        .sig
        .inputs
        .iter()
        .map(|input| match input {
            FnArg::Typed(argument) => Ok(&*argument.ty),
            FnArg::Receiver(receiver) => Err(Error::new(
                receiver.span(),
                "`#[create]` constructs the executor, so there is no `self` yet",
            )),
        })
        .collect::<Result<_>>()?;
    let [parameters, rest @ ..] = inputs.as_slice() else {
        let message = "`#[create]` takes the parameters, and optionally `&Context`";
        return Err(Error::new(create.sig.ident.span(), message));
    };
    let context = match rest {
        [] => None,
        [_] => Some(quote!(, &build.context)),
        [_, more, ..] => {
            return Err(Error::new(more.span(), "`#[create]` takes only the parameters and `&Context`"));
        }
    };
    let (method, summary) = (&create.sig.ident, summary(&item.attrs));
    Ok(quote! {
        impl #executor_type {
            /// Executor type: name, parameters and constructor.
            pub const TYPE: ::flowrun_sdk::ExecutorType = ::flowrun_sdk::ExecutorType::new::<#parameters>(#name, #summary, |build| {
                let created = #executor_type::#method(::flowrun_sdk::parse_parameters(build)? #context);
                ::flowrun_sdk::endpoint::CreateOutput::into_result(created).map(::flowrun_sdk::Instance::from)
            });
        }
    })
}

/// First paragraph of the documentation, in one line.
fn summary(attributes: &[Attribute]) -> String {
    let lines =
        attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
            match &attribute.meta {
                Meta::NameValue(value) => match &value.value {
                    Expr::Lit(literal) => match &literal.lit {
                        Lit::Str(text) => Some(text.value().trim().to_owned()),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            }
        });
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
