//! Handlers that return stored documents: `/get` by id, `/list` page by page, `/count`.

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{Call, ExecutorError, Tensor};

use super::Handlers;
use crate::storage::ID_BYTES_MAX;

/// Default page size.
const PAGE: usize = 100;
/// Largest page size that a request may set.
const PAGE_MAX: usize = 10_000;

impl Handlers {
    /// `/get`: replaces each document of the request with the stored one and its vector. Documents that are not stored are
    /// unchanged.
    pub(crate) fn get(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let mut unknown = 0_u64;
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let transaction = self.shard.read_transaction();
        call.for_each(&paths, |document| {
            match transaction.document(&document.id)? {
                Some(stored) => {
                    *document = stored;
                    document.embedding = transaction.vector(&document.id)?.map(Tensor::vector);
                }
                None => unknown += 1,
            }
            Ok(())
        })?;
        call.set_result("unknown", unknown);
        Ok(())
    }

    /// `/list`: returns stored documents that match `filter` in the order of their ids, starting after `cursor`. The
    /// result `cursor` is that of the next page; there is none after a page with fewer documents than `limit`.
    pub(super) fn list(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let limit = call.parameter::<Option<usize>>("limit")?.flatten().unwrap_or(PAGE);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(ExecutorError::parameter("limit", format_args!("must be from 1 to {PAGE_MAX}")));
        }
        let cursor = call.parameter::<Option<String>>("cursor")?.flatten();
        if let Some(cursor) = cursor.as_ref().filter(|cursor| cursor.len() > ID_BYTES_MAX) {
            let reason = format_args!(
                "is the id of a document, of at most {ID_BYTES_MAX} bytes, but has {}",
                cursor.len()
            );
            return Err(ExecutorError::parameter("cursor", reason));
        }
        let filter = self.columns.filter(call.parameters())?.unwrap_or(Filter::MATCH_ALL);
        let found =
            self.shard.read_transaction().list(&filter, cursor.as_deref(), limit, &|| call.check())?;
        self.note_unknown_names(call, Some(&filter), found.is_empty())?;
        if found.len() == limit {
            call.set_result("cursor", found.last().map(|document| document.id.clone()));
        }
        call.set_documents(found);
        Ok(())
    }

    /// `/count`: reports the number of stored documents, or of those that match `filter`.
    pub(super) fn count(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let filter = self.columns.filter(call.parameters())?;
        let count = match &filter {
            Some(filter) => self.shard.read_transaction().count_matching(filter, &|| call.check())?,
            None => self.shard.read_transaction().document_count(),
        };
        self.note_unknown_names(call, filter.as_ref(), count == 0)?;
        call.set_result("count", count);
        Ok(())
    }
}
