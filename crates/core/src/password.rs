//! Which passwords may be set (NIST SP 800-63B-4 §3.1.1.2): length and a blocklist, nothing else.
//!
//! 1. Length in code points of the normal form, and in bytes, because hashing costs by the byte.
//! 2. What the person or the product is called does not count: without those words the rest must be long enough. They
//!    are looked for in either keyboard layout and either alphabet (`gtnhjd` and «петров» are petrov), a phone in every
//!    way of writing it.
//! 3. Common: the password is in the list, or repeats a short pattern, or is put together from a handful of pieces that
//!    guessers try first: words of the list, keyboard rows and alphabets, years and dates, one repeated character. Each
//!    is looked for as typed, in the other keyboard layout (`ghbdtn` is «привет») and with signs read as letters.
//!
//! What costs more than that is asked by `kabinet_identity`: leaked passwords, and how many guesses the rest withstands.
//! There are no composition rules, and no password expires.

pub mod script;

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use script::{latin, letters, spellings};

/// Bytes that a password may have at most, in its normal form; anything longer is refused before it is hashed.
pub const MAX_BYTES: usize = 1024;

/// Why a password may not be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Fewer characters than this.
    #[error("the password is shorter than {min} characters")]
    TooShort {
        /// The shortest that may be set, in characters.
        min: usize,
    },
    /// More characters than may be, or more than [`MAX_BYTES`].
    #[error("the password is too long")]
    TooLong,
    /// Guessers try it first.
    #[error("the password is a common one")]
    Common,
    /// It is little more than the person's contact or the product's name.
    #[error("the password is made of a name or contact that is known")]
    Context,
    /// It stands in a list of leaked passwords.
    #[error("the password has been seen in a leak")]
    Leaked,
    /// It withstands too few guesses.
    #[error("the password is easy to guess")]
    Guessable,
}

impl BadPassword {
    /// The name of the rule, for counting.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "short",
            Self::TooLong => "long",
            Self::Common => "common",
            Self::Context => "context",
            Self::Leaked => "leaked",
            Self::Guessable => "guessable",
        }
    }
}

/// The form that is hashed and compared: NFC, nothing trimmed, nothing cut.
#[must_use]
pub fn normal(typed: &str) -> String {
    typed.nfc().collect()
}

/// Whether a password may be set. `length`: how many characters it may have; `context`: what must not carry it, as the
/// person's contact and the product's name.
///
/// # Errors
/// Says which rule refused it.
pub fn check(password: &str, length: RangeInclusive<usize>, context: &[&str]) -> Result<(), BadPassword> {
    // Before anything that costs: a form of 64 KiB must not be normalised and searched.
    if password.len() > 4 * MAX_BYTES {
        return Err(BadPassword::TooLong);
    }
    let password = normal(password);
    let count = password.chars().count();
    if password.len() > MAX_BYTES || count > *length.end() {
        return Err(BadPassword::TooLong);
    }
    if count < *length.start() {
        return Err(BadPassword::TooShort { min: *length.start() });
    }
    let spellings = spellings(&password.to_lowercase());
    let names = names(context);
    if spellings.iter().any(|typed| is_carried(typed, &names, *length.start())) {
        return Err(BadPassword::Context);
    }
    if spellings.iter().any(|typed| is_common(typed)) {
        return Err(BadPassword::Common);
    }
    Ok(())
}

/// Every name in the context in the ways in which it is written, the longest first.
#[must_use]
pub fn names(context: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for given in context {
        let given = given.to_lowercase();
        let digits: String = given.chars().filter(char::is_ascii_digit).collect();
        // A phone: with its country, without country and trunk prefix, without the code of its area or operator.
        if digits.len() >= 10 {
            names.extend([10, 7].map(|last| digits[digits.len() - last..].to_owned()));
            names.push(digits);
        }
        names.extend(given.split(|c: char| !c.is_alphanumeric()).map(str::to_owned));
        names.push(given);
    }
    names.extend(names.iter().map(|name| latin(name)).collect::<Vec<_>>());
    names.retain(|name| name.chars().count() >= 4);
    names.sort_by(|a, b| (b.len(), a).cmp(&(a.len(), b)));
    names.dedup();
    names
}

