//! Pages that only say something: an error, a legal document, the form post of an answer.

use askama::Template;
use kabinet_core::document::{Block, Document};

use super::chrome::{Chrome, Link};
use super::form::Message;

/// An error: element `error` with `data-error`, a sentence, the request's id and a way back.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The code in `data-error`, listed in `docs/reference/errors.md`.
    pub code: String,
    /// The heading; `error-title` unless there is a better one.
    pub heading: Message,
    /// The sentence.
    pub message: Message,
    /// The request's id, for support and for the log.
    pub request_id: String,
    /// The way back.
    pub back: Link,
}

impl<'a> ErrorPage<'a> {
    /// An error whose code is the key of its sentence, and whose way back is the start page.
    #[must_use]
    pub fn new(chrome: Chrome<'a>, message: Message, request_id: &str) -> Self {
        let back = Link {
            href: "/account".to_owned(),
            text: chrome.t("back-home").into_owned(),
        };
        let code = message.key().to_owned();
        Self {
            chrome,
            code,
            heading: Message::of("error-title"),
            message,
            request_id: request_id.to_owned(),
            back,
        }
    }

    /// 404.
    #[must_use]
    pub fn not_found(chrome: Chrome<'a>, request_id: &str) -> Self {
        let page = Self::new(chrome, Message::of("error-not-found"), request_id);
        Self {
            code: "not-found".to_owned(),
            heading: Message::of("error-not-found-title"),
            ..page
        }
    }

    /// Says this code in `data-error`, e.g. the OAuth code.
    #[must_use]
    pub fn with_code(self, code: &str) -> Self {
        Self { code: code.to_owned(), ..self }
    }

    /// Leads back to the product that the person came from.
    #[must_use]
    pub fn with_product(mut self, href: &str) -> Self {
        let text = self.chrome.t_with("back-to-product", "product", self.chrome.product());
        self.back = Link { href: href.to_owned(), text };
        self
    }
}

/// A legal document.
#[derive(Template)]
#[template(path = "document.html")]
pub struct DocumentPage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The document.
    pub document: &'a Document,
    /// Whether a later version is in force.
    pub is_former: bool,
}

impl DocumentPage<'_> {
    /// A sample's first paragraph says so; the page says it in a notice of its own.
    fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.document.blocks().skip(usize::from(self.document.head.is_sample()))
    }
}

/// `response_mode=form_post` (OAuth 2.0 Form Post Response Mode §2): posts the answer to the client by script, or by
/// the button `submit` where no script runs. It holds nothing but the answer: no form token, no flow.
#[derive(Template)]
#[template(path = "form-post.html")]
pub struct FormPost<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The redirect URI.
    pub action: String,
    /// The answer's parameters.
    pub fields: Vec<(String, String)>,
}
