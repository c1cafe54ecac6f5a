//! Keys of placement files.

use super::declare::keys;
use super::token::rows::{FILE, VARIABLE};
use crate::spec::key::{Key, KeyRow, MappingNode, PathNode};

keys! {
    PLACED_PODS: MappingNode = Key::mapping(
        "pods",
        "pods that run on workers: `POD: [HOST:PORT, …]`, one address per replica; for a pod with shards a list per shard, \
         `POD: [[HOST:PORT], [HOST:PORT]]`; consecutive pods that share workers: `POD+POD: [HOST:PORT]`; `grpcs://HOST:PORT` for TLS; other pods run in the \
         gateway",
    );
    WORKER_CA: PathNode = Key::path(
        "ca",
        "PEM file with the certificate authorities that sign the certificates of workers; default: those of the machine",
    );
    WORKER_TOKEN: MappingNode = Key::mapping(
        "token",
        "token that gateways send and workers require: `{variable: NAME}` or `{file: PATH}`",
    );
}

const NO_LOG: &str =
    "each shard of a pod that stores documents has one replica, which needs no log: remove this key";

/// The top level of a placement file.
pub(super) const PLACEMENT_TABLE: &[KeyRow] = &[
    rows::PLACED_PODS,
    rows::WORKER_CA,
    rows::WORKER_TOKEN,
    KeyRow::rejected("log", NO_LOG),
    KeyRow::rejected("snapshots", NO_LOG),
];

/// `token:` of a placement file.
pub(super) const WORKER_TOKEN_TABLE: &[KeyRow] = &[VARIABLE, FILE];
