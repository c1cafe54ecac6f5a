//! Random documents with every field pass through child processes without loss.

use flowrun_sdk::{Document, Documents, NamedScore, Tensor, Value};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::{native_pod, send, start_pods};
use crate::support::reply;

/// Generator of random documents, the same ones in every run.
struct DocumentGenerator(ChaCha8Rng);

impl DocumentGenerator {
    fn below(&mut self, bound: u32) -> u32 {
        self.0.next_u32() % bound
    }

    fn float(&mut self) -> f32 {
        f32::from(i16::try_from(self.below(1 << 15)).unwrap()) / 64.0 - 200.0
    }

    fn text(&mut self) -> String {
        const LETTERS: [&str; 8] = ["a", "ß", "語", "🌷", " ", "\n", "\"", "z"];
        (0..self.below(6)).map(|_| LETTERS[self.below(8) as usize]).collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(40)).map(|_| self.0.next_u32().to_le_bytes()[0]).collect()
    }

    fn tensor(&mut self) -> Tensor {
        if self.below(2) == 0 {
            let rows = self.below(4) as usize;
            let elements = (0..rows * 2).map(|_| self.below(256).to_le_bytes()[0]).collect();
            return Tensor::from_u8(vec![rows, 2], elements).unwrap();
        }
        Tensor::vector((0..self.below(5)).map(|_| self.float()).collect())
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => (self.below(2) == 0).into(),
            2 => self.below(1000).into(),
            3 => (f64::from(self.below(1000)) + 0.25).into(),
            4 => self.text().into(),
            5 => (0..self.below(3)).map(|_| self.value(depth - 1)).collect(),
            _ => json!({"a": self.value(depth - 1), "ß": self.value(depth - 1)}),
        }
    }

    fn document(&mut self, id: &str, depth: u32) -> Document {
        let mut document = Document::new(id).with_uri(self.text());
        document.mime_type = self.text();
        document.modality = self.text();
        document.granularity = self.below(3);
        document.adjacency = self.below(300);
        document.weight = (self.below(2) == 0).then(|| self.float());
        document.offset = (self.below(2) == 0).then(|| self.float());
        document.text = (self.below(3) > 0).then(|| self.text().into());
        document.blob = (self.below(3) > 0).then(|| self.bytes().into());
        document.tensor = (self.below(3) > 0).then(|| self.tensor());
        document.embedding = (self.below(3) > 0).then(|| self.tensor());
        document.location = (0..self.below(4)).map(|_| self.float()).collect();
        for name in ["n", "語", ""] {
            if self.below(2) == 0 {
                let value = self.value(3);
                document.tags_mut().insert(name.to_owned(), value);
            }
            let score = NamedScore {
                value: self.float(),
                op_name: self.text(),
                description: self.text(),
                ref_id: self.text(),
            };
            document.scores.insert(format!("score {name}"), score);
        }
        if depth > 0 {
            document.chunks = self.documents(&format!("{id}/c"), depth - 1);
            document.matches = self.documents(&format!("{id}/m"), depth - 1);
            document.set_parent_ids();
        }
        document
    }

    fn documents(&mut self, id: &str, depth: u32) -> Documents {
        (0..self.below(4)).map(|number| self.document(&format!("{id}{number}"), depth)).collect()
    }
}

#[tokio::test]
async fn every_field_survives_a_round_trip_through_a_child_process() {
    let mut generator = DocumentGenerator(ChaCha8Rng::seed_from_u64(7));
    let sent: Documents = (0..60).map(|number| generator.document(&number.to_string(), 2)).collect();
    assert!(sent.iter().any(|document| !document.chunks.is_empty() && !document.matches.is_empty()));
    for (pod, endpoints) in [
        (native_pod("FieldAccess", ""), &["/pass", "/touch"][..]),
        ("- {name: e, uses: Pass, isolate: process}".to_owned(), &["/any"][..]),
    ] {
        let (_directory, flow) = start_pods(&pod).await;
        for endpoint in endpoints {
            let received = reply(send(&flow, endpoint, sent.clone(), &Value::Null).await).documents;
            for (received, sent) in received.iter().zip(&sent) {
                assert_eq!(received, sent, "{endpoint}");
            }
            assert_eq!((received.len(), flow.pod_statistics()[0].failed_calls), (sent.len(), 0));
        }
    }
}
