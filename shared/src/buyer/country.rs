//! The country of a company, by its two-letter code.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, text};

/// The 249 codes that ISO 3166-1 officially assigns; reserved ones (`UK`, `EU`) are not among them.
const ASSIGNED: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT \
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS \
    LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG \
    SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
    UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// A country: an officially assigned ISO 3166-1 alpha-2 code, upper case (contract §3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Country(String);

impl Country {
    /// Lower case and blanks around are forgiven; else `required`, `invalid-format` or `unknown`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let code = text::ascii_forms(typed).to_ascii_uppercase();
        if code.is_empty() {
            return Err(Invalid::REQUIRED);
        }
        if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Invalid::format("Use the two letters of ISO 3166-1, such as CN."));
        }
        if !Self::all().any(|assigned| assigned == code) {
            return Err(Invalid::unknown("ISO 3166-1 assigns this code to no country."));
        }
        Ok(Self(code))
    }

    /// Every code, in alphabetical order: what a page offers.
    pub fn all() -> impl Iterator<Item = &'static str> {
        ASSIGNED.split(' ')
    }

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Country {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_249_different_codes_in_order() {
        let codes: Vec<_> = Country::all().collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted_by(|a, b| a < b));
        assert!(codes.iter().all(|code| code.len() == 2));
    }

    #[test]
    fn assigned_codes_are_taken_in_either_case() {
        for typed in ["CN", "cn", " ch ", "ＳＳ", "TW", "AX"] {
            assert!(Country::parse(typed).is_ok(), "{typed}");
        }
        assert_eq!(Country::parse("cn").unwrap().as_str(), "CN");
    }

    #[test]
    fn other_codes_are_refused() {
        for typed in ["UK", "EU", "XX", "XK", "ZZ", "AN"] {
            assert_eq!(Country::parse(typed).unwrap_err().code, "unknown", "{typed}");
        }
        for typed in ["CHN", "C", "China", "C1", "中国", "D ", "E\u{301}"] {
            assert_eq!(Country::parse(typed).unwrap_err().code, "invalid-format", "{typed}");
        }
        assert_eq!(Country::parse("").unwrap_err().code, "required");
    }
}
