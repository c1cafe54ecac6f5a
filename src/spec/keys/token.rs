//! Keys of one token of a served flow.

use super::declare::keys;
use crate::routes::Role;
use crate::spec::key::{AnyNode, Choice, Key, KeyRow, PathNode};

keys! {
    ROLE: Choice<Role> = Key::choice(
        "role",
        "requests that the token allows; `write` includes `read`, `admin` includes both",
    );
    VARIABLE: AnyNode = Key::any(
        "variable",
        "the name of a variable",
        "environment variable that contains the token; executors in child processes do not inherit it",
    );
    FILE: PathNode = Key::path("file", "file that contains the token");
}

/// A mapping below `tokens:`.
pub(super) const TOKEN_TABLE: &[KeyRow] = &[rows::ROLE, rows::VARIABLE, rows::FILE];
