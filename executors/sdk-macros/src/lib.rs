//! `#[executor]`: an executor in Jina's manner, an endpoint a method. The SDK re-exports it, and says how it is used.

mod handler;
mod implementation;

use proc_macro::TokenStream;

/// Makes an executor of an impl block; see the SDK's `executor`.
#[proc_macro_attribute]
pub fn executor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    implementation::expand(arguments.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

#[cfg(test)]
mod tests;
