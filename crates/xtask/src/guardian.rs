//! What must end with the run, however the run ends.
//!
//! 1. A small shell process in a group of its own waits on a pipe whose other end only this program holds.
//! 2. When the run is over, or fails, or is stopped with Ctrl-C or `kill -9`, that end closes.
//! 3. The shell then ends every process whose id stands in a `*.pid` file of the run's folder, stops the PostgreSQL
//!    in `pg/`, and removes the folder.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

const SCRIPT: &str = r#"
cat >/dev/null
for file in "$1"/*.pid; do
  [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null
done
if [ -s "$1/pg/data/postmaster.pid" ]; then
  kill -QUIT "$(head -n 1 "$1/pg/data/postmaster.pid")" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$1/pg/data/postmaster.pid" ] && sleep 0.2; done
fi
rm -rf "$1"
"#;

/// The run's temporary folder and the process that cleans it up.
pub struct Guardian {
    dir: PathBuf,
    shell: Child,
}

impl Guardian {
    /// Makes the folder and starts the shell.
    pub fn start() -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("kabinet-xtask-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(&dir)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { dir, shell })
    }

    /// The folder that vanishes with the run.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Has the process end with the run; `name` is one word. A second one of the same name replaces it.
    pub fn watch(&self, name: &str, pid: u32) {
        if let Err(error) = std::fs::write(self.dir.join(format!("{name}.pid")), pid.to_string()) {
            eprintln!("xtask: {name} will not be ended with this run: {error}");
        }
    }

    /// The process has ended by itself.
    pub fn forget(&self, name: &str) {
        std::fs::remove_file(self.dir.join(format!("{name}.pid"))).ok();
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}
