# Account chooser
choose-title = Choose an account
choose-another = Use another account
choose-signed-out = Sign in again
choose-done = You have signed out of the account.
choose-full = This browser already has five accounts. One more will sign out the account that has not been used for the longest time.
choose-sign-out = Sign out: { $name }

# Consent of a third-party client
consent-title = Access to your account
consent-lead = { $client } asks for access to your data
consent-account = You are signed in as
another-account = another account
consent-scopes = It will get:
consent-host = After you answer you go to
consent-lookalike = The name or address mixes look-alike letters of different alphabets. Allow access only if you trust this site.
consent-later = You can withdraw the access in your account.
consent-allow = Allow
consent-deny = Decline
client-policy = Privacy policy of the site
client-terms = Terms of the site
scope-openid = Account identifier
scope-openid-gives = The site recognises you the next time
scope-profile = Name and profile
scope-profile-gives = Full name, language and time zone
scope-email = Email
scope-email-gives = The address and whether it is confirmed
scope-phone = Phone
scope-phone-gives = The number and whether it is confirmed
scope-address = Address
scope-address-gives = The postal address of your profile
scope-org = Organisation
scope-org-gives = The organisation that you act for on this site
scope-orgs = All organisations
scope-orgs-gives = The list of your organisations: INN, KPP, name and who has vouched for it
scope-identity = Confirmed identity
scope-identity-gives = Full name and date of birth as Gosuslugi has confirmed them, and when that was
scope-identity_document = Identity document
scope-identity_document-gives = Its kind, number, date and issuer as Gosuslugi has confirmed them
scope-offline_access = Access while you are away
scope-offline_access-gives = The site gets data also while you do not use it, until you withdraw the access
scope-other = Permission “{ $scope }”
scope-other-gives = Its meaning is described by the site that asks for it

# "I have a code"
user-code-title = I have a code
user-code-lead = Enter the code from the screen of the device or program that you want to sign in to.
user-code = Code
user-code-hint = Eight Latin letters, for example BCDF-GHJK. Case and dash do not matter.
user-code-compare = Compare the code with the one that the device shows. If they differ, do not go on.
user-code-submit = Continue
user-code-malformed = No code looks like this: it has eight Latin letters, for example BCDF-GHJK.
user-code-unknown = The code was not found. Check it on the device's screen, or ask the device for a new one.
user-code-many = Too many wrong codes. Try again in 10 minutes.
device-title = Sign-in on another device
device-lead = { $client } asks to sign in to your account on another device
device-code = Code on the device's screen
device-from = Where the request comes from
device-asked = When
device-warning = If you did not begin this sign-in yourself, or somebody sent you the code, choose “Decline”.
device-elsewhere = The request comes from another network. Allow it only if the device is in front of you now.
device-allow = Allow sign-in
device-deny = Decline
device-fresh = The request comes from another network. Confirm the sign-in on the device: { $client }
device-allowed = Sign-in allowed
device-allowed-how = Go back to the device: it will be signed in within seconds.
device-allowed-later = You can take the access back in your account.
device-refused = Sign-in declined
device-refused-how = The device has got no access to your account.
device-over = The code is no longer good. Ask the device for a new one.

# Sign-out
logout-title = Sign out?
logout-lead = You will be signed out of { $product } and of the products that you used in this browser.
logout-lead-here = You will be signed out of your account and of the products that you used in this browser.
logout-submit = Sign out
logout-stay = Stay signed in
signed-out-title = You are signed out
signed-out-text = The session in this browser has ended.
signed-out-back = Back to { $product }
signed-out-login = Sign in again
signed-out-leaving = We are telling your products that you have signed out.
signed-out-continue = Continue
signed-out-frame = Sign-out of a product

# Legal documents
document-version = Version { $version }
document-sample = This is a sample. Replace it with a text that your lawyer has approved.
document-former = This is a former version. Another one is in force now.
document-before = former version
document-russian = The document is in Russian; the Russian text is the one that binds.

# What a product cannot do without
complete-email = Your email is needed
complete-phone = Your phone is needed
complete-email-lead = { $client } cannot do without your email. We will send a code to it and ask only once.
complete-phone-lead = { $client } cannot do without your phone. We will send a code to it and ask only once.
complete-submit = Get a code
complete-deny = Refuse and go back
complete-documents-changed = The documents have changed
complete-documents-changed-lead = To continue, read the new versions.
complete-documents-new = Your consent is needed
complete-documents-new-lead = To continue, read the documents.
complete-agreement = By pressing “Continue” I accept the <agreement>User agreement</agreement>
complete-continue = Continue
complete-deny-here = Refuse and sign out
complete-organisation = Enter your organisation
complete-organisation-lead = { $client } needs the organisation that you act for. We ask once.
complete-choose = Choose an organisation
complete-choose-lead = For which organisation do you act at { $client }? We remember the choice.
inn = INN
kpp = KPP
organisation-name = Name
complete-other = Sign in to the other account
