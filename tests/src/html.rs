//! Enough of HTML to read our own pages strictly: tags, attributes, text. A page that breaks the grammar fails the test.

/// A tag with its attributes.
#[derive(Clone, Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    /// Where its content begins.
    inside: usize,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A page that was read.
#[derive(Clone, Debug, Default)]
pub struct Html {
    source: String,
    tags: Vec<Tag>,
}

/// A form as it stands on a page.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// `get` or `post`.
    pub method: String,
    /// Name, value and type of every field and button, in order.
    pub fields: Vec<Field>,
}

/// One field or button.
#[derive(Clone, Debug)]
pub struct Field {
    /// `id`.
    pub id: String,
    /// `name`.
    pub name: String,
    /// What is in it.
    pub value: String,
    /// `text`, `hidden`, `checkbox`, `submit` and so on.
    pub kind: String,
    /// Whether a box is ticked.
    pub checked: bool,
}

impl Html {
    /// Reads a page.
    #[must_use]
    pub fn parse(source: &str) -> Self {
        let mut tags = Vec::new();
        let mut at = 0;
        while let Some(open) = source[at..].find('<').map(|found| at + found) {
            at = open + 1;
            let rest = &source[at..];
            if let Some(comment) = rest.strip_prefix("!--") {
                at += 3 + comment.find("-->").expect("a comment that ends") + 3;
                continue;
            }
            let (tag, end) = read_tag(source, at);
            at = end;
            // What is inside is no markup.
            if ["script", "style"].contains(&tag.name.as_str()) {
                let close = format!("</{}", tag.name);
                at += source[at..].find(&close).expect("an element that ends");
            }
            tags.push(tag);
        }
        Self { source: source.to_owned(), tags }
    }

    fn by_id(&self, id: &str) -> Option<(usize, &Tag)> {
        self.tags.iter().enumerate().find(|(_, tag)| tag.get("id") == Some(id))
    }

    /// Whether something on the page has this id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.by_id(id).is_some()
    }

    /// An attribute of what has this id.
    #[must_use]
    pub fn attribute(&self, id: &str, name: &str) -> Option<String> {
        self.by_id(id)?.1.get(name).map(str::to_owned)
    }

    /// The text inside what has this id.
    #[must_use]
    pub fn text_by_id(&self, id: &str) -> Option<String> {
        let (place, tag) = self.by_id(id)?;
        Some(text_of(&self.source[tag.inside..self.end_of(place)]))
    }

    /// Every id on the page.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.tags.iter().filter_map(|tag| tag.get("id")).map(str::to_owned).collect()
    }

    /// An attribute of every tag of this name that has it.
    #[must_use]
    pub fn attributes(&self, tag: &str, attribute: &str) -> Vec<String> {
        let tags = self.tags.iter().filter(|one| one.name == tag);
        tags.filter_map(|one| one.get(attribute)).map(str::to_owned).collect()
    }

    /// How many tags of this name the page has.
    #[must_use]
    pub fn count(&self, tag: &str) -> usize {
        self.tags.iter().filter(|one| one.name == tag).count()
    }

    /// Where the element of a tag ends in the source.
    fn end_of(&self, place: usize) -> usize {
        let name = &self.tags[place].name;
        let close = format!("/{name}");
        let mut depth = 0;
        for tag in &self.tags[place..] {
            if tag.name == *name {
                depth += 1;
            } else if tag.name == close {
                depth -= 1;
                if depth == 0 {
                    return tag.inside;
                }
            }
        }
        self.source.len()
    }

    /// A form by its id.
    #[must_use]
    pub fn form(&self, id: &str) -> Option<Form> {
        let (place, tag) = self.by_id(id)?;
        assert_eq!(tag.name, "form", "#{id} is no form");
        let end = self.end_of(place);
        let inside: Vec<&Tag> = self.tags[place + 1..].iter().filter(|one| one.inside <= end).collect();
        let get = |tag: &Tag, name: &str| tag.get(name).unwrap_or_default().to_owned();
        let field = |tag: &&Tag| {
            let default = if tag.name == "button" { "submit" } else { "text" };
            let kind = tag.get("type").unwrap_or(default).to_owned();
            let mut value = get(tag, "value");
            if kind == "checkbox" && tag.get("value").is_none() {
                value = "on".to_owned();
            }
            let checked = tag.get("checked").is_some();
            Field {
                id: get(tag, "id"),
                name: get(tag, "name"),
                value,
                kind,
                checked,
            }
        };
        let fields = inside.iter().filter(|one| matches!(one.name.as_str(), "input" | "button")).map(field);
        Some(Form {
            action: get(tag, "action"),
            method: get(tag, "method").to_lowercase(),
            fields: fields.collect(),
        })
    }
}

