//! Roles of tokens, and the role that an endpoint needs by its name.
//!
//! Names decide only where there is a convention. For other endpoints, `gateway::flow_info` decides by the descriptions of
//! executors.

use std::fmt;

/// Rights of a token. Each role includes those before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Role {
    /// Requests that change nothing: search, look-ups, metrics, documentation.
    #[default]
    Read,
    /// Requests that change stored documents, and requests to endpoints whose effect is unknown.
    Write,
    /// Clearing, backing up and restoring stored data, the dashboard and the log.
    Admin,
}

impl Role {
    /// Name of the role in flow files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Endpoints that delete, replace or copy all stored data, by their first path segment.
const ADMIN: [&str; 3] = ["clear", "restore", "backup"];

/// Endpoints that change stored data or write files, by their first path segment. An HTTP `GET` must not change anything
/// (RFC 9110, 9.2.1), so it is not routed to them.
const WRITING: [&str; 17] = [
    "index", "update", "delete", "append", "add", "insert", "upsert", "create", "remove", "drop", "reset",
    "train", "dump", "save", "snapshot", "reload", "fit",
];

/// Endpoints that read, by convention of Jina's executors.
const READING: [&str; 8] = ["/search", "/get", "/list", "/count", "/status", "/filter", "/encode", "/rank"];

/// Role that an endpoint needs by its name; `None` if the name does not reveal its effect.
pub fn role_by_name(endpoint: &str) -> Option<Role> {
    let segment = endpoint.trim_start_matches('/').split('/').next().unwrap_or_default();
    let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(segment));
    if is_one_of(&ADMIN) {
        Some(Role::Admin)
    } else if is_one_of(&WRITING) {
        Some(Role::Write)
    } else {
        READING.contains(&endpoint).then_some(Role::Read)
    }
}

/// True if an endpoint changes stored data or writes files, judged by its name.
pub fn is_writing(endpoint: &str) -> bool {
    role_by_name(endpoint) > Some(Role::Read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_that_write_are_known_by_name() {
        for endpoint in ["/index", "/clear", "delete", "/Delete", "/index/images", "/backup"] {
            assert!(is_writing(endpoint), "{endpoint}");
        }
        for endpoint in ["/search", "/indexed", "/", "", "/count", "/encode"] {
            assert!(!is_writing(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_role_includes_those_before_it() {
        assert!(Role::Read < Role::Write && Role::Write < Role::Admin);
        for (endpoint, role) in [
            ("/search", Some(Role::Read)),
            ("/index", Some(Role::Write)),
            ("/clear", Some(Role::Admin)),
            ("/RESTORE", Some(Role::Admin)),
            ("/search/all", None),
            ("/mine", None),
            ("/", None),
        ] {
            assert_eq!(role_by_name(endpoint), role, "{endpoint}");
        }
    }
}
