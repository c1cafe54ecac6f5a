//! Batch job: feeds a flow or a service with documents from files and collects the results.
//!
//! Input becomes documents, documents become requests, and results are written in the order of the input. At most as many
//! requests as the flow has credits are in flight or wait for their turn to be written, so the job's memory has the same
//! bound as the flow's. The job does not launch or drain the flow; the command line does.

mod checkpoint;
mod count;
mod documents;
mod done_documents;
mod glob;
mod include;
mod input;
mod output;
mod part;
mod position;
mod progress;
mod result_table;
mod run;
mod summary;
mod table_style;

pub use checkpoint::Checkpoint;
pub use count::counted;
pub use documents::first_documents;
pub use include::{Include, IncludeError};
pub use input::{Input, InputError, Located, directory_of, locate, locate_all};
pub use output::Output;
pub(crate) use output::create_file;
pub use part::Part;
pub use progress::{Progress, ProgressDisplay, log_writer};
pub use run::{Job, RequestTarget, run};
pub use summary::{Failure, Summary};
pub use table_style::TABLE_STYLE;
