//! The brand's colour as a style sheet: whatever it is, text on it and text in it can be read, in light and dark.

use std::fmt::Write as _;

/// What text needs against what it stands on (WCAG 2.2, 1.4.3).
const READABLE: f64 = 4.5;
/// The lightest and the darkest ground that coloured text stands on; the same as in `page.css`.
const LIGHT_GROUND: Color = Color(0xf3, 0xf5, 0xf8);
const DARK_GROUND: Color = Color(0x23, 0x28, 0x31);

/// A colour, as red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Color(u8, u8, u8);

const WHITE: Color = Color(0xff, 0xff, 0xff);
const BLACK: Color = Color(0, 0, 0);

impl Color {
    /// `#rrggbb`, as the configuration has checked.
    fn parse(hex: &str) -> Option<Self> {
        let part = |range| hex.get(range).and_then(|two| u8::from_str_radix(two, 16).ok());
        Some(Self(part(1..3)?, part(3..5)?, part(5..7)?))
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// So many hundredths of the way to another colour.
    fn towards(self, other: Self, hundredths: u16) -> Self {
        let mix = |from: u8, to: u8| {
            let mixed = u16::from(from) * (100 - hundredths) + u16::from(to) * hundredths;
            u8::try_from(mixed / 100).unwrap_or(to)
        };
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// As little changed as makes it readable on a ground.
    fn readable_on(self, ground: Self) -> Self {
        let end = if ground.luminance() > 0.5 { BLACK } else { WHITE };
        let shades = (0..=100).map(|hundredths| self.towards(end, hundredths));
        shades.into_iter().find(|shade| shade.contrast(ground) >= READABLE).unwrap_or(end)
    }

    /// White or black, whichever is easier to read on it.
    fn text_on(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }

    fn hex(self) -> String {
        let mut text = String::from("#");
        for channel in [self.0, self.1, self.2] {
            let _ = write!(text, "{channel:02x}");
        }
        text
    }
}

/// The style sheet for a brand's colour.
#[must_use]
pub fn style_sheet(brand: &str) -> String {
    let brand = Color::parse(brand).unwrap_or(BLACK);
    let on_brand = brand.text_on();
    let pressed = brand.towards(if on_brand == WHITE { BLACK } else { WHITE }, 14);
    let (light, dark) = (brand.readable_on(LIGHT_GROUND), brand.readable_on(DARK_GROUND));
    format!(
        ":root{{--brand:{};--brand-pressed:{};--on-brand:{};--brand-text:{}}}\n\
         @media (prefers-color-scheme:dark){{:root{{--brand-text:{}}}}}\n",
        brand.hex(),
        pressed.hex(),
        on_brand.hex(),
        light.hex(),
        dark.hex()
    )
}

/// An icon for a brand without a logo: its first letter on its colour.
#[must_use]
pub fn icon(brand: &str, name: &str) -> String {
    let ground = Color::parse(brand).unwrap_or(BLACK);
    let letter: String = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('•').to_uppercase().collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" fill=\"{}\"/>\
         <text x=\"16\" y=\"22.5\" font-family=\"system-ui,sans-serif\" font-size=\"19\" font-weight=\"700\" text-anchor=\"middle\" fill=\"{}\">{letter}</text></svg>",
        ground.hex(),
        ground.text_on().hex()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_ninth() -> impl Iterator<Item = Color> {
        let levels = || (0..=255_u8).step_by(17);
        levels().flat_map(move |r| levels().flat_map(move |g| levels().map(move |b| Color(r, g, b))))
    }

    #[test]
    fn text_can_be_read_on_and_in_every_colour() {
        for color in every_ninth() {
            let pressed = color.towards(if color.text_on() == WHITE { BLACK } else { WHITE }, 14);
            assert!(color.contrast(color.text_on()) >= READABLE, "{color:?}");
            assert!(pressed.contrast(color.text_on()) >= READABLE, "{color:?} pressed");
            for ground in [LIGHT_GROUND, WHITE] {
                assert!(color.readable_on(LIGHT_GROUND).contrast(ground) >= READABLE, "{color:?}");
            }
            for ground in [DARK_GROUND, Color(0x14, 0x17, 0x1c)] {
                assert!(color.readable_on(DARK_GROUND).contrast(ground) >= READABLE, "{color:?}");
            }
        }
    }

    #[test]
    fn a_readable_colour_stays_what_it_is() {
        let sheet = style_sheet("#2456c7");
        assert!(
            sheet.contains("--brand:#2456c7;") && sheet.contains("--on-brand:#ffffff;--brand-text:#2456c7"),
            "{sheet}"
        );
        assert!(style_sheet("#ffe000").contains("--on-brand:#000000"));
    }

    #[test]
    fn an_icon_shows_the_first_letter() {
        assert!(icon("#2456c7", "acme").contains(">A</text>"));
        assert!(icon("#2456c7", "艾克").contains(">艾</text>"));
    }
}
