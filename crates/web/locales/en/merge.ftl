## Two accounts of one person become one.
merge-title = Merging accounts
merge-offer = If you have another account, it can become part of this one. Only you can do that, and only by signing in to both.
merge-go = I have another account
merge-lead = The other account becomes part of this one: its contacts and its ways to sign in move here.
merge-step-own = First prove that this account is yours.
merge-step-other = Then sign in to the other account, by any of its ways. You have five minutes for both.
merge-step-look = Before anything is merged we show what will change. For 30 days it can be undone.
merge-begin = Continue
merge-fresh = Enter the details of the account that stays: the one you are signed in to.
merge-fresh-undo = Enter the password of this account to part the accounts.
merge-sign-in-other = Now sign in to the other account: the one that becomes part of the first.
merge-next = This account is proven. What is left is to sign in to the other one.
merge-sign-in = Sign in to the other account
merge-stays = Stays
merge-ends = Becomes part of it
merge-moves = What changes
merge-name = The name and the profile stay those of the account “{ $name }”.
merge-contacts = Contacts that move
merge-ways = Sign-ins that move
merge-certificate = Certificate: { $owner }
merge-organisations = Organisations that move
merge-consents = Permissions that move
merge-password-moves = Moves: the account that stays has no password.
merge-password-drops = The password of this account stays. The other one is good only to undo the merge.
merge-known-alone = Know the other account
merge-known-both = Know both accounts
merge-known-alone-hint = Products that know the other account alone go on knowing you: your data there stays yours.
merge-known-both-hint = Products that know both accounts will see the one that stays. The data of the other one there does not move by itself.
merge-sessions = The other account is signed out everywhere: { $count ->
    [one] { $count } session
   *[other] { $count } sessions
}.
merge-agreements = Agreements to documents stay with the account that gave them. What is missing we ask at sign-in.
merge-undo-hint = Until { $until } the merge can be undone, here in “Ways to sign in”. What is added after it stays with this account.
merge-notice = Every contact of both accounts will be told.
merge-do = Merge the accounts
merge-cancel = Do not merge
merged = The accounts are one. All your contacts have been told.
merge-account = Account
merge-at = Merged
merge-undo-until = Can be undone until
merge-undo = Part the accounts
merge-undo-of = Part the accounts: { $name }
merge-nameless = Without contacts
merge-undone = They are two accounts again. Your contacts have been told. Other devices have to sign in anew.

merge-fresh-merged = Enter the contact and the former password of the account that became part of another one, to part them again.
merge-undone-sign-in = They are two accounts again. Now sign in.
login-merged = On { $day } this account became part of another account of yours. Sign in with the password of that one. If it was not you who merged them, part them.

## What went wrong.
merge-same = This is the same account. Sign in to the other one.
merge-unproven = It is more than five minutes since this account was proven. Start again.
merge-other-unproven = Sign in to the other account again: a fresh sign-in is needed.
merge-disabled = One of the accounts is blocked or was merged already. Contact support.
merge-administrator = Accounts of administrators are not merged.
merge-recent = One of the accounts was merged lately. Another merge is possible once that can no longer be undone.
merge-waiting = A recovery or the removal of a phone number waits for one of the accounts. Try again when that is over.
merge-too-much = Together the accounts have too many contacts, ways to sign in or organisations. Remove some and try again.
merge-expired = The merge was begun too long ago, in another browser, or is finished. Start again.
merge-gone = This merge was undone already, or it is too late to undo it.