/// Reads the tag whose name begins at `at`; also where its content begins.
fn read_tag(source: &str, at: usize) -> (Tag, usize) {
    let stop = |c: char| c.is_ascii_whitespace() || c == '>';
    let length = source[at..].find(stop).expect("a tag that ends");
    let name = source[at..at + length].trim_end_matches('/').to_ascii_lowercase();
    let mut at = at + length;
    let mut attributes: Vec<(String, String)> = Vec::new();
    loop {
        let rest = source[at..].trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        at = source.len() - rest.len();
        if rest.starts_with('>') {
            return (Tag { name, attributes, inside: at + 1 }, at + 1);
        }
        let length = rest.find(|c: char| stop(c) || c == '=').expect("a tag that ends");
        assert!(
            length > 0 && !rest[..length].contains(['"', '\'', '<']),
            "a broken tag: <{name} {:.80}",
            rest
        );
        let attribute = rest[..length].to_ascii_lowercase();
        assert!(
            !attributes.iter().any(|(known, _)| *known == attribute),
            "{attribute} stands twice in <{name}>"
        );
        at += length;
        let Some(value) = source[at..].strip_prefix('=') else {
            attributes.push((attribute, String::new()));
            continue;
        };
        let quoted = value
            .strip_prefix('"')
            .unwrap_or_else(|| panic!("an attribute without quotes: {attribute}"));
        let length = quoted.find('"').expect("a value that ends");
        attributes.push((attribute, unescape(&quoted[..length])));
        at += 1 + 1 + length + 1;
    }
}

/// The text of a piece of HTML: tags gone, entities read, white space in one.
#[must_use]
pub fn text_of(source: &str) -> String {
    let mut text = String::new();
    let mut rest = source;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        rest = rest[open..].find('>').map_or("", |close| &rest[open + close + 1..]);
    }
    text.push_str(rest);
    unescape(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end < 12);
        let character = end.and_then(|end| entity(&rest[1..end]));
        let (Some(end), Some(character)) = (end, character) else {
            out.push('&');
            rest = &rest[1..];
            continue;
        };
        out.push(character);
        rest = &rest[end + 1..];
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    if let Some(hex) = name.strip_prefix("#x") {
        return char::from_u32(u32::from_str_radix(hex, 16).ok()?);
    }
    if let Some(number) = name.strip_prefix('#') {
        return char::from_u32(number.parse().ok()?);
    }
    let known = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
        ("laquo", '«'),
        ("raquo", '»'),
    ];
    known.iter().find(|(entity, _)| *entity == name).map(|(_, character)| *character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_fields_and_entities() {
        let page = Html::parse(
            r#"<!doctype html><form id="f" method="post" action="/a?b=1&#38;c"><input type="hidden" name="h" value="&#34;&lt;x">
            <input type="checkbox" name="c" checked><button name="b" value="1" id="go">Да</button></form><input name="out"><p id="p">A <b>и</b> B</p>"#,
        );
        let form = page.form("f").unwrap();
        assert_eq!((form.action.as_str(), form.method.as_str()), ("/a?b=1&c", "post"));
        let fields: Vec<_> = form
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_str(), field.kind.as_str()))
            .collect();
        assert_eq!(fields, [("h", "\"<x", "hidden"), ("c", "on", "checkbox"), ("b", "1", "submit")]);
        assert_eq!(page.text_by_id("p").unwrap(), "A и B");
    }
}
