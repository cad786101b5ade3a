//! Pages that Telegram leads back to.

use askama::Template;

use super::Chrome;

/// Reads what stands after the `#` and goes on, where it asks after the button `telegram-go`: `telegram-return`, link `go-login`.
#[derive(Template)]
#[template(path = "telegram-return.html")]
pub struct TelegramReturn<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Where it goes on.
    pub callback: &'static str,
    /// The state of the attempt.
    pub state: String,
    /// Whether it waits for a word first.
    pub asks: bool,
    /// The sign-in page.
    pub retry: String,
}