/// Whether so few characters are left without the names that they carry the password.
fn is_carried(spelling: &str, names: &[String], least: usize) -> bool {
    // What stands between the digits of a phone, or in place of spaces.
    let is_mark = |c: &char| matches!(c, ' ' | '.' | '-' | '_' | '(' | ')' | '+' | '/');
    let closed = spelling.chars().filter(|c| !is_mark(c)).collect();
    [spelling.to_owned(), latin(spelling), closed].iter().any(|text: &String| {
        let rest = names.iter().fold(text.clone(), |rest, name| rest.replace(name.as_str(), ""));
        rest.len() < text.len() && rest.chars().count() < least
    })
}

/// Constant data, read once.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    include_str!("../data/common-passwords.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .collect()
});

/// The longest pattern whose mere repetition is no password.
const PATTERN: usize = 5;

fn is_common(lower: &str) -> bool {
    let chars: Vec<char> = lower.chars().collect();
    let repeats = |period: usize| chars.iter().skip(period).zip(&chars).all(|(a, b)| a == b);
    let few = if chars.len() < 15 { 4 } else { 3 };
    COMMON.contains(lower) || (1..=PATTERN.min(chars.len() / 2)).any(repeats) || is_few(&chars, few)
}

/// Whether the text can be cut into at most `few` pieces, where a piece is something that guessers know, or one single
/// character.
fn is_few(chars: &[char], few: usize) -> bool {
    let mut least = vec![usize::MAX; chars.len() + 1];
    least[0] = 0;
    for at in 0..chars.len() {
        if least[at] >= few {
            continue;
        }
        let cost = least[at] + 1;
        least[at + 1] = least[at + 1].min(cost);
        for long in 2..=LONGEST.min(chars.len() - at) {
            if least[at + long] > cost && is_known(&chars[at..at + long]) {
                least[at + long] = cost;
            }
        }
    }
    least[chars.len()] <= few
}

/// No known piece is longer than this.
const LONGEST: usize = 40;

/// Keyboard rows, columns and alphabets; a stretch of three or more, in either direction, is one piece.
const ROWS: [&str; 12] = [
    "01234567890",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1q2w3e4r5t6y7u8i9o0p",
    "!@#$%^&*()_+",
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "йцукенгшщзхъ",
    "фывапролджэячсмитьбю",
];

fn is_known(piece: &[char]) -> bool {
    if piece.iter().all(|c| *c == piece[0]) {
        return true;
    }
    if piece.len() < 3 {
        return false;
    }
    let text: String = piece.iter().collect();
    let back: String = piece.iter().rev().collect();
    ROWS.iter().any(|row| row.contains(&text) || row.contains(&back))
        || is_date(&text)
        || COMMON.contains(text.as_str())
        || COMMON.contains(letters(&text).as_str())
}

