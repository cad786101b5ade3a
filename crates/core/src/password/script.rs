//! The ways in which a Russian word gets into a password: in either keyboard layout and in Latin letters.

const EN: &str = "`qwertyuiop[]asdfghjkl;'zxcvbnm,./";
const RU: &str = "ёйцукенгшщзхъфывапролджэячсмитьбю.";

/// A text in lower case as it was typed, and as if its keys had been pressed in the Russian and in the English layout.
#[must_use]
pub fn spellings(lower: &str) -> [String; 3] {
    [lower.to_owned(), relaid(lower, EN, RU), relaid(lower, RU, EN)]
}

/// The keys of one layout as if they had been typed in another.
fn relaid(text: &str, from: &str, to: &str) -> String {
    let key = |c: char| from.chars().zip(to.chars()).find(|(a, _)| *a == c).map_or(c, |(_, b)| b);
    text.chars().map(key).collect()
}

/// A text in lower case with its Cyrillic letters in Latin ones, as people write them.
#[must_use]
pub fn latin(lower: &str) -> String {
    romanised(lower, &[])
}

/// A text in lower case with its Cyrillic letters in Latin ones, as passports write them (ICAO Doc 9303).
#[must_use]
pub fn passport(lower: &str) -> String {
    romanised(
        lower,
        &[('й', "i"), ('х', "kh"), ('ц', "ts"), ('щ', "shch"), ('ъ', "ie"), ('ю', "iu"), ('я', "ia")],
    )
}

const LATIN: [(char, &str); 33] = [
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('д', "d"),
    ('е', "e"),
    ('ё', "e"),
    ('ж', "zh"),
    ('з', "z"),
    ('и', "i"),
    ('й', "y"),
    ('к', "k"),
    ('л', "l"),
    ('м', "m"),
    ('н', "n"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('у', "u"),
    ('ф', "f"),
    ('х', "h"),
    ('ц', "c"),
    ('ч', "ch"),
    ('ш', "sh"),
    ('щ', "sch"),
    ('ъ', ""),
    ('ы', "y"),
    ('ь', ""),
    ('э', "e"),
    ('ю', "yu"),
    ('я', "ya"),
];

fn romanised(lower: &str, instead: &[(char, &str)]) -> String {
    let mut out = String::with_capacity(lower.len());
    for c in lower.chars() {
        match instead.iter().chain(&LATIN).find(|(letter, _)| *letter == c) {
            Some((_, letters)) => out.push_str(letters),
            None => out.push(c),
        }
    }
    out
}

/// A text with the signs that stand for letters in passwords read as those.
#[must_use]
pub fn letters(text: &str) -> String {
    text.chars().map(as_letter).collect()
}

const fn as_letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_either_layout() {
        assert_eq!(spellings("ghbdtn")[1], "привет");
        assert_eq!(spellings("руддщ")[2], "hello");
        assert_eq!(spellings("1980")[1..], ["1980", "1980"]);
        assert_eq!(EN.chars().count(), RU.chars().count());
    }

    #[test]
    fn a_name_is_written_in_latin_letters_in_two_ways() {
        assert_eq!(
            (latin("юлия щукина"), passport("юлия щукина")),
            ("yuliya schukina".into(), "iuliia shchukina".into())
        );
        assert_eq!(latin("ivan-5"), "ivan-5");
    }
}
