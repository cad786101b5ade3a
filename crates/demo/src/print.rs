//! What is said once everything answers.

use std::io::{self, Write};

use kabinet_core::contact::{Contact, ContactKind};
use serde_json::json;
use url::Url;

use crate::party::PRODUCTS;
use crate::place::Place;
use crate::providers::{NAMES, Places};
use crate::seed::PHONE;

/// What people call the stand-ins: providers and the signature program.
const TITLES: [&str; 4] = ["Госуслуги", "Telegram", "Другой провайдер", "Программа подписи"];

/// The addresses and the account.
pub struct Parts<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// The account's password.
    pub password: &'a str,
    /// The products, in the order of [`PRODUCTS`].
    pub bases: &'a [Url],
    /// The page with the sent codes.
    pub outbox: &'a Url,
    /// The pages of the providers and then of the signature program, or why there is none.
    pub standins: &'a Places,
    /// The directory.
    pub place: &'a Place,
}

impl Parts<'_> {
    /// Prints for people, or one line of JSON.
    ///
    /// # Errors
    /// When nobody reads.
    pub fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            for (name, place) in names().zip(self.standins) {
                if let Err(why) = place {
                    writeln!(io::stderr(), "standins.{name}: {why:#}")?;
                }
            }
            writeln!(out, "{}", self.json())?;
        } else {
            out.write_all(self.text().as_bytes())?;
        }
        out.flush()
    }

    fn json(&self) -> serde_json::Value {
        let parties = PRODUCTS.iter().zip(self.bases);
        let parties: Vec<_> = parties.map(|(product, base)| json!({"name": product.name, "url": base})).collect();
        let standins: serde_json::Map<_, _> = names()
            .zip(self.standins)
            .map(|(name, place)| (name.to_owned(), json!(place.as_ref().ok())))
            .collect();
        json!({
            "issuer": self.issuer,
            "account": {"phone": PHONE, "password": self.password},
            "relying_parties": parties,
            "outbox": self.place.outbox(),
            "standins": standins,
        })
    }

    fn text(&self) -> String {
        let phone = Contact::parse(ContactKind::Phone, PHONE).map_or_else(|| PHONE.to_owned(), |phone| phone.display());
        let mut lines = vec!["Демонстрация работает. Откройте в браузере один из продуктов:".to_owned(), String::new()];
        lines.extend(
            PRODUCTS
                .iter()
                .zip(self.bases)
                .map(|(product, base)| format!("  {:<18}{base}", product.name)),
        );
        lines.extend([
            String::new(),
            "Готовая учётная запись:".to_owned(),
            format!("  {:<18}{phone}", "телефон"),
            format!("  {:<18}{}", "пароль", self.password),
            String::new(),
            format!("  {:<18}{}/account", "Личный кабинет", self.issuer),
            format!("  {:<18}{}/.well-known/openid-configuration", "Провайдер", self.issuer),
            format!("  {:<18}{}", "Отправленные коды", self.outbox),
            String::new(),
            "Подставные службы, вместо настоящих:".to_owned(),
        ]);
        lines.extend(TITLES.iter().zip(self.standins).map(|(title, place)| match place {
            Ok(url) => format!("  {title:<18}{url}"),
            Err(why) => format!("  {title:<18}не работает: {why:#}"),
        }));
        lines.push(String::new());
        lines.push(match self.place.kept() {
            Some(dir) => format!("Всё хранится в {}; следующий запуск с той же папкой продолжит с ней.", dir.display()),
            None => "Ничего не сохранится: с --dir ПАПКА учётная запись и адреса останутся прежними.".to_owned(),
        });
        lines.push("Остановить: Ctrl-C.".to_owned());
        lines.join("\n") + "\n"
    }
}

/// The names of the stand-ins in the JSON, in the order of [`Parts::standins`].
fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain(["toolbox"])
}
