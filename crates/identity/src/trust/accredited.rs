//! The list of accredited authorities that the ministry publishes: reading it.
//!
//! ```text
//! АккредитованныеУдостоверяющиеЦентры
//!   Версия
//!   УдостоверяющийЦентр …
//!     Название, СтатусАккредитации/Статус
//!     ПрограммноАппаратныеКомплексы/ПрограммноАппаратныйКомплекс/КлючиУполномоченныхЛиц/Ключ …
//!       АдресаСписковОтзыва/Адрес …
//!       Сертификаты/ДанныеСертификата/Данные …     a certificate, base64
//! ```
//!
//! Nothing in it is proven here: its own signature (XMLDSig) is not verified, and what a certificate in it is worth is said by
//! its path to an anchor alone. Elements that are not named above are passed over.
//!
//! Refused: another root element, another encoding than UTF-8, a document type declaration (and with it every entity of its
//! own), nesting beyond [`MAX_DEPTH`], more than [`MAX_CERTIFICATES`], texts and a whole beyond their limits.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// The largest list, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The deepest nesting of elements.
pub const MAX_DEPTH: usize = 32;
/// The most certificates.
pub const MAX_CERTIFICATES: usize = 20_000;
/// The longest text of one element, in bytes: a certificate in base64.
const MAX_TEXT: usize = 16 * 1024;
/// The most addresses of one key.
const MAX_ADDRESSES: usize = 16;

const ROOT: &str = "АккредитованныеУдостоверяющиеЦентры";
const AUTHORITY: &str = "УдостоверяющийЦентр";
const KEY: &str = "Ключ";

/// What a list says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Accredited {
    /// The version that it gives itself.
    pub version: Option<String>,
    /// Its certificates, in their order.
    pub entries: Vec<Entry>,
}

/// A certificate in a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// How the list calls the authority.
    pub name: String,
    /// Whether it is accredited, in the words of the list.
    pub status: String,
    /// Where its revocation lists are, by the list.
    pub addresses: Vec<String>,
    /// The certificate in base64.
    pub certificate: String,
}

/// Why a list is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is larger than [`MAX_BYTES`].
    #[error("it is larger than 64 MiB")]
    TooLarge,
    /// It is not UTF-8.
    #[error("it is not in UTF-8")]
    Encoding,
    /// It is no well-formed XML.
    #[error("it is no XML")]
    Malformed,
    /// It has a document type declaration, or a reference to an entity of its own.
    #[error("it declares or uses entities of its own")]
    Entities,
    /// Its elements nest too deep.
    #[error("its elements nest deeper than 32")]
    TooDeep,
    /// An element's text is too long, or there is too much of something.
    #[error("it holds more than such a list can")]
    TooMuch,
    /// It is XML of another kind.
    #[error("it is no list of accredited authorities (АккредитованныеУдостоверяющиеЦентры)")]
    OtherKind,
}

/// Reads a list.
pub(crate) fn read(xml: &[u8]) -> Result<Accredited, Unread> {
    if xml.len() > MAX_BYTES {
        return Err(Unread::TooLarge);
    }
    let text = std::str::from_utf8(xml).map_err(|_| Unread::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    let mut list = Listing::default();
    loop {
        match reader.read_event().map_err(|_| Unread::Malformed)? {
            Event::Start(start) => list.open(start.local_name().into_inner())?,
            Event::Empty(start) => {
                list.open(start.local_name().into_inner())?;
                list.close()?;
            }
            Event::End(_) => list.close()?,
            Event::Text(text) => list.add(&text)?,
            Event::CData(text) => list.add(&text)?,
            Event::GeneralRef(reference) => {
                let mut buffer = [0; 4];
                list.add(character(&reference)?.encode_utf8(&mut buffer))?;
            }
            Event::DocType(_) => return Err(Unread::Entities),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof => break,
        }
    }
    if list.path.is_empty() && list.has_root {
        Ok(list.read)
    } else {
        Err(Unread::Malformed)
    }
}

/// One of XML's own five entities, or a character by its number.
fn character(reference: &BytesRef<'_>) -> Result<char, Unread> {
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => reference.resolve_char_ref().ok().flatten().ok_or(Unread::Entities),
    }
}

