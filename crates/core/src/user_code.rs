//! The code that a person types for a device (RFC 8628 §6.1): eight of twenty consonants, shown as `BCDF-GHJK`.
//!
//! Without vowels no word comes up, and 34.6 bits with few tries are enough. What is typed is forgiven: case, spaces, dashes, and
//! Russian letters. A Russian letter may look like the wanted one (`Н`) or stand on its key (`Р`); where any letter of the
//! text has no look-alike, the whole of it was typed with the keyboard switched, otherwise it was read off the screen.

use std::fmt;

use crate::ambient::{Entropy, random};

const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many letters a code has.
const LENGTH: usize = 8;
/// Russian letters that look like one of the alphabet.
const LOOK_ALIKE: [(char, char); 7] =
    [('В', 'B'), ('С', 'C'), ('Н', 'H'), ('К', 'K'), ('М', 'M'), ('Т', 'T'), ('Х', 'X')];
/// The Russian letters of a keyboard and what stands on their keys.
const KEYS: [(&str, &str); 3] =
    [("ЙЦУКЕНГШЩЗХЪ", "QWERTYUIOP[]"), ("ФЫВАПРОЛДЖЭ", "ASDFGHJKL;'"), ("ЯЧСМИТЬБЮ", "ZXCVBNM,.")];

/// A code for a person's eyes and fingers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserCode([u8; LENGTH]);

impl UserCode {
    /// A new one, each letter equally likely.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut letters = [0; LENGTH];
        let mut filled = 0;
        while filled < LENGTH {
            let [byte] = random::<1>(entropy);
            // 240 is the largest multiple of twenty in a byte: above it the remainder would favour some letters.
            if byte < 240 {
                letters[filled] = ALPHABET[usize::from(byte) % ALPHABET.len()];
                filled += 1;
            }
        }
        Self(letters)
    }

    /// The code that somebody typed; `None`: it cannot be one.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let mut letters: Vec<char> = typed
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '‐' | '‑' | '–' | '—' | '−' | '_' | '.'))
            .take(LENGTH + 1)
            .flat_map(char::to_uppercase)
            .collect();
        let of_pairs = |c: char| LOOK_ALIKE.iter().find(|(russian, _)| *russian == c).map(|(_, latin)| *latin);
        let is_russian = |c: &char| matches!(c, 'А'..='Я' | 'Ё');
        // Р is either a look-alike of P or the key of H: the other letters say which.
        let has_look_alike = |c: char| c == 'Р' || of_pairs(c).is_some();
        let switched = letters.iter().any(|c| is_russian(c) && !has_look_alike(*c));
        for c in letters.iter_mut().filter(|c| is_russian(c)) {
            *c = match *c {
                russian if switched => on_key(russian)?,
                'Р' => 'P',
                russian => of_pairs(russian)?,
            };
        }
        let bytes: Vec<u8> = letters.into_iter().map(|c| u8::try_from(c).ok()).collect::<Option<_>>()?;
        let code: [u8; LENGTH] = bytes.try_into().ok()?;
        code.iter().all(|letter| ALPHABET.contains(letter)).then_some(Self(code))
    }

    /// The letters without the dash: what is stored, stamped.
    #[must_use]
    pub fn letters(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }
}

/// What stands on the key of a Russian letter.
fn on_key(russian: char) -> Option<char> {
    KEYS.iter().find_map(|(own, other)| {
        let place = own.chars().position(|c| c == russian)?;
        other.chars().nth(place)
    })
}

/// `BCDF-GHJK`.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.letters();
        write!(f, "{}-{}", &letters[..4], &letters[4..])
    }
}

/// Not the code: whoever reads a log must not use it.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    fn read(typed: &str) -> Option<String> {
        UserCode::read(typed).map(|code| code.to_string())
    }

    #[test]
    fn what_people_type_is_forgiven() {
        for typed in [
            "BCDF-GHJK",
            "bcdf ghjk",
            " bcdfghjk\t",
            "b-c-d-f-g-h-j-k",
            "BCDF—GHJK",
            "BCDF.GHJK",
            "bcdf_ghjk",
            // Typed with the Russian keyboard: И has no look-alike.
            "ИСВА-ПРОЛ",
            "исва прол",
        ] {
            assert_eq!(read(typed).as_deref(), Some("BCDF-GHJK"), "{typed}");
        }
        // Read off the screen and typed with letters that look the same.
        assert_eq!(read("ВСНК-МРТХ").as_deref(), Some("BCHK-MPTX"));
        assert_eq!(read("ВCHК-MРTХ").as_deref(), Some("BCHK-MPTX"));
        // Latin letters stay what they are beside switched ones.
        assert_eq!(read("BCDF-ПРОЛ").as_deref(), Some("BCDF-GHJK"));
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        for typed in [
            "",
            "BCDF",
            "BCDF-GHJKL",
            "BCDF-GHJA",
            "123456",
            "BCDF-GHJ1",
            "ЁЁЁЁ-ЁЁЁЁ",
            "ÀCDF-GHJK",
            "BCDF-GHJ\0",
            "ЖЖЖЖЖЖЖЖ",
        ] {
            assert_eq!(read(typed), None, "{typed}");
        }
        assert_eq!(read(&"B".repeat(1_000_000)), None);
    }

    struct Bytes(AtomicU8);
    impl Entropy for Bytes {
        fn fill(&self, out: &mut [u8]) {
            for byte in out {
                *byte = self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn every_letter_comes_up_equally_often_and_is_read_back() {
        let entropy = Bytes(AtomicU8::new(0));
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..60 {
            let code = UserCode::generate(&entropy);
            assert_eq!(UserCode::read(&code.to_string()), Some(code.clone()));
            for letter in code.letters().chars() {
                *counts.entry(letter).or_insert(0) += 1;
            }
        }
        assert_eq!((counts.len(), counts.values().min(), counts.values().max()), (20, Some(&24), Some(&24)));
    }

    #[test]
    fn a_code_does_not_stand_in_debug_output() {
        assert_eq!(format!("{:?}", UserCode::read("BCDF-GHJK").unwrap()), "UserCode(…)");
    }
}
