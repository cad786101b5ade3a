//! Filling a page's form as a browser without JavaScript does: cookies, hidden fields, the submit button.

use anyhow::{Context, Result, bail};

use super::http::{self, Connection, Response};

/// A person's browser at one server.
pub struct Browser {
    connection: Connection,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub fn new(port: u16) -> Self {
        Self { connection: Connection::new(port), cookies: Vec::new() }
    }

    /// The header line with every cookie.
    pub fn cookie_header(&self) -> String {
        cookie_header(&self.cookies)
    }

    pub fn get(&mut self, path: &str) -> Result<Response> {
        let answer = self.connection.send(&http::get(path, &[self.cookie_header()]))?;
        keep_cookies(&answer, &mut self.cookies);
        Ok(answer)
    }

    /// Submits the page's form with these values.
    pub fn submit(&mut self, page: &Response, form_id: &str, values: &[(&str, &str)]) -> Result<Response> {
        let request = submission(page, form_id, values, &self.cookies)?;
        let answer = self.connection.send(&request)?;
        keep_cookies(&answer, &mut self.cookies);
        Ok(answer)
    }
}

pub fn cookie_header(cookies: &[(String, String)]) -> String {
    let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("Cookie: {}", pairs.join("; "))
}

/// Takes over what the answer sets.
pub fn keep_cookies(answer: &Response, cookies: &mut Vec<(String, String)>) {
    for header in answer.headers("set-cookie") {
        let pair = header.split(';').next().unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            cookies.retain(|(known, _)| known != name);
            cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// The request that the form's submit button sends.
pub fn submission(
    page: &Response,
    form_id: &str,
    values: &[(&str, &str)],
    cookies: &[(String, String)],
) -> Result<Vec<u8>> {
    let html = page.text();
    let form =
        form(&html, form_id).with_context(|| format!("no form {form_id} on a page of status {}", page.status))?;
    let mut fields: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &form.fields {
        let given = values.iter().find(|(given, _)| given == name);
        fields.push((name, given.map_or(value.as_str(), |(_, value)| value)));
    }
    if let Some((missing, _)) = values.iter().find(|(name, _)| !fields.iter().any(|(field, _)| field == name)) {
        bail!("the form {form_id} has no field {missing}");
    }
    let origin = "Sec-Fetch-Site: same-origin".to_owned();
    Ok(http::post(path(&form.action)?, &[cookie_header(cookies), origin], &fields))
}

/// The path of an address on this server.
fn path(action: &str) -> Result<&str> {
    let after_host = action
        .split_once("://")
        .map_or(Some(action), |(_, rest)| rest.find('/').map(|at| &rest[at..]));
    after_host
        .filter(|path| path.starts_with('/'))
        .with_context(|| format!("the form's action is {action:?}"))
}

struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

fn form(html: &str, id: &str) -> Option<Form> {
    let mut rest = html;
    loop {
        rest = &rest[rest.find("<form")?..];
        let (tag, after) = rest.split_once('>')?;
        if attribute(tag, "id").as_deref() == Some(id) {
            let body = after.split("</form>").next().unwrap_or(after);
            return Some(Form {
                action: attribute(tag, "action").unwrap_or_default(),
                fields: fields(body),
            });
        }
        rest = after;
    }
}

/// Named inputs that a browser sends: no unticked boxes, and of the submit buttons the first.
fn fields(body: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut has_button = false;
    for piece in body.split('<').skip(1) {
        let is_button = piece.starts_with("button");
        if !is_button && !piece.starts_with("input") {
            continue;
        }
        let tag = piece.split('>').next().unwrap_or_default();
        let kind = attribute(tag, "type").unwrap_or_default();
        let Some(name) = attribute(tag, "name") else { continue };
        if is_button || kind == "submit" {
            if std::mem::replace(&mut has_button, true) {
                continue;
            }
        } else if matches!(kind.as_str(), "checkbox" | "radio") && !tag.contains(" checked") {
            continue;
        }
        fields.push((name, attribute(tag, "value").unwrap_or_default()));
    }
    fields
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = tag[at..].split('"').next()?;
    let entities = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    Some(
        entities
            .iter()
            .fold(value.to_owned(), |text, (entity, plain)| text.replace(entity, plain)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<form id="other" action="/no"></form>
        <form id="login-form" action="/login?flow=a&amp;b" method="post">
        <input type="hidden" name="form-token" value="t"><input id="phone" name="phone">
        <input type="checkbox" name="remember" value="on"><button id="submit" type="submit">Войти</button></form>"#;

    #[test]
    fn a_form_is_read_as_a_browser_would_send_it() {
        let form = form(PAGE, "login-form");
        assert!(form.as_ref().is_some_and(|form| form.action == "/login?flow=a&b"));
        let names: Vec<String> = form.into_iter().flat_map(|form| form.fields).map(|(name, _)| name).collect();
        assert_eq!(names, ["form-token", "phone"]);
    }
}
