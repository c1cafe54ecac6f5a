//! Infers the docarray schema ([`Schema`]) of replies to requests without documents, such as `/list`.
//!
//! A request shows the schema of its client only by its documents. Without any, the reply has the schema of the last
//! request with documents, else that of the reply's documents. If clients of both schemas send requests without
//! documents, some of them therefore receive replies in the wrong schema.

use std::sync::atomic::{AtomicU8, Ordering};

use flowrun_sdk::{Document, Documents};
use flowrun_wire::{KIND_TAGS, RecordedFields, Schema};

/// Schema of the last client that sent documents.
#[derive(Debug, Default)]
pub(super) struct ClientSchema(AtomicU8);

const V1: u8 = 1;
const V2: u8 = 2;

impl ClientSchema {
    /// Records the schema of a request; `None` for a request that shows none.
    pub(super) fn observe(&self, schema: Option<Schema>) {
        match schema {
            None => {}
            Some(Schema::V1) => self.0.store(V1, Ordering::Relaxed),
            Some(Schema::V2) => self.0.store(V2, Ordering::Relaxed),
        }
    }

    /// Infers the schema of a client that sent no documents. `returned` are the documents of its reply, if there is
    /// one.
    pub(super) fn infer(&self, returned: Option<&Documents>) -> Schema {
        match self.0.load(Ordering::Relaxed) {
            V1 => Schema::V1,
            V2 => Schema::V2,
            _ if returned.is_some_and(is_schema2) => Schema::V2,
            _ => Schema::V1,
        }
    }
}

/// True for documents that an executor returned in the second schema, or that a client of that schema has indexed.
fn is_schema2(documents: &Documents) -> bool {
    let typed = |document: &Document| {
        RecordedFields::of(document)
            .is_some_and(|fields| fields.has_types() || fields.kind(KIND_TAGS) == Some(KIND_TAGS))
    };
    documents.source_message(Schema::V2).is_some() || documents.iter().any(typed)
}

#[cfg(test)]
mod tests {
    use flowrun_wire::{decode_documents, encode_documents};

    use super::*;

    #[test]
    fn replies_to_requests_without_documents_follow_the_last_client() {
        let schema = ClientSchema::default();
        assert_eq!(schema.infer(None), Schema::V1);
        for observed in [Schema::V2, Schema::V1] {
            schema.observe(Some(observed));
            schema.observe(None);
            assert_eq!(schema.infer(None), observed);
        }
    }

    #[test]
    fn replies_follow_the_executors_until_a_client_sends_documents() {
        let documents: Documents = [Document::new("a")].into_iter().collect();
        let made = decode_documents(encode_documents(&documents, Schema::V2), Schema::V2).unwrap();
        let schema = ClientSchema::default();
        assert_eq!((schema.infer(Some(&documents)), schema.infer(Some(&made))), (Schema::V1, Schema::V2));
        schema.observe(Some(Schema::V1));
        assert_eq!(schema.infer(Some(&made)), Schema::V1);
    }
}
