//! Brands: the words, the mark and the two colours in which a product's sign-in pages appear.
//!
//! A brand is data. It cannot break a page: the mark is the outline of one SVG path, checked to hold nothing but path
//! commands; colours are six hexadecimal digits; everything else is text that the templates escape. Colours reach the
//! page through a style sheet of the brand's own (`style-src 'self'` forbids inline styles).

use serde::{Deserialize, Serialize};

pub use kabinet_core::language::Words;

/// The least contrast of text on its ground: WCAG 2.2 §1.4.3.
pub const LEAST_CONTRAST: f64 = 4.5;

/// The grounds on which links stand, `--bg` and `--card` of `kabinet.css`: of each theme the one with less contrast.
const LIGHT_GROUND: &str = "#f4f6fa";
const DARK_GROUND: &str = "#171b22";

/// How the pages of one product look and speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// The key, in `--brand NAME` and in the URL of the style sheet: `a-z`, `0-9` and `-`.
    pub name: String,
    /// The product in the accusative: «Вход в …», «Перейти в …».
    pub title: Words,
    /// The name beside the mark.
    pub heading: Words,
    /// The line below that name.
    pub tagline: Words,
    /// The mark: an SVG path on a square of 34 units, drawn in `colour_ink` on a rounded square in `colour`.
    pub mark: String,
    /// Ground of the primary button and of the mark, `#rrggbb`.
    pub colour: String,
    /// Text on that ground, `#rrggbb`.
    pub colour_ink: String,
    /// Links and accents on dark pages, `#rrggbb`; absent: derived from `colour`.
    #[serde(default)]
    pub colour_dark: Option<String>,
    /// The legal entity in the footer.
    pub entity: Words,
    /// Where «Помощь» leads; absent: no such link.
    #[serde(default)]
    pub help_url: Option<String>,
    /// Shows the one-line consent of older guides in addition to the separate checkbox.
    #[serde(default)]
    pub one_line_consent: bool,
}

/// Why a brand is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("brand {brand}: {field} {problem}")]
pub struct BadBrand {
    /// The brand's name as given.
    pub brand: String,
    /// The key at fault.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Brand {
    /// Checks that the brand is inert data and that its colours can be read.
    ///
    /// # Errors
    /// Names the first key at fault.
    pub fn check(&self) -> Result<(), BadBrand> {
        let name_is_plain = self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let mark_is_path = self.mark.bytes().all(|b| b"MmLlHhVvCcSsQqTtAaZz0123456789 ,.-".contains(&b));
        let help_is_web = self
            .help_url
            .as_deref()
            .is_none_or(|url| url.starts_with("https://") || url.starts_with('/'));
        let titles = [&self.title, &self.heading, &self.entity];
        let ink = contrast(&self.colour, &self.colour_ink);
        let dark = self
            .colour_dark
            .as_deref()
            .map_or(Some(LEAST_CONTRAST), |colour| contrast(colour, DARK_GROUND));
        let rules = [
            (
                !self.name.is_empty() && self.name.len() <= 64 && name_is_plain,
                "name",
                "holds other than a-z, 0-9 and -",
            ),
            (
                titles.iter().all(|w| !w.ru.trim().is_empty() && !w.en.trim().is_empty()),
                "title",
                "is empty",
            ),
            (self.mark.len() <= 4096 && mark_is_path, "mark", "is not the data of one SVG path"),
            (help_is_web, "help_url", "is neither https:// nor a path"),
            (ink.is_some() && dark.is_some(), "colour", "is not #rrggbb"),
            (
                ink.is_some_and(|ratio| ratio >= LEAST_CONTRAST),
                "colour_ink",
                "has a contrast below 4.5:1",
            ),
            (
                dark.is_some_and(|ratio| ratio >= LEAST_CONTRAST),
                "colour_dark",
                "has a contrast below 4.5:1",
            ),
        ];
        match rules.into_iter().find(|(holds, _, _)| !holds) {
            Some((_, field, problem)) => Err(BadBrand { brand: self.name.clone(), field, problem }),
            None => Ok(()),
        }
    }

