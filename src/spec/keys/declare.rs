//! Declaration of typed keys. A key that no table lists, or that no parser reads, does not compile.

/// Declares typed keys, and a private twin of each for the tables.
///
/// Parsers read by the key, tables list the twin. A key that no parser reads and a key that is in no table are therefore
/// dead code, and dead code does not compile here. Both are made from the same tokens, so that they cannot differ.
macro_rules! keys {
    ($($name:ident: $type:ty = $key:expr;)*) => {
        $(
            #[deny(dead_code)]
            pub(in crate::spec) const $name: $crate::spec::key::Key<$type> = $key;
        )*

        /// The rows of the keys, for tables.
        pub(super) mod rows {
            use super::*;

            $(
                #[deny(dead_code)]
                pub(in crate::spec::keys) const $name: $crate::spec::key::KeyRow = {
                    const KEY: $crate::spec::key::Key<$type> = $key;
                    KEY.row()
                };
            )*
        }
    };
}
pub(super) use keys;
