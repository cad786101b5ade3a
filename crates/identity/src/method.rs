//! The ways to sign in.
//!
//! A new one is a module here and a line in [`METHODS`]. What it proves becomes a [`Proof`](crate::Proof); who that proof
//! belongs to, and the session that follows, are the same for all.

pub mod certificate;
pub mod code;
pub mod esia;
pub mod password;
pub mod telegram;
pub mod upstream;

use kabinet_core::method::{Built, MethodName};

/// Where the sign-in page shows a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the form that the page opens with.
    Form,
    /// A way beside the form, with a page of its own at `/login/{id}`.
    Beside,
    /// A link below the form, to a page of its own at `/{id}`.
    Link,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name: in URLs, texts, page ids (`method-{id}`) and as the kind of its credentials.
    pub id: &'static str,
    /// Where the sign-in page shows it.
    pub place: Place,
    /// Whether an account can be made with it.
    pub registers: bool,
}

/// Every way to sign in, in the order in which pages show them.
pub static METHODS: &[Method] = &[password::METHOD, certificate::METHOD, code::METHOD];

/// What this release can do of what brands and clients may allow.
#[must_use]
pub fn built() -> Built {
    let named = |method: &Method| MethodName::ALL.into_iter().find(|name| name.as_str() == method.id);
    Built {
        login: METHODS.iter().filter_map(named).collect(),
        registration: METHODS.iter().filter(|method| method.registers).filter_map(named).collect(),
    }
}

/// The methods of a list that this release has, in the order of the list.
pub fn present(allowed: &[MethodName]) -> impl Iterator<Item = &'static Method> {
    allowed.iter().filter_map(|name| METHODS.iter().find(|method| method.id == name.as_str()))
}
