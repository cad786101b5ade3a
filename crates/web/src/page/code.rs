//! The page for a confirmation code, wherever one is asked for: `/register/confirm`, `/recover/confirm`.

use axum::response::Response;
use http::StatusCode;
use kabinet_core::contact::ContactKind;
use kabinet_core::id::ConfirmationId;
use kabinet_core::work::Action;
use kabinet_identity::{CodeError, Confirmed, Purpose, Work};

use super::login::work_wait;
use super::{Opened, chrome, client_of, error_page, failed, flow_or_page, html, to};
use crate::form::{Asked, Form};
use crate::view::{self, Chrome, CodeEntry, CodePurpose, Errors, Message};
use crate::visit::Visit;

/// Where a code is asked for.
pub(crate) struct Place {
    /// The page, which its form posts to.
    pub(crate) path: &'static str,
    /// Where the confirmation was begun.
    pub(crate) start: &'static str,
    pub(crate) purpose: CodePurpose,
    /// Whose codes it shows and tries; those of another page are unknown here.
    pub(crate) serves: Purpose,
}

/// A code that was tried.
pub(crate) struct Tried {
    pub(crate) opened: Opened,
    pub(crate) id: ConfirmationId,
    pub(crate) outcome: Result<Confirmed, CodeError>,
}

/// What the page says.
#[derive(Default)]
struct Said {
    errors: Errors,
    notice: Option<Message>,
    /// Where it is neither 200 nor, with errors, 422.
    status: Option<StatusCode>,
    /// What the next code costs.
    work: Option<Work>,
}

impl Place {
    /// The address of the page.
    pub(crate) fn at(&self, opened: &Opened, id: &ConfirmationId) -> String {
        format!("{}?flow={}&id={id}", self.path, opened.sealed)
    }

    /// The page as it is looked at.
    pub(crate) async fn get(&self, visit: &Visit, asked: Asked) -> Response {
        let opened = match flow_or_page(visit, &asked.flow).await {
            Ok(opened) => opened,
            Err(response) => return response,
        };
        let said = Said {
            notice: asked.sent.then(|| Message::of("code-resent")),
            ..Said::default()
        };
        self.show(visit, &opened, &ConfirmationId::from(asked.id), said).await
    }

    /// Tries a posted code, after the form token, the button «Отправить повторно» and an empty field. `Err` is the answer
    /// where none was tried.
    pub(crate) async fn tried(&self, visit: &Visit, form: &Form) -> Result<Tried, Response> {
        let opened = flow_or_page(visit, form.get("flow")).await?;
        let id = ConfirmationId::from(form.get("id"));
        if !visit.accepts(form) {
            let stale = Said { notice: Some(Message::of("form-stale")), ..Said::default() };
            return Err(self.show(visit, &opened, &id, stale).await);
        }
        let (identity, person) = (&visit.site.identity, visit.worker(&opened.flow, form));
        if form.has("resend") {
            return Err(match identity.resend(self.serves, &id, &person).await {
                Ok(()) => to(visit, &format!("{}&sent=1", self.at(&opened, &id))),
                Err(CodeError::Work(_)) => {
                    let work = identity.work_after(Action::Resend, &person);
                    let errors = Errors::whole(work_wait(work.as_ref()).0);
                    let status = Some(StatusCode::TOO_MANY_REQUESTS);
                    self.show(visit, &opened, &id, Said { errors, status, work, ..Said::default() }).await
                }
                Err(error) => self.refuse(visit, &opened, &id, error).await,
            });
        }
        let code: String = form.get("code").chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if code.is_empty() {
            let missing = Said {
                errors: Errors::field("code", Message::of("code-missing")),
                ..Said::default()
            };
            return Err(self.show(visit, &opened, &id, missing).await);
        }
        let outcome = identity.confirm(self.serves, &id, &code, &person).await;
        Ok(Tried { opened, id, outcome })
    }

    /// Says why a code was not accepted or not sent.
    pub(crate) async fn refuse(
        &self,
        visit: &Visit,
        opened: &Opened,
        id: &ConfirmationId,
        error: CodeError,
    ) -> Response {
        let status = matches!(error, CodeError::Limited { .. }).then_some(StatusCode::TOO_MANY_REQUESTS);
        match complaint(error) {
            Ok(errors) => self.show(visit, opened, id, Said { errors, status, ..Said::default() }).await,
            Err(Trouble::Unknown) => error_page(visit, StatusCode::BAD_REQUEST, "request-expired-here").await,
            Err(Trouble::Failed(error)) => failed(visit, &error).await,
        }
    }

    async fn show(&self, visit: &Visit, opened: &Opened, id: &ConfirmationId, said: Said) -> Response {
        let (identity, person) = (&visit.site.identity, visit.person(Some(&opened.flow)));
        let pending = match identity.confirmation(self.serves, id, &person).await {
            Ok(Some(pending)) => pending,
            // Another browser's or page's, confirmed already, or long gone: the beginning is the only way.
            Ok(None) => return to(visit, &format!("{}?flow={}", self.start, opened.sealed)),
            Err(error) => return failed(visit, &error.to_string()).await,
        };
        let Said { mut errors, notice, status, work } = said;
        let plain = if errors.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        if errors.is_empty() && pending.undelivered {
            errors = Errors::whole(Message::of("code-not-sent"));
        } else if errors.is_empty() && pending.expired {
            errors = Errors::field("code", Message::of("code-expired"));
        }
        let work = match work {
            None => identity.offer_work(Action::Resend, &person).await,
            work => work,
        };
        let client = client_of(visit, opened).await;
        let (sms, email) = visit.site.config.code_life;
        let life = if pending.contact.kind() == ContactKind::Phone { sms } else { email };
        let page = CodeEntry {
            chrome: Chrome {
                here: self.at(opened, id),
                work,
                ..chrome(visit, Some(opened), client.as_deref())
            },
            purpose: self.purpose,
            start: self.start,
            action: self.path.to_owned(),
            contact: pending.contact,
            wait: u32::try_from(pending.resend_in).unwrap_or(0),
            life_minutes: u32::try_from(life / 60).unwrap_or(0),
            errors,
            notice,
            hidden: vec![("id", id.to_string())],
        };
        html(visit, status.unwrap_or(plain), &view::render(&page))
    }
}

/// What has no place on a form.
pub(crate) enum Trouble {
    /// No such confirmation in this browser.
    Unknown,
    /// A failure of ours.
    Failed(String),
}

/// What a form says about a code that was not accepted or not sent.
pub(crate) fn complaint(error: CodeError) -> Result<Errors, Trouble> {
    Ok(match error {
        CodeError::Wrong { left } if left > 0 => Errors::field("code", Message::of("code-wrong").with("left", left)),
        CodeError::Wrong { .. } | CodeError::Spent | CodeError::Expired => {
            Errors::field("code", Message::of("code-expired"))
        }
        CodeError::Wait { seconds } => Errors::whole(Message::of("code-wait").with("seconds", seconds)),
        CodeError::Limited { seconds } => Errors::whole(Message::of("code-limit").with("minutes", (seconds + 59) / 60)),
        CodeError::Work(_) => Errors::whole(work_wait(None).0),
        CodeError::Unreachable => Errors::field("phone", Message::of("phone-unreachable")),
        CodeError::NotSent => Errors::whole(Message::of("code-not-sent")),
        CodeError::Unknown => return Err(Trouble::Unknown),
        CodeError::Store(error) => return Err(Trouble::Failed(error.to_string())),
    })
}
