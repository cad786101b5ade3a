# Recovery
back = ← Back
recover-title = Password recovery
recover-lead = Enter the phone or email that you registered with. If there is such an account, we will send a code.
recover-submit = Recover
new-password = New password
new-password-title = New password
new-password-lead = Choose a new password. All open sessions will end.
new-password-submit = Save password
password-set = The password was changed and earlier sessions have ended. Sign in with the new password.
not-mine = This is not my account
second-title = One more proof is needed
second-lead = { $contact } was not confirmed for long; it may have changed hands meanwhile.
second-send = Send a code to { $contact }
second-wait-what = If there is no other way, this number opens the account in { $hours ->
    [one] { $hours } hour
   *[other] { $hours } hours
}. Every contact of the account is told, and a sign-in to it cancels the recovery.
second-wait = Start waiting
second-waiting = The wait has begun already. A new password may be set with this number from { $date }: ask for a code again then.
waiting-title = The wait has begun
waiting-lead = A new password may be set from { $date }. Come back and ask for a code again.
waiting-stop = If somebody signs in to the account meanwhile, the recovery is cancelled.
disown-title = This is not my account
disown-lead = { $contact } belongs to an account. If you got the number from an earlier owner, we will remove it from there.
disown-what = The number becomes free in { $hours ->
    [one] { $hours } hour
   *[other] { $hours } hours
}: the account's owner is told through other contacts and can stop this by signing in. Register anew after that.
disown-submit = Remove the number
disown-mine = It is my account, sign in
disowned-title = The number will be removed
disowned-lead = The number becomes free { $date }. After that it can be registered for a new account.
to-login = Go to sign-in
