//! What became of a message: the gateways' call-backs.
//!
//! | | asked by | holds | seen in |
//! |---|---|---|---|
//! | SMS.ru | POST of a form | `data[N]`: the lines `sms_status`, id, code, time | two independent clients |
//! | SMSC.ru | POST of a form, or GET with the same in the query | `id`, `status`, and more | its customers' code |
//! | SMS Aero | POST of a form or of JSON | `id`, `status` | **not verified**: the codes are its documentation's, the form is a guess |
//! | МТС Exolve | POST of JSON | `message_id`, `status` or `delivery_status` | **not verified**: the names are a guess |
//!
//! A call-back proves nothing: whoever knows the address can send one, so its address has to hold a secret, and what it
//! says may change the state of a message and nothing else. A code that is not known leaves the message underway.

use serde_json::Value;

use super::{Preset, word};
use crate::message::is_code;

/// What a gateway says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The phone has it.
    Delivered,
    /// It will not arrive.
    Failed,
    /// Nothing final yet.
    Underway,
}

/// A gateway's word on one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The gateway's id of the message, as [`super::Sent::id`].
    pub id: String,
    /// What became of it.
    pub state: State,
}

/// A call-back is not of the gateway's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call-back is not of this gateway's form")]
pub struct Malformed;

impl Preset {
    /// The reports in a call-back: its content type and its body, or the query of a GET as a form. One of another kind than
    /// a message's state (a test, a call) gives an empty list.
    ///
    /// # Errors
    /// [`Malformed`] when it is of no form that the gateway is known to use.
    pub fn reports(self, content_type: &str, body: &[u8]) -> Result<Vec<Report>, Malformed> {
        match self {
            Self::SmsRu => sms_ru(body),
            Self::Smsc => Ok(vec![pair(&Fields::form(body), ["id", "status"], smsc)?]),
            Self::SmsAero => {
                let fields = if is_json(content_type) {
                    Fields::json(body)?
                } else {
                    Fields::form(body)
                };
                Ok(vec![pair(&fields, ["id", "status"], sms_aero)?])
            }
            Self::Exolve => {
                let fields = Fields::json(body)?;
                let status = if fields.get("delivery_status").is_some() {
                    "delivery_status"
                } else {
                    "status"
                };
                Ok(vec![pair(&fields, ["message_id", status], exolve)?])
            }
        }
    }

