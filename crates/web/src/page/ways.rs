//! What the client of a visit, its brand and the rule of the visitor's country allow on the way in: methods in their order, and kinds of contact.
//!
//! Pages show what is allowed and there in this release; posts are held to the same, for a page may be left out.

use kabinet_core::brand::Brand;
use kabinet_core::contact::ContactKind;
use kabinet_core::country::{CountryCode, CountryRules};
use kabinet_core::method::MethodName;
use kabinet_identity::method::{Method as Way, Place, certificate, code, present};
use kabinet_identity::{Configured, Identity, UpstreamSettings};

use crate::view::{Message, Method};
use crate::visit::Visit;

/// What is allowed.
pub(crate) struct Ways<'a> {
    brand: &'a Brand,
    login: &'a [MethodName],
    registration: &'a [MethodName],
    identity: &'a Identity,
    countries: &'a CountryRules,
    country: Option<CountryCode>,
}

/// A way that is allowed and there.
#[derive(Clone, Copy)]
enum Present<'a> {
    /// One that this release has.
    Own(&'static Way),
    /// Another provider.
    Upstream(&'a Configured),
}

impl<'a> Ways<'a> {
    /// Of the client that the visit belongs to.
    pub(crate) fn of(visit: &'a Visit) -> Self {
        let (brand, client) = (visit.brand(), visit.client().map(|client| &client.metadata));
        Self {
            brand,
            login: brand.login_methods(client),
            registration: brand.registration_methods(client),
            identity: &visit.site.identity,
            countries: &visit.site.config.countries,
            country: visit.country(),
        }
    }

    /// Whether people sign in here with a password.
    pub(crate) fn has_login_form(&self) -> bool {
        self.own(self.login).any(|method| method.place == Place::Form)
    }

    /// The ways to sign in beside the form.
    pub(crate) fn login_tiles(&self) -> Vec<Method> {
        self.tiles(self.login_methods(), self.has_login_form())
    }

    /// Whether pages lead to «У меня есть код» here.
    pub(crate) fn has_code(&self) -> bool {
        self.own(self.login).any(|method| method.id == code::METHOD.id)
    }

    /// Whether people sign in here by certificate.
    pub(crate) fn has_certificate_login(&self) -> bool {
        has_certificate(self.login_methods())
    }

    /// Whether people register here by certificate.
    pub(crate) fn has_certificate_registration(&self) -> bool {
        has_certificate(self.registration_methods())
    }

    /// Whether people sign in here by this provider.
    pub(crate) fn has_upstream_login(&self, name: &str) -> bool {
        has_upstream(self.login_methods(), name)
    }

    /// Whether people register here by this provider.
    pub(crate) fn has_upstream_registration(&self, name: &str) -> bool {
        has_upstream(self.registration_methods(), name)
    }

    fn login_methods(&self) -> Vec<Present<'a>> {
        self.methods(self.login, self.login != MethodName::ALL)
    }

    fn registration_methods(&self) -> Vec<Present<'a>> {
        let mut all = self.methods(self.registration, self.registration != MethodName::REGISTERING);
        all.retain(|one| match one {
            Present::Own(method) => method.registers,
            Present::Upstream(one) => one.settings.makes_accounts(),
        });
        all
    }

    /// Our own ways of a list that people of this country may be shown.
    fn own(&self, list: &'a [MethodName]) -> impl Iterator<Item = &'static Way> {
        present(list).filter(|method| self.is_lawful(method.id))
    }

    fn is_lawful(&self, method: &str) -> bool {
        self.countries.allows(self.country, method)
    }

    /// What of a list is there, in its order. The default list has every configured provider beside.
    fn methods(&self, list: &[MethodName], is_chosen: bool) -> Vec<Present<'a>> {
        let upstream = |name: &MethodName| self.identity.upstream(name.as_str()).map(Present::Upstream);
        let find = |name: &MethodName| match present(std::slice::from_ref(name)).next() {
            Some(method) => self.is_there(method, is_chosen).then_some(Present::Own(method)),
            None => upstream(name),
        };
        let named = list.iter().filter_map(find);
        let is_beside = |one: &&Configured| !list.iter().any(|name| name.as_str() == one.settings.name);
        let beside = self.identity.upstreams().iter().filter(|one| !is_chosen && is_beside(one));
        let is_lawful = |one: &Present<'_>| match one {
            Present::Own(method) => self.is_lawful(method.id),
            Present::Upstream(one) => self.is_lawful(&one.settings.name),
        };
        named.chain(beside.map(Present::Upstream)).filter(is_lawful).collect()
    }

    /// Sign-in by certificate is there once a trust anchor is or a verifier outside, or where a list names it that is not the default one.
    fn is_there(&self, method: &Way, is_chosen: bool) -> bool {
        method.id != certificate::METHOD.id || is_chosen || self.identity.verifies_signatures()
    }

    /// Whether anybody registers here.
    pub(crate) fn has_registration(&self) -> bool {
        !self.registration_methods().is_empty()
    }

    /// Whether people register here with a password.
    pub(crate) fn has_registration_form(&self) -> bool {
        self.own(self.registration).any(|method| method.registers && method.place == Place::Form)
    }

    /// Whether whoever is invited makes an account with a password here: also where registration is closed to everybody else, but
    /// not where people register by other ways alone or do not sign in with a password.
    pub(crate) fn has_invited_form(&self) -> bool {
        (self.registration.is_empty() || self.has_registration_form()) && self.has_login_form()
    }

    /// The ways to register beside the form.
    pub(crate) fn registration_tiles(&self) -> Vec<Method> {
        self.tiles(self.registration_methods(), self.has_registration_form())
    }

    /// The providers that people may link to their accounts.
    pub(crate) fn linkable(&self) -> Vec<Method> {
        let upstreams = self.login_methods().into_iter().filter(|one| matches!(one, Present::Upstream(_)));
        upstreams.filter_map(tile).collect()
    }

    /// Tiles for what stands beside the form. A provider that does not answer is left out, unless nothing else would be there.
    fn tiles(&self, all: Vec<Present<'a>>, has_form: bool) -> Vec<Method> {
        let is_up = |one: &Present<'_>| match one {
            Present::Own(_) => true,
            Present::Upstream(one) => self.identity.is_up(one),
        };
        let is_beside = |one: &Present<'_>| !matches!(one, Present::Own(method) if method.place != Place::Beside);
        let (up, down): (Vec<_>, Vec<_>) = all.into_iter().filter(is_beside).partition(is_up);
        let shown = if up.is_empty() && !has_form { down } else { up };
        shown.into_iter().filter_map(tile).collect()
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

fn tile(one: Present<'_>) -> Option<Method> {
    match one {
        Present::Own(method) => Method::named(method.id),
        Present::Upstream(one) => Some(method_of(&one.settings)),
    }
}

/// The tile of a provider.
pub(crate) fn method_of(settings: &UpstreamSettings) -> Method {
    Method::named(&settings.name)
        .unwrap_or_else(|| Method::Upstream { name: settings.name.clone(), title: settings.title.clone() })
}

fn has_certificate(all: Vec<Present<'_>>) -> bool {
    all.iter()
        .any(|one| matches!(one, Present::Own(method) if method.id == certificate::METHOD.id))
}

fn has_upstream(all: Vec<Present<'_>>, name: &str) -> bool {
    all.iter().any(|one| matches!(one, Present::Upstream(one) if one.settings.name == name))
}
