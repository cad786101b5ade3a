//! The HTML of an e-mail: the same words as its text, under the name and in the colours of the product.
//!
//! Everything is escaped by the template, whoever wrote it (V44); nothing is loaded from anywhere and nothing is a link: a
//! letter that asks to be clicked teaches people to click the next one.

use askama::Template;
use kabinet_core::brand::Brand;
use kabinet_core::language::Language;

/// What an e-mail says, and for which product.
#[derive(Template)]
#[template(path = "letter.html")]
pub(super) struct Html<'a> {
    pub brand: &'a Brand,
    pub language: &'static str,
    pub subject: &'a str,
    pub heading: &'a str,
    pub entity: &'a str,
    pub code: Option<&'a str>,
    pub text: &'a str,
}

impl<'a> Html<'a> {
    /// The letter of a brand in a language.
    pub fn of(brand: &'a Brand, language: Language, subject: &'a str, text: &'a str, code: Option<&'a str>) -> Self {
        Self {
            heading: brand.heading.in_language(language),
            entity: brand.entity.in_language(language),
            language: language.code(),
            brand,
            subject,
            code,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use kabinet_core::brand::Brands;
    use kabinet_core::language::Words;

    use super::*;

    #[test]
    fn words_of_an_operator_and_of_a_person_are_text_and_nothing_else() {
        let mut brand = Brand::clone(Brands::built_in().find(Some("astral-edo")));
        brand.heading = Words::new("<img src=x>", "");
        brand.entity = Words::new("\"><a href=\"https://evil.test\">", "");
        brand.support = Some("<script>".to_owned());
        let letter = Html::of(&brand, Language::Ru, "</title><b>", "<i>вход</i>", Some("<u>"));
        let html = letter.render().unwrap();
        for tag in ["<img", "<a ", "<script", "<b>", "<i>", "<u>"] {
            assert!(!html.contains(tag), "{tag}: {html}");
        }
        assert!(html.contains("&#60;i&#62;вход"), "{html}");
    }

    #[test]
    fn nothing_is_loaded_and_nothing_is_a_link() {
        for brand in Brands::built_in().iter() {
            let html = Html::of(brand, Language::En, "Subject", "Text", Some("012345")).render().unwrap();
            for outside in ["http", "url(", "src=", "href=", "<link", "<script", "@import"] {
                assert!(!html.contains(outside), "{outside}: {html}");
            }
            assert!(html.contains(&brand.colour) && html.contains("012345") && html.contains("lang=\"en\""));
        }
    }
}
