//! What several rules need to know about characters: blanks, full-width forms, and those that nobody can see.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Invalid;

/// The text with its full-width forms (U+FF01 to U+FF5E, the ideographic blank) as ASCII, and without blanks around.
pub(super) fn ascii_forms(typed: &str) -> String {
    typed.trim().chars().map(ascii_form).collect()
}

fn ascii_form(typed: char) -> char {
    match typed {
        '\u{FF01}'..='\u{FF5E}' => u32::from(typed).checked_sub(0xFEE0).and_then(char::from_u32).unwrap_or(typed),
        '\u{3000}' => ' ',
        other => other,
    }
}

/// Whether a name must not hold this character: control, bidirectional, zero-width, or a line break in disguise.
///
/// Variation selectors stay allowed: ordinary emoji carry them.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E007F}')
}

/// A name in NFC without blanks around, of 1 to `limit` characters, none of them invisible.
pub(super) fn name(typed: &str, limit: usize, too_long: &'static str) -> Result<String, Invalid> {
    // A line break or tab at the end is a control character like any other, so only true blanks are trimmed.
    let is_blank = |c: char| c.is_whitespace() && !is_invisible(c);
    let name: String = typed.nfc().collect::<String>().trim_matches(is_blank).into();
    if name.chars().any(is_invisible) {
        return Err(Invalid::characters("Use no control, text direction or zero-width characters."));
    }
    if !name.chars().any(is_seen) {
        return Err(Invalid::REQUIRED);
    }
    if name.chars().count() > limit {
        return Err(Invalid::too_long(too_long));
    }
    Ok(name)
}

/// Whether a name of this character alone would show anything: fillers and marks without a base do not.
fn is_seen(character: char) -> bool {
    let is_filler = matches!(character, '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}');
    !(character.is_whitespace() || is_filler || is_combining_mark(character))
}

/// The first character and three stars, so that its owner recognises a word and nobody else learns it.
pub(super) fn masked(text: &str) -> String {
    text.chars().take(1).chain("***".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_forms_become_ascii_and_nothing_else_changes() {
        assert_eq!(ascii_forms("\u{3000}Ａｎｎ＠ｅｘ．ｃｏｍ０９ "), "Ann@ex.com09");
        assert_eq!(ascii_forms("é安①٣"), "é安①٣");
    }

    #[test]
    fn direction_and_zero_width_characters_are_invisible() {
        for hidden in [
            '\0',
            '\n',
            '\u{7F}',
            '\u{85}',
            '\u{200B}',
            '\u{200D}',
            '\u{202E}',
            '\u{2066}',
            '\u{2069}',
            '\u{FEFF}',
            '\u{E0041}',
        ] {
            assert!(is_invisible(hidden), "{hidden:?}");
        }
        for shown in ['a', ' ', '\u{3000}', '安', '\u{0301}', '\u{FE0F}', '🚀'] {
            assert!(!is_invisible(shown), "{shown:?}");
        }
    }

    #[test]
    fn a_mask_keeps_one_character_and_hides_the_length() {
        assert_eq!(masked("ann"), "a***");
        assert_eq!(masked("安娜"), "安***");
    }
}
