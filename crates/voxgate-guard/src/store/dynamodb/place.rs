//! Which table, and where.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use voxgate_base::duration_text;

use crate::store::StoreError;
use crate::store::address::without_secrets;
use crate::store::link::{Encryption, Words};

/// A table of one region, or of a service at an endpoint of its own.
pub(super) struct Place {
    pub(super) table: String,
    pub(super) region: String,
    pub(super) endpoint: Endpoint,
    /// How much longer than for its holder a slot is held for others.
    pub(super) clock_margin: Duration,
}

/// Where requests go.
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    /// The header `host`.
    pub(super) authority: String,
    pub(super) encryption: Encryption,
}

impl Place {
    /// What an address leaves out of the region, the environment says, as for AWS's own tools.
    pub(super) fn of(address: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, StoreError> {
        Self::parse(address, variable).map_err(|cause| StoreError::Address {
            given: without_secrets(address),
            cause,
            expected: EXPECTED,
        })
    }

    fn parse(address: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (rest, words) = Words::of_url(address, 0)?;
        let rest = rest.strip_prefix(SCHEME).ok_or_else(|| format!("it does not begin with {SCHEME}"))?;
        let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !(3..=255).contains(&table.len()) || !table.chars().all(is_plain) {
            return Err("a table has a name of 3 to 255 of a-z, A-Z, 0-9, `_`, `.` and `-`".to_owned());
        }
        let (mut region, mut endpoint, mut clock_margin) = (None, None, CLOCK_MARGIN);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match key {
                "region" => region = Some(value),
                "endpoint" => endpoint = Some(value),
                "clock_margin" => clock_margin = margin(&value)?,
                _ => return Err(format!("`{key}` is none of region, endpoint and clock_margin")),
            }
        }
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let region = region.or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
        let region = region.ok_or("it names no region, and AWS_REGION is not set")?;
        if region.is_empty() || !region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            return Err(format!("`{region}` is no region"));
        }
        let of_the_region = || {
            let china = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://dynamodb.{region}.amazonaws.com{china}")
        };
        let endpoint = Endpoint::parse(&endpoint.unwrap_or_else(of_the_region), words)?;
        Ok(Self { table: table.to_owned(), region, endpoint, clock_margin })
    }

    /// The command that makes such a table.
    pub(super) fn create_table(&self) -> String {
        format!(
            "aws dynamodb create-table --region {} --table-name {} --billing-mode PAY_PER_REQUEST \
             --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S \
             --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE",
            self.region, self.table
        )
    }
}

impl Endpoint {
    fn parse(url: &str, words: Words) -> Result<Self, String> {
        let refused = || format!("`{}` is no endpoint, such as http://127.0.0.1:8000", without_secrets(url));
        let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
        let (encryption, usual_port) = match scheme {
            "https" => (words.of_encrypted("https")?, 443),
            "http" if words.are_none() => (Encryption::Never, 80),
            "http" => return Err("an http:// endpoint is never encrypted, whatever `sslmode` says".to_owned()),
            _ => return Err(refused()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| refused())?),
            None => (authority, usual_port),
        };
        let is_of_a_host = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_of_a_host) {
            return Err(refused());
        }
        Ok(Self { host: host.to_owned(), port, authority: authority.to_owned(), encryption })
    }
}

fn margin(text: &str) -> Result<Duration, String> {
    let margin = duration_text::parse(text).map_err(|error| error.to_string())?;
    if margin > MOST_MARGIN {
        return Err(format!("a clock_margin of `{text}` is longer than a minute"));
    }
    Ok(margin)
}

const SCHEME: &str = "dynamodb://";
const EXPECTED: &str = "dynamodb://TABLE?region=eu-west-1[&endpoint=http://127.0.0.1:8000][&clock_margin=5s]";
/// Two clocks, each of them within two seconds of the service's (one is allowed, one is what a `Date` leaves uncertain),
/// and the time of two answers.
const CLOCK_MARGIN: Duration = Duration::from_secs(5);
const MOST_MARGIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn an_address_says_which_table_where() {
        let place = Place::of("dynamodb://calls?region=eu-west-1", nothing).unwrap();
        assert_eq!(
            (place.table.as_str(), place.region.as_str(), place.clock_margin.as_secs()),
            ("calls", "eu-west-1", 5)
        );
        let Endpoint { host, port, authority, encryption } = place.endpoint;
        assert_eq!((host.as_str(), port), ("dynamodb.eu-west-1.amazonaws.com", 443));
        assert_eq!((authority, encryption.tls().is_some()), (host, true));

        let china =
            Place::of("dynamodb://calls", |name| (name == "AWS_DEFAULT_REGION").then(|| "cn-north-1".to_owned()));
        assert_eq!(china.unwrap().endpoint.host, "dynamodb.cn-north-1.amazonaws.com.cn");
        let local = "dynamodb://my-calls?region=eu-west-1&clock_margin=0s&endpoint=http%3A%2F%2F[::1]:8000/";
        let Place { endpoint, clock_margin, .. } = Place::of(local, nothing).unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.authority.as_str()), ("[::1]", 8000, "[::1]:8000"));
        assert_eq!((endpoint.encryption, clock_margin), (Encryption::Never, Duration::ZERO));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (address, told) in [
            ("dynamodb://", "3 to 255"),
            ("dynamodb://a/b?region=x", "3 to 255"),
            ("dynamodb://calls", "names no region"),
            ("dynamodb://calls?region=EU West", "`EU West` is no region"),
            ("dynamodb://calls?region=x&table=y", "`table` is none of region"),
            ("dynamodb://calls?region=x&clock_margin=soon", "`soon` is not a duration"),
            ("dynamodb://calls?region=x&clock_margin=1h", "longer than a minute"),
            ("dynamodb://calls?region=x&endpoint=ftp://host", "`ftp://host` is no endpoint"),
            ("dynamodb://calls?region=x&endpoint=http://me:hunter2@host", "`http://host` is no endpoint"),
            ("dynamodb://calls?region=x&endpoint=http://host:port", "is no endpoint"),
            ("dynamodb://calls?region=x&endpoint=http://h&sslmode=verify-full", "never encrypted"),
            ("dynamodb://calls?region=x&sslmode=disable", "always encrypted"),
        ] {
            let error = Place::of(address, nothing).err().expect(address).to_string();
            assert!(
                error.contains(told) && error.contains("expected dynamodb://TABLE") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
