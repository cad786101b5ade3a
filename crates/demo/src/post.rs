//! The post of the demonstration: SMS and letters go the way they go in production, over sockets, to stand-ins for a gateway
//! and a mail server.
//!
//! 1. The provider is told of both as an operator would tell it: a gateway of no known form, which knows our id of a message,
//!    and a relay with STARTTLS, whose authority is a file beside the database.
//! 2. What they took is written to the outbox, in the form that `delivery.outbox` has (`docs/reference/delivery.md`). What a
//!    message was for stands in none, so the delivery log is asked by that id.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use kabinet_core::ambient::Clock;
use kabinet_core::time::{Civil, Timestamp};
use kabinet_standins::sms_gateway::{self, Form, KEY, Taken};
use kabinet_standins::smtp::{Catcher, Caught, Tls};
use kabinet_store::{Store, message};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::place::{self, Place};

/// Lines of the delivery log in which a message is looked for: it has just been taken.
const RECENT: i64 = 100;

/// The stand-ins, of which the gateway is bound and not yet served.
pub struct Post {
    socket: TcpListener,
    gateway: Router,
    taken: Carried,
}

/// What was taken and is on its way to the outbox.
pub struct Carried {
    sms: UnboundedReceiver<Taken>,
    letters: UnboundedReceiver<Caught>,
    relay: Catcher,
    clock: Arc<dyn Clock>,
}

impl Post {
    /// Binds both, and writes the mail server's authority beside the database.
    ///
    /// # Errors
    /// When there is no free port or the file cannot be written.
    pub async fn open(place: &Place, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (gateway, control) = sms_gateway::router(Arc::clone(&clock));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let relay = Catcher::start(any, Tls::Start, None).await.context("the mail server's stand-in")?;
        std::fs::write(place.authority(), relay.ca()).context("the mail server's authority")?;
        Ok(Self {
            socket: TcpListener::bind(any).await?,
            gateway,
            taken: Carried { sms: control.follow(), letters: relay.follow(), relay, clock },
        })
    }

    /// How the provider is told of them: the sections `delivery` and `outbound`.
    pub fn settings(&self, place: &Place) -> [(&'static str, Value); 2] {
        let gateway = format!("http://127.0.0.1:{}{}", place::port(&self.socket), Form::Generic.path());
        let delivery = json!({
            "sms": ["gateway"],
            "gateway": {"url": gateway, "key": KEY, "price": 0},
            "template": {
                "fields": ["to={to_plus}", "text={text}", "id={id}"],
                "accepted": ["/status=ok", "!/error"],
                "id": "/id",
            },
            "smtp": {
                "host": "localhost",
                "port": self.taken.relay.address().port(),
                "security": "starttls",
                "from": "Личный кабинет <no-reply@localhost>",
            },
        });
        let outbound = json!({"allow": ["127.0.0.1"], "ca": place.authority()});
        [("delivery", delivery), ("outbound", outbound)]
    }

    /// What is to be served, and what is to be carried.
    pub fn split(self) -> (Carried, (TcpListener, Router)) {
        (self.taken, (self.socket, self.gateway))
    }
}

impl Carried {
    /// Writes what is taken to the outbox, for as long as anything can be.
    ///
    /// # Errors
    /// When the outbox cannot be written.
    pub async fn carry(mut self, store: Store, outbox: PathBuf) -> io::Result<()> {
        let mut file = open(&outbox)?;
        loop {
            let line = tokio::select! {
                Some(sms) = self.sms.recv() => of_sms(&store, &sms).await,
                Some(letter) = self.letters.recv() => of_letter(&store, &letter, self.clock.now()).await,
                else => return Ok(()),
            };
            file.write_all(format!("{line}\n").as_bytes())?;
        }
    }
}

fn open(outbox: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(outbox)
}

async fn of_sms(store: &Store, sms: &Taken) -> Value {
    let purpose = purpose_of(store, sms.ours.as_deref().unwrap_or_default()).await;
    line("sms", &format!("+{}", sms.to), &purpose, &sms.text, Timestamp(sms.at))
}

async fn of_letter(store: &Store, letter: &Caught, now: Timestamp) -> Value {
    let id = letter.header("Message-ID");
    let purpose = purpose_of(store, id.trim_start_matches('<').split('@').next().unwrap_or_default()).await;
    let text = letter.parts().into_iter().next().map(|part| part.text).unwrap_or_default();
    line("email", letter.to.first().map_or("", String::as_str), &purpose, &text, now)
}

/// What a message is for, in the words of the delivery log.
async fn purpose_of(store: &Store, id: &str) -> String {
    let lines = message::recent(store.db(), "", None, RECENT).await.unwrap_or_default();
    lines
        .into_iter()
        .find(|line| line.id == id)
        .map_or_else(|| "notice".to_owned(), |line| line.purpose)
}

fn line(channel: &str, to: &str, purpose: &str, text: &str, at: Timestamp) -> Value {
    let code = (purpose != "notice").then(|| code_in(text)).flatten();
    let Civil { year, month, day, hour, minute, second } = Civil::of(at);
    let at = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    json!({"channel": channel, "to": to, "purpose": purpose, "code": code, "text": text, "at": at})
}

/// The code in a message: its first six digits in a row.
fn code_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_outbox_has_the_code_unless_it_is_a_notice() {
        let text = "Код 012345, чтобы создать аккаунт и войти в 1С-ЭТП.\n@localhost #012345";
        let told = line("sms", "+79161234567", "register", text, Timestamp(1_780_000_000));
        assert_eq!((&told["code"], &told["at"]), (&"012345".into(), &"2026-05-28T20:26:40Z".into()));
        let notice = line("email", "a@example.test", "notice", "Вход 654321", Timestamp(0));
        assert_eq!((&notice["code"], &notice["at"]), (&Value::Null, &"1970-01-01T00:00:00Z".into()));
    }
}
