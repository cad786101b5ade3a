//! What a brand's data can do to a page: be read, and nothing else.

use kabinet_core::brand::{Brand, Texts};
use kabinet_core::method::MethodName;

use super::*;

fn words(text: &str) -> Words {
    Words::new(text, text)
}

/// A brand that passes every check and tries to break out of the markup wherever text may stand.
fn hostile() -> Brand {
    Brand {
        name: "hostile".to_owned(),
        title: words(HOSTILE),
        heading: words(HOSTILE),
        tagline: words(HOSTILE),
        entity: words(HOSTILE),
        help_url: Some("https://help.example/\"'><script>alert(1)</script>".to_owned()),
        support: Some("https://help.example/?a=\"><script>alert(1)</script>".to_owned()),
        texts: Texts {
            login_title: Some(words("{product}\"'><script>alert(1)</script>")),
            register_title: Some(words(HOSTILE)),
            login_agreement: Some(words("\" onclick=\"x' &amp; <agreement>\"'&amp;</agreement>")),
            register_agreement: Some(words("<pd-policy>\" onmouseover=\"</pd-policy>&lt;script&gt;")),
            register_prompt: Some(words(HOSTILE)),
            register_link: Some(words(HOSTILE)),
        },
        ..Brands::built_in().find(None).clone()
    }
}

fn scene(brands: &Brands, language: Language) -> Scene<'_> {
    Scene {
        brands,
        brand: "hostile",
        client: Some(HOSTILE),
        language,
        flow: HOSTILE,
    }
}

#[test]
fn no_word_of_a_brand_becomes_markup_on_any_page() {
    let (brands, left_out) = Brands::with(vec![hostile()]);
    assert!(left_out.is_empty(), "{left_out:?}");
    for language in Language::ALL {
        gallery(scene(&brands, language)).iter().for_each(check_page);
    }
}

#[test]
fn what_no_page_could_hold_is_refused_before() {
    for text in ["я".repeat(10_000), "Банк\u{202e}к".to_owned(), "a\u{0}b".to_owned()] {
        let (brands, left_out) = Brands::with(vec![Brand { title: words(&text), ..hostile() }]);
        assert!(brands.get("hostile").is_none() && left_out[0].1.len() == 2, "{left_out:?}");
    }
}

#[test]
fn a_brand_s_own_texts_stand_where_those_of_the_pages_stood() {
    let brand = Brand {
        tagline: Words::default(),
        support: Some("help@example.ru".to_owned()),
        year: Some(2021),
        texts: Texts {
            login_title: Some(words("Вас ждёт {product}")),
            login_agreement: Some(words("Читайте <pd-policy>политику</pd-policy>.")),
            ..Texts::default()
        },
        title: words("Доки"),
        ..hostile()
    };
    let (brands, _) = Brands::with(vec![brand]);
    let pages = gallery(scene(&brands, Language::Ru));
    let login = &pages.iter().find(|sample| sample.name == "login").unwrap().html;
    assert!(login.contains("<h1>Вас ждёт Доки</h1>") && login.contains("<title>Вас ждёт Доки</title>"));
    assert!(login.contains("title=\"откроется в новой вкладке\">политику</a>."), "{login}");
    assert!(login.contains("id=\"support\" href=\"mailto:help@example.ru\""));
    assert!(login.contains(", 2021</span>") && !login.contains("<small>"));
}

#[test]
fn the_tags_of_a_brand_s_texts_are_the_kinds_of_documents() {
    assert_eq!(kabinet_core::brand::legal::TAGS, Kind::ALL.map(Kind::as_str));
}

#[test]
fn without_a_password_form_the_other_ways_stand_alone() {
    let brands = Brands::built_in();
    let scene = Scene {
        brand: "default",
        client: None,
        flow: "f",
        ..scene(&brands, Language::Ru)
    };
    let login = SignIn {
        chrome: scene.chrome("/login"),
        identifier: ContactKind::Phone,
        value: String::new(),
        remember: false,
        errors: Errors::none(),
        notice: None,
        disown: None,
        is_merged: false,
        methods: vec![Method::Esia, Method::Certificate],
        offers: Offers::default(),
        place: FormPlace::default(),
    };
    let html = render(&login);
    assert!(!html.contains("login-form") && !html.contains("go-register"));
    // In the order of the list, whatever the default one is.
    assert!(html.find("method-esia").unwrap() < html.find("method-certificate").unwrap());
    assert!(
        MethodName::ALL
            .iter()
            .all(|name| *name == MethodName::Code || Method::named(name.as_str()).is_some())
    );
}
