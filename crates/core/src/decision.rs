//! The decision: what must happen next with a checked authorization request (OpenID Connect Core §3.1.2.1-4).
//!
//! 1. `prompt=none` never shows anything: what would be a page becomes an error.
//! 2. Which account: that of `id_token_hint`, else the one chosen for this request, else that of `login_hint`, else the one
//!    this client last got here, else the only one; otherwise the person chooses.
//! 3. Is the sign-in good enough: `prompt=login`, `max_age` and an essential `acr`. All are met by an authentication that
//!    was made for this very request, compared by id and not by clock, so that nothing asks for ever; one that still does not
//!    reach the `acr` is an error (OpenID Connect Core §5.5.1.1).
//! 4. What is missing ([`Missing`]): legal texts not agreed to in their present edition, then data that the client cannot do
//!    without, then the choice of an organisation. Asked for until it is there.
//! 5. Consent: none for first-party clients; otherwise for every scope that was not yet allowed, and again for
//!    `prompt=consent` until a consent was given for this very request.
//!
//! A pure function of values: the same one decides at entry and at every resume.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::authn::Session;
use crate::client::{Client, RequiredClaim};
use crate::contact::ContactKind;
use crate::document::{Document, Documents};
use crate::error::Code;
use crate::id::{FlowId, UserId};
use crate::organisation::Organisation;
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::user::User;

/// The values of `prompt` (OpenID Connect Core §3.1.2.1, and `create` of Initiating User Registration 1.0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Show nothing.
    pub none: bool,
    /// Sign in again.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
    /// Choose an account.
    pub select_account: bool,
    /// Register.
    pub create: bool,
}

impl Prompt {
    /// Reads a space-separated list; unknown values are ignored.
    ///
    /// # Errors
    /// `invalid_request` when `none` stands with another value.
    pub fn parse(text: &str) -> Result<Self, Code> {
        let mut prompt = Self::default();
        for word in text.split(' ') {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                "create" => prompt.create = true,
                _ => {}
            }
        }
        // OpenID Connect Core §3.1.2.1: none with any other value is an error.
        let others = prompt.login || prompt.consent || prompt.select_account || prompt.create;
        if prompt.none && others {
            Err(Code::InvalidRequest)
        } else {
            Ok(prompt)
        }
    }
}

/// What the request asks of the sign-in.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// This sealed request.
    pub flow: &'a FlowId,
    /// `prompt`.
    pub prompt: Prompt,
    /// `max_age`, seconds.
    pub max_age: Option<i64>,
    /// Values of `acr` of which one is essential; empty: any sign-in will do.
    pub acr: &'a [String],
    /// The subject of a valid `id_token_hint`.
    pub hint: Option<&'a UserId>,
    /// Whose confirmed contact `login_hint` is, among the people of this browser.
    pub login_hint: Option<&'a UserId>,
}

/// What is known about the browser, the person and the client.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The live sessions of this browser, the most recent first; never of disabled people.
    pub sessions: &'a [Session],
    /// The account that this client last got in this browser.
    pub last_for_client: Option<&'a UserId>,
    /// The people of these sessions of whom something is missing.
    pub incomplete: &'a [UserId],
    /// What was already allowed to this client; `None` for first-party clients, which are never asked about.
    pub consent: Option<Consents<'a>>,
    /// Now.
    pub now: Timestamp,
}

/// What the person of the chosen session allowed to the client.
#[derive(Clone, Debug)]
pub struct Consents<'a> {
    /// What the request asks for.
    pub asked: &'a Scope,
    /// What each person of this browser allowed, and for which request they said so last.
    pub given: &'a [GivenConsent],
}

/// A remembered consent.
#[derive(Clone, Debug)]
pub struct GivenConsent {
    /// Who allowed.
    pub user_id: UserId,
    /// What.
    pub scope: Scope,
    /// In answer to which sealed request.
    pub flow: Option<FlowId>,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nobody is signed in: show the sign-in page.
    Login,
    /// Somebody is, but must prove it again: the sign-in page for that account.
    LoginAgain(UserId),
    /// Show the registration page.
    Register,
    /// Show the account chooser.
    Choose,
    /// Ask this session's person for what is missing.
    Complete(usize),
    /// Ask this session's person to allow what the request asks.
    Consent(usize),
    /// Answer the client with an error.
    Refuse(Code),
    /// Answer with a code for this session.
    Issue(usize),
}

/// What a person must give before a client gets its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Legal texts to agree to.
    Documents(Vec<Arc<Document>>),
    /// A confirmed contact.
    Contact(ContactKind),
    /// An organisation: one of these, or where there is none, any.
    Organisation(Vec<Organisation>),
}

