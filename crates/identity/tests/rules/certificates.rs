//! How often a network may have signatures verified.

use futures_util::future::join_all;
use kabinet_identity::{CertificateError, CertificatePurpose};

use crate::world::{World, visit};

#[tokio::test]
async fn signatures_that_are_sent_at_once_are_counted_before_they_are_looked_at() {
    let (world, visit) = (World::new().await, visit());
    let mut asked = Vec::new();
    for _ in 0..26 {
        asked.push(world.identity.begin_challenge(CertificatePurpose::SignIn, None, &visit).await.unwrap().id);
    }
    let tries = asked.iter().flat_map(|id| std::iter::repeat_n(id, 5));
    let tries = tries.map(|id| world.identity.check_signature(CertificatePurpose::SignIn, id, "AAAA", &visit));
    let refused = join_all(tries).await;
    let looked_at = refused.iter().filter(|one| matches!(one, Err(CertificateError::Refused(_)))).count();
    assert!((1..=120).contains(&looked_at), "{looked_at}");
    let others = refused
        .iter()
        .filter(|one| matches!(one, Err(CertificateError::Throttled { .. })))
        .count();
    assert!(others >= 10, "{others}");
}
