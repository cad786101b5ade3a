//! The master key: from the configuration, or with SQLite from a file beside the database.
//!
//! The file is made when neither it nor the database is there yet. Its content is written under another name and then
//! linked to its own, so that of two processes that start at once one makes it, both read the same, and a crash leaves
//! no half of a key. A key file that others may read is refused, and so is a database whose key file is gone: a new
//! key would open nothing in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kabinet_core::ambient::{Entropy, random};
use kabinet_core::seal::MasterKey;

use super::Config;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is no key.
    #[error("{0} does not hold 32 bytes in standard base64; restore it from a backup")]
    Malformed(String),
    /// Somebody else may read the file.
    #[error("{} may be read by others (mode {mode:o}); run chmod 600 on it", path.display())]
    Mode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The database is there and its key is not.
    #[error(
        "the database {} is there and its key file {} is not: restore the key file or give master_key",
        database.display(), path.display()
    )]
    Lost {
        /// The key file.
        path: PathBuf,
        /// The database file.
        database: PathBuf,
    },
    /// PostgreSQL needs a given key.
    #[error("master_key must be given with PostgreSQL, the same for every node")]
    Missing,
    /// The file cannot be read or written.
    #[error("cannot use the key file {}: {source}", path.display())]
    File {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The path of the SQLite database; `None` with PostgreSQL.
#[must_use]
pub fn database_file(config: &Config) -> Option<PathBuf> {
    let path = config.store.url.expose().strip_prefix("sqlite:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

/// Where the key stands when the configuration does not give it; `None` with PostgreSQL.
#[must_use]
pub fn key_file(config: &Config) -> Option<PathBuf> {
    let mut path = database_file(config)?.into_os_string();
    path.push(".key");
    Some(path.into())
}

/// The master key of this installation; makes it on the first start with SQLite.
///
/// # Errors
/// When there is none, or when the file is not fit for use.
pub fn master_key(config: &Config, entropy: &dyn Entropy) -> Result<MasterKey, MasterKeyError> {
    if let Some(given) = &config.master_key {
        return MasterKey::from_base64(given.0.expose())
            .map_err(|_| MasterKeyError::Malformed("master_key".to_owned()));
    }
    let (Some(database), Some(path)) = (database_file(config), key_file(config)) else {
        return Err(MasterKeyError::Missing);
    };
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    // The key is made before the database: whoever sees a database sees its key, unless it is lost.
    if std::fs::metadata(&database).is_ok_and(|found| found.len() > 0) {
        return read(&path)?.ok_or(MasterKeyError::Lost { path, database });
    }
    make(&path, entropy).map_err(|source| MasterKeyError::File { path: path.clone(), source })?;
    read(&path)?.ok_or(MasterKeyError::Lost { path, database })
}

fn read(path: &Path) -> Result<Option<MasterKey>, MasterKeyError> {
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Mode { path: path.to_owned(), mode });
    }
    let text = io::read_to_string(file).map_err(failed)?;
    let key = MasterKey::from_base64(&text).map_err(|_| MasterKeyError::Malformed(path.display().to_string()))?;
    Ok(Some(key))
}

fn make(path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = path.with_extension(format!("key.{:016x}", u64::from_ne_bytes(random(entropy))));
    let written = write_whole(&draft, &MasterKey::generate(entropy)).and_then(|()| {
        match std::fs::hard_link(&draft, path) {
            // Another process was faster; its key is the key.
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    });
    let removed = std::fs::remove_file(&draft);
    written.and(removed)?;
    File::open(folder)?.sync_all()
}

fn write_whole(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.to_base64().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
