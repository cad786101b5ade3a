//! The filter file of leaked passwords (`password.filter`), and its change while the server runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use kabinet_identity::leaked::Filter;

use crate::config::Config;

/// Reads a filter file.
///
/// # Errors
/// Says in a sentence what is wrong with it.
pub fn read(path: &Path) -> anyhow::Result<Filter> {
    let open = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (size, file) = open.with_context(|| format!("cannot read {}", path.display()))?;
    Filter::read(file, size).with_context(|| path.display().to_string())
}

/// Reads the filter file that the configuration names, if it names one.
///
/// # Errors
/// Says in a sentence what is wrong with it.
pub fn configured(config: &Config) -> anyhow::Result<Option<Filter>> {
    config.password.filter.as_deref().map(read).transpose().context("password.filter")
}

/// A filter file that is read again when it changed.
pub(crate) struct Followed {
    path: PathBuf,
    /// The state of the file that was last tried, good or bad.
    seen: Option<(SystemTime, u64)>,
}

impl Followed {
    /// One that has just been read.
    pub(crate) fn of(path: PathBuf) -> Self {
        Self { seen: stamp(&path), path }
    }

    /// The file, if it is another one now. One that is unfit is not tried again until it changes.
    ///
    /// # Errors
    /// Says in a sentence what is wrong with it.
    pub(crate) fn changed(&mut self) -> anyhow::Result<Option<Filter>> {
        let now = stamp(&self.path);
        if std::mem::replace(&mut self.seen, now) == now {
            return Ok(None);
        }
        read(&self.path).map(Some)
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use kabinet_core::time::Timestamp;
    use kabinet_identity::leaked::Key;

    use super::*;

    #[test]
    fn a_changed_file_is_read_once_and_an_unfit_one_is_told_of_once() {
        let path = std::env::temp_dir().join(format!("kabinet-followed-{}", std::process::id()));
        let write = |count: usize| {
            let keys = (0..count).map(|n| Key::of(&n.to_string())).collect();
            let filter = Filter::of(keys, Timestamp(0)).unwrap();
            filter.write(File::create(&path).unwrap()).unwrap();
        };
        write(1);
        let mut file = Followed::of(path.clone());
        assert!(file.changed().unwrap().is_none());
        write(5000);
        assert_eq!(file.changed().unwrap().unwrap().passwords(), 5000);
        assert!(file.changed().unwrap().is_none());
        std::fs::write(&path, "something else").unwrap();
        assert!(file.changed().is_err());
        assert!(file.changed().unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(file.changed().is_err());
    }
}
