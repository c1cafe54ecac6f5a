//! Handlers of `/backup` and `/restore`.
//!
//! A request names a backup without a path. Backups are in the workspace, in the directory of their shard; unlike AnnLite's,
//! they are not uploaded to Jina's cloud.

use flowrun_sdk::{Call, ExecutorError};

use super::Handlers;
use crate::shard::BackupName;

/// Default name of a backup.
const NAME: &str = "snapshot";

impl Handlers {
    /// `/backup`: writes a backup named by the parameter `target_name`.
    pub(crate) fn back_up(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let documents = self.shard.back_up(&name(call, "target_name")?)?;
        call.set_result("backed_up", documents);
        Ok(())
    }

    /// `/restore`: replaces all stored documents with the backup named by the parameter `source_name`.
    pub(crate) fn restore(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let documents = self.shard.restore(&name(call, "source_name")?)?;
        call.set_result("restored", documents);
        Ok(())
    }
}

fn name(call: &Call<'_>, parameter: &'static str) -> Result<BackupName, ExecutorError> {
    if call.parameters().get("token").is_some_and(|token| !token.is_null()) {
        return Err(ExecutorError::parameter(
            "token",
            "backups stay in the workspace and are not uploaded; leave it out",
        ));
    }
    let name = call.parameter::<Option<String>>(parameter)?.flatten();
    BackupName::new(parameter, name.unwrap_or_else(|| NAME.to_owned()))
}
