//! The outbox: a file that stands in for gateways and mail servers while there are none.
//!
//! Each message is one appended line of JSON, written by one call, so that readers never see half of one and several
//! processes may append: `{"channel","to","purpose","code","text","at"}`. The file is readable by its owner alone.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kabinet_core::secret::Secret;
use kabinet_identity::{Failure, Message, Receipt, Route, Sending};
use serde_json::json;

/// Appends messages to a file. A clone appends to the same.
#[derive(Clone)]
pub struct Outbox {
    path: Arc<PathBuf>,
    turn: Arc<Mutex<()>>,
}

impl Outbox {
    /// Makes the file if it is not there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let outbox = Self { path: Arc::new(path), turn: Arc::default() };
        outbox.file()?.set_permissions(Permissions::from_mode(0o600))?;
        Ok(outbox)
    }

    /// Opened anew for each message, so that the file may be taken away or emptied at any time.
    fn file(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(&*self.path)
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.file()?.write(line)?;
        if written == line.len() {
            Ok(())
        } else {
            Err(io::Error::from(io::ErrorKind::WriteZero))
        }
    }
}

impl Route for Outbox {
    fn name(&self) -> &'static str {
        "outbox"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        let (outbox, line) = (self.clone(), Outbox::line(message));
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || outbox.append(&line)).await;
            match written {
                Ok(Ok(())) => Ok(Receipt::default()),
                Ok(Err(why)) => Err(Failure::Later(format!("the outbox: {why}"))),
                Err(why) => Err(Failure::Unclear(format!("the outbox: {why}"))),
            }
        })
    }
}

impl Outbox {
    fn line(message: &Message) -> Vec<u8> {
        let at = chrono::DateTime::from_timestamp(message.at.0, 0).unwrap_or_default();
        let line = json!({
            "channel": message.channel.as_str(),
            "to": message.to.value(),
            "purpose": message.purpose.as_str(),
            "code": message.code.as_ref().map(Secret::expose),
            "text": message.text,
            "at": at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        });
        format!("{line}\n").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use kabinet_core::contact::{Contact, ContactKind};
    use kabinet_core::id::MessageId;
    use kabinet_core::time::Timestamp;
    use kabinet_identity::{Channel, Purpose};

    use super::*;
    use crate::Ambient;

    #[test]
    fn every_message_is_one_whole_line_whoever_writes_at_the_same_time() {
        let id: [u8; 8] = kabinet_core::ambient::random(&*Ambient::real().entropy);
        let path = std::env::temp_dir().join(format!("kabinet-outbox-{:016x}", u64::from_ne_bytes(id)));
        std::fs::write(&path, "").unwrap();
        let boxes = [Outbox::open(path.clone()).unwrap(), Outbox::open(path.clone()).unwrap()];
        let message = |n: i64| Message {
            id: MessageId::from("m"),
            channel: Channel::Sms,
            subject: String::new(),
            to: Contact::parse(ContactKind::Phone, "89161234567").unwrap(),
            purpose: Purpose::SignIn,
            code: (n % 2 == 0).then(|| Secret::from("012345")),
            text: format!("Код\n{}", "я".repeat(2000)),
            html: String::new(),
            at: Timestamp(n),
        };
        std::thread::scope(|scope| {
            for outbox in &boxes {
                scope.spawn(|| (0..50).for_each(|n| outbox.append(&Outbox::line(&message(n))).unwrap()));
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 100);
        let first = lines.iter().find(|line| line["at"] == "1970-01-01T00:00:00Z").unwrap();
        assert_eq!(
            (&first["channel"], &first["to"], &first["code"]),
            (&"sms".into(), &"+79161234567".into(), &"012345".into())
        );
        assert!(lines.iter().any(|line| line["code"].is_null() && line["purpose"] == "sign-in"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(path).unwrap();
    }
}
