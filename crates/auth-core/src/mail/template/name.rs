//! A name in a mail. Whoever signs up with somebody else's address chooses the name that this person will read:
//! it must not become a link, a second message or a heap of text.

use unicode_normalization::UnicodeNormalization;

/// In characters.
const LONGEST: usize = 60;

/// The name as it is shown; nothing if it is empty or could be taken for an address on the web.
pub(super) fn shown(name: &str) -> Option<String> {
    // Normal form first: a full-width dot or slash is one for a mail program too.
    let plain: String =
        name.nfkc().map(|c| if c.is_control() { ' ' } else { c }).filter(is_visible).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let name = words.join(" ");
    if name.is_empty() || looks_like_link(&name) {
        return None;
    }
    match name.char_indices().nth(LONGEST) {
        None => Some(name),
        Some((end, _)) => Some(format!("{}…", name.get(..end)?.trim_end())),
    }
}

/// Not a character that hides, or turns the direction of what follows. The joiners of Indic and Persian stay.
fn is_visible(c: &char) -> bool {
    !matches!(*c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a mail program may make a link of it: `https://`, `user@host`, `www.x`, `evil.example/path`.
fn looks_like_link(name: &str) -> bool {
    let is_dot = |c: char| matches!(c, '.' | '\u{3002}');
    let has_mark = name.contains(['/', '\\', '@', ':', '<', '>', '[', ']', '{', '}', '%']);
    let letters: Vec<char> = name.chars().collect();
    // `J.R.R. Tolkien` has single letters behind its dots; a host's last label has two or more.
    let has_label = letters.windows(3).any(|run| match run {
        [dot, first, second] => is_dot(*dot) && first.is_alphanumeric() && second.is_alphanumeric(),
        _ => false,
    });
    has_mark || has_label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_of_every_script_are_shown() {
        for name in ["Ada", "J.R.R. Tolkien", "O'Brien-Smith", "李小龍", "Ольга", "عائشة", "नमस्ते", "Ana 🌻"]
        {
            assert_eq!(shown(name).as_deref(), Some(name.nfkc().collect::<String>().as_str()), "{name}");
        }
        assert_eq!(shown("  Ada \t Lovelace\r\n").as_deref(), Some("Ada Lovelace"));
    }

    #[test]
    fn what_could_become_a_link_is_not_shown() {
        for name in [
            "",
            " \r\n ",
            "https://evil.example",
            "Click evil.example now",
            "www.evil.example",
            "evil\u{ff0e}example",
            "evil\u{3002}example",
            "evil.\u{200b}example",
            "evil.пример",
            "a@evil.example",
            "javascript:alert",
            "//evil",
            "evil\u{2024}com",
            "<a href=x>",
            "[text](x)",
        ] {
            assert_eq!(shown(name), None, "{name:?}");
        }
    }

    #[test]
    fn control_and_direction_marks_are_taken_out_and_long_names_cut() {
        assert_eq!(shown("A\u{202e}da\u{0}\u{7}B\r\nBcc").as_deref(), Some("Ada B Bcc"));
        let long = shown(&"ä".repeat(10_000)).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (61, true));
    }
}
