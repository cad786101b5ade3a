//! Rust source told apart, line by line, into code, the contents of string literals, and comments.
//!
//! Just enough of a lexer for text checks: nested block comments, raw and byte strings, and character literals
//! beside lifetimes. A string's contents belong to the line on which it opens.

/// One line of source.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub code: String,
    pub strings: Vec<String>,
    pub comment: String,
}

/// The lines of a source text.
pub fn lines(text: &str) -> Vec<Line> {
    let mut reader = Reader { rest: text, lines: vec![Line::default()] };
    while let Some(c) = reader.rest.chars().next() {
        reader.step(c);
    }
    reader.lines
}

struct Reader<'a> {
    rest: &'a str,
    lines: Vec<Line>,
}

impl Reader<'_> {
    fn step(&mut self, c: char) {
        if self.rest.starts_with("//") {
            self.line_comment();
        } else if self.rest.starts_with("/*") {
            self.block_comment();
        } else if let Some(hashes) = self.raw_string() {
            let open = self.rest.find('"').map_or(0, |at| at + 1);
            self.string(open, &format!("\"{}", "#".repeat(hashes)), false);
        } else if c == '"' {
            self.string(1, "\"", true);
        } else if let Some(length) = char_literal(self.rest) {
            self.rest = &self.rest[length..];
            self.last().code.push_str("' '");
        } else {
            self.take_code(c);
        }
    }

    fn last(&mut self) -> &mut Line {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        let at = self.lines.len() - 1;
        &mut self.lines[at]
    }

    fn take_code(&mut self, c: char) {
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.lines.push(Line::default())
        } else {
            self.last().code.push(c)
        }
    }

    fn line_comment(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let (comment, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.last().comment.push_str(comment);
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.rest.chars().next() {
            let length = if self.rest.starts_with("/*") {
                depth += 1;
                2
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                2
            } else {
                c.len_utf8()
            };
            let (piece, rest) = self.rest.split_at(length);
            self.rest = rest;
            if c == '\n' {
                self.lines.push(Line::default())
            } else {
                self.last().comment.push_str(piece)
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The number of `#` when a raw string (`r"…"`, `br##"…"##`) begins here and not in the middle of a name.
    fn raw_string(&mut self) -> Option<usize> {
        let in_a_name = self.last().code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let rest = self
            .rest
            .strip_prefix('b')
            .unwrap_or(self.rest)
            .strip_prefix('r')
            .filter(|_| !in_a_name)?;
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        rest[hashes..].starts_with('"').then_some(hashes)
    }

    fn string(&mut self, open: usize, close: &str, escapes: bool) {
        let body = &self.rest[open..];
        let mut end = 0;
        while end < body.len() && !body[end..].starts_with(close) {
            let skip_escape = escapes && body[end..].starts_with('\\');
            let step = |at: usize| body[at..].chars().next().map_or(0, char::len_utf8);
            end += step(end);
            if skip_escape {
                end += step(end);
            }
        }
        let content = body[..end].to_owned();
        let further_lines = content.matches('\n').count();
        self.rest = body.get(end + close.len()..).unwrap_or_default();
        self.last().code.push_str("\"\"");
        self.last().strings.push(content);
        self.lines.extend((0..further_lines).map(|_| Line::default()));
    }
}

/// The length of a character literal at the start of the text; a lifetime is none.
fn char_literal(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        // The escaped character may itself be a quote.
        let end = inside.get(2..)?.find('\'')?;
        return Some(1 + 2 + end + 1);
    }
    inside[first.len_utf8()..].starts_with('\'').then_some(1 + first.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Line {
        let mut lines = lines(text);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    #[test]
    fn a_comment_in_a_string_is_a_string_and_a_quote_in_a_comment_is_a_comment() {
        let line = only(r#"let a = "x // \" y"; // say "hi""#);
        assert_eq!(line.code, r#"let a = ""; "#);
        assert_eq!(line.strings, [r#"x // \" y"#]);
        assert_eq!(line.comment, r#"// say "hi""#);
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes_and_lines_stay_in_step() {
        let lines = lines("let s = r#\"a\n\"b\"#; std\nnext");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].strings, ["a\n\"b"]);
        assert_eq!(lines[1].code, "; std");
        assert_eq!(lines[2].code, "next");
    }

    #[test]
    fn lifetimes_are_code_and_quotes_in_character_literals_open_nothing() {
        assert_eq!(only("fn f<'a>(x: &'a str) -> char { '\"' }").strings, Vec::<String>::new());
        assert_eq!(only(r"match c { '\'' => 1, '\\' => 2, '\u{41}' => 3 }").code.matches("' '").count(), 3);
    }

    #[test]
    fn block_comments_nest() {
        assert_eq!(only("a /* b /* c */ d */ e").code, "a  e");
    }
}