/// A list on the way.
#[derive(Default)]
struct Listing {
    read: Accredited,
    has_root: bool,
    path: Vec<String>,
    text: String,
    /// The authority that is being read, and its first certificate among `read.entries`.
    name: String,
    status: String,
    first: usize,
    /// The same of its key.
    addresses: Vec<String>,
    first_of_key: usize,
}

impl Listing {
    fn open(&mut self, name: &str) -> Result<(), Unread> {
        if self.path.is_empty() && (self.has_root || name != ROOT) {
            return Err(if self.has_root { Unread::Malformed } else { Unread::OtherKind });
        }
        if self.path.len() >= MAX_DEPTH {
            return Err(Unread::TooDeep);
        }
        self.has_root = true;
        self.text.clear();
        match name {
            AUTHORITY => {
                self.name.clear();
                self.status.clear();
                self.first = self.read.entries.len();
            }
            KEY => {
                self.addresses.clear();
                self.first_of_key = self.read.entries.len();
            }
            _ => {}
        }
        self.path.push(name.to_owned());
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), Unread> {
        if self.path.is_empty() {
            return if text.trim().is_empty() { Ok(()) } else { Err(Unread::Malformed) };
        }
        if self.text.len() + text.len() > MAX_TEXT {
            // Only what is kept is bounded: texts of elements that are passed over may be long.
            return if self.is_kept() { Err(Unread::TooMuch) } else { Ok(()) };
        }
        self.text.push_str(text);
        Ok(())
    }

    fn place(&self) -> (&str, &str) {
        let at = |from_end: usize| self.path.len().checked_sub(from_end).and_then(|at| self.path.get(at));
        (at(2).map_or("", String::as_str), at(1).map_or("", String::as_str))
    }

    fn is_kept(&self) -> bool {
        matches!(
            self.place(),
            (ROOT, "Версия")
                | (AUTHORITY, "Название")
                | ("СтатусАккредитации", "Статус")
                | ("АдресаСписковОтзыва", "Адрес")
                | ("ДанныеСертификата", "Данные")
        )
    }

