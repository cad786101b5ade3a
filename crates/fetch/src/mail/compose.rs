//! A letter as bytes: RFC 5322 headers, RFC 2047 words in them, MIME bodies, all of it ASCII.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use super::{Inner, Letter};
use crate::message::is_code;

impl Inner {
    /// The recipient and the signed letter; nothing when the letter is none that could be sent.
    pub(super) fn compose(&self, letter: &Letter<'_>) -> Option<(Address, Vec<u8>)> {
        let to: Address = letter.to.parse().ok().filter(|_| is_plain(letter.to))?;
        // RFC 5322 §2.2: a header ends at CRLF, so nothing that goes into one may hold a control character.
        if letter.subject.chars().any(char::is_control) || !is_code(letter.id) {
            return None;
        }
        let domain = self.from.email.domain();
        let head = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(letter.subject)
            .date(UNIX_EPOCH.checked_add(Duration::from_secs(letter.date))?)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            // RFC 3834 §5: no answering machine answers.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        let text = SinglePart::plain(letter.text.to_owned());
        let message = match letter.html {
            None => head.singlepart(text),
            Some(html) => {
                // RFC 2045 §6.7: «=_» stands in no quoted-printable and in no base64 body.
                let parts = MultiPart::alternative().boundary(format!("=_{}", letter.id));
                head.multipart(parts.singlepart(text).singlepart(SinglePart::html(html.to_owned())))
            }
        };
        let bytes = message.ok()?.formatted();
        let Some(signer) = &self.signer else {
            return Some((to, bytes));
        };
        let mut signed = signer.sign(&bytes, letter.date)?.into_bytes();
        signed.extend(bytes);
        Some((to, signed))
    }
}

/// Whether an address can stand in a command and in a header as it is.
pub(super) fn is_plain(address: &str) -> bool {
    address.bytes().all(|byte| byte.is_ascii_graphic()) && address.len() <= 254
}
