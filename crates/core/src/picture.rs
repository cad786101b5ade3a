//! Pictures that somebody else made and that our pages show: what they may be.
//!
//! 1. PNG, JPEG or WebP, by content and never by name or header. SVG is a document that may hold scripts: never.
//! 2. At most [`LONGEST`] bytes and [`WIDEST`] pixels each way, as its head says: nothing is decoded here, browsers do that.

use std::fmt::Write as _;

use imagesize::ImageType;
use sha2::{Digest, Sha256};

/// Bytes of a picture at most.
pub const LONGEST: usize = 64 * 1024;

/// Pixels each way at most.
pub const WIDEST: usize = 1024;

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl Format {
    const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// What it is served as.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The form that is served as this.
    #[must_use]
    pub fn of_media_type(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.media_type() == text)
    }
}

/// Why bytes are no picture that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPicture {
    /// Neither of the three forms, or its head is broken.
    #[error("it is no PNG, JPEG or WebP picture")]
    Foreign,
    /// Too many bytes.
    #[error("it is larger than 64 KiB")]
    Long,
    /// Too many pixels, or none.
    #[error("it must have 1 to 1024 pixels each way")]
    Size,
}

/// A picture that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    format: Format,
    bytes: Vec<u8>,
}

impl Picture {
    /// Looks at the head of these bytes.
    ///
    /// # Errors
    /// When they may not be shown.
    pub fn of(bytes: Vec<u8>) -> Result<Self, BadPicture> {
        if bytes.len() > LONGEST {
            return Err(BadPicture::Long);
        }
        let format = match imagesize::image_type(&bytes) {
            Ok(ImageType::Png) => Format::Png,
            Ok(ImageType::Jpeg) => Format::Jpeg,
            Ok(ImageType::Webp) => Format::Webp,
            _ => return Err(BadPicture::Foreign),
        };
        let size = imagesize::blob_size(&bytes).map_err(|_| BadPicture::Foreign)?;
        if [size.width, size.height].iter().all(|pixels| (1..=WIDEST).contains(pixels)) {
            Ok(Self { format, bytes })
        } else {
            Err(BadPicture::Size)
        }
    }

    /// Its form.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Names its content: SHA-256 in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        Sha256::digest(&self.bytes).iter().fold(String::with_capacity(64), |mut hash, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hash, "{byte:02x}");
            hash
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a PNG of this size, and an end.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16];
        bytes.extend(b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        bytes.extend([0xff, 0xc0, 0, 17, 8]);
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, 0xff, 0xd9]);
        bytes
    }

    /// The extended form (VP8X).
    fn webp(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        for pixels in [width - 1, height - 1] {
            bytes.extend(&pixels.to_le_bytes()[..3]);
        }
        bytes
    }

    #[test]
    fn three_forms_of_a_sane_size_are_pictures() {
        for (bytes, format) in [
            (png(1, 1), Format::Png),
            (png(1024, 1024), Format::Png),
            (jpeg(640, 1024), Format::Jpeg),
            (webp(1024, 7), Format::Webp),
        ] {
            let picture = Picture::of(bytes.clone()).unwrap();
            assert_eq!((picture.format(), picture.bytes()), (format, &bytes[..]));
            assert_eq!(Format::of_media_type(format.media_type()), Some(format));
            assert_eq!(picture.hash().len(), 64);
        }
        assert_ne!(Picture::of(png(1, 1)).unwrap().hash(), Picture::of(png(1, 2)).unwrap().hash());
        assert_eq!(Format::of_media_type("image/svg+xml"), None);
    }

    #[test]
    fn too_large_ones_are_refused_by_bytes_and_by_pixels() {
        for bytes in [png(1025, 1), png(1, 1025), png(0, 1), png(u32::MAX, u32::MAX), jpeg(1025, 5), webp(5, 1025)] {
            assert_eq!(Picture::of(bytes), Err(BadPicture::Size));
        }
        let mut long = png(1, 1);
        long.resize(LONGEST, 0);
        assert!(Picture::of(long.clone()).is_ok());
        long.push(0);
        assert_eq!(Picture::of(long), Err(BadPicture::Long));
    }

    #[test]
    fn whatever_else_is_no_picture_and_no_head_makes_it_fail_otherwise() {
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        for other in [
            &b""[..],
            b"hello",
            svg,
            b"<!doctype html><script>alert(1)</script>",
            b"GIF89a\x01\0\x01\0\0\0\0;",
            b"BM\x1e\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x01\0\x01\0\x01\0\x18\0",
            b"%PDF-1.7",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"RIFF\0\0\0\0WEBP",
        ] {
            assert_eq!(Picture::of(other.to_vec()), Err(BadPicture::Foreign), "{other:?}");
        }
        // Cut anywhere, and with any byte changed: an answer, whichever.
        for whole in [png(16, 16), jpeg(16, 16), webp(16, 16)] {
            for end in 0..whole.len() {
                let _ = Picture::of(whole[..end].to_vec());
                for byte in [0, 0x7f, 0xff] {
                    let mut bad = whole.clone();
                    bad[end] = byte;
                    let _ = Picture::of(bad);
                }
            }
        }
    }
}
