//! What the client of a visit and its brand allow on the way in: methods in their order, and kinds of contact.
//!
//! Pages show what is allowed and there in this release; posts are held to the same, for a page may be left out.

use kabinet_core::brand::Brand;
use kabinet_core::contact::ContactKind;
use kabinet_core::method::MethodName;
use kabinet_identity::method::{Place, present};

use crate::view::{Message, Method};
use crate::visit::Visit;

/// What is allowed.
pub(crate) struct Ways<'a> {
    brand: &'a Brand,
    login: &'a [MethodName],
    registration: &'a [MethodName],
}

impl<'a> Ways<'a> {
    /// Of the client that the visit belongs to.
    pub(crate) fn of(visit: &'a Visit) -> Self {
        let (brand, client) = (visit.brand(), visit.client().map(|client| &client.metadata));
        Self {
            brand,
            login: brand.login_methods(client),
            registration: brand.registration_methods(client),
        }
    }

    /// Whether people sign in here with a password.
    pub(crate) fn has_login_form(&self) -> bool {
        present(self.login).any(|method| method.place == Place::Form)
    }

    /// The ways to sign in beside the form.
    pub(crate) fn login_tiles(&self) -> Vec<Method> {
        tiles(present(self.login).filter(|method| method.place == Place::Beside).map(|method| method.id))
    }

    /// Whether anybody registers here.
    pub(crate) fn has_registration(&self) -> bool {
        present(self.registration).any(|method| method.registers)
    }

    /// Whether people register here with a password.
    pub(crate) fn has_registration_form(&self) -> bool {
        present(self.registration).any(|method| method.registers && method.place == Place::Form)
    }

    /// The ways to register beside the form.
    pub(crate) fn registration_tiles(&self) -> Vec<Method> {
        let beside = |method: &&kabinet_identity::method::Method| method.registers && method.place == Place::Beside;
        tiles(present(self.registration).filter(beside).map(|method| method.id))
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