/// What is missing first of a person before this client gets this scope (`None`: before the cabinet is shown). No data is asked
/// for before the legal texts are agreed to.
#[must_use]
pub fn missing(user: &User, asking: Option<(&Client, &Scope)>, documents: &Documents) -> Option<Missing> {
    let brand = asking.and_then(|(client, _)| client.metadata.brand.as_deref());
    let texts = documents.missing(user, brand);
    if !texts.is_empty() {
        return Some(Missing::Documents(texts));
    }
    let (client, scope) = asking?;
    if let Some(kind) = client.metadata.lacks(user) {
        return Some(Missing::Contact(kind));
    }
    let held = &user.organisations;
    let is_required = client.metadata.required_claims.contains(&RequiredClaim::Organisation);
    // With one there is nothing to choose, and with none only who cannot do without asks.
    let must_choose = held.list.len() > 1 && (is_required || scope.has("org"));
    let is_open = (is_required && held.list.is_empty()) || must_choose;
    (is_open && held.of_client(&client.id).is_none()).then(|| Missing::Organisation(held.list.clone()))
}

/// Decides what happens next; the numbers in the answer are places in `known.sessions`.
#[must_use]
pub fn decide(asked: &Asked<'_>, known: &Known<'_>) -> Step {
    let step = interactive(asked, known);
    if !asked.prompt.none {
        return step;
    }
    // OpenID Connect Core §3.1.2.6: with prompt=none every page becomes its error.
    match step {
        Step::Login | Step::LoginAgain(_) | Step::Register => Step::Refuse(Code::LoginRequired),
        Step::Choose => Step::Refuse(Code::AccountSelectionRequired),
        Step::Complete(_) => Step::Refuse(Code::InteractionRequired),
        Step::Consent(_) => Step::Refuse(Code::ConsentRequired),
        done => done,
    }
}

fn interactive(asked: &Asked<'_>, known: &Known<'_>) -> Step {
    let met = |session: &Session| session.authentication.flow.as_ref() == Some(asked.flow);
    let chosen = |session: &Session| met(session) || session.chosen_for.as_ref() == Some(asked.flow);
    let done_here = known.sessions.iter().position(chosen);
    if asked.prompt.create && done_here.is_none() {
        return Step::Register;
    }
    if known.sessions.is_empty() {
        return Step::Login;
    }
    if asked.prompt.select_account && done_here.is_none() {
        return Step::Choose;
    }
    let of = |user: &UserId| known.sessions.iter().position(|s| &s.user_id == user);
    let place = match asked.hint {
        // OpenID Connect Core §3.1.2.2: an id_token_hint admits only the person it names.
        Some(hint) => match of(hint) {
            Some(place) => place,
            None if done_here.is_some() => return Step::Refuse(Code::LoginRequired),
            None => return Step::Login,
        },
        // OpenID Connect Core §3.1.2.1: login_hint is about whom to ask; it binds nobody, and a choice stands before it.
        None => match done_here
            .or_else(|| asked.login_hint.and_then(of))
            .or_else(|| known.last_for_client.and_then(of))
        {
            Some(place) => place,
            None if known.sessions.len() == 1 => 0,
            None => return Step::Choose,
        },
    };
    let session = &known.sessions[place];
    // OpenID Connect Core §3.1.2.1: max_age=0 is equivalent to prompt=login.
    let stale = asked
        .max_age
        .is_some_and(|age| age == 0 || known.now.since(session.authentication.at) > age);
    let is_weak = !asked.acr.is_empty() && !session.authentication.meets(asked.acr);
    if (asked.prompt.login || stale || is_weak) && !met(session) {
        return Step::LoginAgain(session.user_id.clone());
    }
    // OpenID Connect Core §5.5.1.1: an essential acr that is not reached is a failed authentication attempt.
    if is_weak {
        return Step::Refuse(Code::UnmetAuthenticationRequirements);
    }
    if known.incomplete.contains(&session.user_id) {
        return Step::Complete(place);
    }
    match &known.consent {
        Some(consents) if must_ask(asked, consents, &session.user_id) => Step::Consent(place),
        _ => Step::Issue(place),
    }
}

