//! Leaked passwords: a filter file that tells whether a password stands in a list of them.
//!
//! 1. The key of a password is the first eight bytes of the SHA-1 of its normal form, so that lists of such hashes, as Have
//!    I Been Pwned gives them away, serve as well as lists of passwords. SHA-1 hides nothing here and need not.
//! 2. The keys become a binary fuse filter with prints of 16 bits (Graf and Lemire, 2022): 18 bits a password. Every
//!    password of the list is found; of others one in 65 536 is, and costs its person a second thought.
//! 3. The file has a head, the prints and a SHA-256 of both. One that is foreign, cut or damaged is refused in a sentence.
//!
//! ```text
//! at  bytes  numbers are little-endian
//!  0      8  "KBNLEAK\n"
//!  8      4  version, 1
//! 12      4  kind, 1: binary fuse, 16 bits, keys from SHA-1
//! 16      8  passwords
//! 24      8  when it was made, seconds since 1970
//! 32      4  one in so many other passwords is found, 65536
//! 36      4  length of a segment, a power of two
//! 40      4  length of all segments but the last two
//! 44      4  nothing
//! 48      8  seed
//! 56      8  prints, of two bytes each
//! 64      …  the prints, then 32 bytes of SHA-256 over everything before
//! ```

use std::io::{self, Read, Write};

use kabinet_core::password::normal;
use kabinet_core::time::Timestamp;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use xorf::{BinaryFuse16, DmaSerializable};

const MAGIC: &[u8; 8] = b"KBNLEAK\n";
const VERSION: u32 = 1;
const KIND: u32 = 1;
const HEAD: usize = 64;
const SUM: usize = 32;

/// One in so many passwords that are not in the list is taken for one that is.
pub const FALSE_ALARM: u32 = 1 << 16;

/// Passwords that a filter holds at most: making it takes some 40 bytes of memory for each.
pub const MOST: usize = 200_000_000;

