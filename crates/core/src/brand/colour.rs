//! Colours `#rrggbb` and how well one can be read on another (WCAG 2.2).

/// The least contrast of text on its ground: WCAG 2.2 §1.4.3.
pub const LEAST_CONTRAST: f64 = 4.5;

/// The grounds on which links stand, `--bg` and `--card` of the pages' style sheet: of each theme the one with less
/// contrast.
pub(super) const LIGHT_GROUND: &str = "#f4f6fa";
pub(super) const DARK_GROUND: &str = "#171b22";

/// The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio"); `None` when one is no such colour.
#[must_use]
pub fn contrast(one: &str, other: &str) -> Option<f64> {
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

/// Red, green and blue.
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
pub(super) fn legible(colour: &str, ground: &str, toward: [u8; 3]) -> String {
    let from = channels(colour).unwrap_or(toward);
    let mixed = |part: u32| {
        let mix = |at: usize| (u32::from(from[at]) * (20 - part) + u32::from(toward[at]) * part) / 20;
        format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
    };
    let readable = |colour: &String| contrast(colour, ground).is_some_and(|ratio| ratio >= LEAST_CONTRAST);
    (0..=20).map(mixed).find(readable).unwrap_or_else(|| mixed(20))
}

impl super::Brand {
    /// The brand's style sheet: the values that the pages' own derives everything else from.
    #[must_use]
    pub fn stylesheet(&self) -> String {
        let light = legible(&self.colour, LIGHT_GROUND, [0; 3]);
        let dark = self.colour_dark.clone().unwrap_or_else(|| legible(&self.colour, DARK_GROUND, [255; 3]));
        let Self { colour, colour_ink, .. } = self;
        format!(":root{{--brand:{colour};--brand-ink:{colour_ink};--accent-light:{light};--accent-dark:{dark}}}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_agrees_with_the_figures_of_the_standard() {
        assert!((contrast("#000000", "#ffffff").unwrap() - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff").unwrap() - 4.48).abs() < 0.005);
        for bad in ["", "#fff", "123456", "#12345g", "#12345", "#1234é"] {
            assert_eq!(contrast(bad, "#ffffff"), None, "{bad}");
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
}
