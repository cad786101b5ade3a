# The person's own pages
account = Your account
account-menu = Sections
account-home = My account
account-contacts = Contacts
account-sessions = Sessions
account-organisations = Organisations
account-id = Identifier
account-since = Account created
contacts-lead = You sign in to every product with these.
contact-confirmed = confirmed
contact-unconfirmed = not confirmed
contact-none = not given
sessions-lead = All devices on which you are signed in.
session-device = Device
session-place = Network
session-started = Signed in
session-seen = Last active
session-actions = Actions
session-current = this session
session-unknown = Unknown device
session-end = End
session-end-of = End session: { $device }
session-end-others = End all others
session-only = There are no other sessions.
session-delay = Products learn of it at once; those that check a token by themselves, within { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}.
session-ended = The session has ended.
sessions-ended = { $count ->
    [one] { $count } session has ended.
   *[other] { $count } sessions have ended.
}
all-sessions = All sessions
manage-contacts = All contacts
sign-out = Sign out
account-consents = Access
consents-lead = Sites that you allowed to get data of your account.
consents-none = You have not allowed anything yet.
consent-client = Site
consent-allowed = What it gets
consent-since = Since
consent-withdraw = Withdraw
consent-withdraw-of = Withdraw access: { $client }
consent-withdrawn = Access has been withdrawn.
documents-agreed = Documents
documents-lead = The texts that you have agreed to.
documents-none = You have not agreed to any document.
document-name = Document
document-edition = Version
document-agreed-at = When you agreed
document-client = Product
document-standing = State
document-in-force = in force
document-replaced = replaced by a later version
document-withdrawn = withdrawn
pd-withdraw = Withdraw the consent
pd-withdraw-title = Withdraw the consent to the processing of personal data?
pd-withdraw-sessions = You will be signed out on every device, and products get no more of your data.
pd-withdraw-products = You can sign in to products again once you consent anew: we ask for it at your next sign-in.
pd-withdraw-account = The account is not deleted: its data stay with us and are given to nobody. To have the data deleted, ask the operator whom the text of the consent names.
pd-withdraw-notice = We tell every confirmed contact of the withdrawal.
pd-withdraw-keep = Leave it as it is
pd-withdrawn = The consent to the processing of personal data is withdrawn.
pd-not-given = No consent to the processing of personal data is in force.
organisations = Organisations
organisations-lead = The organisations that you act for. Products that need this also see who has vouched for it.
organisations-none = No organisations yet.
organisation-proof = Vouched for by
organisation-add = Add an organisation
organisation-remove = Remove
organisation-remove-of = Remove: { $name }
organisation-added = The organisation is added.
organisation-removed = The organisation is removed.
proof-stated = stated by you
proof-administrator = an administrator