/// What the filter knows of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// The key of a password as typed.
    #[must_use]
    pub fn of(password: &str) -> Self {
        let hash: [u8; 20] = <Sha1 as sha1::Digest>::digest(normal(password)).into();
        Self(u64::from_be_bytes(first(&hash)))
    }

    /// The key of the password whose SHA-1 this is, in 40 hexadecimal digits.
    #[must_use]
    pub fn of_sha1(hex: &str) -> Option<Self> {
        let is_hash = hex.len() == 40 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
        let start = hex.get(..16).filter(|_| is_hash)?;
        u64::from_str_radix(start, 16).ok().map(Self)
    }
}

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum BadFilter {
    /// The list holds nothing.
    #[error("the list holds no password")]
    Empty,
    /// The list is too long.
    #[error("the list holds more than {MOST} passwords")]
    TooMany,
    /// Chance was against it; never seen.
    #[error("the filter cannot be made of this list: {0}")]
    Unmade(&'static str),
    /// Some other file.
    #[error("is no filter file; `kabinet password filter build` makes one")]
    Foreign,
    /// A file of a later release.
    #[error("is a filter file of a kind that this release does not read; make it again")]
    Unknown,
    /// The end is missing, or something was added.
    #[error("has {found} bytes where {wanted} belong; make or copy it again")]
    Size {
        /// Bytes that there are.
        found: u64,
        /// Bytes that its head tells of.
        wanted: u64,
    },
    /// The checksum is another.
    #[error("is damaged: its checksum is another; make or copy it again")]
    Damaged,
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A set of leaked passwords, as far as a password can be looked up in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    passwords: u64,
    made_at: Timestamp,
    seed: u64,
    segment: u32,
    segments: u32,
    prints: Vec<u8>,
}

impl Filter {
    /// The filter of these passwords; the same one may stand there more than once.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn of(mut keys: Vec<Key>, made_at: Timestamp) -> Result<Self, BadFilter> {
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Err(BadFilter::Empty);
        }
        if keys.len() > MOST {
            return Err(BadFilter::TooMany);
        }
        let made = BinaryFuse16::try_from_iterator(keys.iter().map(|key| key.0)).map_err(BadFilter::Unmade)?;
        let mut shape = [0; BinaryFuse16::DESCRIPTOR_LEN];
        made.dma_copy_descriptor_to(&mut shape);
        Ok(Self {
            passwords: keys.len() as u64,
            made_at,
            seed: u64::from_le_bytes(first(&shape)),
            segment: u32::from_le_bytes(first(&shape[8..])),
            segments: u32::from_le_bytes(first(&shape[16..])),
            prints: made.fingerprints.iter().flat_map(|print| print.to_le_bytes()).collect(),
        })
    }

    /// How many passwords it was made of.
    #[must_use]
    pub fn passwords(&self) -> u64 {
        self.passwords
    }

    /// When it was made.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        self.made_at
    }

    /// How much memory it takes, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        HEAD + self.prints.len() + SUM
    }

    /// Whether a password stands in the list, or is one of the few that are taken for it.
    #[must_use]
    pub fn contains(&self, key: Key) -> bool {
        let hash = mix(key.0.wrapping_add(self.seed));
        // The head was checked, so all three are within the prints; whatever is not is no print.
        let place = |at: u32| {
            let at = at as usize * 2;
            self.prints.get(at..at + 2).map_or(0, |print| u16::from_le_bytes(first(print)))
        };
        let start = ((u128::from(hash) * u128::from(self.segments)) >> 64) as u32;
        let second = (start + self.segment) ^ ((hash >> 18) as u32 & (self.segment - 1));
        let third = (start + 2 * self.segment) ^ (hash as u32 & (self.segment - 1));
        let print = (hash ^ (hash >> 32)) as u16;
        print == place(start) ^ place(second) ^ place(third)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let head = self.head();
        let sum = Sha256::new().chain_update(head).chain_update(&self.prints).finalize();
        out.write_all(&head)?;
        out.write_all(&self.prints)?;
        out.write_all(&sum)?;
        out.flush()
    }

    fn head(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &KIND.to_le_bytes());
        put(16, &self.passwords.to_le_bytes());
        put(24, &self.made_at.0.to_le_bytes());
        put(32, &FALSE_ALARM.to_le_bytes());
        put(36, &self.segment.to_le_bytes());
        put(40, &self.segments.to_le_bytes());
        put(48, &self.seed.to_le_bytes());
        put(56, &(self.prints.len() as u64 / 2).to_le_bytes());
        head
    }

    /// Reads a file of this many bytes.
    ///
    /// # Errors
    /// When it is not such a file from beginning to end.
    pub fn read(mut file: impl Read, size: u64) -> Result<Self, BadFilter> {
        let mut head = [0; HEAD];
        let begun = file.read_exact(&mut head);
        if begun.is_err() || !head.starts_with(MAGIC) {
            return Err(BadFilter::Foreign);
        }
        if (number(&head, 8), number(&head, 12)) != (VERSION, KIND) {
            return Err(BadFilter::Unknown);
        }
        let prints = u64::from_le_bytes(first(&head[56..]));
        let (segment, segments) = (number(&head, 36), number(&head, 40));
        let shape = u64::from(segments) + 2 * u64::from(segment);
        if !segment.is_power_of_two() || shape != prints || prints > u64::from(u32::MAX) {
            return Err(BadFilter::Damaged);
        }
        let wanted = (HEAD + SUM) as u64 + 2 * prints;
        if size != wanted {
            return Err(BadFilter::Size { found: size, wanted });
        }
        let (mut body, mut sum) = (vec![0; prints as usize * 2], [0; SUM]);
        file.read_exact(&mut body)?;
        file.read_exact(&mut sum)?;
        if Sha256::new().chain_update(head).chain_update(&body).finalize()[..] != sum {
            return Err(BadFilter::Damaged);
        }
        Ok(Self {
            passwords: u64::from_le_bytes(first(&head[16..])),
            made_at: Timestamp(i64::from_le_bytes(first(&head[24..]))),
            seed: u64::from_le_bytes(first(&head[48..])),
            segment,
            segments,
            prints: body,
        })
    }
}