/// A year of a living person, or a day as `01011990`, `01.01.1990`, `19900101`.
fn is_date(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let marks = text.chars().filter(|c| matches!(c, '.' | '-' | '/' | '_')).count();
    let year = |year: &str| matches!(&year[..2], "19" | "20");
    let within = |number: &str, most: u8| number.parse::<u8>().is_ok_and(|n| (1..=most).contains(&n));
    let day = |day: &str, month: &str| within(day, 31) && within(month, 12);
    match (digits.len(), marks) {
        _ if digits.len() + marks != text.len() => false,
        (4, 0) => year(&digits),
        (8, 0 | 2) => {
            year(&digits[4..]) && day(&digits[..2], &digits[2..4]) || year(&digits) && day(&digits[6..], &digits[4..6])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), BadPassword> {
        super::check(password, 10..=256, &["ivan.petrov@example.test", "+79105940899", "Личный кабинет"])
    }

    #[test]
    fn length_is_counted_in_characters_of_the_normal_form() {
        assert_eq!(check("короткий9"), Err(BadPassword::TooShort { min: 10 }));
        // «й» as a letter and a combining breve is one character.
        assert_eq!(check("и\u{306}и\u{306}и\u{306}и\u{306}и\u{306}"), Err(BadPassword::TooShort { min: 10 }));
        assert_eq!(super::check("лошадь-батарея", 15..=256, &[]), Err(BadPassword::TooShort { min: 15 }));
        let phrase = "дождь и 7 зонтов; ".repeat(16);
        assert_eq!(check(&phrase.chars().take(256).collect::<String>()), Ok(()));
        assert_eq!(check(&phrase.chars().take(257).collect::<String>()), Err(BadPassword::TooLong));
        assert_eq!(super::check(&"🂡🂢🂣".repeat(100), 10..=1000, &[]), Err(BadPassword::TooLong));
        assert_eq!(check(&"x".repeat(1 << 20)), Err(BadPassword::TooLong));
    }

    #[test]
    fn what_guessers_try_first_is_refused() {
        for common in [
            "1234567890",
            "qwertyuiop",
            "Qwerty123456",
            "password123",
            "PASSWORD2026!",
            "P@ssw0rd2026",
            "Welcome@2026!",
            "iloveyou2026!!",
            "aaaaaaaaaaaa",
            "abababababab",
            "123123123123",
            "йцукенгшщз",
            "ghbdtnghbdtn",
            "gfhjkm12345",
            "Пароль2026!",
            "приветпривет",
            "руддщцщкдв",
            "1q2w3e4r5t",
            "zxcvbnmasdf",
            "01.01.1990!",
            "Наташа1987",
            "natasha1987",
            "НАТАША!1987",
            "yfnfif1987!",
            "0987654321",
            "qazwsxedcrfv",
            "qwerty!123456",
            "абвгдеёжзи",
            "letmein1234",
            "correct horse battery staple",
            "ljvfiybq2026",
            "passwordpassword",
        ] {
            assert_eq!(check(common), Err(BadPassword::Common), "{common}");
        }
    }

    #[test]
    fn a_name_or_contact_carries_no_password() {
        for known in [
            "ivan.petrov@example.test",
            "ivanpetrov77",
            "IvanPetrov!",
            "+79105940899",
            "89105940899",
            "9105940899ab",
            "Личныйкабинет1",
            "petrov-example",
            "8 (910) 594-08-99",
            "+7-910-594-08-99",
            "Иван5940899",
            "петров1985",
            "Gtnhjd_1985",
            "шмфтюзуекщм",
            "lichnyj-kabinet",
            "kbxysqrf,bytn",
        ] {
            assert_eq!(check(known), Err(BadPassword::Context), "{known}");
        }
        assert_eq!(check("Петров купил кабинет и зонт"), Ok(()));
    }

    #[test]
    fn a_phrase_or_a_random_string_is_accepted_whatever_it_is_made_of() {
        for good in [
            "лошадь-батарея-скрепка-7",
            "correct-pony-socket-paperclip",
            "vR8#kq2Lzx",
            "тихий дождь над Окой",
            "bluewhalecollectsumbrellas",
            "8401927365",
            "kwzpmtrhxd",
            "привет из Калуги, 2026",
            "  пробелы  по  краям  ",
            "dragon coffee summer matrix",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_list_is_lower_case_and_has_no_doubles() {
        let lines: Vec<&str> = include_str!("../data/common-passwords.txt")
            .lines()
            .filter(|line| !line.starts_with("# "))
            .collect();
        assert_eq!(lines.len(), COMMON.len());
        assert!(lines.iter().all(|line| line.to_lowercase() == **line && !line.trim().is_empty()));
        assert!(lines.iter().filter(|line| line.chars().count() >= 10).count() > 500);
    }
}
