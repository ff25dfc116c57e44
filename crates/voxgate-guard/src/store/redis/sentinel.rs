//! Sentinels, which watch a primary and its replicas and say which of them is the primary now
//! (redis.io/docs/latest/develop/reference/sentinel-clients).

use std::collections::HashMap;
use std::time::Duration;

use ::redis::{ConnectionAddr, RedisConnectionInfo, cmd};
use percent_encoding::percent_decode_str;

use super::dial::{Line, unreachable};
use crate::store::StoreError;
use crate::store::link::Encryption;

/// Where the Sentinels are, and the name by which they know the primary.
#[derive(Clone, Debug)]
pub(super) struct Sentinels {
    hosts: Vec<ConnectionAddr>,
    primary: String,
    login: RedisConnectionInfo,
}

impl Sentinels {
    /// `[user:password@]host[:port][,host[:port]…]/primary[/db][?options]`, and what it says of the Redis: the same
    /// without hosts, as an address of one.
    pub(super) fn of(place: &str) -> Result<(Self, String), String> {
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let (user, place) = place.rsplit_once('@').map_or(("", place), |(user, place)| (user, place));
        let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
        let (primary, db) = path.split_once('/').unwrap_or((path, ""));
        if primary.is_empty() {
            return Err("it does not name the primary that the Sentinels watch".to_owned());
        }
        let hosts = hosts.split(',').map(host).collect::<Option<_>>().ok_or("a Sentinel is host or host:port")?;
        let mut login = RedisConnectionInfo::default();
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let value = |text| percent_decode_str(text).decode_utf8_lossy();
            login = match pair.split_once('=') {
                Some(("sentinel_username", name)) => login.set_username(value(name)),
                Some(("sentinel_password", word)) => login.set_password(value(word)),
                _ => {
                    kept.push(pair);
                    login
                }
            };
        }
        let primary = percent_decode_str(primary).decode_utf8_lossy().into_owned();
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        Ok((Self { hosts, primary, login }, format!("redis://{user}primary/{db}?{}", kept.join("&"))))
    }

    /// Whom they take for the primary. All are asked, and the one with the latest failover (configuration epoch) is
    /// believed: others may not have heard of it, and the primary before may be up again, with nothing in it.
    pub(super) async fn primary(
        &self,
        encryption: &Encryption,
        timeout: Duration,
    ) -> Result<ConnectionAddr, StoreError> {
        let patience = timeout / u32::try_from(self.hosts.len() + 1).unwrap_or(u32::MAX);
        let mut named: Option<(u64, ConnectionAddr)> = None;
        let mut last = unreachable("no Sentinel is named".to_owned());
        for sentinel in &self.hosts {
            match self.ask(sentinel, encryption, patience).await {
                Ok((epoch, primary)) => {
                    if named.as_ref().is_none_or(|(latest, _)| epoch > *latest) {
                        named = Some((epoch, primary));
                    }
                }
                Err(error) => last = error,
            }
        }
        named.map(|(_, primary)| primary).ok_or(last)
    }

    async fn ask(
        &self,
        sentinel: &ConnectionAddr,
        encryption: &Encryption,
        patience: Duration,
    ) -> Result<(u64, ConnectionAddr), StoreError> {
        let asked = tokio::time::timeout(patience, self.ask_patiently(sentinel, encryption, patience)).await;
        match asked.unwrap_or_else(|_| Err(unreachable("it does not answer".to_owned()))) {
            Ok(Some(named)) => Ok(named),
            Ok(None) => Err(unreachable(format!(
                "the Sentinel {sentinel} watches no `{}`; the name is that of `sentinel monitor` in its configuration",
                self.primary
            ))),
            Err(StoreError::Unreachable { cause, .. }) => Err(unreachable(format!("the Sentinel {sentinel}: {cause}"))),
            Err(error) => Err(error),
        }
    }

    /// The primary and the epoch of the failover that made it one; `None` if it is not known by this name.
    async fn ask_patiently(
        &self,
        sentinel: &ConnectionAddr,
        encryption: &Encryption,
        patience: Duration,
    ) -> Result<Option<(u64, ConnectionAddr)>, StoreError> {
        let mut line = Line::dial(sentinel, &self.login, encryption, patience).await?;
        let question = |words: &str| cmd("SENTINEL").arg(words).arg(&self.primary).clone();
        let address = question("GET-MASTER-ADDR-BY-NAME").query_async(&mut line.connection).await;
        let address: Option<(String, u16)> = address.map_err(|error| line.explain(&error))?;
        let Some((host, port)) = address else { return Ok(None) };
        let known = question("MASTER").query_async(&mut line.connection).await;
        let known: HashMap<String, String> = known.map_err(|error| line.explain(&error))?;
        let epoch = known.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or_default();
        Ok(Some((epoch, ConnectionAddr::Tcp(host, port))))
    }
}

/// A host and its port; that of Sentinels if none is said.
fn host(text: &str) -> Option<ConnectionAddr> {
    let after_v6 = text.rfind(']').map_or(0, |end| end + 1);
    let (name, port) = match text[after_v6..].split_once(':') {
        Some((_, port)) => (&text[..text.len() - port.len() - 1], port.parse().ok()?),
        None => (text, PORT),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    (!name.is_empty()).then(|| ConnectionAddr::Tcp(name.to_owned(), port))
}

const PORT: u16 = 26_379;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_sentinels_the_primary_and_the_login() {
        let (sentinels, redis) =
            Sentinels::of("me:p%40ss@a,b:1,[::1]:2,[::2]/my%20calls/3?sentinel_password=x%26y&protocol=resp3").unwrap();
        let tcp = |host: &str, port| ConnectionAddr::Tcp(host.to_owned(), port);
        assert_eq!(sentinels.hosts, [tcp("a", 26_379), tcp("b", 1), tcp("::1", 2), tcp("::2", 26_379)]);
        assert_eq!((sentinels.primary.as_str(), sentinels.login.password()), ("my calls", Some("x&y")));
        assert_eq!(redis, "redis://me:p%40ss@primary/3?protocol=resp3");
        for (odd, told) in [
            ("a:1", "does not name the primary"),
            ("a:1/", "does not name"),
            ("a:b/x", "host or host:port"),
            ("/x", "host or"),
        ] {
            assert!(Sentinels::of(odd).unwrap_err().contains(told), "{odd}");
        }
    }
}
