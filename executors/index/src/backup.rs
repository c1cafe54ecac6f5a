//! The endpoints `/backup` and `/restore`.
//!
//! AnnLite sent backups to Jina's cloud, or left them beside the index; here they are beneath the workspace, each shard's
//! in its own directory, and a request names them without a path.

use flowrun_sdk::{Call, ExecutorError};

use crate::shard::BackupName;
use crate::upkeep::Upkeep;

/// What a backup is called when the request does not say.
const NAME: &str = "snapshot";

impl Upkeep {
    /// Writes the backup that the parameter `target_name` names.
    pub(crate) fn back_up(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let documents = self.shard.back_up(&name(call, "target_name")?)?;
        call.set_result("backed_up", documents);
        Ok(())
    }

    /// Puts the backup that the parameter `source_name` names in the place of what is stored.
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
            "there is no cloud here; backups stay in the workspace, leave it out",
        ));
    }
    let name = call.parameter::<Option<String>>(parameter)?.flatten();
    BackupName::new(parameter, name.unwrap_or_else(|| NAME.to_owned()))
}
