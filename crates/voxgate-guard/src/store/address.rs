//! Addresses of stores as they may be shown.

/// An address without anything that could be a password: its scheme, hosts, ports and path; `…` stands for
/// what cannot be told from a secret.
///
/// ```
/// use voxgate_guard::store::without_secrets;
///
/// assert_eq!(without_secrets("redis://me:s3cret@host:6379/0"), "redis://host:6379/0");
/// assert_eq!(without_secrets("postgres://host/calls?user=me&password=s3cret"), "postgres://host/calls");
/// assert_eq!(without_secrets("host=localhost password=s3cret"), "…");
/// ```
pub fn without_secrets(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) if is_word(scheme, "+") => (format!("{scheme}://"), rest),
        Some(_) => return HIDDEN.to_owned(),
        None => (String::new(), address),
    };
    let (base, further) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let place = base.rsplit('@').next().unwrap_or_default();
    // If an @ follows, the ? or the # may be part of a password.
    let shown = if !further.contains('@') && is_place(place) { place } else { HIDDEN };
    scheme + shown
}

/// Whether it is `[host[:port][,host[:port]…]][/path]`, where a port is a number.
fn is_place(text: &str) -> bool {
    let (hosts, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    hosts.split(',').all(is_host) && is_word(path, "/.-_%")
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, port)) if v6.chars().all(|c| c.is_ascii_hexdigit() || c == ':') => ("", port),
        Some(_) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    is_word(name, ".-_%") && port.chars().all(|c| c.is_ascii_digit())
}

fn is_word(text: &str, others: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

const HIDDEN: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_a_password_is_never_shown() {
        for address in [
            "redis://me:hunter2@host:1/0",
            "redis://:hunter2@host",
            "redis://me:hun@ter2@host:1/0",
            "redis://me:hun/ter2@host",
            "redis://me:hun?ter2@host",
            "redis://me:hun#ter2@host",
            "redis://me:hunter2",
            "redis:/me:hunter2@host",
            "redis:me:hunter2@host",
            "me:hunter2@host:6379",
            "me:hunter2",
            "rediss://me:hunter2@host/x y",
            "redis+sentinel://me:hunter2@a:1,b:2/calls?sentinel_password=hunter2",
            "redis+unix:///run/redis.sock?pass=hunter2",
            "unix:///run/redis.sock?db=1&user=me&pass=hun@ter2",
            "postgres://host/db?password=hunter2",
            "postgres://host/db?user=me&password=hun@ter2",
            "postgres://me@host:port/db?password=hunter2",
            "postgresql://me:hunter2@[::1]:5432/db#hunter2",
            "host=localhost user=me password=hunter2",
            "host=localhost password='a hunter2' dbname=x",
            "password=hunter2",
            "me hunter2@://x",
            "http://me:hunter2@host/\u{1b}[31m",
        ] {
            let shown = without_secrets(address);
            let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
            let rest = shown.strip_prefix(&format!("{scheme}://")).unwrap_or(&shown);
            assert!(!rest.contains("hun") && !rest.contains("ter2") && !rest.contains('\u{1b}'), "{address}: {shown}");
        }
    }

    #[test]
    fn where_a_store_is_stays_visible() {
        for (address, shown) in [
            ("redis://host", "redis://host"),
            ("redis://me:x@127.0.0.1:6379/3", "redis://127.0.0.1:6379/3"),
            ("redis://me:x@[::1]:6379/3", "redis://[::1]:6379/3"),
            ("rediss+sentinel://me:x@a:1,b/calls/0?sslmode=require", "rediss+sentinel://a:1,b/calls/0"),
            ("redis+unix:///run/redis.sock?pass=x", "redis+unix:///run/redis.sock"),
            ("postgres://me:x@a:1,b:2/calls?target_session_attrs=read-write", "postgres://a:1,b:2/calls"),
            ("postgres://me@%2Frun%2Fpg/calls", "postgres://%2Frun%2Fpg/calls"),
            ("localhost:6379", "localhost:6379"),
            ("http://me:x@host:port", "http://…"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(address), shown, "{address}");
        }
    }
}
