//! The grammar of a brand's own texts.
//!
//! A line about the legal documents is text in which `<agreement>…</agreement>`, `<pd-consent>…</pd-consent>` and
//! `<pd-policy>…</pd-policy>` become links; no other `<` or `>` may stand in it. A title is text in which `{product}`
//! stands for the product; no other brace may. Nothing else means anything: the rest is escaped.

/// The tags that become links: the names of the documents.
pub const TAGS: [&str; 3] = ["agreement", "pd-consent", "pd-policy"];

/// What stands for the product in a title.
const PRODUCT: &str = "{product}";

/// A title with the product put into it.
#[must_use]
pub fn title(pattern: &str, product: &str) -> String {
    pattern.replace(PRODUCT, product)
}

/// Whether a line about the documents keeps to the grammar.
pub(super) fn is_line(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>']) {
        let Some(after) = link(&rest[at..]) else { return false };
        rest = after;
    }
    true
}

/// What stands behind the link that `text` begins with.
fn link(text: &str) -> Option<&str> {
    let (tag, rest) = text.strip_prefix('<')?.split_once('>')?;
    let tag = TAGS.into_iter().find(|known| *known == tag)?;
    let (label, rest) = rest.split_once('<')?;
    let is_label = !label.trim().is_empty() && !label.contains('>');
    let rest = rest.strip_prefix('/')?.strip_prefix(tag)?.strip_prefix('>')?;
    is_label.then_some(rest)
}

/// Whether a title keeps to the grammar.
pub(super) fn is_title(text: &str) -> bool {
    !text.replace(PRODUCT, "").contains(['{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_link_to_the_documents_and_to_nothing_else() {
        for good in [
            "",
            "Нажимая кнопку «Войти», я соглашаюсь",
            "с условиями <agreement>Соглашения</agreement>",
            "<pd-consent>согласие</pd-consent> и <pd-policy>политика</pd-policy>.",
        ] {
            assert!(is_line(good), "{good}");
        }
        for bad in [
            "<script>alert(1)</script>",
            "<agreement>без конца",
            "<agreement></agreement>",
            "<agreement> </agreement>",
            "</agreement>",
            "<agreement>a<pd-policy>b</pd-policy></agreement>",
            "<agreement>a</pd-policy>",
            "<agreement href=x>a</agreement>",
            "<agreement>a>b</agreement>",
            "a < b",
            "a > b",
            "<",
            "<agreement>a</agreement",
            "<a href=\"https://evil.example\">x</a>",
        ] {
            assert!(!is_line(bad), "{bad}");
        }
    }

    #[test]
    fn a_title_may_name_the_product() {
        assert_eq!(title("Вход в {product}", "Доки"), "Вход в Доки");
        assert_eq!(title("Регистрация", "Доки"), "Регистрация");
        assert!(is_title("Вход в {product}") && is_title("Регистрация"));
        for bad in ["Вход в { $product }", "{user}", "{product", "}"] {
            assert!(!is_title(bad), "{bad}");
        }
    }
}
