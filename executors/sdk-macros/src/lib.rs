//! The attribute `#[executor]` of the SDK, which re-exports and documents it.

mod handler;
mod implementation;

use proc_macro::TokenStream;

/// Turns a type into an executor; see `flowrun_sdk::endpoint`.
#[proc_macro_attribute]
pub fn executor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    implementation::expand(arguments.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

#[cfg(test)]
mod tests;
