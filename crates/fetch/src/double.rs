//! A client that calls nobody: for tests of what is built on [`Fetch`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, Fetch, Kind, Request, Response};

/// The requests that a scripted client got, in order.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<Request>>>);

impl Calls {
    /// The requests since the last time that this was asked.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) struct Script {
    answers: Mutex<VecDeque<Result<Response, Error>>>,
    calls: Calls,
}

impl Script {
    pub(crate) fn answer(&self, request: Request) -> Result<Response, Error> {
        self.calls.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let next = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.unwrap_or(Err(Error::Unreachable))
    }
}

impl Fetch {
    /// A client that gives these answers in order, then [`Error::Unreachable`], and records what it was asked.
    #[must_use]
    pub fn scripted(answers: impl IntoIterator<Item = Result<Response, Error>>) -> (Self, Calls) {
        let calls = Calls::default();
        let answers = Mutex::new(answers.into_iter().collect());
        (Self(Arc::new(Kind::Scripted(Script { answers, calls: calls.clone() }))), calls)
    }
}

impl Response {
    /// An answer with a JSON body.
    #[must_use]
    pub fn of_json(status: http::StatusCode, value: &serde_json::Value) -> Self {
        let json = http::HeaderValue::from_static("application/json");
        let headers = http::HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]);
        Self { status, headers, body: value.to_string().into() }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn a_scripted_client_answers_in_order_and_records_the_calls() {
        let url: url::Url = "https://rp.example/x".parse().unwrap();
        let good = Response::of_json(StatusCode::OK, &json!({"a": 1}));
        let bad = Response::of_json(StatusCode::BAD_GATEWAY, &json!({}));
        let (fetch, calls) = Fetch::scripted([Ok(good), Ok(bad)]);
        assert_eq!(
            fetch.post_form(url.clone(), &[("k", "v w")]).await.unwrap().json::<Value>(),
            Ok(json!({"a": 1}))
        );
        assert_eq!(
            fetch.post_json(url.clone(), &json!([1])).await.unwrap().json::<Value>(),
            Err(Error::Status(502))
        );
        assert_eq!(fetch.get(url).await.unwrap_err(), Error::Unreachable);
        let bodies: Vec<_> = calls.take().into_iter().map(|call| call.body).collect();
        assert_eq!(bodies, ["k=v+w", "[1]", ""]);
        assert!(calls.take().is_empty());
    }
}
