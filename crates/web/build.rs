//! Writes the style sheets and scripts of `assets` without comments and indentation into the build's own folder.

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=assets");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    for entry in std::fs::read_dir("assets")? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let (Some(extension), Some(name)) = (extension, path.file_name()) else {
            continue;
        };
        if let Some(small) = small(&path, extension)? {
            std::fs::write(out.join(name), small)?;
        }
    }
    Ok(())
}

/// `None` for what is neither a style sheet nor a script.
fn small(path: &Path, extension: &str) -> Result<Option<String>, Box<dyn std::error::Error>> {
    Ok(match extension {
        "css" => Some(minifier::css::minify(&std::fs::read_to_string(path)?)?.to_string()),
        "js" => Some(minifier::js::minify(&std::fs::read_to_string(path)?).to_string()),
        _ => None,
    })
}
