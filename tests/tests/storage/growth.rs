//! Growth: constant load leaves audit records and nothing else.

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::secret::TokenHash;
use kabinet_store::grant::{self, Rotation};
use kabinet_store::{audit, sweep};

use crate::place::{Dice, Kind, Place, kind};
use crate::world::{NOW, World};

const LOGINS: i64 = 2_000;

/// A grant from its code over one refresh to its end.
async fn live_through(store: &kabinet_store::Store, world: &World) {
    let (grant, code) = world.issued(store).await;
    let mut tx = store.begin().await.unwrap();
    grant::redeem(&mut tx, &TokenHash::of(code.expose()), &world.client, NOW)
        .await
        .unwrap()
        .unwrap();
    let opening = grant::Opening {
        generation: 1,
        refresh_expires_at: NOW.plus(900),
        keep_until: NOW.plus(900),
        key: None,
    };
    grant::open(&mut tx, &grant.id, opening).await.unwrap();
    let record = Record::of(Event::GrantRedeemed)
        .user(&world.user)
        .client(&world.client)
        .session(&grant.session_id);
    let origin = Origin {
        actor: "client",
        ip: "203.0.113.9".to_owned(),
        agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
            .to_owned(),
        request: "AAAAAAAAAAAAAAAA".to_owned(),
    };
    audit::write(&mut tx, &record.with("grant", grant.id.as_str()), &origin, NOW, &Dice)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let rotation = Rotation {
        presented: 1,
        now: NOW,
        refresh_expires_at: NOW.plus(900),
        keep_until: NOW.plus(900),
        key: None,
    };
    let mut tx = store.begin().await.unwrap();
    grant::rotate(&mut tx, &grant.id, &world.client, rotation).await.unwrap().unwrap();
    tx.commit().await.unwrap();
}

/// Gives the space of deleted rows back. PostgreSQL keeps a row that an older snapshot may still see, and its own
/// background workers hold snapshots (autovacuum's `ANALYZE`, for one), so this goes on until `grants`, where every row has
/// been deleted, is empty on disk as well.
async fn shrink(place: &Place) {
    loop {
        place.run("VACUUM FULL").await;
        if place.number("SELECT pg_relation_size('grants')").await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_grants_leave_nothing_but_audit_records_when_they_have_ended() {
    let (place, store) = Place::ready().await;
    let world = World::of(&store).await;
    for _ in 0..LOGINS / 20 {
        futures_util::future::join_all((0..20).map(|_| live_through(&store, &world))).await;
    }
    assert_eq!(place.number("SELECT COUNT(*) FROM grants").await, LOGINS);
    assert_eq!(sweep::sweep(&store, NOW.plus(901)).await.unwrap(), LOGINS.unsigned_abs() + 1);
    for table in ["grants", "changes", "sessions", "throttles", "confirmations", "pushed_requests"] {
        assert_eq!(place.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(place.number("SELECT COUNT(*) FROM audit").await, LOGINS);
    let (rows, bytes) = match kind() {
        Kind::Sqlite => (
            place.number("SELECT SUM(LENGTH(id || event || actor || user_id || client_id || session_id || request_id || ip || agent || data)) FROM audit").await,
            {
                place.run("VACUUM").await;
                place.number("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").await
            },
        ),
        Kind::Postgres => (
            place.number("SELECT SUM(LENGTH(id || event || actor || user_id || client_id || session_id || request_id || ip || agent || data)) FROM audit").await,
            {
                shrink(&place).await;
                place.number("SELECT pg_total_relation_size('audit') + pg_total_relation_size('grants')").await
            },
        ),
    };
    println!(
        "per grant after retention: {} bytes on disk in all, {} of them text of the audit record",
        bytes / LOGINS,
        rows / LOGINS
    );
    // DESIGN §5: at most 1 KB stored per login after retention; this is one of its audit records, with indexes.
    assert!(bytes / LOGINS <= 1024, "{} bytes per grant", bytes / LOGINS);
}
