//! A relying party's back-channel: a real listener on loopback.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use kabinet::config::Config;

/// What a back-channel answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This status.
    Status(u16),
    /// A redirect to this place.
    Redirect(String),
    /// Nothing, however long somebody waits.
    Silence,
}

/// One call, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Path and query.
    pub path: String,
    /// `Content-Type`.
    pub content_type: String,
    /// Names and values of the form.
    pub form: Vec<(String, String)>,
}

impl Call {
    /// The token, the only field there may be.
    ///
    /// # Panics
    /// When there is none or something else.
    #[must_use]
    pub fn token(&self) -> &str {
        let [(name, token)] = self.form.as_slice() else {
            panic!("{:?}", self.form)
        };
        assert_eq!(
            (name.as_str(), self.content_type.as_str()),
            ("logout_token", "application/x-www-form-urlencoded")
        );
        token
    }
}

#[derive(Clone)]
struct Shared {
    calls: Arc<Mutex<Vec<Call>>>,
    reply: Arc<Mutex<Reply>>,
}

/// A relying party that listens for logout tokens.
pub struct BackChannel {
    /// Where, as a client registers it.
    pub uri: String,
    shared: Shared,
}

impl BackChannel {
    /// Listens, and answers 200.
    pub async fn open() -> Self {
        let shared = Shared {
            calls: Arc::default(),
            reply: Arc::new(Mutex::new(Reply::Status(200))),
        };
        let router = Router::new().fallback(take).with_state(shared.clone());
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let uri = format!("http://{}/back-channel?rp=1", socket.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { uri, shared }
    }

    /// Lets a provider call such listeners.
    pub fn allow(config: &mut Config) {
        config.outbound.allow = vec!["127.0.0.1".parse().expect("an address")];
    }

    /// Answers so from now on.
    pub fn reply(&self, reply: Reply) {
        *self.shared.reply.lock().expect("no panic before") = reply;
    }

    /// The calls since the last time that this was asked.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.shared.calls.lock().expect("no panic before"))
    }

    /// How many calls there have been since then.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.calls.lock().expect("no panic before").len()
    }
}

async fn take(State(shared): State<Shared>, uri: http::Uri, headers: HeaderMap, body: String) -> Response {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
    let call = Call {
        path: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        content_type: content_type.unwrap_or_default().to_owned(),
        form: form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
    };
    shared.calls.lock().expect("no panic before").push(call);
    let reply = shared.reply.lock().expect("no panic before").clone();
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Reply::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Reply::Silence => std::future::pending().await,
    }
}
