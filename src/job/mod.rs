//! Stage 6, here: a flow as a batch job over files.
//!
//! Input becomes documents, documents become requests, replies come out in the order of the input. The job holds as
//! many requests as the flow has credits, answered ones that wait for their turn included, so its memory is bounded
//! by the topology's.

mod documents;
mod input;
mod output;
mod progress;
mod run;
mod summary;
mod table;

pub use documents::first_documents;
pub use input::{Input, InputError, directory_of, locate};
pub use output::Output;
pub use progress::{Progress, log_writer};
pub use run::{Answers, Job, run};
pub use summary::Summary;
pub use table::TABLE_STYLE;
