//! Text that others write and people are asked to trust.

/// Whether a character hides, reorders or disguises what stands beside it: control, direction and format characters.
#[must_use]
pub fn disguises(c: char) -> bool {
    let is_format = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || is_format
}