    /// The brand's style sheet: the values that `kabinet.css` derives everything else from.
    #[must_use]
    pub fn stylesheet(&self) -> String {
        let light = legible(&self.colour, LIGHT_GROUND, [0; 3]);
        let dark = self.colour_dark.clone().unwrap_or_else(|| legible(&self.colour, DARK_GROUND, [255; 3]));
        let Self { colour, colour_ink, .. } = self;
        format!(":root{{--brand:{colour};--brand-ink:{colour_ink};--accent-light:{light};--accent-dark:{dark}}}\n")
    }
}

/// The contrast of two colours `#rrggbb`, from 1 to 21 (WCAG 2.2, "contrast ratio"); `None` when one is no such colour.
#[must_use]
pub fn contrast(one: &str, other: &str) -> Option<f64> {
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

/// Red, green and blue of `#rrggbb`.
fn channels(colour: &str) -> Option<[u8; 3]> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some([channel(0)?, channel(2)?, channel(4)?])
}

/// Relative luminance of WCAG 2.2.
fn luminance(colour: &str) -> Option<f64> {
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    let [red, green, blue] = channels(colour)?;
    Some(0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue))
}

/// `colour`, mixed with as little of `toward` as makes it readable on `ground`.
fn legible(colour: &str, ground: &str, toward: [u8; 3]) -> String {
    let from = channels(colour).unwrap_or(toward);
    let mixed = |part: u32| {
        let mix = |at: usize| (u32::from(from[at]) * (20 - part) + u32::from(toward[at]) * part) / 20;
        format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
    };
    let readable = |colour: &String| contrast(colour, ground).is_some_and(|ratio| ratio >= LEAST_CONTRAST);
    (0..=20).map(mixed).find(readable).unwrap_or_else(|| mixed(20))
}

/// All brands of an installation; there is always a `default`.
#[derive(Clone, Debug)]
pub struct Brands {
    default: Brand,
    others: Vec<Brand>,
}

impl Default for Brands {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Brands {
    /// The brands that need no configuration: `default`, `astral-edo`, `1c-etp`.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            default: default_brand(),
            others: vec![astral_edo(), etp_1c()],
        }
    }

    /// The built-in brands with `further` added; one of the same name takes the place of the built-in.
    ///
    /// # Errors
    /// When a brand does not pass [`Brand::check`].
    pub fn with(further: Vec<Brand>) -> Result<Self, BadBrand> {
        let mut brands = Self::built_in();
        for brand in further {
            brand.check()?;
            if brand.name == brands.default.name {
                brands.default = brand;
            } else {
                brands.others.retain(|other| other.name != brand.name);
                brands.others.push(brand);
            }
        }
        Ok(brands)
    }

    /// The brand of a client; the default one where the client names none or an unknown one.
    #[must_use]
    pub fn find(&self, name: Option<&str>) -> &Brand {
        self.others
            .iter()
            .find(|brand| Some(brand.name.as_str()) == name)
            .unwrap_or(&self.default)
    }

    /// Every brand, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Brand> {
        std::iter::once(&self.default).chain(&self.others)
    }
}

fn default_brand() -> Brand {
    Brand {
        name: "default".to_owned(),
        title: Words::new("Личный кабинет", "your account"),
        heading: Words::new("Единый личный кабинет", "One account"),
        tagline: Words::new("Один вход во все продукты", "One sign-in for every product"),
        mark: "M9.5 24.5V9.5h3.4v6.2l5.6-6.2h4.2l-6.2 6.7 6.6 8.3h-4.2l-4.8-6.2-1.2 1.3v4.9z".to_owned(),
        colour: "#2456e6".to_owned(),
        colour_ink: "#ffffff".to_owned(),
        colour_dark: Some("#8fabff".to_owned()),
        entity: Words::new("АО «Пример»", "Example JSC"),
        help_url: None,
        one_line_consent: false,
    }
}

