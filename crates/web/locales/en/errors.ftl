# At a field or above a form
login-wrong = Wrong phone (email) or password. Check them or reset the password.
login-throttled = Too many attempts. Try again in { $minutes } min.
login-blocked = Sign-in to this account is restricted. Contact support, reference { $id }.
login-busy = Very many people are signing in right now. Try again in a few seconds.
phone-invalid = Enter the whole phone number, for example +7 (900) 000-00-00.
phone-unreachable = A code cannot be sent to this number. Give another mobile number or use email.
email-invalid = Check the address: it needs an @ and a server name.
only-phone = Only a phone number is accepted here.
only-email = Only an email address is accepted here.
inn-invalid = Check the INN: 10 digits of an organisation, 12 of a sole proprietor.
kpp-invalid = Check the KPP: 9 characters; a sole proprietor has none.
organisation-name-invalid = Enter the name, at most 300 characters.
organisations-too-many = Too many organisations. Remove some in your account.
password-missing = Enter the password.
password-short = The password is shorter than { $min ->
    [one] { $min } character
   *[other] { $min } characters
}. Add more words or symbols.
password-long = The password is longer than { $max ->
    [one] { $max } character
   *[other] { $max } characters
}.
password-weak = The password is easy to guess. Add more words or symbols.
password-leaked = This password has appeared in leaks. Choose another one.
consent-missing = { $place ->
    [complete] To continue, tick the consent to the processing of personal data.
   *[register] To create an account, tick the consent to the processing of personal data.
}
recovery-over = The time to set a password is over. Ask for a code again.
code-missing = Enter the code from the message.
code-wrong = The code does not match. Attempts left: { $left }.
code-expired = The code has expired. Request a new one.
code-not-sent = The code could not be sent. Try later or choose email.
code-limit = Codes were requested too often. You can get a new one in { $minutes } min.
code-wait = You can get a new code in { $seconds } s.
work-wait = Wait { $seconds } s and press again.
work-busy = One moment, checking your browser…
work-done = The check is done. Send the form again.
account-exists = There is an account for these data already. Sign in or reset the password.
contact-taken = This contact belongs to another account. Give another one or sign in to that account.
method-not-linked = This way to sign in is not linked yet. Sign in another way and link it in your account.
esia-down = Gosuslugi does not answer right now. Choose another way to sign in.
form-stale = The form was renewed because the page was open for long or in another tab. Please send it again.
session-over = The session has ended. Sign in again.
reauthenticate = Sign in once more to continue.

# Pages of their own
error-title = That did not work
error-not-found-title = There is no such page
error-not-found = The address may be mistyped or the page has moved.
error-server = Something failed on our side. Please try again a little later.
error-unavailable = The service is overloaded or being updated. Try again in a minute.
error-method = This page cannot be used that way. Go back and start again.
error-too-large = The request is too large.
error-request = The request is malformed. Return to the site you came from and start again.
error-forbidden = You have no access to this page.
error-throttled = Too many requests. Try again in { $minutes } min.
request-expired = The sign-in took too long. Return to { $product } and start again.
request-expired-here = The sign-in took too long. Start again.
client-unknown = The site you came from is not registered. Give its owner the code { $id }.
client-disabled = Sign-in to this site is switched off. Give its owner the code { $id }.
redirect-unregistered = The return address is not registered for the site you came from. Give its owner the code { $id }.
registration-closed = Registration is closed. Ask the administrator.
login-closed = Sign-in is closed here. Ask the administrator.
logout-failed = The sign-out could not be completed through this link. Sign out in your account.
request-id = Error code
back-to-product = Back to { $product }
back-home = Home page
