//! What is written down of every security-relevant change, in the transaction that makes it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::id::{ClientId, SessionId, UserId};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $text:literal)*) => {
        /// The kinds of audit records.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Event {
            /// The stored name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

events! {
    /// A person registered.
    UserRegistered = "user.registered"
    /// An administrator made an account.
    UserCreated = "user.created"
    /// An administrator disabled an account.
    UserDisabled = "user.disabled"
    /// An administrator enabled an account.
    UserEnabled = "user.enabled"
    /// An administrator let somebody try again who had to wait after failures.
    UserUnlocked = "user.unlocked"
    /// An account was deleted.
    UserDeleted = "user.deleted"
    /// Two accounts of one person became one.
    AccountMerged = "account.merged"
    /// They became two again.
    MergeUndone = "account.merge_undone"
    /// A contact was proven by a code.
    ContactConfirmed = "contact.confirmed"
    /// A certificate was linked to an account.
    CertificateLinked = "certificate.linked"
    /// A certificate was taken from an account.
    CertificateUnlinked = "certificate.unlinked"
    /// Somebody signed in with a newer certificate of the same person.
    CertificateRenewed = "certificate.renewed"
    /// An account at another provider was linked to an account.
    UpstreamLinked = "upstream.linked"
    /// An account at another provider was taken from an account.
    UpstreamUnlinked = "upstream.unlinked"
    /// A contact was taken from an account.
    ContactRemoved = "contact.removed"
    /// A right code opened a way back into an account.
    RecoveryBegun = "recovery.begun"
    /// A change began to wait: a recovery by a phone not proven for long, or a contact that changed hands.
    HandoverBegun = "handover.begun"
    /// A change that waited was stopped by a sign-in or made needless by a new password.
    HandoverStopped = "handover.stopped"
    /// A password was set or changed.
    PasswordChanged = "password.changed"
    /// A stored password hash was made again at today's cost.
    PasswordRehashed = "password.rehashed"
    /// A person signed in.
    LoginSucceeded = "login.succeeded"
    /// A sign-in failed.
    LoginFailed = "login.failed"
    /// A device was allowed to act for a person.
    DeviceAllowed = "device.allowed"
    /// A person refused a device.
    DeviceRefused = "device.refused"
    /// A session ended.
    SessionEnded = "session.ended"
    /// A legal document was published.
    DocumentPublished = "document.published"
    /// A legal document was agreed to.
    DocumentAccepted = "document.accepted"
    /// An organisation was added to a person.
    OrganisationAdded = "organisation.added"
    /// An organisation was taken from a person.
    OrganisationRemoved = "organisation.removed"
    /// A person chose for which organisation they act in a product.
    OrganisationChosen = "organisation.chosen"
    /// Somebody was invited.
    InvitationCreated = "invitation.created"
    /// An invitation led to an account or into an organisation.
    InvitationAccepted = "invitation.accepted"
    /// An invitation was withdrawn, or another one took its place.
    InvitationWithdrawn = "invitation.withdrawn"
    /// A wrong code was entered for an invitation.
    InvitationRefused = "invitation.refused"
    /// A person allowed a client.
    ConsentGranted = "consent.granted"
    /// A person took an allowance back, or the consent to the processing of personal data.
    ConsentWithdrawn = "consent.withdrawn"
    /// An authorization code was issued.
    GrantIssued = "grant.issued"
    /// Tokens were given for a code.
    GrantRedeemed = "grant.redeemed"
    /// A grant was ended: by revocation, by replay, by sign-out.
    GrantEnded = "grant.ended"
    /// A single access token was revoked.
    TokenRevoked = "token.revoked"
    /// A service got a token for the next service, about the same person.
    TokenExchanged = "token.exchanged"
    /// A person made an API token.
    ApiTokenCreated = "api_token.created"
    /// An API token was revoked.
    ApiTokenRevoked = "api_token.revoked"
    /// Somebody has found an API token and reported it; it was revoked.
    ApiTokenLeaked = "api_token.leaked"
    /// A client was registered.
    ClientCreated = "client.created"
    /// A client registered itself.
    ClientRegistered = "client.registered"
    /// A token was made that allows to register clients.
    InitialTokenCreated = "registration.token_created"
    /// Such a token was taken back.
    InitialTokenRevoked = "registration.token_revoked"
    /// A client was changed.
    ClientUpdated = "client.updated"
    /// A client got a new secret.
    ClientSecretRotated = "client.secret_rotated"
    /// A client was deleted.
    ClientDeleted = "client.deleted"
    /// A brand was saved.
    BrandChanged = "brand.changed"
    /// A saved brand was deleted.
    BrandDeleted = "brand.deleted"
    /// An authority was added to those that sign-in by certificate believes.
    TrustAdded = "trust.added"
    /// An authority was taken from them.
    TrustRemoved = "trust.removed"
    /// The list of accredited authorities was imported.
    TrustImported = "trust.imported"
    /// A signing key was made.
    KeyCreated = "key.created"
    /// Signing keys moved on.
    KeyRotated = "key.rotated"
    /// A key that signs nothing any more left the published set, and its private half was erased.
    KeyRetired = "key.retired"
    /// A key that signs nothing any more was forgotten.
    KeyDeleted = "key.deleted"
}

/// Who did it and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `command line`, `person`, `client`, `system`.
    pub actor: &'static str,
    /// Network address, empty when there is none.
    pub ip: String,
    /// `User-Agent`, shortened; empty when there is none.
    pub agent: String,
    /// The request id that log lines and error pages show.
    pub request: String,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// Whom it concerns.
    pub user: Option<UserId>,
    /// Which client it concerns.
    pub client: Option<ClientId>,
    /// Which session it concerns.
    pub session: Option<SessionId>,
    /// More, without secrets or contacts.
    pub data: Map<String, Value>,
}

impl Record {
    /// A record of an event without particulars.
    #[must_use]
    pub fn of(event: Event) -> Self {
        Self {
            event,
            user: None,
            client: None,
            session: None,
            data: Map::new(),
        }
    }

    /// Names the person.
    #[must_use]
    pub fn user(mut self, id: &UserId) -> Self {
        self.user = Some(id.clone());
        self
    }

    /// Names the client.
    #[must_use]
    pub fn client(mut self, id: &ClientId) -> Self {
        self.client = Some(id.clone());
        self
    }

    /// Names the session.
    #[must_use]
    pub fn session(mut self, id: &SessionId) -> Self {
        self.session = Some(id.clone());
        self
    }

    /// Adds a particular.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }
}