fn number(head: &[u8; HEAD], at: usize) -> u32 {
    u32::from_le_bytes(first(&head[at..]))
}

/// The first bytes of a slice that has them.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

/// The end of MurmurHash3.
const fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_800_000_000);

    fn filter(count: usize) -> Filter {
        Filter::of((0..count).map(|n| Key::of(&format!("leaked {n}"))).collect(), AT).unwrap()
    }

    fn file(count: usize) -> Vec<u8> {
        let mut file = Vec::new();
        filter(count).write(&mut file).unwrap();
        file
    }

    fn read(file: &[u8]) -> Result<Filter, BadFilter> {
        Filter::read(file, file.len() as u64)
    }

    #[test]
    fn every_password_of_the_list_is_found_after_writing_and_reading_whatever_its_length() {
        for count in [1, 2, 3, 10, 1000, 20_000] {
            let read = read(&file(count)).unwrap();
            assert_eq!((read.passwords(), read.made_at()), (count as u64, AT));
            assert!((0..count).all(|n| read.contains(Key::of(&format!("leaked {n}")))), "{count}");
        }
    }

    #[test]
    fn fewer_than_one_in_ten_thousand_others_are_taken_for_leaked() {
        let filter = filter(20_000);
        let found = (0..200_000).filter(|n| filter.contains(Key::of(&format!("own {n}")))).count();
        assert!(found <= 20, "{found}");
        assert!(filter.size() < 20_000 * 3, "{}", filter.size());
    }

    #[test]
    fn the_look_up_is_that_of_the_filter_that_was_made() {
        use xorf::Filter as _;
        let keys: Vec<u64> = (0..5000).map(|n| Key::of(&format!("leaked {n}")).0).collect();
        let theirs = BinaryFuse16::try_from(&keys).unwrap();
        let ours = filter(5000);
        assert!((0..300_000_u64).map(mix).all(|key| theirs.contains(&key) == ours.contains(Key(key))));
    }

    #[test]
    fn a_password_and_its_sha1_have_one_key() {
        // echo -n password | sha1sum
        let hash = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
        assert_eq!(Key::of_sha1(hash), Some(Key::of("password")));
        assert_eq!(Key::of_sha1(&hash.to_lowercase()), Some(Key::of("password")));
        // «й» as one character and as two.
        assert_eq!(Key::of("мой"), Key::of("мои\u{306}"));
        for bad in [
            "",
            "5BAA61E4",
            &hash[..39],
            "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDG",
            "+BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8",
        ] {
            assert_eq!(Key::of_sha1(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_foreign_cut_grown_or_damaged_file_is_refused_in_a_sentence() {
        let good = file(1000);
        assert!(matches!(read(b""), Err(BadFilter::Foreign)));
        assert!(matches!(read("password\n123456\n".repeat(20).as_bytes()), Err(BadFilter::Foreign)));
        assert!(matches!(read(&good[..40]), Err(BadFilter::Foreign)));
        assert!(matches!(read(&good[..good.len() - 1]), Err(BadFilter::Size { .. })));
        assert!(matches!(read(&[&good[..], b"\n"].concat()), Err(BadFilter::Size { .. })));
        let mut later = good.clone();
        later[8] = 2;
        assert!(matches!(read(&later), Err(BadFilter::Unknown)));
        // One bit anywhere behind magic, version and kind; the size that a head tells of may change with it.
        for at in (16..good.len()).step_by(97) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(matches!(read(&bad), Err(BadFilter::Damaged | BadFilter::Size { .. })), "{at}");
        }
        assert!(matches!(Filter::of(Vec::new(), AT), Err(BadFilter::Empty)));
    }
}
