//! Tests of the compile errors of `#[executor]`.

use quote::quote;

use crate::implementation::expand;

fn error(item: proc_macro2::TokenStream) -> String {
    expand(quote!(), item).unwrap_err().to_string()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list")]
fn mistakes_are_reported_with_the_correction() {
    for (item, expected) in [
        (
            quote!(impl Mine { fn index(&mut self) {} }),
            "no method handles requests: write `#[requests(\"/index\")]`",
        ),
        (quote!(impl Mine { #[requests("index")] fn index(&mut self) {} }), "write \"/index\""),
        (quote!(impl Mine { #[requests(index)] fn index(&mut self) {} }), "endpoints are string literals"),
        (quote!(impl Mine { #[requests()] fn index(&mut self) {} }), "name an endpoint"),
        (
            quote!(impl Mine { #[requests = "/index"] fn index(&mut self) {} }),
            "write `#[requests(\"/index\")]`, or",
        ),
        (
            quote!(impl Mine { #[requests("/a")] #[requests("/b")] fn index(&mut self) {} }),
            "in one `#[requests(…)]`",
        ),
        (quote!(impl Mine { #[requests("/a")] fn index() {} }), "takes `&mut self` or `&self`"),
        (quote!(impl Mine { #[requests("/a")] fn index(self) {} }), "takes `&mut self` or `&self`"),
        (
            quote!(impl Mine { #[requests("/a")] fn index(&mut self, docs: &[Document]) {} }),
            "`&mut Vec<Document>`",
        ),
        (
            quote!(impl Mine { #[requests("/a")] fn a(&self) {} #[requests("/a")] fn b(&self) {} }),
            "`a` handles `/a` already",
        ),
        (
            quote!(impl Mine { #[requests] fn a(&self) {} #[requests] fn b(&self) {} }),
            "`a` handles other endpoints already",
        ),
        (
            quote!(impl Mine { #[requests("/a")] async fn a(&mut self) {} }),
            "takes `&self`, because calls are concurrent",
        ),
        (
            quote!(impl Mine { #[requests("/a")] async fn a(&self) {} #[requests("/b")] fn b(&self) {} }),
            "either all methods that handle requests are async, or none",
        ),
        (
            quote!(impl Mine { #[requests("/a")] fn a(&self, call: &mut Call<'_>, document: &mut Document) {} }),
            "is called for each document",
        ),
        (
            quote!(impl Mine { #[create] fn new(&self) {} #[requests] fn a(&self) {} }),
            "there is no `self` yet",
        ),
        (
            quote!(impl Mine { #[create] fn new() {} #[requests] fn a(&self) {} }),
            "`#[create]` takes the parameters",
        ),
        (
            quote!(
                impl<T> Mine<T> {
                    #[create]
                    fn new(p: P) {}
                    #[requests]
                    fn a(&self) {}
                }
            ),
            "a type without generic parameters",
        ),
        (
            quote!(impl Mine { #[close] fn end(&self) {} #[requests] async fn a(&self) {} }),
            "must be async if the methods that handle requests are",
        ),
        (quote!(impl Executor for Mine { }), "not of a trait"),
        (
            quote!(
                struct Mine;
            ),
            "before the `impl` block",
        ),
    ] {
        let error = error(item.clone());
        assert!(error.contains(expected), "{item}: {error}");
    }
    assert!(expand(quote!("/index"), quote!(impl Mine { #[requests] fn a(&self) {} })).is_err());
}