fn astral_edo() -> Brand {
    Brand {
        name: "astral-edo".to_owned(),
        title: Words::new("Астрал.ЭДО", "Astral.EDO"),
        heading: Words::new("@СТРАЛ", "@STRAL"),
        tagline: Words::new("Входит в группу компаний 1С", "Member of the 1C group"),
        mark: "M15.2 9h3.7l6.1 16h-3.7l-1.3-3.7h-6L12.7 25H9zm-.2 9.4h4l-2-5.7z".to_owned(),
        colour: "#6a2bd9".to_owned(),
        colour_ink: "#ffffff".to_owned(),
        colour_dark: Some("#bfa0ff".to_owned()),
        help_url: Some("https://help.astral.ru/".to_owned()),
        entity: Words::new("АО «Калуга Астрал»", "Kaluga Astral JSC"),
        ..default_brand()
    }
}

fn etp_1c() -> Brand {
    Brand {
        name: "1c-etp".to_owned(),
        title: Words::new("1С-ЭТП", "1C-ETP"),
        heading: Words::new("АСТРАЛ", "ASTRAL"),
        tagline: Words::new("Входит в группу компаний 1С", "Member of the 1C group"),
        mark: "M8 13l4-3.5h2.5V25h-3.3V13.6L8 16zM26 13.5h-3.3a3.1 3.1 0 0 0-5.9 1.3v4.4a3.1 3.1 0 0 0 5.9 1.3H26a6.3 6.3 0 0 1-12.4-1.3v0V14.8a6.3 6.3 0 0 1 12.4-1.3z".to_owned(),
        colour: "#ffd60a".to_owned(),
        colour_ink: "#1a1a1a".to_owned(),
        colour_dark: Some("#ffd84d".to_owned()),
        ..astral_edo()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_brands_pass_the_check_that_every_brand_must_pass() {
        for brand in Brands::built_in().iter() {
            assert_eq!(brand.check(), Ok(()));
        }
    }

    #[test]
    fn contrast_agrees_with_the_figures_of_the_standard() {
        assert!((contrast("#000000", "#ffffff").unwrap() - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff").unwrap() - 4.48).abs() < 0.005);
        for bad in ["", "#fff", "123456", "#12345g", "#12345", "#1234é"] {
            assert_eq!(contrast(bad, "#ffffff"), None, "{bad}");
        }
    }

    #[test]
    fn a_brand_that_could_break_a_page_is_refused() {
        let good = default_brand;
        let cases = [
            (Brand { name: "A b".to_owned(), ..good() }, "name"),
            (Brand { mark: "\"/><script>".to_owned(), ..good() }, "mark"),
            (Brand { colour: "red;}".to_owned(), ..good() }, "colour"),
            (Brand { colour_ink: "#2456e7".to_owned(), ..good() }, "colour_ink"),
            (Brand { colour_dark: Some("#123456".to_owned()), ..good() }, "colour_dark"),
            (Brand { help_url: Some("javascript:alert(1)".to_owned()), ..good() }, "help_url"),
            (Brand { title: Words::new("", "x"), ..good() }, "title"),
        ];
        for (brand, field) in cases {
            assert_eq!(brand.check().unwrap_err().field, field);
        }
    }

    #[test]
    fn links_are_readable_in_every_colour_that_a_brand_may_have() {
        for colour in ["#ffd60a", "#2456e6", "#000000", "#ffffff", "#808080", "#0000ff", "#00ff00"] {
            let (light, dark) = (legible(colour, LIGHT_GROUND, [0; 3]), legible(colour, DARK_GROUND, [255; 3]));
            assert!(contrast(&light, LIGHT_GROUND).unwrap() >= LEAST_CONTRAST, "{colour}");
            assert!(contrast(&dark, DARK_GROUND).unwrap() >= LEAST_CONTRAST, "{colour}");
        }
        assert_eq!(legible("#2456e6", LIGHT_GROUND, [0; 3]), "#2456e6");
    }

    #[test]
    fn an_unknown_brand_is_the_default_and_a_further_one_takes_its_name() {
        let own = Brand {
            entity: Words::new("ООО «Ромашка»", "Romashka LLC"),
            ..astral_edo()
        };
        let brands = Brands::with(vec![own]).unwrap();
        assert_eq!(brands.find(None).name, "default");
        assert_eq!(brands.find(Some("no-such")).name, "default");
        assert_eq!(brands.find(Some("astral-edo")).entity.ru, "ООО «Ромашка»");
        assert_eq!(brands.iter().count(), 3);
    }
}
