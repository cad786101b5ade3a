# API tokens in the cabinet
account-tokens = API tokens
api-tokens-lead = An API token is for a program that works in your name without you: an export, an exchange, a 1C extension.
api-tokens-none = No tokens yet.
api-tokens-no-clients = No product takes API tokens yet.
api-token-scope = What it opens
api-token-until = Good until
api-token-over = expired
api-token-used = Last used
api-token-unused = never
api-token-revoke = Revoke
api-token-revoke-of = Revoke the token: { $name }
api-token-revoked = The token is revoked.
api-token-delay = A revoked token stops working at once; in products that check access by themselves, in { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
} at the latest.
api-token-new = New token
token-name = Name
token-name-hint = To know it in the list: for example, “Export on the accounting server”
scope = What it will open
api-token-client = In which product
api-token-client-any = In all that take tokens
api-token-organisation = On behalf of
api-token-organisation-none = No organisation
days = Lifetime, days
days-hint = At most { $max }. We will remind you a week before the end.
networks = From which addresses
networks-hint = Addresses or networks with commas: 203.0.113.7, 198.51.100.0/24. Empty: from anywhere.
api-token-make = Make the token
api-token-made = The token “{ $name }” is made
api-token-once = Copy it now and keep it in the program: we will not show it again. Whoever knows the token acts in your name.
api-token-kept = The token is kept
token-fresh = Enter your password to make the API token “{ $name }”.
token-name-invalid = Enter a name of at most 100 characters
api-token-scope-missing = Tick at least one
client-invalid = This product takes no API tokens any more
organisation-invalid = You no longer have this organisation
days-invalid = Enter a number from 1 to { $max }
networks-invalid = An address or a network cannot be read: write it as 203.0.113.7 or 198.51.100.0/24
networks-many = At most { $max } addresses and networks
api-tokens-many = You have too many tokens: revoke some that you do not need.