    /// What the gateway wants to read in answer to a call-back; otherwise it repeats it.
    #[must_use]
    pub const fn acknowledgement(self) -> &'static str {
        match self {
            Self::SmsRu => "100",
            Self::Smsc | Self::SmsAero | Self::Exolve => "OK",
        }
    }
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Names and values of a form or of a JSON object.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn form(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    fn json(body: &[u8]) -> Result<Self, Malformed> {
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
            return Err(Malformed);
        };
        Ok(Self(
            object.iter().filter_map(|(name, value)| Some((name.clone(), word(value)?))).collect(),
        ))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

fn report(id: &str, state: State) -> Result<Report, Malformed> {
    if is_code(id) {
        Ok(Report { id: id.to_owned(), state })
    } else {
        Err(Malformed)
    }
}

fn pair(fields: &Fields, [id, status]: [&str; 2], read: fn(&str) -> State) -> Result<Report, Malformed> {
    let (id, status) = fields.get(id).zip(fields.get(status)).ok_or(Malformed)?;
    report(id, read(status))
}

fn sms_ru(body: &[u8]) -> Result<Vec<Report>, Malformed> {
    let Fields(fields) = Fields::form(body);
    let records: Vec<_> = fields
        .iter()
        .filter(|(name, _)| name.strip_prefix("data[").is_some_and(|rest| rest.ends_with(']')))
        .collect();
    if records.is_empty() {
        return Err(Malformed);
    }
    let mut reports = Vec::new();
    for (_, record) in records {
        let mut lines = record.split('\n').map(str::trim);
        if lines.next() == Some("sms_status") {
            let (id, code) = lines.next().zip(lines.next()).ok_or(Malformed)?;
            reports.push(report(id, sms_ru_state(code))?);
        }
    }
    Ok(reports)
}

fn sms_ru_state(code: &str) -> State {
    match code {
        "103" | "110" => State::Delivered,
        "104" | "105" | "106" | "107" | "108" | "150" => State::Failed,
        _ => State::Underway,
    }
}

/// 1 delivered, 2 read, 4 its link followed; 3 expired, from 20 on impossible, forbidden, no money.
fn smsc(code: &str) -> State {
    match code {
        "1" | "2" | "4" => State::Delivered,
        "3" | "20" | "22" | "23" | "24" | "25" => State::Failed,
        _ => State::Underway,
    }
}

/// 1 delivered; 2 not delivered, 6 rejected; 0 queued, 3 handed on, 4 awaited, 8 looked at.
fn sms_aero(code: &str) -> State {
    match code {
        "1" => State::Delivered,
        "2" | "6" => State::Failed,
        _ => State::Underway,
    }
}

fn exolve(name: &str) -> State {
    let name = name.to_ascii_uppercase();
    let failed = ["UNDELIVERED", "NOT_DELIVERED", "FAILED", "REJECTED", "EXPIRED", "UNDELIVERABLE"];
    if failed.iter().any(|end| name.ends_with(end)) {
        State::Failed
    } else if name.ends_with("DELIVERED") {
        State::Delivered
    } else {
        State::Underway
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json; charset=utf-8";

    fn one(id: &str, state: State) -> Result<Vec<Report>, Malformed> {
        Ok(vec![Report { id: id.to_owned(), state }])
    }

    #[test]
    fn sms_ru_tells_of_many_messages_at_once_and_of_other_things_too() {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("data[0]", "sms_status\n000000-10000000\n103\n1779999999")
            .append_pair("data[1]", "sms_status\n000000-10000001\n104\n1779999999")
            .append_pair("data[2]", "callcheck_status\n201737-542\n401\n1779999999")
            .append_pair("data[10]", "sms_status\r\n000000-10000002\r\n102\r\n1779999999")
            .append_pair("hash", "0a1b")
            .finish();
        let states = [
            ("000000-10000000", State::Delivered),
            ("000000-10000001", State::Failed),
            ("000000-10000002", State::Underway),
        ];
        let expected = states.map(|(id, state)| Report { id: id.to_owned(), state });
        assert_eq!(Preset::SmsRu.reports(FORM, body.as_bytes()), Ok(expected.to_vec()));
        assert_eq!(Preset::SmsRu.reports(FORM, b"data[0]=test%0A1779999999"), Ok(Vec::new()));
    }

    #[test]
    fn each_gateway_has_its_own_words() {
        for (preset, kind, body, state) in [
            (Preset::Smsc, FORM, "id=7&phone=79161234567&status=1&time=x", State::Delivered),
            (Preset::Smsc, FORM, "id=7&status=20&err=1", State::Failed),
            (Preset::Smsc, FORM, "id=7&status=-1", State::Underway),
            (Preset::SmsAero, FORM, "id=7&status=1", State::Delivered),
            (Preset::SmsAero, JSON, r#"{"id":7,"status":6}"#, State::Failed),
            (Preset::SmsAero, JSON, r#"{"id":7,"status":8}"#, State::Underway),
            (
                Preset::Exolve,
                JSON,
                r#"{"message_id":"7","status":"MESSAGE_STATUS_DELIVERED"}"#,
                State::Delivered,
            ),
            (
                Preset::Exolve,
                JSON,
                r#"{"message_id":"7","delivery_status":"undelivered","status":"x"}"#,
                State::Failed,
            ),
            (Preset::Exolve, JSON, r#"{"message_id":"7","status":"QUEUED"}"#, State::Underway),
        ] {
            assert_eq!(preset.reports(kind, body.as_bytes()), one("7", state), "{} {body}", preset.as_str());
        }
    }

    #[test]
    fn what_has_no_id_or_is_of_another_form_is_refused() {
        for (preset, kind, body) in [
            (Preset::SmsRu, FORM, ""),
            (Preset::SmsRu, FORM, "data=sms_status"),
            (Preset::SmsRu, FORM, "data[0]=sms_status%0A1"),
            (Preset::SmsRu, FORM, "data[0]=sms_status%0A%0A103"),
            (Preset::Smsc, FORM, "id=7"),
            (Preset::Smsc, FORM, "id=a+b&status=1"),
            (Preset::Smsc, JSON, r#"{"id":7,"status":1}"#),
            (Preset::SmsAero, JSON, "id=7&status=1"),
            (Preset::SmsAero, JSON, "[]"),
            (Preset::Exolve, FORM, "message_id=7&status=DELIVERED"),
            (Preset::Exolve, JSON, r#"{"message_id":{},"status":"DELIVERED"}"#),
        ] {
            assert_eq!(preset.reports(kind, body.as_bytes()), Err(Malformed), "{} {body}", preset.as_str());
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_a_reader_fail_otherwise_than_by_its_error(
            kind in "\\PC{0,40}|application/json",
            body in prop::collection::vec(any::<u8>(), 0..200),
            tail in "(data\\[[0-9]*\\]=|id=|status=|sms_status|%0A|&|[0-9]){0,30}",
        ) {
            let body = [body, tail.into_bytes()].concat();
            for preset in Preset::ALL {
                for report in preset.reports(&kind, &body).into_iter().flatten() {
                    prop_assert!(is_code(&report.id));
                }
            }
        }
    }
}
