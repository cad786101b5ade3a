//! What follows when somebody has signed in at another provider: the one place that decides it.
//!
//! 1. An identity that is linked signs in to its account, and to no other; one that leads to two accounts to neither.
//! 2. One that nobody linked signs nobody in. It may be linked, by whoever proves the account and the identity, or an account is
//!    made with it, where the provider and the client allow that.
//! 3. An equal contact or СНИЛС links nothing, however well it is verified: it is a [likeness](Situation::is_alike), which only
//!    puts the sign-in first (account takeover by an address that another provider vouches for: CVE-2024-38351, nOAuth).
//! 4. An identity is never moved from one account to another.

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// What somebody went to the provider for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To be signed in if they are known, on a page that was opened inside the provider. Nobody was sent there, so that whoever
    /// makes somebody open it chooses whose account there it is: nothing is linked to it and no account made (CSRF of linking:
    /// CVE-2026-15571).
    Recognise,
    /// To make an account.
    Register,
    /// To link it to this account, in which they are signed in.
    Link(UserId),
}

impl Purpose {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Recognise => "recognise",
            Self::Register => "register",
            Self::Link(_) => "link",
        }
    }
}

/// An account that an identity is linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Whose.
    pub user: UserId,
    /// Whether the account is disabled.
    pub is_disabled: bool,
}

/// What is known when somebody comes back from a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation<'a> {
    /// What they went for.
    pub purpose: &'a Purpose,
    /// The accounts that the identity is linked to, by its subject or by its second identifier.
    pub owners: &'a [Owner],
    /// Whether what is linked names another subject: the second identifier alone is the same.
    pub is_contradicted: bool,
    /// Whether the client and its brand let people sign in by this provider.
    pub signs_in: bool,
    /// Whether they and the provider's own settings let people register by it.
    pub registers: bool,
    /// Whether an account here has a contact or a СНИЛС of this person, and the provider is one whose word on it is taken.
    pub is_alike: bool,
    /// Whether the account can have one more.
    pub has_room: bool,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are signed in to this account.
    Known(UserId),
    /// They are told that it is not linked, and may sign in to link it.
    Unlinked {
        /// Whether they may register with it, too.
        registers: bool,
        /// Whether they most likely have an account.
        is_alike: bool,
    },
    /// They go on to make an account.
    Register,
    /// They prove the account, and then it is linked.
    Link,
    /// It is linked to that very account already.
    Linked,
    /// Nothing, and they are told why.
    Refuse(Refusal),
}

/// Why nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The client or its brand has no such way.
    Closed,
    /// The account is disabled.
    Disabled,
    /// Nobody has linked it, and it cannot be linked from where they are.
    Unknown,
    /// It leads to two accounts, or contradicts what is linked.
    Ambiguous,
    /// It is linked to another account.
    Elsewhere,
    /// The account has as many as it may have.
    Full,
}

impl Refusal {
    /// The code on pages and in the audit trail.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed => "login-closed",
            Self::Disabled => "blocked",
            Self::Unknown => "upstream-unknown",
            Self::Ambiguous => "upstream-ambiguous",
            Self::Elsewhere => "upstream-linked-elsewhere",
            Self::Full => "upstream-too-many",
        }
    }
}

