//! Why keys have no effect here, where several tables give the same reason.

pub(super) const SERVING: &str = "it concerns the servers that Jina is built on";
pub(super) const PROCESSES: &str = "it concerns Jina's processes; flowrun is one process";
pub(super) const MESSAGES: &str =
    "it concerns the messages between Jina's processes; flowrun hands documents over in memory";
pub(super) const LOOKS: &str = "it concerns how Jina presents itself";
pub(super) const CONTAINERS: &str = "it concerns containers; flowrun runs none";
