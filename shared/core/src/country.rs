//! Which country a customer's number belongs to: what WhatsApp's fee depends on (M82).
//!
//! By the longest calling code that the number begins with. Where several countries share one, their
//! area codes tell them apart: North America (an area code that is not listed, toll-free ones
//! included, is taken for the United States), Russia and Kazakhstan (76 and 77), and the islands of
//! Britain, Finland, Norway and France where they have a range of their own. Guadeloupe stands for
//! Saint Barthélemy and Saint Martin, Morocco for Western Sahara, Australia for its islands: one code,
//! and no range that is theirs alone. A number moved to another operator keeps its country; a number of
//! a network that belongs to no country (`+881`, `+883`) has none, and so no price.

use crate::identity::{Phone, User, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest prefix of the table.
const PREFIX_MAX: usize = 7;

/// A country: two capital letters, as ISO 3166-1 writes it (`XK` for Kosovo).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// Why a text is no country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a country's two capital letters, such as IN")]
pub struct CountryError;

impl Country {
    /// Reads a country's letters.
    ///
    /// # Errors
    /// When they name no country that has numbers.
    pub fn parse(text: &str) -> Result<Self, CountryError> {
        let known = COUNTRIES.iter().find(|(letters, _)| *letters == text);
        known.and_then(|(letters, _)| Self::of_letters(letters)).ok_or(CountryError)
    }

    fn of_letters(text: &str) -> Option<Self> {
        <[u8; 2]>::try_from(text.as_bytes()).ok().map(Self)
    }

    /// The country of a number.
    #[must_use]
    pub fn of_phone(phone: &Phone) -> Option<Self> {
        let digits = phone.digits();
        let prefixes = (1..=PREFIX_MAX).rev().filter_map(|length| digits.get(..length));
        let found = prefixes.filter_map(|prefix| {
            COUNTRIES.iter().find(|(_, codes)| codes.contains(&prefix)).map(|(letters, _)| *letters)
        });
        found.into_iter().find_map(Self::of_letters)
    }

    /// The country that a business-scoped user id begins with.
    #[must_use]
    pub fn of_user_id(id: &UserId) -> Option<Self> {
        id.as_str().split_once('.').and_then(|(letters, _)| Self::parse(letters).ok())
    }

    /// A user's country: by the number, else by the id.
    #[must_use]
    pub fn of(user: &User) -> Option<Self> {
        let by_phone = user.phone().and_then(Self::of_phone);
        by_phone.or_else(|| user.user_id().and_then(Self::of_user_id))
    }

    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Country {
    type Error = CountryError;
    fn try_from(text: String) -> Result<Self, CountryError> {
        Self::parse(&text)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

/// Every country that has numbers, with the beginnings of its numbers.
const COUNTRIES: &[(&str, &[&str])] = &[
    ("AD", &["376"]),
    ("AE", &["971"]),
    ("AF", &["93"]),
    ("AG", &["1268"]),
    ("AI", &["1264"]),
    ("AL", &["355"]),
    ("AM", &["374"]),
    ("AO", &["244"]),
    ("AR", &["54"]),
    ("AS", &["1684"]),
    ("AT", &["43"]),
    ("AU", &["61"]),
    ("AW", &["297"]),
    ("AX", &["35818"]),
    ("AZ", &["994"]),
    ("BA", &["387"]),
    ("BB", &["1246"]),
    ("BD", &["880"]),
    ("BE", &["32"]),
    ("BF", &["226"]),
    ("BG", &["359"]),
    ("BH", &["973"]),
    ("BI", &["257"]),
    ("BJ", &["229"]),
    ("BM", &["1441"]),
    ("BN", &["673"]),
    ("BO", &["591"]),
    ("BQ", &["599"]),
    ("BR", &["55"]),
    ("BS", &["1242"]),
    ("BT", &["975"]),
    ("BW", &["267"]),
    ("BY", &["375"]),
    ("BZ", &["501"]),
    (
        "CA",
        &[
            "1204", "1226", "1236", "1249", "1250", "1257", "1263", "1289", "1306", "1343", "1354",
            "1365", "1367", "1368", "1382", "1387", "1403", "1416", "1418", "1428", "1431", "1437",
            "1438", "1450", "1460", "1468", "1474", "1506", "1514", "1519", "1537", "1548", "1568",
            "1579", "1581", "1584", "1587", "1604", "1613", "1639", "1647", "1672", "1683", "1705",
            "1709", "1742", "1753", "1778", "1780", "1782", "1807", "1819", "1825", "1851", "1867",
            "1873", "1879", "1902", "1905", "1942",
        ],
    ),
    ("CD", &["243"]),
    ("CF", &["236"]),
    ("CG", &["242"]),
    ("CH", &["41"]),
    ("CI", &["225"]),
    ("CK", &["682"]),
    ("CL", &["56"]),
    ("CM", &["237"]),
    ("CN", &["86"]),
    ("CO", &["57"]),
    ("CR", &["506"]),
    ("CU", &["53"]),
    ("CV", &["238"]),
    ("CW", &["5999"]),
    ("CY", &["357"]),
    ("CZ", &["420"]),
    ("DE", &["49"]),
    ("DJ", &["253"]),
    ("DK", &["45"]),
    ("DM", &["1767"]),
    ("DO", &["1809", "1829", "1849"]),
    ("DZ", &["213"]),
    ("EC", &["593"]),
    ("EE", &["372"]),
    ("EG", &["20"]),
    ("ER", &["291"]),
    ("ES", &["34"]),
    ("ET", &["251"]),
    ("FI", &["358"]),
    ("FJ", &["679"]),
    ("FK", &["500"]),
    ("FM", &["691"]),
    ("FO", &["298"]),
    ("FR", &["33"]),
    ("GA", &["241"]),
    ("GB", &["44"]),
    ("GD", &["1473"]),
    ("GE", &["995"]),
    ("GF", &["594"]),
    ("GG", &["441481"]),
    ("GH", &["233"]),
    ("GI", &["350"]),
    ("GL", &["299"]),
    ("GM", &["220"]),
    ("GN", &["224"]),
    ("GP", &["590"]),
    ("GQ", &["240"]),
    ("GR", &["30"]),
    ("GT", &["502"]),
    ("GU", &["1671"]),
    ("GW", &["245"]),
    ("GY", &["592"]),
    ("HK", &["852"]),
    ("HN", &["504"]),
    ("HR", &["385"]),
    ("HT", &["509"]),
    ("HU", &["36"]),
    ("ID", &["62"]),
    ("IE", &["353"]),
    ("IL", &["972"]),
    ("IM", &["441624"]),
    ("IN", &["91"]),
    ("IO", &["246"]),
    ("IQ", &["964"]),
    ("IR", &["98"]),
    ("IS", &["354"]),
    ("IT", &["39"]),
    ("JE", &["441534"]),
    ("JM", &["1658", "1876"]),
    ("JO", &["962"]),
    ("JP", &["81"]),
    ("KE", &["254"]),
    ("KG", &["996"]),
    ("KH", &["855"]),
    ("KI", &["686"]),
    ("KM", &["269"]),
    ("KN", &["1869"]),
    ("KP", &["850"]),
    ("KR", &["82"]),
    ("KW", &["965"]),
    ("KY", &["1345"]),
    ("KZ", &["76", "77"]),
    ("LA", &["856"]),
    ("LB", &["961"]),
    ("LC", &["1758"]),
    ("LI", &["423"]),
    ("LK", &["94"]),
    ("LR", &["231"]),
    ("LS", &["266"]),
    ("LT", &["370"]),
    ("LU", &["352"]),
    ("LV", &["371"]),
    ("LY", &["218"]),
    ("MA", &["212"]),
    ("MC", &["377"]),
    ("MD", &["373"]),
    ("ME", &["382"]),
    ("MG", &["261"]),
    ("MH", &["692"]),
    ("MK", &["389"]),
    ("ML", &["223"]),
    ("MM", &["95"]),
    ("MN", &["976"]),
    ("MO", &["853"]),
    ("MP", &["1670"]),
    ("MQ", &["596"]),
    ("MR", &["222"]),
    ("MS", &["1664"]),
    ("MT", &["356"]),
    ("MU", &["230"]),
    ("MV", &["960"]),
    ("MW", &["265"]),
    ("MX", &["52"]),
    ("MY", &["60"]),
    ("MZ", &["258"]),
    ("NA", &["264"]),
    ("NC", &["687"]),
    ("NE", &["227"]),
    ("NF", &["672"]),
    ("NG", &["234"]),
    ("NI", &["505"]),
    ("NL", &["31"]),
    ("NO", &["47"]),
    ("NP", &["977"]),
    ("NR", &["674"]),
    ("NU", &["683"]),
    ("NZ", &["64"]),
    ("OM", &["968"]),
    ("PA", &["507"]),
    ("PE", &["51"]),
    ("PF", &["689"]),
    ("PG", &["675"]),
    ("PH", &["63"]),
    ("PK", &["92"]),
    ("PL", &["48"]),
    ("PM", &["508"]),
    ("PR", &["1787", "1939"]),
    ("PS", &["970"]),
    ("PT", &["351"]),
    ("PW", &["680"]),
    ("PY", &["595"]),
    ("QA", &["974"]),
    ("RE", &["262"]),
    ("RO", &["40"]),
    ("RS", &["381"]),
    ("RU", &["7"]),
    ("RW", &["250"]),
    ("SA", &["966"]),
    ("SB", &["677"]),
    ("SC", &["248"]),
    ("SD", &["249"]),
    ("SE", &["46"]),
    ("SG", &["65"]),
    ("SH", &["247", "290"]),
    ("SI", &["386"]),
    ("SJ", &["4779"]),
    ("SK", &["421"]),
    ("SL", &["232"]),
    ("SM", &["378"]),
    ("SN", &["221"]),
    ("SO", &["252"]),
    ("SR", &["597"]),
    ("SS", &["211"]),
    ("ST", &["239"]),
    ("SV", &["503"]),
    ("SX", &["1721"]),
    ("SY", &["963"]),
    ("SZ", &["268"]),
    ("TC", &["1649"]),
    ("TD", &["235"]),
    ("TG", &["228"]),
    ("TH", &["66"]),
    ("TJ", &["992"]),
    ("TK", &["690"]),
    ("TL", &["670"]),
    ("TM", &["993"]),
    ("TN", &["216"]),
    ("TO", &["676"]),
    ("TR", &["90"]),
    ("TT", &["1868"]),
    ("TV", &["688"]),
    ("TW", &["886"]),
    ("TZ", &["255"]),
    ("UA", &["380"]),
    ("UG", &["256"]),
    ("US", &["1"]),
    ("UY", &["598"]),
    ("UZ", &["998"]),
    ("VA", &["3906698"]),
    ("VC", &["1784"]),
    ("VE", &["58"]),
    ("VG", &["1284"]),
    ("VI", &["1340"]),
    ("VN", &["84"]),
    ("VU", &["678"]),
    ("WF", &["681"]),
    ("WS", &["685"]),
    ("XK", &["383"]),
    ("YE", &["967"]),
    ("YT", &["262269", "262639"]),
    ("ZA", &["27"]),
    ("ZM", &["260"]),
    ("ZW", &["263"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn of(number: &str) -> Option<String> {
        let phone = Phone::parse(number).expect("a number");
        Country::of_phone(&phone).map(|c| c.to_string())
    }

    #[test]
    fn m82_the_longest_code_tells_the_country() {
        for (number, country) in [
            ("+919876543210", "IN"),
            ("+14155238886", "US"),
            ("+14165238886", "CA"),
            ("+18095238886", "DO"),
            ("+18765238886", "JM"),
            ("+18005238886", "US"),
            ("+79161234567", "RU"),
            ("+77011234567", "KZ"),
            ("+447911123456", "GB"),
            ("+441481123456", "GG"),
            ("+5511987654321", "BR"),
            ("+5215512345678", "MX"),
            ("+59991234567", "CW"),
            ("+5993123456", "BQ"),
            ("+393331234567", "IT"),
            ("+390669812345", "VA"),
            ("+262639123456", "YT"),
            ("+38344123456", "XK"),
        ] {
            assert_eq!(of(number).as_deref(), Some(country), "{number}");
        }
        assert_eq!(of("+88312345678"), None, "of no country");
        assert_eq!(of("+99912345678"), None, "of nobody");
    }

    #[test]
    fn no_code_leads_to_two_countries() {
        let mut seen = BTreeSet::new();
        for (letters, codes) in COUNTRIES {
            assert_eq!(Country::parse(letters).map(|c| c.to_string()), Ok((*letters).to_owned()));
            for code in *codes {
                assert!(seen.insert(*code), "{code}");
                assert!(code.len() <= PREFIX_MAX, "{code}");
            }
        }
        assert!(COUNTRIES.len() > 225, "{}", COUNTRIES.len());
        assert!(Country::parse("in").is_err() && Country::parse("ZZ").is_err());
    }

    #[test]
    fn an_id_without_a_number_tells_its_country() {
        let id = UserId::parse("BR.13491208655302741918").expect("an id");
        assert_eq!(Country::of(&User::Id(id)).map(|c| c.to_string()), Some("BR".to_owned()));
    }
}
