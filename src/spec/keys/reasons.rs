//! Reasons why keys are ignored, where several tables give the same one.

pub(super) const SERVING: &str = "it configures the servers that Jina is built on";
pub(super) const PROXY: &str = "flowrun leaves the proxy variables of the environment unchanged";
pub(super) const PROCESSES: &str = "it configures Jina's processes; flowrun is one process";
pub(super) const MESSAGES: &str =
    "it configures messages between Jina's processes; flowrun passes documents in memory";
pub(super) const LOGGING: &str = "it configures Jina's logging and display";
pub(super) const CONTAINERS: &str = "it configures containers; flowrun runs none";
pub(super) const ON_DISK: &str = "acknowledged writes are on disk already";
pub(super) const ERRORS: &str = "a failed request always skips the pods downstream";
pub(super) const SCHEDULING: &str = "replicas compete for requests, so an idle one takes the next";
pub(super) const MEMORY: &str = "`flowrun check` prints the memory bound of the whole flow";
