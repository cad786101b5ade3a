//! Style sheets, the script and the icon: part of the binary, served under names that hold their own hash.
//!
//! The build makes them smaller (`build.rs`); a page carries 30 KB of them at most, unpacked.
//!
//! A URL names its content, so it may be kept for ever; an old URL answers 404 instead of something newer. Each file goes out
//! packed to browsers that take it so; none holds a secret that its length could tell of.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::brand::{Brand, Brands};

/// The path below which assets are served, with the closing slash.
pub const ROOT: &str = "/assets/";

/// `Cache-Control` of every asset (RFC 9111, RFC 8246).
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// One file.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its path, e.g. `/assets/kabinet-0123456789abcdef.css`.
    pub path: String,
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// The same in gzip (RFC 1952), where that is kept ready.
    pub packed: Option<&'static [u8]>,
    /// Its media type.
    pub content_type: &'static str,
    /// Its strong entity tag, with the quotes.
    pub etag: String,
}

impl Asset {
    fn new(name: &str, extension: &str, bytes: Cow<'static, [u8]>, content_type: &'static str) -> Self {
        let hash = short_hash(&bytes);
        Self {
            path: format!("{ROOT}{name}-{hash}.{extension}"),
            bytes,
            packed: None,
            content_type,
            etag: format!("\"{hash}\""),
        }
    }
}

/// In gzip; `None` where it cannot be packed.
fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).ok()?;
    packer.finish().ok()
}

/// The first 64 bits of SHA-256 in hexadecimal.
fn short_hash(bytes: &[u8]) -> String {
    let mut hash = String::with_capacity(16);
    for byte in Sha256::digest(bytes).iter().take(8) {
        // Writing to a String cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}

/// The files that do not depend on a brand.
#[derive(Clone)]
struct Fixed {
    style: Asset,
    pages: Asset,
    cabinet: Asset,
    script: Asset,
    fields: Asset,
    work: Asset,
    session: Asset,
    telegram: Asset,
    certificate: Asset,
    certificate_style: Asset,
    icon: Asset,
}

/// A file of `assets` as the build made it smaller.
macro_rules! small {
    ($name:literal, "css") => {
        small!($name, "css", "text/css; charset=utf-8")
    };
    ($name:literal, "js") => {
        small!($name, "js", "text/javascript; charset=utf-8")
    };
    ($name:literal, $extension:literal, $content_type:literal) => {{
        let bytes: &'static [u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".", $extension));
        Asset::new($name, $extension, bytes.into(), $content_type)
    }};
}

fn fixed() -> &'static Fixed {
    static FIXED: OnceLock<Fixed> = OnceLock::new();
    FIXED.get_or_init(|| Fixed {
        style: small!("kabinet", "css"),
        pages: small!("pages", "css"),
        cabinet: small!("cabinet", "css"),
        script: small!("kabinet", "js"),
        fields: small!("fields", "js"),
        work: small!("work", "js"),
        session: small!("session", "js"),
        telegram: small!("telegram", "js"),
        certificate: small!("certificate", "js"),
        certificate_style: small!("certificate", "css"),
        icon: Asset::new(
            "favicon",
            "svg",
            include_bytes!("../assets/favicon.svg").as_slice().into(),
            "image/svg+xml",
        ),
    })
}

impl Fixed {
    fn all(&self) -> [&Asset; 11] {
        let Self {
            style,
            pages,
            cabinet,
            script,
            fields,
            work,
            session,
            telegram,
            certificate,
            certificate_style,
            icon,
        } = self;
        [style, pages, cabinet, script, fields, work, session, telegram, certificate, certificate_style, icon]
    }
}

/// The same files in gzip, in the order of [`Fixed::all`]; packed when the first of them is asked for.
fn packed() -> &'static [Option<Vec<u8>>; 11] {
    static PACKED: OnceLock<[Option<Vec<u8>>; 11]> = OnceLock::new();
    PACKED.get_or_init(|| fixed().all().map(|asset| pack(&asset.bytes)))
}

/// The path of the style sheet.
#[must_use]
pub fn style_path() -> &'static str {
    &fixed().style.path
}

/// The path of the style sheet that every page but those of sign-in by certificate has beside it.
#[must_use]
pub fn pages_path() -> &'static str {
    &fixed().pages.path
}

/// The path of the style sheet that the person's own pages have beside it.
#[must_use]
pub fn cabinet_path() -> &'static str {
    &fixed().cabinet.path
}

