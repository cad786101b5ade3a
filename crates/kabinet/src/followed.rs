//! Files that are read again when they change while the server runs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The time and size of a file; `None` while it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// Files of one setting, which together make one value. A folder stands for the files in it.
pub(crate) struct Followed<T> {
    paths: Vec<PathBuf>,
    read: fn(&[PathBuf]) -> anyhow::Result<T>,
    /// The state of the files that was last tried, good or bad.
    seen: Vec<(PathBuf, Stamp)>,
}

impl<T> Followed<T> {
    /// Files that have just been read.
    pub(crate) fn of(paths: Vec<PathBuf>, read: fn(&[PathBuf]) -> anyhow::Result<T>) -> Self {
        Self { seen: stamps(&paths), paths, read }
    }

    /// What the files make, if one of them is another now. What is unfit is not tried again until it changes.
    ///
    /// # Errors
    /// Says in a sentence what is wrong with them.
    pub(crate) fn changed(&mut self) -> anyhow::Result<Option<T>> {
        let now = stamps(&self.paths);
        if std::mem::replace(&mut self.seen, now.clone()) == now {
            return Ok(None);
        }
        (self.read)(&self.paths).map(Some)
    }
}

/// The files that are meant, in order: a folder is replaced by the files in it, hidden ones left out.
pub(crate) fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in paths {
        let Ok(entries) = std::fs::read_dir(path) else {
            all.push(path.clone());
            continue;
        };
        let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let mut within: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        within.retain(|path| path.is_file() && !is_hidden(path));
        within.sort();
        all.extend(within);
    }
    all
}

fn stamps(paths: &[PathBuf]) -> Vec<(PathBuf, Stamp)> {
    let stamped = |path: PathBuf| {
        let stamp = stamp(&path);
        (path, stamp)
    };
    files(paths).into_iter().map(stamped).collect()
}

fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_stands_for_the_files_in_it_those_of_tomorrow_too() {
        let folder = std::env::temp_dir().join(format!("kabinet-followed-{}", std::process::id()));
        fs::create_dir_all(folder.join("below")).unwrap();
        fs::write(folder.join("one.cer"), "1").unwrap();
        fs::write(folder.join(".hidden"), "").unwrap();
        let mut followed = Followed::of(vec![folder.clone()], |paths| Ok(files(paths).len()));
        assert_eq!(followed.changed().unwrap(), None);
        fs::write(folder.join("two.cer"), "2").unwrap();
        assert_eq!(followed.changed().unwrap(), Some(2));
        fs::remove_file(folder.join("one.cer")).unwrap();
        assert_eq!(followed.changed().unwrap(), Some(1));
        assert_eq!(followed.changed().unwrap(), None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn changed_files_are_read_once_and_unfit_ones_are_told_of_once() {
        let paths = ["a", "b"].map(|name| {
            let own = format!("kabinet-followed-{}-{name}", std::process::id());
            std::env::temp_dir().join(own)
        });
        let lengths: fn(&[PathBuf]) -> anyhow::Result<usize> = |paths| {
            let texts = paths.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
            anyhow::ensure!(!texts.iter().any(|text| text.contains("bad")), "bad");
            Ok(texts.concat().len())
        };
        fs::write(&paths[0], "1").unwrap();
        fs::write(&paths[1], "22").unwrap();
        let mut files = Followed::of(paths.to_vec(), lengths);
        assert_eq!(files.changed().unwrap(), None);
        fs::write(&paths[1], "22222").unwrap();
        assert_eq!(files.changed().unwrap(), Some(6));
        assert_eq!(files.changed().unwrap(), None);
        fs::write(&paths[0], "something bad").unwrap();
        assert!(files.changed().is_err());
        assert_eq!(files.changed().unwrap(), None);
        fs::remove_file(&paths[0]).unwrap();
        assert!(files.changed().is_err());
        fs::remove_file(&paths[1]).unwrap();
    }
}