    fn close(&mut self) -> Result<(), Unread> {
        let text = self.text.trim().to_owned();
        self.text.clear();
        match self.place() {
            (ROOT, "Версия") => self.read.version = Some(text),
            (AUTHORITY, "Название") => self.name = text,
            ("СтатусАккредитации", "Статус") => self.status = text,
            ("АдресаСписковОтзыва", "Адрес") => {
                if self.addresses.len() >= MAX_ADDRESSES {
                    return Err(Unread::TooMuch);
                }
                self.addresses.push(text);
            }
            ("ДанныеСертификата", "Данные") => {
                if self.read.entries.len() >= MAX_CERTIFICATES {
                    return Err(Unread::TooMuch);
                }
                self.read.entries.push(Entry {
                    name: String::new(),
                    status: String::new(),
                    addresses: Vec::new(),
                    certificate: text,
                });
            }
            (_, KEY) => {
                for entry in &mut self.read.entries[self.first_of_key..] {
                    entry.addresses.clone_from(&self.addresses);
                }
            }
            (_, AUTHORITY) => {
                for entry in &mut self.read.entries[self.first..] {
                    entry.name.clone_from(&self.name);
                    entry.status.clone_from(&self.status);
                }
            }
            _ => {}
        }
        self.path.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(inside: &str) -> String {
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{ROOT}>{inside}</{ROOT}>")
    }

    const ONE: &str = "<Версия>42</Версия><Дата>2027-01-01T00:00:00</Дата>
        <УдостоверяющийЦентр>
          <Название>ООО &quot;Проба&quot; &amp; <![CDATA[К<о>]]>&#33;</Название>
          <ПрограммноАппаратныеКомплексы><ПрограммноАппаратныйКомплекс>
            <Адрес><Город>Название не здесь</Город></Адрес>
            <КлючиУполномоченныхЛиц>
              <Ключ><ИдентификаторКлюча>aa</ИдентификаторКлюча>
                <АдресаСписковОтзыва><Адрес>http://a.test/1.crl</Адрес><Адрес> http://b.test/1.crl </Адрес></АдресаСписковОтзыва>
                <Сертификаты><ДанныеСертификата><Отпечаток>00</Отпечаток><Данные>MIIB
                  AAA=</Данные></ДанныеСертификата></Сертификаты></Ключ>
              <Ключ><Сертификаты><ДанныеСертификата><Данные>MIIC</Данные></ДанныеСертификата></Сертификаты><АдресаСписковОтзыва/></Ключ>
            </КлючиУполномоченныхЛиц>
          </ПрограммноАппаратныйКомплекс></ПрограммноАппаратныеКомплексы>
          <СтатусАккредитации><Статус>Действует</Статус><ДействуетС>2020-01-01</ДействуетС></СтатусАккредитации>
        </УдостоверяющийЦентр>
        <УдостоверяющийЦентр><СтатусАккредитации><Статус>Прекращена</Статус></СтатусАккредитации></УдостоверяющийЦентр>";

    #[test]
    fn certificates_come_with_their_keys_addresses_and_their_authoritys_status() {
        let read = read(list(ONE).as_bytes()).unwrap();
        assert_eq!(read.version.as_deref(), Some("42"));
        let [first, second] = read.entries.as_slice() else {
            panic!("{read:?}")
        };
        assert_eq!(first.name, "ООО \"Проба\" & К<о>!");
        assert_eq!(first.addresses, ["http://a.test/1.crl", "http://b.test/1.crl"]);
        assert_eq!(kabinet_gost::pem::base64(&first.certificate).unwrap(), [0x30, 0x82, 1, 0, 0]);
        assert_eq!((second.certificate.as_str(), second.addresses.len()), ("MIIC", 0));
        assert!([first, second].iter().all(|one| one.status == "Действует"));
        let with_prefix = "<x:Версия xmlns:x='urn:x'>1</x:Версия>";
        assert_eq!(super::read(list(with_prefix).as_bytes()).unwrap().version.as_deref(), Some("1"));
        let with_mark = format!("\u{feff}{}", list(""));
        assert_eq!(super::read(with_mark.as_bytes()).unwrap(), Accredited::default());
    }

    #[test]
    fn what_is_hostile_or_no_list_is_refused_by_name() {
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        let certificate = |text: &str| format!("<ДанныеСертификата><Данные>{text}</Данные></ДанныеСертификата>");
        let address = "<Адрес>http://a.test</Адрес>".repeat(17);
        let bomb = format!("<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><{ROOT}>&b;</{ROOT}>");
        let file = format!("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><{ROOT}>&a;</{ROOT}>");
        for (xml, expected) in [
            (String::new(), Unread::Malformed),
            ("CA list".to_owned(), Unread::Malformed),
            ("<html></html>".to_owned(), Unread::OtherKind),
            (format!("<{ROOT}>"), Unread::Malformed),
            (format!("<{ROOT}></{AUTHORITY}>"), Unread::Malformed),
            (format!("<{ROOT}/><{ROOT}/>"), Unread::Malformed),
            (format!("<{ROOT}/>и хвост"), Unread::Malformed),
            (bomb, Unread::Entities),
            (file, Unread::Entities),
            (list("&b;"), Unread::Entities),
            (list("&#xffffff;"), Unread::Entities),
            (list("a & b"), Unread::Malformed),
            (list(&deep), Unread::TooDeep),
            (list(&certificate(&"A".repeat(MAX_TEXT + 1))), Unread::TooMuch),
            (list(&certificate("").repeat(MAX_CERTIFICATES + 1)), Unread::TooMuch),
            (list(&format!("<АдресаСписковОтзыва>{address}</АдресаСписковОтзыва>")), Unread::TooMuch),
        ] {
            assert_eq!(read(xml.as_bytes()), Err(expected), "{}", xml.chars().take(80).collect::<String>());
        }
        assert_eq!(read(b"<\xcf\xf0/>"), Err(Unread::Encoding));
        assert_eq!(read(&vec![b' '; MAX_BYTES + 1]), Err(Unread::TooLarge));
        // What is passed over may be as long as it likes.
        assert!(read(list(&format!("<Прочее>{}</Прочее>", "A".repeat(MAX_TEXT * 4))).as_bytes()).is_ok());
    }

    #[test]
    fn every_beginning_of_a_list_is_refused() {
        let whole = list(ONE);
        for end in whole.char_indices().map(|(at, _)| at).step_by(7) {
            assert!(read(&whole.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
