//! The byte budget of a request: documents that exceed it fail individually.

use flowrun::runtime::Request;
use flowrun::yaml::Environment;
use flowrun_sdk::{Document, ErrorKind};

use crate::support::{ids, plan, reply, start};

/// A GIF with `frames` frames of one white pixel.
fn clip(id: &str, frames: usize) -> Document {
    let head = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0";
    let frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    Document::new(id).with_blob([&head[..], &frame.repeat(frames)].concat())
}

/// A compound executor with two components.
const COMPOUND: &str = "
!CompoundExecutor
components:
- !GifNameRawSplit {metas: {name: split}}
- !GifSegmenter {metas: {name: cut}}
requests:
  on:
    IndexRequest:
    - !DocCraftDriver {with: {executor: split}}
    - !SegmentDriver {with: {executor: cut}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_that_exceeds_the_budget_fails_individually() {
    // As a pod, and as a component of a compound executor.
    for uses in ["GifSegmenter", "compound.yml"] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("compound.yml"), COMPOUND).unwrap();
        let yaml =
            format!("jtype: Flow\nexecutors:\n- {{name: cut, uses: {uses}}}\n- {{name: end, uses: Pass}}\n");
        let mut topology = plan(&yaml, directory.path(), &Environment::default());
        topology.memory.request_bytes_max = 1 << 20;
        let flow = start(&topology).await;

        let documents = vec![clip("a", 3), clip("b", 5_000), clip("c", 3), clip("d", 5_000), clip("e", 3)];
        let request =
            Request { endpoint: "/index".to_owned(), documents: documents.into(), ..Request::default() };
        let response = reply(flow.submit(request).await.unwrap().outcome().await);
        assert_eq!(ids(&response.documents), ["a", "c", "e"], "{uses}");
        assert!(response.documents.memory_bytes() <= topology.memory.request_bytes_max);
        let failed = response.failures.iter().map(|failed| &failed.failure);
        let failed: Vec<_> = failed.map(|failure| (failure.id.as_str(), failure.error.kind())).collect();
        assert_eq!(failed, [("b", ErrorKind::Resource), ("d", ErrorKind::Resource)], "{uses}");
    }
}