/// Decides.
#[must_use]
pub fn decide(situation: &Situation<'_>) -> Verdict {
    let Situation { purpose, owners, signs_in, registers, is_alike, .. } = *situation;
    let owner = match owners {
        _ if situation.is_contradicted => return Verdict::Refuse(Refusal::Ambiguous),
        [] => None,
        [owner] => Some(owner),
        _ => return Verdict::Refuse(Refusal::Ambiguous),
    };
    match (purpose, owner) {
        (Purpose::Link(user), Some(owner)) if owner.user == *user => Verdict::Linked,
        (Purpose::Link(_), Some(_)) => Verdict::Refuse(Refusal::Elsewhere),
        (Purpose::Link(_), None) if !signs_in => Verdict::Refuse(Refusal::Closed),
        (Purpose::Link(_), None) if !situation.has_room => Verdict::Refuse(Refusal::Full),
        (Purpose::Link(_), None) => Verdict::Link,
        (_, Some(_)) if !signs_in => Verdict::Refuse(Refusal::Closed),
        (_, Some(owner)) if owner.is_disabled => Verdict::Refuse(Refusal::Disabled),
        (_, Some(owner)) => Verdict::Known(owner.user.clone()),
        (Purpose::Recognise, None) if !signs_in => Verdict::Refuse(Refusal::Closed),
        (Purpose::Recognise, None) => Verdict::Refuse(Refusal::Unknown),
        (Purpose::Register, None) if registers && !is_alike => Verdict::Register,
        (Purpose::SignIn | Purpose::Register, None) if signs_in => Verdict::Unlinked { registers, is_alike },
        (Purpose::Register, None) if registers => Verdict::Register,
        (Purpose::SignIn | Purpose::Register, None) => Verdict::Refuse(Refusal::Closed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::from(id)
    }

    fn owner(id: &str) -> Owner {
        Owner { user: user(id), is_disabled: false }
    }

    /// Everything allowed, and nobody has it.
    fn free(purpose: &Purpose) -> Situation<'_> {
        Situation {
            purpose,
            owners: &[],
            is_contradicted: false,
            signs_in: true,
            registers: true,
            is_alike: false,
            has_room: true,
        }
    }

    #[test]
    fn every_rule_in_its_order() {
        use Purpose::{Link, Recognise, Register, SignIn};
        let anna = Link(user("anna"));
        let (own, other, both) = ([owner("anna")], [owner("boris")], [owner("anna"), owner("boris")]);
        let disabled = [Owner { is_disabled: true, ..owner("anna") }];
        let unlinked = |registers, is_alike| Verdict::Unlinked { registers, is_alike };
        let known = || Verdict::Known(user("anna"));
        let table = [
            // 1. the stored link on (provider, subject)
            ("known", Situation { owners: &own, ..free(&SignIn) }, known()),
            ("known though it came to register", Situation { owners: &own, ..free(&Register) }, known()),
            (
                "known, and another account is alike",
                Situation { owners: &own, is_alike: true, ..free(&SignIn) },
                known(),
            ),
            (
                "disabled",
                Situation { owners: &disabled, ..free(&SignIn) },
                Verdict::Refuse(Refusal::Disabled),
            ),
            (
                "known, but not a way here",
                Situation { owners: &own, signs_in: false, ..free(&SignIn) },
                Verdict::Refuse(Refusal::Closed),
            ),
            (
                "two accounts",
                Situation { owners: &both, ..free(&SignIn) },
                Verdict::Refuse(Refusal::Ambiguous),
            ),
            (
                "the second identifier alone",
                Situation { owners: &own, is_contradicted: true, ..free(&SignIn) },
                Verdict::Refuse(Refusal::Ambiguous),
            ),
            (
                "known, on a page inside the provider",
                Situation { owners: &own, ..free(&Recognise) },
                known(),
            ),
            (
                "unknown, on a page inside the provider",
                free(&Recognise),
                Verdict::Refuse(Refusal::Unknown),
            ),
            (
                "alike, on a page inside the provider",
                Situation { is_alike: true, ..free(&Recognise) },
                Verdict::Refuse(Refusal::Unknown),
            ),
            // 2. somebody who is signed in adds it
            ("linked by its owner", free(&anna), Verdict::Link),
            ("linked already", Situation { owners: &own, ..free(&anna) }, Verdict::Linked),
            (
                "never moved to another account",
                Situation { owners: &other, ..free(&anna) },
                Verdict::Refuse(Refusal::Elsewhere),
            ),
            (
                "linked to two of which one is theirs",
                Situation { owners: &both, ..free(&anna) },
                Verdict::Refuse(Refusal::Ambiguous),
            ),
            ("no room", Situation { has_room: false, ..free(&anna) }, Verdict::Refuse(Refusal::Full)),
            (
                "no way here to link",
                Situation { signs_in: false, ..free(&anna) },
                Verdict::Refuse(Refusal::Closed),
            ),
            // 3. and 4. the same СНИЛС or contact is a hint and links nothing
            ("alike at sign-in", Situation { is_alike: true, ..free(&SignIn) }, unlinked(true, true)),
            (
                "alike at registration",
                Situation { is_alike: true, ..free(&Register) },
                unlinked(true, true),
            ),
            (
                "alike where nobody signs in by it",
                Situation { is_alike: true, signs_in: false, ..free(&Register) },
                Verdict::Register,
            ),
            ("alike while linking", Situation { is_alike: true, ..free(&anna) }, Verdict::Link),
            // 5. else by policy
            ("unknown at sign-in", free(&SignIn), unlinked(true, false)),
            (
                "unknown, nobody registers by it",
                Situation { registers: false, ..free(&SignIn) },
                unlinked(false, false),
            ),
            ("unknown at registration", free(&Register), Verdict::Register),
            (
                "registration that is not allowed",
                Situation { registers: false, ..free(&Register) },
                unlinked(false, false),
            ),
            (
                "no way here at all",
                Situation { registers: false, signs_in: false, ..free(&Register) },
                Verdict::Refuse(Refusal::Closed),
            ),
            (
                "no way here to sign in",
                Situation { signs_in: false, ..free(&SignIn) },
                Verdict::Refuse(Refusal::Closed),
            ),
        ];
        for (name, situation, expected) in table {
            assert_eq!(decide(&situation), expected, "{name}");
        }
    }

    /// Every combination there is.
    #[test]
    fn no_way_ends_in_a_session_or_a_link_that_the_rules_do_not_give() {
        let owners = [
            Vec::new(),
            vec![owner("anna")],
            vec![Owner { is_disabled: true, ..owner("anna") }],
            vec![owner("boris")],
            vec![owner("anna"), owner("boris")],
        ];
        let purposes = [Purpose::SignIn, Purpose::Recognise, Purpose::Register, Purpose::Link(user("anna"))];
        for (purpose, owners, bits) in purposes
            .iter()
            .flat_map(|purpose| owners.iter().map(move |owners| (purpose, owners)))
            .flat_map(|(purpose, owners)| (0..32_u8).map(move |bits| (purpose, owners, bits)))
        {
            let bit = |n: u8| bits & (1 << n) != 0;
            let situation = Situation {
                purpose,
                owners,
                is_contradicted: bit(0),
                signs_in: bit(1),
                registers: bit(2),
                is_alike: bit(3),
                has_room: bit(4),
            };
            let verdict = decide(&situation);
            if let Verdict::Known(signed_in) = &verdict {
                assert!(situation.signs_in && !situation.is_contradicted, "{situation:?}");
                assert_eq!(*owners, [Owner { user: signed_in.clone(), is_disabled: false }], "{situation:?}");
                assert!(!matches!(purpose, Purpose::Link(_)), "{situation:?}");
            }
            if *purpose == Purpose::Recognise {
                assert!(matches!(verdict, Verdict::Known(_) | Verdict::Refuse(_)), "{situation:?}");
            }
            if matches!(verdict, Verdict::Link | Verdict::Register) {
                assert!(owners.is_empty() && !situation.is_contradicted, "{situation:?}");
            }
            if matches!(verdict, Verdict::Register | Verdict::Unlinked { registers: true, .. }) {
                assert!(situation.registers, "{situation:?}");
            }
            // What is alike never gives more than what is not.
            let unlike = decide(&Situation { is_alike: false, ..situation.clone() });
            if matches!(verdict, Verdict::Known(_) | Verdict::Link | Verdict::Linked) {
                assert_eq!(unlike, verdict, "{situation:?}");
            }
        }
    }
}
