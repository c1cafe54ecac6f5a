//! Opening the directory of a shard.

use super::settings::Settings;
use super::shard_core::Shard;
use super::state::GenerationState;
use super::storage_version::StorageVersion;
use crate::storage::{
    DirectoryLock, Layout, Manifest, StorageError, make_directory, remove_abandoned_checkpoints,
};

impl Shard {
    /// Opens a shard, or creates an empty one.
    ///
    /// # Errors
    /// When the stored data does not fit the schema or is damaged, or another process writes to the shard.
    pub(super) fn open_directory(layout: Layout, settings: Settings) -> Result<Self, StorageError> {
        Manifest::check_siblings(&layout, &settings.schema)?;
        // Checked before anything is created: a rejected shard leaves no files.
        settings.check_index(settings.schema.dimension)?;
        if settings.read_only {
            Self::open_read_only(layout, settings)
        } else {
            Self::open_writable(layout, settings)
        }
    }

    fn open_writable(layout: Layout, settings: Settings) -> Result<Self, StorageError> {
        make_directory(layout.directory())?;
        let lock = DirectoryLock::acquire(&layout)?;
        let written = Manifest::read(&layout)?;
        if let Some(written) = &written {
            written.check(&layout, &settings.schema)?;
        }
        let manifest = match &written {
            Some(written) => written.updated_from(&settings.schema),
            None => {
                layout.check_manifest_exists()?;
                Manifest::new(&settings.schema, 1)
            }
        };
        settings.check_index(manifest.dimension)?;
        if written.as_ref() != Some(&manifest) {
            manifest.write(&layout)?;
        }
        remove_abandoned_checkpoints(&layout.checkpoints());
        // Unfinished generations use disk space. None is removed while the current one is missing.
        if layout.documents(manifest.generation).exists() {
            layout.remove_other_generations(manifest.generation)?;
        }
        let state = GenerationState::open(&layout, manifest, &settings)?;
        if written.is_none_or(|written| !written.has_documents) {
            state.manifest.write(&layout)?;
        }
        Ok(Self::new(layout, settings, state, Some(lock)))
    }

    /// Opens a shard that is only read, while another process may write to it.
    fn open_read_only(layout: Layout, settings: Settings) -> Result<Self, StorageError> {
        layout.check_manifest_exists()?;
        let (state, version) = Manifest::run_on_current(&layout, |written| {
            written.check(&layout, &settings.schema)?;
            let manifest = written.updated_from(&settings.schema);
            settings.check_index(manifest.dimension)?;
            // Read before the data: later writes are then detected by the next refresh.
            let version = StorageVersion::read(&layout)?;
            Ok((GenerationState::open(&layout, manifest, &settings)?, version))
        })?;
        let shard = Self::new(layout, settings, state, None);
        *shard.refreshed.lock() = version.and_then(StorageVersion::if_reliable);
        Ok(shard)
    }
}
