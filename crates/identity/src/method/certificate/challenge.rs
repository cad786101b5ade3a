//! The text that is signed. Its form is fixed; a product gives its name and nothing else.

use std::fmt::Write;
use std::time::Duration;

use kabinet_core::id::ChallengeId;
use kabinet_core::secret::decimal_code;
use kabinet_core::text::disguises;
use kabinet_core::time::{Civil, Timestamp};
use kabinet_store::certificate;

use super::{CertificateError, CertificatePurpose};
use crate::{Identity, Visit};

/// How long a text can be signed, seconds.
const LIFE: i64 = 5 * 60;
/// How long it is kept after that, so that a late signature is told that it is late, seconds.
const KEPT: i64 = 3600;
/// How many signatures may be tried.
const TRIES: i64 = 5;
/// Texts that one network may ask for, and signatures that it may send: (name, how many, in how many seconds). An office signs
/// in behind one address.
const NETWORK: [(&str, u32, u64); 2] = [("1m", 120, 60), ("1h", 1500, 3600)];
/// The longest name of a product in the text, characters.
const LONGEST_NAME: usize = 64;

/// A text to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its number.
    pub id: ChallengeId,
    /// The text: UTF-8, lines end with LF.
    pub text: String,
    /// The digits in the text that stand on the screen, too.
    pub code: String,
    /// How long it can be signed, seconds.
    pub expires_in: i64,
}

impl Identity {
    /// Makes a text to be signed in this browser for this request. `product`: the client's name.
    ///
    /// # Errors
    /// [`CertificateError::Throttled`], or the database failed.
    pub async fn begin_challenge(
        &self,
        what: CertificatePurpose,
        product: Option<&str>,
        visit: &Visit,
    ) -> Result<Challenge, CertificateError> {
        self.pass_signatures(visit).await?;
        self.count_of_network("challenge", visit).await?;
        let (now, entropy) = (self.now(), &*self.0.entropy);
        let id = ChallengeId::generate(entropy);
        let code = decimal_code(4, entropy).expose().to_owned();
        let application = match (product, &visit.client) {
            (Some(name), Some(client)) => format!("{} ({client})", line(name)),
            (None, Some(client)) => client.to_string(),
            (_, None) => "Единый личный кабинет".to_owned(),
        };
        let text = text(&Words {
            issuer: &self.0.config.issuer,
            application: &application,
            number: id.as_str(),
            code: &code,
            from: now,
        });
        let kept = certificate::Challenge {
            id: id.clone(),
            purpose: what.as_str().to_owned(),
            binding: visit.binding.clone(),
            flow: visit.flow.clone(),
            text: text.clone(),
            attempts_left: TRIES,
            expires_at: now.plus(LIFE),
            used_at: None,
        };
        let mut tx = self.0.store.begin().await?;
        certificate::insert_challenge(&mut tx, &kept, now.plus(LIFE + KEPT)).await?;
        tx.commit().await?;
        Ok(Challenge { id, text, code, expires_in: LIFE })
    }

    /// Counts what a network asks for, before anything is done for it: what comes at once is not more than what comes by turns.
    pub(super) async fn count_of_network(&self, what: &str, visit: &Visit) -> Result<(), CertificateError> {
        for (window, most, seconds) in NETWORK {
            let key = format!("kabinet:{what}:{window}:{}", visit.network);
            if self.0.store.ephemeral().hit(&key, Duration::from_secs(seconds)).await > most {
                return Err(CertificateError::Throttled { seconds: i64::try_from(seconds).unwrap_or(i64::MAX) });
            }
        }
        Ok(())
    }

    /// Spends a try of a challenge that is this browser's, for this use and request.
    pub(super) async fn try_challenge(
        &self,
        what: CertificatePurpose,
        id: &ChallengeId,
        visit: &Visit,
    ) -> Result<certificate::Challenge, CertificateError> {
        let found = certificate::challenge(self.0.store.db(), id).await?;
        let own = found
            .filter(|kept| kept.purpose == what.as_str() && kept.binding == visit.binding && kept.flow == visit.flow);
        let Some(kept) = own else {
            return Err(CertificateError::Unknown);
        };
        if kept.used_at.is_some() {
            return Err(CertificateError::Spent);
        }
        if kept.expires_at <= self.now() {
            return Err(CertificateError::Expired);
        }
        let mut tx = self.0.store.begin().await?;
        let tried = certificate::try_challenge(&mut tx, id).await?;
        tx.commit().await?;
        tried.ok_or(CertificateError::Spent)
    }
}

struct Words<'a> {
    issuer: &'a str,
    application: &'a str,
    number: &'a str,
    code: &'a str,
    from: Timestamp,
}

fn text(words: &Words<'_>) -> String {
    let Words { issuer, application, number, code, from } = words;
    let (from, to) = (moment(*from), moment(from.plus(LIFE)));
    format!(
        "Вход в Единый личный кабинет\n\
         Это не документ: подпись подтверждает только вход.\n\
         Сайт: {issuer}\n\
         Приложение: {application}\n\
         Номер запроса: {number}\n\
         Код на экране: {code}\n\
         Выдан: {from}\n\
         Действителен до: {to}\n"
    )
}

/// A name as part of one line: without control characters and marks that turn the direction of writing.
fn line(name: &str) -> String {
    name.chars().filter(|c| !disguises(*c)).take(LONGEST_NAME).collect()
}

/// RFC 3339, UTC.
fn moment(at: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = Civil::of(at);
    let mut text = String::new();
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_its_lines_in_their_order() {
        let words = Words {
            issuer: "https://id.example.test",
            application: "Учёт (c1)",
            number: "abc",
            code: "4821",
            from: Timestamp(1_768_478_400),
        };
        assert_eq!(
            text(&words),
            "Вход в Единый личный кабинет\nЭто не документ: подпись подтверждает только вход.\nСайт: https://id.example.test\n\
             Приложение: Учёт (c1)\nНомер запроса: abc\nКод на экране: 4821\nВыдан: 2026-01-15T12:00:00Z\nДействителен до: 2026-01-15T12:05:00Z\n"
        );
    }

    #[test]
    fn a_name_makes_no_line_of_its_own() {
        assert_eq!(line("Учёт\nСайт: https://evil.test\u{202e}"), "УчётСайт: https://evil.test");
        assert_eq!(line(&"я".repeat(200)).chars().count(), LONGEST_NAME);
    }
}
