//! Addresses of gRPC servers: `HOST:PORT`, `grpc://HOST:PORT`, or `grpcs://HOST:PORT` for TLS.
//!
//! As in Jina, `http` and `https` select TLS too. They mean `grpc` and `grpcs`: a server of flowrun has one address for
//! HTTP and gRPC, and this crate only speaks gRPC.

use std::fmt;
use std::str::FromStr;

/// The address of a gRPC server, and whether it uses TLS. The host `0.0.0.0` is parsed as `127.0.0.1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
    tls: bool,
}

/// The error for a text that is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address; type HOST:PORT, grpc://HOST:PORT, or grpcs://HOST:PORT")]
pub struct InvalidAddress(pub String);

impl Address {
    /// The host: a name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `true` if the server uses TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// This address with TLS.
    #[must_use]
    pub fn with_tls(self) -> Self {
        Self { tls: true, ..self }
    }

    /// `HOST:PORT` as in a URI, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let none = || InvalidAddress(text.to_owned());
        let (tls, authority) = match text.trim().split_once("://") {
            Some(("grpc" | "http", rest)) => (false, rest),
            Some(("grpcs" | "https", rest)) => (true, rest),
            Some(_) => return Err(none()),
            None => (false, text.trim()),
        };
        let (host, port) = authority.trim_end_matches('/').rsplit_once(':').ok_or_else(none)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        let named = !host.is_empty() && host.chars().all(plain);
        let numbered = bracketed.is_some() && host.parse::<std::net::Ipv6Addr>().is_ok();
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(none)?;
        if !named && !numbered {
            return Err(none());
        }
        // 0.0.0.0 is the address that Jina listens on for all interfaces; a client connects to loopback.
        let host = if host == "0.0.0.0" { "127.0.0.1" } else { host };
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.tls { "grpcs://" } else { "" }, self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_parsed() {
        for (text, shown, tls) in [
            ("a.b:1", "a.b:1", false),
            ("grpc://127.0.0.1:54321/", "127.0.0.1:54321", false),
            ("grpcs://a-b:443", "grpcs://a-b:443", true),
            // URLs of the same server.
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", false),
            ("https://a-b:443", "grpcs://a-b:443", true),
            ("[::1]:9", "[::1]:9", false),
            ("0.0.0.0:5", "127.0.0.1:5", false),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.to_string(), address.tls()), (shown.to_owned(), tls));
        }
        for text in [
            "",
            "a",
            "a:",
            ":1",
            "a:0",
            "a:65536",
            "ftp://a:1",
            "::1:9",
            "a/b:1",
            "a b:1",
            "user@a:1",
            "[a:1",
        ] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress(text.to_owned())), "{text}");
        }
    }
}
