//! What only PostgreSQL has: addresses of `key=value` pairs, and variables of the environment.

use std::fmt::Write as _;

use super::words::Words;

impl Words {
    /// The words in `key=value` pairs, and the rest of these.
    pub(in crate::store) fn of_pairs(text: &str) -> Result<(String, Self), String> {
        let mut words = Self::default();
        // What is no list of pairs, the client refuses with its own words.
        let Some(pairs) = pairs(text) else { return Ok((text.into(), words)) };
        let mut kept = String::new();
        for (key, value) in pairs {
            if !words.take(key, &value)? {
                let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
                _ = write!(kept, "{key}='{quoted}' ");
            }
        }
        Ok((kept.trim_end().to_owned(), words))
    }

    /// What these leave open, in the words of `variable`: `PGSSLMODE` and others.
    pub(in crate::store) fn or(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut others = Self::default();
        for key in KEYS {
            let name = format!("PG{}", key.to_uppercase());
            if let Some(value) = variable(&name).filter(|value| !value.is_empty()) {
                others.take(key, &value).map_err(|cause| format!("{cause} in the environment variable {name}"))?;
            }
        }
        self.mode = self.mode.or(others.mode);
        self.root = self.root.or(others.root);
        if self.cert.is_none() && self.key.is_none() {
            (self.cert, self.key) = (others.cert, others.key);
        }
        Ok(self)
    }
}

/// `key=value` pairs: spaces may stand around `=`, a value in single quotes, and `\` before what is meant literally.
fn pairs(text: &str) -> Option<Vec<(&str, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = value(after.trim_start())?;
        pairs.push((key.trim_end(), value));
        rest = after.trim_start();
    }
    Some(pairs)
}

/// A value, and what follows it. `None` if a quote is not closed.
fn value(text: &str) -> Option<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.push(characters.next()?.1),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            c if !quoted && c.is_whitespace() => return Some((value, &text[at..])),
            c => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
}

const KEYS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

#[cfg(test)]
mod tests {
    use super::super::words::Mode;
    use super::super::words::tests::words;
    use super::*;

    #[test]
    fn words_are_taken_out_of_pairs_and_the_rest_stays() {
        let full = words(Mode::VerifyFull, ["/my ca.pem", "", ""]);
        let pairs = r"host = a  sslmode='verify-full' password='it\'s \\ = mine'sslrootcert=/my\ ca.pem";
        assert_eq!(Words::of_pairs(pairs), Ok((r"host='a' password='it\'s \\ = mine'".to_owned(), full)));
        for plain in ["", "redis://host", "host='open", "me:secret@host"] {
            assert_eq!(Words::of_pairs(plain).map(|(_, words)| words), Ok(Words::default()), "{plain}");
        }
    }

    #[test]
    fn what_an_address_leaves_open_the_environment_says() {
        let variable = |name: &str| match name {
            "PGSSLMODE" => Some("verify-ca".to_owned()),
            "PGSSLROOTCERT" => Some("env.pem".to_owned()),
            "PGSSLKEY" => Some("env.key".to_owned()),
            _ => Some(String::new()),
        };
        let own = words(Mode::Require, ["", "own.pem", "own.key"]);
        assert_eq!(own.or(variable), Ok(words(Mode::Require, ["env.pem", "own.pem", "own.key"])));
        assert_eq!(Words::default().or(variable), Ok(words(Mode::VerifyCa, ["env.pem", "", "env.key"])));
        let error = Words::default().or(|_| Some("always".to_owned())).unwrap_err();
        assert!(error.contains("verify-full") && error.ends_with("variable PGSSLMODE"), "{error}");
    }
}