fn must_ask(asked: &Asked<'_>, consents: &Consents<'_>, user: &UserId) -> bool {
    let given = consents.given.iter().find(|given| &given.user_id == user);
    let Some(given) = given else { return true };
    let again = asked.prompt.consent && given.flow.as_ref() != Some(asked.flow);
    again || !consents.asked.is_within(&given.scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::{Authentication, Factor};
    use crate::id::SessionId;

    fn session(user: &str, at: i64, flow: Option<&str>) -> Session {
        Session {
            id: SessionId::from(format!("s-{user}").as_str()),
            user_id: UserId::from(user),
            authentication: Authentication {
                at: Timestamp(at),
                factors: vec![Factor::Pwd],
                flow: flow.map(FlowId::from),
            },
            chosen_for: None,
            remembered: false,
            created_at: Timestamp(at),
            seen_at: Timestamp(at),
            expires_at: Timestamp(10_000),
            ip: String::new(),
            agent: String::new(),
        }
    }

    struct Case {
        prompt: &'static str,
        max_age: Option<i64>,
        acr: &'static [&'static str],
        hint: Option<&'static str>,
        login_hint: Option<&'static str>,
        last: Option<&'static str>,
        sessions: Vec<Session>,
        incomplete: &'static [&'static str],
        consent: Option<(&'static str, &'static str, Option<&'static str>)>,
    }

    impl Case {
        fn of(prompt: &'static str, sessions: Vec<Session>) -> Self {
            Self {
                prompt,
                max_age: None,
                acr: &[],
                hint: None,
                login_hint: None,
                last: None,
                sessions,
                incomplete: &[],
                consent: None,
            }
        }

        fn decide(&self) -> Step {
            let flow = FlowId::from("f");
            let acr: Vec<String> = self.acr.iter().map(|value| (*value).to_owned()).collect();
            let hint = self.hint.map(UserId::from);
            let login_hint = self.login_hint.map(UserId::from);
            let last = self.last.map(UserId::from);
            let asked_scope = self.consent.map(|c| Scope::parse(c.0).unwrap()).unwrap_or_default();
            let given: Vec<_> = self
                .consent
                .iter()
                .filter(|c| !c.1.is_empty())
                .map(|c| GivenConsent {
                    user_id: UserId::from("a"),
                    scope: Scope::parse(c.1).unwrap(),
                    flow: c.2.map(FlowId::from),
                })
                .collect();
            let incomplete: Vec<UserId> = self.incomplete.iter().map(|user| UserId::from(*user)).collect();
            let asked = Asked {
                flow: &flow,
                prompt: Prompt::parse(self.prompt).unwrap(),
                max_age: self.max_age,
                acr: &acr,
                hint: hint.as_ref(),
                login_hint: login_hint.as_ref(),
            };
            let known = Known {
                sessions: &self.sessions,
                last_for_client: last.as_ref(),
                incomplete: &incomplete,
                consent: self.consent.map(|_| Consents { asked: &asked_scope, given: &given }),
                now: Timestamp(1000),
            };
            decide(&asked, &known)
        }
    }

    #[test]
    fn without_a_session_the_person_signs_in_or_registers() {
        assert_eq!(Case::of("", vec![]).decide(), Step::Login);
        assert_eq!(Case::of("create", vec![]).decide(), Step::Register);
        assert_eq!(Case::of("create", vec![session("a", 900, Some("f"))]).decide(), Step::Issue(0));
        assert_eq!(Case::of("select_account", vec![]).decide(), Step::Login);
    }

    #[test]
    fn one_session_is_enough_and_several_need_a_choice() {
        let two = || vec![session("a", 900, None), session("b", 800, None)];
        assert_eq!(Case::of("", vec![session("a", 900, None)]).decide(), Step::Issue(0));
        assert_eq!(Case::of("", two()).decide(), Step::Choose);
        assert_eq!(Case { last: Some("b"), ..Case::of("", two()) }.decide(), Step::Issue(1));
        assert_eq!(Case { hint: Some("b"), ..Case::of("", two()) }.decide(), Step::Issue(1));
        assert_eq!(Case { hint: Some("c"), ..Case::of("", two()) }.decide(), Step::Login);
        assert_eq!(Case { last: Some("b"), ..Case::of("select_account", two()) }.decide(), Step::Choose);
        let hinted = |prompt, sessions| Case {
            login_hint: Some("b"),
            last: Some("a"),
            ..Case::of(prompt, sessions)
        };
        assert_eq!(hinted("", two()).decide(), Step::Issue(1));
        assert_eq!(hinted("none", two()).decide(), Step::Issue(1));
        assert_eq!(hinted("select_account", two()).decide(), Step::Choose);
        assert_eq!(hinted("", vec![session("a", 900, None)]).decide(), Step::Issue(0), "nobody is held to it");
        let mut chosen = two();
        chosen[1].chosen_for = Some(FlowId::from("f"));
        assert_eq!(Case::of("select_account", chosen).decide(), Step::Issue(1));
    }

    #[test]
    fn what_the_client_cannot_do_without_is_asked_of_the_chosen_account_after_its_sign_in_and_before_its_consent() {
        let lacking = |prompt, sessions| Case {
            incomplete: &["a"],
            consent: Some(("openid", "", None)),
            ..Case::of(prompt, sessions)
        };
        assert_eq!(lacking("", vec![]).decide(), Step::Login);
        assert_eq!(lacking("", vec![session("a", 900, None)]).decide(), Step::Complete(0));
        assert_eq!(lacking("", vec![session("b", 900, None)]).decide(), Step::Consent(0));
        assert_eq!(
            lacking("login", vec![session("a", 900, None)]).decide(),
            Step::LoginAgain(UserId::from("a"))
        );
        assert_eq!(lacking("login", vec![session("a", 900, Some("f"))]).decide(), Step::Complete(0));
        let two = vec![session("a", 900, None), session("b", 800, None)];
        assert_eq!(lacking("", two.clone()).decide(), Step::Choose);
        assert_eq!(Case { last: Some("a"), ..lacking("", two) }.decide(), Step::Complete(0));
        let silent = lacking("none", vec![session("a", 900, None)]);
        assert_eq!(silent.decide(), Step::Refuse(Code::InteractionRequired));
    }

    #[test]
    fn a_forced_or_stale_sign_in_is_asked_once_and_not_for_ever() {
        let again = || Step::LoginAgain(UserId::from("a"));
        assert_eq!(Case::of("login", vec![session("a", 999, None)]).decide(), again());
        assert_eq!(Case::of("login", vec![session("a", 999, Some("other"))]).decide(), again());
        assert_eq!(Case::of("login", vec![session("a", 1, Some("f"))]).decide(), Step::Issue(0));
        assert_eq!(
            Case {
                // OpenID Connect Core §3.1.2.1: max_age=0 asks as prompt=login does, within the same second too.
                max_age: Some(0),
                ..Case::of("", vec![session("a", 1000, None)])
            }
            .decide(),
            again()
        );
        assert_eq!(
            Case {
                max_age: Some(0),
                ..Case::of("", vec![session("a", 990, Some("f"))])
            }
            .decide(),
            Step::Issue(0)
        );
        assert_eq!(
            Case {
                max_age: Some(100),
                ..Case::of("", vec![session("a", 900, None)])
            }
            .decide(),
            Step::Issue(0)
        );
        assert_eq!(
            Case {
                max_age: Some(99),
                ..Case::of("", vec![session("a", 900, None)])
            }
            .decide(),
            again()
        );
    }

    #[test]
    fn an_essential_acr_is_asked_for_once_and_what_does_not_reach_it_then_is_an_error() {
        let case = |prompt, acr, flow| Case { acr, ..Case::of(prompt, vec![session("a", 900, flow)]) }.decide();
        assert_eq!(case("", &["1"], None), Step::Issue(0));
        assert_eq!(case("", &["2", "1"], None), Step::Issue(0));
        assert_eq!(case("", &["2"], None), Step::LoginAgain(UserId::from("a")));
        assert_eq!(case("", &["2"], Some("f")), Step::Refuse(Code::UnmetAuthenticationRequirements));
        assert_eq!(
            case("", &["urn:mace:gold"], Some("f")),
            Step::Refuse(Code::UnmetAuthenticationRequirements)
        );
        assert_eq!(case("none", &["2"], None), Step::Refuse(Code::LoginRequired));
    }

    #[test]
    fn consent_is_asked_for_what_is_new_and_again_when_the_client_insists() {
        let case = |prompt, consent| {
            Case {
                consent: Some(consent),
                ..Case::of(prompt, vec![session("a", 900, None)])
            }
            .decide()
        };
        assert_eq!(case("", ("openid email", "", None)), Step::Consent(0));
        assert_eq!(case("", ("openid email", "openid", None)), Step::Consent(0));
        assert_eq!(case("", ("openid", "email openid", None)), Step::Issue(0));
        assert_eq!(case("consent", ("openid", "openid", None)), Step::Consent(0));
        assert_eq!(case("consent", ("openid", "openid", Some("f"))), Step::Issue(0));
    }

    #[test]
    fn prompt_none_turns_every_page_into_its_error() {
        let refuse = Step::Refuse;
        assert_eq!(Case::of("none", vec![]).decide(), refuse(Code::LoginRequired));
        assert_eq!(
            Case {
                max_age: Some(1),
                ..Case::of("none", vec![session("a", 1, None)])
            }
            .decide(),
            refuse(Code::LoginRequired)
        );
        assert_eq!(
            Case::of("none", vec![session("a", 1, None), session("b", 1, None)]).decide(),
            refuse(Code::AccountSelectionRequired)
        );
        let unconsented = Case {
            consent: Some(("openid", "", None)),
            ..Case::of("none", vec![session("a", 1, None)])
        };
        assert_eq!(unconsented.decide(), refuse(Code::ConsentRequired));
        assert_eq!(
            Case {
                hint: Some("z"),
                ..Case::of("none", vec![session("a", 1, None)])
            }
            .decide(),
            refuse(Code::LoginRequired)
        );
        assert_eq!(Case::of("none", vec![session("a", 1, None)]).decide(), Step::Issue(0));
        assert_eq!(Prompt::parse("none login"), Err(Code::InvalidRequest));
    }
}