/// The path of the script.
#[must_use]
pub fn script_path() -> &'static str {
    &fixed().script.path
}

/// The path of the script of fields in which people type.
#[must_use]
pub fn fields_path() -> &'static str {
    &fixed().fields.path
}

/// The path of the script that does the work of a form.
#[must_use]
pub fn work_path() -> &'static str {
    &fixed().work.path
}

/// The path of the script of session management.
#[must_use]
pub fn session_path() -> &'static str {
    &fixed().session.path
}

/// The path of the script of the page that Telegram leads back to.
#[must_use]
pub fn telegram_path() -> &'static str {
    &fixed().telegram.path
}

/// The path of the script of sign-in by certificate.
#[must_use]
pub fn certificate_path() -> &'static str {
    &fixed().certificate.path
}

/// The path of the style sheet that the pages of sign-in by certificate have beside the common one.
#[must_use]
pub fn certificate_style_path() -> &'static str {
    &fixed().certificate_style.path
}

/// The icon; also the answer to `/favicon.ico`.
#[must_use]
pub fn icon() -> &'static Asset {
    &fixed().icon
}

/// The path of a brand's style sheet; another one when its colours change.
#[must_use]
pub fn brand_path(brand: &Brand) -> String {
    brand_asset(brand).path
}

fn brand_asset(brand: &Brand) -> Asset {
    let name = format!("brand-{}", brand.name);
    Asset::new(&name, "css", brand.stylesheet().into_bytes().into(), "text/css; charset=utf-8")
}

/// The file at a path, e.g. `/assets/kabinet-0123456789abcdef.css`.
#[must_use]
pub fn find(brands: &Brands, path: &str) -> Option<Asset> {
    let known = fixed().all().into_iter().zip(packed()).find(|(asset, _)| asset.path == path);
    let known = known.map(|(asset, packed)| Asset { packed: packed.as_deref(), ..asset.clone() });
    known.or_else(|| {
        let name = path.strip_prefix(ROOT)?.strip_prefix("brand-")?.rsplit_once('-')?.0;
        brands.get(name).map(brand_asset).filter(|asset| asset.path == path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_that_a_page_names_is_served_and_names_its_content() {
        let brands = Brands::built_in();
        let mut paths: Vec<String> = [
            style_path(),
            pages_path(),
            cabinet_path(),
            script_path(),
            fields_path(),
            work_path(),
            session_path(),
            telegram_path(),
            certificate_path(),
            certificate_style_path(),
            &icon().path,
        ]
        .map(str::to_owned)
        .into();
        paths.extend(brands.iter().map(brand_path));
        for path in paths {
            let asset = find(&brands, &path).unwrap();
            assert!(path.starts_with(ROOT) && path.contains(asset.etag.trim_matches('"')), "{path}");
            assert!(!asset.bytes.is_empty());
            if let Some(packed) = asset.packed {
                let mut plain = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut plain).unwrap();
                assert!(plain == *asset.bytes && packed.len() < plain.len(), "{path}");
            }
        }
        for absent in
            ["kabinet-0000000000000000.css", "brand-default-0000000000000000.css", "brand-", "brand-x-1.css", ""]
        {
            assert!(find(&brands, &format!("{ROOT}{absent}")).is_none(), "{absent}");
        }
    }

    #[test]
    fn the_address_of_a_brand_s_style_sheet_changes_with_its_colours_and_with_nothing_else() {
        let built_in = Brands::built_in();
        let brand = built_in.get("1c-etp").unwrap();
        let changed = |change: fn(&mut Brand)| {
            let mut other = brand.clone();
            change(&mut other);
            Brands::with(vec![other]).0
        };
        let path = brand_path(brand);
        let renamed = changed(|brand| brand.heading.ru = "ДРУГОЙ".to_owned());
        assert_eq!(brand_path(renamed.get("1c-etp").unwrap()), path);
        let painted = changed(|brand| brand.colour = "#ffdd00".to_owned());
        let repainted = brand_path(painted.get("1c-etp").unwrap());
        assert_ne!(repainted, path);
        assert!(find(&painted, &path).is_none() && find(&painted, &repainted).is_some());
    }

    #[test]
    fn nothing_that_is_served_names_another_host() {
        let brands = Brands::built_in();
        let assets = fixed().all().into_iter().cloned().chain(brands.iter().map(brand_asset));
        for asset in assets {
            let text = std::str::from_utf8(&asset.bytes).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("http:") && !text.contains("https:") && !text.contains("//cdn"),
                "{}",
                asset.path
            );
        }
    }
}
