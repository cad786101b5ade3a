//! What the connections of a load ask: chains of refreshes, a stock of codes, whole sign-ins.

use std::sync::{Arc, Mutex};

use super::http::{self, Response};
use super::load::{Progress, Script};
use super::page;
use super::server::{PASSWORD, REDIRECT_URI};

/// Authorization codes, handed from the load that gets them to the one that redeems them.
pub type Stock = Arc<Mutex<Vec<String>>>;

/// Authorizes with a session and keeps the codes.
pub struct Authorize {
    pub request: Vec<u8>,
    pub stock: Stock,
}

impl Script for Authorize {
    fn next(&mut self) -> Option<Vec<u8>> {
        Some(self.request.clone())
    }

    fn took(&mut self, answer: &Response) -> Progress {
        let Some(code) = code_of(answer) else {
            return Progress::Refused;
        };
        if let Ok(mut stock) = self.stock.lock() {
            stock.push(code);
        }
        Progress::Done
    }
}

/// The code in the redirect's query.
pub fn code_of(answer: &Response) -> Option<String> {
    let location = answer.headers("location").next()?;
    let query = location.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix("code=")).map(str::to_owned)
}

/// Redeems one code after the other until the stock is empty.
pub struct Redeem {
    pub client: String,
    pub stock: Stock,
}

impl Script for Redeem {
    fn next(&mut self) -> Option<Vec<u8>> {
        let code = self.stock.lock().ok()?.pop()?;
        let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
        Some(http::post("/oauth2/token", std::slice::from_ref(&self.client), &fields))
    }
}

/// Refreshes with the token that the last refresh gave.
pub struct Refresh {
    pub path: &'static str,
    pub client: String,
    pub token: Option<String>,
}

impl Script for Refresh {
    fn next(&mut self) -> Option<Vec<u8>> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", self.token.as_deref()?)];
        Some(http::post(self.path, std::slice::from_ref(&self.client), &fields))
    }

    fn took(&mut self, answer: &Response) -> Progress {
        let next = answer.json().ok().and_then(|body| body["refresh_token"].as_str().map(str::to_owned));
        self.token = next;
        if self.token.is_some() { Progress::Done } else { Progress::Refused }
    }
}

/// Signs a person in through the pages, each time in a new browser.
pub struct SignIn {
    pub phone: String,
    cookies: Vec<(String, String)>,
    form: Option<Vec<u8>>,
}

impl SignIn {
    pub fn new(phone: String) -> Self {
        Self { phone, cookies: Vec::new(), form: None }
    }
}

impl Script for SignIn {
    fn next(&mut self) -> Option<Vec<u8>> {
        Some(self.form.take().unwrap_or_else(|| http::get("/login", &[])))
    }

    fn took(&mut self, answer: &Response) -> Progress {
        let is_redirect = matches!(answer.status, 302 | 303);
        if answer.status == 200 && self.cookies.is_empty() {
            page::keep_cookies(answer, &mut self.cookies);
            let values = [("phone", self.phone.as_str()), ("password", PASSWORD)];
            self.form = page::submission(answer, "login-form", &values, &self.cookies).ok();
            if self.form.is_some() {
                return Progress::More;
            }
        }
        self.cookies.clear();
        if is_redirect { Progress::Done } else { Progress::Refused }
    }
}
