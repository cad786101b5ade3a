//! The ways to sign in.
//!
//! A new one is a module here and a line in [`METHODS`]. What it proves becomes a [`Proof`](crate::Proof); who that proof
//! belongs to, and the session that follows, are the same for all.

pub mod password;

/// Where the sign-in page shows a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the form that the page opens with.
    Form,
    /// A way beside the form, with a page of its own at `/login/{id}`.
    Beside,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name: in URLs, texts, page ids (`method-{id}`) and as the kind of its credentials.
    pub id: &'static str,
    /// Where the sign-in page shows it.
    pub place: Place,
}

/// Every way to sign in, in the order in which pages show them.
pub static METHODS: &[Method] = &[password::METHOD];
