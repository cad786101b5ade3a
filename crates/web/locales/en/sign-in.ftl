# Sign-in.
login-title = Sign in to { $product }
login-continue = To continue to { $product }
phone = Phone
email = Email
by-email = Use email
by-phone = Use phone
password = Password
remember = Stay signed in on this device
login-submit = Sign in
no-account = No account yet?
go-register = Register
or-login = or sign in with
or-register = or register with
method-password = Email / phone
method-certificate = Certificate
method-esia = Gosuslugi
method-telegram = Telegram
have-code = I have a code
forgot-password = Forgot password?

# Registration
register-title = Registration
register-submit = Create account
already-created = Already registered?
go-login = Sign in
password-rule = At least { $min ->
    [one] { $min } character
   *[other] { $min } characters
}. A phrase of several words is fine.
pd-consent = I <pd-consent>consent to the processing of personal data</pd-consent> under the <pd-policy>Personal data policy</pd-policy>
pd-consent-label = Consent to the processing of personal data
register-agreement = By pressing “Create account” I accept the <agreement>User agreement</agreement>

# Confirmation code
back-to-registration = ← Back to registration
back-to-login = ← Back to sign-in
confirm-phone = Confirm your phone
confirm-email = Confirm your email
code-sent-to = The confirmation code was sent to
code = Confirmation code
code-submit = Confirm
code-life = The code is valid for { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}.
no-code = No code received?
resend = Send again
resend-in = Send again in { $seconds }
resend-without-script = When the time is up, <reload>reload the page</reload>.
code-resent = A new code has been sent.

# Confirmed
phone-confirmed = Phone confirmed!
email-confirmed = Email confirmed!
now-continue = You can now continue to { $product }
continue-to = Continue to { $product }
forwarding = Registration is complete. You will be taken to { $product }.

# Form post
form-post-title = Signing you in
form-post-text = If nothing happens, press the button.
form-post-submit = Continue
telegram-return = Sign in with Telegram
telegram-no-script = To sign in with Telegram, switch JavaScript on in the browser, or sign in another way.
telegram-nothing = Telegram has passed nothing on. Start again, or sign in another way.
telegram-who = You are signing in as the Telegram user:
telegram-not-you = If that is not you, or somebody sent you the link to this page, close it.
telegram-other = Sign in another way
telegram-go = Sign in
