//! The outbox: every message that the provider would have sent, as one page, the newest first.
//!
//! The provider appends each message to a file as one line of JSON. This page reads the end of that file anew each time; it
//! loads itself again every few seconds, without a script. A line that is still being written is left out.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::look::{self, Colours};

/// Messages on the page.
const SHOWN: usize = 50;
/// Bytes of the file that are read: its end.
const READ: u64 = 256 * 1024;

const COLOURS: Colours = Colours {
    ground: "#146c43",
    ink: "#ffffff",
    links: ("#146c43", "#74d3a0"),
};

/// The page at `/outbox`; `file` need not exist yet.
pub fn router(file: PathBuf) -> Router {
    Router::new()
        .route("/outbox", get(show))
        .route("/outbox.css", get(async || look::stylesheet(COLOURS)))
        .route("/outbox.svg", get(async || look::icon(COLOURS)))
        .with_state(Arc::from(file))
}

/// A line of the file.
#[derive(Debug, Deserialize)]
struct Message {
    channel: String,
    to: String,
    purpose: String,
    code: Option<String>,
    text: String,
    at: String,
}

impl Message {
    fn kind(&self) -> &str {
        match self.channel.as_str() {
            "sms" => "SMS",
            "email" => "Письмо",
            other => other,
        }
    }

    fn reason(&self) -> &str {
        match self.purpose.as_str() {
            "register" => "регистрация",
            "recover" => "восстановление доступа",
            "sign-in" => "вход",
            "contact" => "новый контакт",
            "invite" => "приглашение",
            "notice" => "уведомление",
            other => other,
        }
    }

    /// `2026-11-22T10:20:30Z` as `22.11.2026 10:20:30 UTC`; anything else as it stands.
    fn moment(&self) -> String {
        let parts = || {
            let (date, time) = self.at.split_once('T')?;
            let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else {
                return None;
            };
            let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00"))?;
            Some(format!("{day}.{month}.{year} {} UTC", time.split('.').next()?))
        };
        parts().unwrap_or_else(|| self.at.clone())
    }
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct Page {
    messages: Vec<Message>,
}

async fn show(State(file): State<Arc<Path>>) -> Response {
    let Ok(text) = end_of(&file).await else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "Файл отправленных сообщений не читается.").into_response();
    };
    match (Page { messages: newest(&text) }).render() {
        Ok(text) => look::page(text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn end_of(file: &Path) -> io::Result<String> {
    let mut file = match tokio::fs::File::open(file).await {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(why) => return Err(why),
    };
    let length = file.metadata().await?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ))).await?;
    let mut bytes = Vec::new();
    file.take(READ).read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn newest(text: &str) -> Vec<Message> {
    let messages = text.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
    messages.take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    fn line(code: &str, text: &str) -> String {
        let message = serde_json::json!({"channel": "sms", "to": "+79161234567", "purpose": "register", "code": code, "text": text, "at": "2026-11-22T10:20:30Z"});
        format!("{message}\n")
    }

    async fn body(file: PathBuf) -> String {
        let response = router(file).oneshot(Request::get("/outbox").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(
            response.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_newest_message_comes_first_and_a_line_half_written_is_left_out() {
        let text = format!("{}{}{{\"channel\":\"sms\",\"to", line("111111", "a"), line("222222", "b"));
        let codes: Vec<_> = newest(&text).into_iter().map(|message| message.code.unwrap()).collect();
        assert_eq!(codes, ["222222", "111111"]);
        assert_eq!(newest(&line("1", "x").repeat(80)).len(), SHOWN);
    }

    #[test]
    fn a_moment_is_shown_the_russian_way_or_as_it_stands() {
        for (at, shown) in [
            ("2026-11-22T10:20:30Z", "22.11.2026 10:20:30 UTC"),
            ("2026-11-22T10:20:30.123+00:00", "22.11.2026 10:20:30 UTC"),
            ("yesterday", "yesterday"),
        ] {
            let mut message = newest(&line("1", "x")).remove(0);
            message.at = at.to_owned();
            assert_eq!(message.moment(), shown);
        }
    }

    #[tokio::test]
    async fn everything_in_a_message_is_escaped_and_a_missing_file_is_an_empty_page() {
        let missing = std::env::temp_dir().join("kabinet-standins-no-such-file");
        assert!(body(missing).await.contains("Пока ничего не отправлено"));
        let file = std::env::temp_dir().join(format!("kabinet-standins-{}", std::process::id()));
        std::fs::write(&file, line("<b>1</b>", "<script>alert(1)</script>")).unwrap();
        let page = body(file.clone()).await;
        std::fs::remove_file(file).unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>1"), "{page}");
        assert!(page.contains("+79161234567") && page.contains("alert(1)"));
    }
}
