//! What a browser's cookie stands for: sign-ins on their way and the person who is signed in. In memory, and capped.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::ambient::{Entropy, random};

use super::protocol::{Pending, SignedIn};

/// Browsers that are remembered; beyond that the oldest is forgotten.
const MOST: usize = 1000;
/// Sign-ins on their way in one browser (tabs); beyond that the oldest is forgotten.
const MOST_PENDING: usize = 10;

#[derive(Default)]
struct Session {
    pending: VecDeque<Pending>,
    signed_in: Option<SignedIn>,
}

#[derive(Default)]
struct All {
    by_key: HashMap<String, Session>,
    order: VecDeque<String>,
}

pub(super) struct Sessions {
    all: Mutex<All>,
    entropy: Arc<dyn Entropy>,
}

impl Sessions {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { all: Mutex::default(), entropy }
    }

    /// Remembers a sign-in on its way; gives the browser's key, a new one when it has none that is known.
    pub(super) fn begin(&self, key: Option<String>, pending: Pending) -> String {
        let mut all = self.lock();
        let known = key.filter(|key| all.by_key.contains_key(key));
        let key = known.unwrap_or_else(|| self.insert(&mut all, Session::default()));
        if let Some(session) = all.by_key.get_mut(&key) {
            session.pending.truncate(MOST_PENDING - 1);
            session.pending.push_front(pending);
        }
        key
    }

    /// Takes the sign-in with this `state` if this browser began it.
    pub(super) fn take_pending(&self, key: &str, state: &str) -> Option<Pending> {
        let mut all = self.lock();
        let pending = &mut all.by_key.get_mut(key)?.pending;
        let at = pending.iter().position(|one| one.state.secret() == state)?;
        pending.remove(at)
    }

    /// Signs in under a new key, so that a key planted in the browser before is worth nothing.
    pub(super) fn sign_in(&self, old: &str, signed_in: SignedIn) -> String {
        let mut all = self.lock();
        let pending = all.by_key.remove(old).map(|session| session.pending).unwrap_or_default();
        self.insert(&mut all, Session { pending, signed_in: Some(signed_in) })
    }

    pub(super) fn signed_in(&self, key: &str) -> Option<SignedIn> {
        self.lock().by_key.get(key)?.signed_in.clone()
    }

    /// Puts the newer tokens in the place of the older, unless the session ended meanwhile.
    pub(super) fn renew(&self, key: &str, renewed: SignedIn) {
        if let Some(signed_in) = self.lock().by_key.get_mut(key).and_then(|session| session.signed_in.as_mut()) {
            *signed_in = renewed;
        }
    }

    pub(super) fn end(&self, key: &str) -> Option<SignedIn> {
        self.lock().by_key.get_mut(key)?.signed_in.take()
    }

    fn insert(&self, all: &mut All, session: Session) -> String {
        let key = URL_SAFE_NO_PAD.encode(random::<32>(&*self.entropy));
        while all.order.len() >= MOST {
            if let Some(oldest) = all.order.pop_front() {
                all.by_key.remove(&oldest);
            }
        }
        all.order.push_back(key.clone());
        all.by_key.insert(key.clone(), session);
        key
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Counting, pending, signed_in};
    use super::*;

    #[test]
    fn a_sign_in_is_taken_once_and_only_by_the_browser_that_began_it() {
        let sessions = Sessions::new(Arc::new(Counting::default()));
        let mine = sessions.begin(None, pending("a"));
        assert_eq!(sessions.begin(Some(mine.clone()), pending("b")), mine);
        let other = sessions.begin(Some("planted".to_owned()), pending("c"));
        assert!(other != mine && other != "planted");
        assert!(sessions.take_pending(&other, "a").is_none());
        assert!(sessions.take_pending(&mine, "a").is_some());
        assert!(sessions.take_pending(&mine, "a").is_none());
        assert!(sessions.take_pending(&mine, "b").is_some());
    }

    #[test]
    fn signing_in_changes_the_key_and_signing_out_ends_it() {
        let sessions = Sessions::new(Arc::new(Counting::default()));
        let before = sessions.begin(None, pending("a"));
        let after = sessions.sign_in(&before, signed_in("x"));
        assert!(before != after && sessions.signed_in(&before).is_none());
        assert!(sessions.signed_in(&after).is_some());
        assert!(sessions.end(&after).is_some() && sessions.signed_in(&after).is_none());
        sessions.renew(&after, signed_in("y"));
        assert!(sessions.signed_in(&after).is_none());
    }

    #[test]
    fn the_oldest_browser_and_the_oldest_tab_are_forgotten_first() {
        let sessions = Sessions::new(Arc::new(Counting::default()));
        let first = sessions.begin(None, pending("0"));
        for n in 1..=MOST_PENDING {
            sessions.begin(Some(first.clone()), pending(&n.to_string()));
        }
        assert!(sessions.take_pending(&first, "0").is_none());
        assert!(sessions.take_pending(&first, "1").is_some());
        for _ in 0..MOST {
            sessions.begin(None, pending("x"));
        }
        assert!(sessions.take_pending(&first, "2").is_none());
        assert_eq!(sessions.lock().by_key.len(), MOST);
    }
}
