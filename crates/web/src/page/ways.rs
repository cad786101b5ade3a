//! What the client of a visit and its brand allow on the way in: methods in their order, and kinds of contact.
//!
//! Pages show what is allowed and there in this release; posts are held to the same, for a page may be left out.

use kabinet_core::brand::Brand;
use kabinet_core::contact::ContactKind;
use kabinet_core::method::MethodName;
use kabinet_identity::method::{Method as Way, Place, certificate, code, present};

use crate::view::{Message, Method};
use crate::visit::Visit;

/// What is allowed.
pub(crate) struct Ways<'a> {
    brand: &'a Brand,
    login: &'a [MethodName],
    registration: &'a [MethodName],
    /// Whether anybody could sign in by certificate.
    verifies_signatures: bool,
}

impl<'a> Ways<'a> {
    /// Of the client that the visit belongs to.
    pub(crate) fn of(visit: &'a Visit) -> Self {
        let (brand, client) = (visit.brand(), visit.client().map(|client| &client.metadata));
        Self {
            brand,
            login: brand.login_methods(client),
            registration: brand.registration_methods(client),
            verifies_signatures: visit.site.identity.verifies_signatures(),
        }
    }

    /// Whether people sign in here with a password.
    pub(crate) fn has_login_form(&self) -> bool {
        present(self.login).any(|method| method.place == Place::Form)
    }

    /// The ways to sign in beside the form.
    pub(crate) fn login_tiles(&self) -> Vec<Method> {
        tiles(
            self.login_methods()
                .filter(|method| method.place == Place::Beside)
                .map(|method| method.id),
        )
    }

    /// Whether pages lead to «У меня есть код» here.
    pub(crate) fn has_code(&self) -> bool {
        self.login_methods().any(|method| method.id == code::METHOD.id)
    }

    /// Whether people sign in here by certificate.
    pub(crate) fn has_certificate_login(&self) -> bool {
        self.login_methods().any(|method| method.id == certificate::METHOD.id)
    }

    /// Whether people register here by certificate.
    pub(crate) fn has_certificate_registration(&self) -> bool {
        self.registration_methods().any(|method| method.id == certificate::METHOD.id)
    }

    fn login_methods(&self) -> impl Iterator<Item = &'static Way> {
        let is_chosen = self.login != MethodName::ALL;
        present(self.login).filter(move |method| self.is_there(method, is_chosen))
    }

    fn registration_methods(&self) -> impl Iterator<Item = &'static Way> {
        let is_chosen = self.registration != MethodName::REGISTERING;
        present(self.registration).filter(move |method| self.is_there(method, is_chosen))
    }

    /// Sign-in by certificate is there once a trust anchor is or a verifier outside, or where a list names it that is not the default one.
    fn is_there(&self, method: &Way, is_chosen: bool) -> bool {
        method.id != certificate::METHOD.id || self.verifies_signatures || is_chosen
    }

    /// Whether anybody registers here.
    pub(crate) fn has_registration(&self) -> bool {
        self.registration_methods().any(|method| method.registers)
    }

    /// Whether people register here with a password.
    pub(crate) fn has_registration_form(&self) -> bool {
        present(self.registration).any(|method| method.registers && method.place == Place::Form)
    }

    /// The ways to register beside the form.
    pub(crate) fn registration_tiles(&self) -> Vec<Method> {
        let beside = |method: &&'static Way| method.registers && method.place == Place::Beside;
        tiles(self.registration_methods().filter(beside).map(|method| method.id))
    }

    /// What a form asks for.
    pub(crate) fn identifier(&self, wish: Option<ContactKind>) -> ContactKind {
        self.brand.identifier(wish)
    }

    /// Why a contact of this kind is not taken.
    pub(crate) fn refusal(&self, kind: ContactKind) -> Option<Message> {
        let only = match self.identifier(None) {
            ContactKind::Phone => "only-phone",
            ContactKind::Email => "only-email",
        };
        (!self.brand.asks_for(kind)).then(|| Message::of(only))
    }
}

fn tiles(names: impl Iterator<Item = &'static str>) -> Vec<Method> {
    names.filter_map(Method::named).collect()
}
