## Sign-in through another service: Gosuslugi, Telegram and providers of the configuration.
upstream-unlinked-title = This sign-in is not linked
upstream-unlinked-lead = You signed in at { $provider }, but that account is not linked to any account here yet.
upstream-unlinked-hint = If you have an account, sign in to it: the sign-in is linked, and next time the button { $provider } is enough.
upstream-alike = You seem to have an account already. Sign in to it and link this sign-in, so that you do not end up with two.
upstream-register = Register with { $provider }
upstream-other-way = Sign in another way
upstream-vouched = Confirmed by { $provider }. No code is needed.
upstream-fresh-link = Enter the details of the account that { $provider } shall be linked to.
upstream-fresh-unlink = Enter your password to remove the sign-in through another service.

## The account, "Ways to sign in".
upstreams-title = Sign-in through other services
upstreams-lead = A linked service signs you in, too: its page confirms that it is you.
upstreams-none = Nothing is linked.
upstream-service = Service
upstream-owner = Who
upstream-linked-at = Linked
upstream-link = Link { $provider }
upstream-unlink = Remove
upstream-unlink-of = Remove { $provider }
upstream-linked = The sign-in is linked. Your contacts have been told.
upstream-linked-already = This sign-in is linked to your account already.
upstream-unlinked = The sign-in is removed. Your contacts have been told.
upstream-last = This is the only way into the account. Set a password or link another way first.

## Sign-out.
upstream-leave = Sign out of { $provider }, too

## What went wrong.
upstream-state = This sign-in was begun in another tab or browser, is finished already, or was begun too long ago. Start again.
upstream-cancelled = You cancelled the sign-in at { $provider }. Sign in another way or try again.
upstream-unavailable = { $provider } does not answer now. Sign in another way or try again later.
upstream-stale = The answer of { $provider } is out of date. Start the sign-in again.
upstream-misconfigured = { $provider } did not accept the request: the sign-in through it is set up wrongly. Sign in another way and tell support the number below.
upstream-unconfirmed = Your account at { $provider } is not confirmed. Confirm it and sign in again, or choose another way.
upstream-verifying = Your account at { $provider } is still being checked. Wait until that is done, or sign in another way.
upstream-second-factor = Switch on two-step sign-in at { $provider } and sign in again.
upstream-organisation = You are not in the organisation that is needed at { $provider }. Sign in for another organisation.
upstream-untrusted = The answer of { $provider } failed a check. Sign in another way and tell support the number below.
upstream-ambiguous = This sign-in belongs to two accounts or contradicts the linked one. Sign in another way and contact support.
upstream-unknown = This account at { $provider } is not linked to any account here. Sign in another way and link it under "Ways to sign in".
upstream-linked-elsewhere = This sign-in is linked to another account already, or was used before. Sign in to that account or start again.
upstream-too-many = Too many services are linked to the account. Remove one and try again.
upstream-contact-taken = This contact has an account already. Sign in to it and link the sign-in, or give another contact.
