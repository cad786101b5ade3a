//! How many guesses a password withstands, as zxcvbn reckons (Wheeler, USENIX Security 2016).
//!
//! 1. zxcvbn takes a password for words, names and leaked passwords of English, keyboard rows, dates, sequences and
//!    repetitions, and counts how many guesses the cheapest way to put it together takes.
//! 2. Beside its lists stand the person's contact and the product's name, and Russian words, names and cities in Cyrillic
//!    and, as people and as passports write them, in Latin letters (`data/russian-words.txt`).
//! 3. It is asked three times: as typed and as typed in either other layout. The least counts.
//! 4. It looks at the beginning only, because it is slow on long input; the whole is hashed and compared all the same.

use std::collections::HashMap;
use std::sync::LazyLock;

use kabinet_core::password::normal;
use kabinet_core::password::script::{latin, letters, passport, spellings};

/// Characters that are looked at. The worst that can stand there takes as long as a few hashes, the usual a tenth of one.
const PREFIX: usize = 64;

/// The power of ten of the guesses that a password withstands from who knows these names.
pub(crate) fn magnitude(typed: &str, names: &[String]) -> f64 {
    let lower: String = normal(typed).to_lowercase().chars().take(PREFIX).collect();
    let mut spellings = spellings(&lower).map(|text| text.chars().map(plain).collect::<String>()).to_vec();
    spellings.dedup();
    spellings.iter().map(|text| estimate(text, names)).fold(f64::INFINITY, f64::min)
}

/// «е» for «ё», as in the list; and something that means nothing for signs that hardly ever stand for a letter, because
/// zxcvbn tries each reading of each sign with every other.
const fn plain(c: char) -> char {
    match c {
        'ё' => 'е',
        '(' | '{' | '[' | '<' | '|' | '+' | '%' => '·',
        other => other,
    }
}

fn estimate(text: &str, names: &[String]) -> f64 {
    // zxcvbn ranks what it is given by its place. Only the words that occur are put in theirs: it copies all of them,
    // several times.
    let mut given = vec![""; names.len() + WORDS.1];
    for (place, name) in given.iter_mut().zip(names) {
        *place = name;
    }
    let back: String = text.chars().rev().collect();
    let read = [text, &back, &letters(text)].map(words_in).concat();
    for (word, rank) in &read {
        given[names.len() + rank] = word;
    }
    zxcvbn::zxcvbn(text, &given).guesses_log10()
}

/// Constant data, read at the first new password: words with their ranks, and how many ranks there are.
static WORDS: LazyLock<(HashMap<String, usize>, usize)> = LazyLock::new(|| {
    let lines = include_str!("../data/russian-words.txt").lines();
    let (mut words, mut ranks) = (HashMap::new(), 0);
    for (rank, word) in lines.filter(|line| !line.starts_with('#')).enumerate() {
        for written in [word.to_owned(), latin(word), passport(word)] {
            words.entry(written).or_insert(rank);
        }
        ranks = rank + 1;
    }
    (words, ranks)
});

/// No word is shorter or longer than this, in any alphabet.
const SHORTEST: usize = 3;
const LONGEST: usize = 24;

/// Every Russian word that occurs, with its rank.
fn words_in(text: &str) -> Vec<(&'static str, usize)> {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut found = Vec::new();
    for (start, at) in ends.iter().enumerate() {
        for end in ends.iter().skip(start + SHORTEST).take(LONGEST - SHORTEST + 1) {
            if let Some((word, rank)) = WORDS.0.get_key_value(&text[*at..*end]) {
                found.push((word.as_str(), *rank));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_within_the_lengths_that_are_looked_for_and_stands_once() {
        let lines = include_str!("../data/russian-words.txt").lines().filter(|line| !line.starts_with('#'));
        let mut seen = std::collections::HashSet::new();
        for word in lines {
            assert!(seen.insert(word), "{word} stands twice");
            assert!(word.chars().all(|c| ('а'..='я').contains(&c)), "{word}");
            assert!(passport(word).len() <= LONGEST && word.chars().count() >= SHORTEST, "{word}");
        }
        assert_eq!(seen.len(), WORDS.1);
    }
}
