//! The endpoints that give stored documents back: `/get` by ids, `/list` page by page, `/count`.

use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{Call, Document, ExecutorError, Tags, Tensor};

use crate::document_store::complete;
use crate::upkeep::Upkeep;

/// How many documents a page has when the request does not say.
const LISTED: usize = 100;
/// The most that a page may have.
const LISTED_MAX: usize = 10_000;

impl Upkeep {
    /// Puts what is stored in the place of each document of the request, with its vector. What is not stored stays as it is.
    pub(crate) fn get(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let mut unknown = 0_u64;
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let moment = self.shard.read_transaction();
        call.for_each(&paths, |document| {
            match moment.document(&document.id)? {
                Some(stored) => {
                    *document = stored;
                    document.embedding = moment.vector(&document.id)?.map(Tensor::vector);
                }
                None => unknown += 1,
            }
            Ok(())
        })?;
        call.set_result("unknown", unknown);
        Ok(())
    }

    /// Answers with stored documents in the order of their ids, those behind `cursor`; the result `cursor` leads to the
    /// next page. With a `filter`, those that it means.
    pub(crate) fn list(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let limit = call.parameter::<Option<usize>>("limit")?.flatten().unwrap_or(LISTED);
        if !(1..=LISTED_MAX).contains(&limit) {
            return Err(ExecutorError::parameter("limit", format_args!("must be from 1 to {LISTED_MAX}")));
        }
        let cursor = call.parameter::<Option<String>>("cursor")?.flatten();
        let filter = self.columns.filter(call.parameters())?.unwrap_or(Filter::MATCH_ALL);
        let found = self.shard.list(&filter, cursor.as_deref(), limit, &|| call.check())?;
        if found.len() == limit {
            call.set_result("cursor", found.last().map(|document| document.id.clone()));
        }
        call.set_documents(found);
        Ok(())
    }

    /// Says how many documents are stored, or how many a `filter` means.
    pub(crate) fn count(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let count = match self.columns.filter(call.parameters())? {
            Some(filter) => self.shard.count_matching(&filter, &|| call.check())?,
            None => self.shard.document_count(),
        };
        call.set_result("count", count);
        Ok(())
    }
}

/// What is stored, with what a request says in its place: tags one by one, other fields as a whole.
pub(crate) fn overlaid(stored: Document, said: &Document) -> Document {
    let mut document = said.clone();
    if !said.tags.is_empty() {
        let mut tags = Tags::clone(&stored.tags);
        tags.extend(said.tags.iter().map(|(name, tag)| (name.clone(), tag.clone())));
        document.tags = Arc::new(tags);
    }
    complete(&mut document, stored);
    document
}
