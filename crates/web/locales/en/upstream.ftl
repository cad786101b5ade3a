upstream-linked-elsewhere = This sign-in is already linked to another account or was used before. Sign in to that account or start again.
upstream-contact-taken = This contact already has an account. Sign in to it and link the sign-in, or give another contact.
