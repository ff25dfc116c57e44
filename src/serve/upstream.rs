//! The way to the agent or the provider: its address, the client's headers, TLS.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{StatusCode, Uri};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::config::{RouteConfig, ServeError, ServeLimits};
use super::quota::{ASK_AGAIN, Quotas, Shortage};
use super::socket::{self, Socket, Transport};
use crate::budget::{Failover, ProviderError, ProviderRefusal, Wait};
use crate::guard::Name;
use crate::guard::store::StoreTime;
use crate::stage::Clock;

/// The upstreams of one route.
pub(super) struct Upstream {
    addresses: Vec<String>,
    headers: HeaderMap,
    standing: Mutex<Failover>,
    /// By address.
    quotas: Mutex<Vec<Quotas>>,
    quota_reserve: f64,
    tls: Arc<tokio_rustls::rustls::ClientConfig>,
}

/// An open connection, and what its handshake answered.
pub(super) struct Connected {
    pub(super) socket: Socket,
    pub(super) headers: HeaderMap,
}

/// No upstream took the call.
#[derive(Debug)]
pub(super) enum NoUpstream {
    /// The last one answered with this.
    Refused { status: StatusCode, headers: HeaderMap, body: Vec<u8> },
    /// None was reached.
    Unreachable(String),
    /// None was asked, because none has enough left for a new call.
    Short(Shortage),
}

impl Upstream {
    pub(super) fn new(route: &RouteConfig) -> Result<Self, ServeError> {
        let refuse = |problem: String| ServeError::Route { path: route.path.clone(), problem };
        let addresses = route.upstream.addresses().to_vec();
        let names = addresses.iter().map(|address| Name::new(address.as_str()));
        let names: Vec<Name> = names.collect::<Result<_, _>>().map_err(|error| refuse(error.to_string()))?;
        let mut headers = HeaderMap::new();
        for (name, secret) in &route.headers {
            let wrong = || refuse(format!("{name:?} or its value cannot be a header"));
            let key = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(secret.reveal()?).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(Self {
            quotas: Mutex::new(vec![Quotas::default(); addresses.len()]),
            addresses,
            headers,
            standing: Mutex::new(Failover::new(names)),
            quota_reserve: route.quota_reserve,
            tls: tls()?,
        })
    }

    /// Connects to the first that takes the call. `rest` is what the client added to the route's path.
    pub(super) async fn connect(
        &self,
        rest: &str,
        client: &HeaderMap,
        limits: &ServeLimits,
        clock: &Clock,
    ) -> Result<Connected, NoUpstream> {
        let mut last = NoUpstream::Unreachable("every upstream has refused for now".to_owned());
        let candidates: Vec<usize> = self.standing().candidates(time(clock)).map(|(place, _)| place).collect();
        for place in candidates {
            if let Some(short) = self.quotas()[place].shortage(self.quota_reserve, clock.now()) {
                last = NoUpstream::Short(short);
                continue;
            }
            let attempt = self.attempt(&self.addresses[place], rest, client, limits);
            let answer = timeout(limits.handshake, attempt).await;
            match answer.unwrap_or_else(|_| Err(NoUpstream::Unreachable("it did not answer in time".to_owned()))) {
                Ok(connected) => {
                    self.quotas()[place].note(&connected.headers, clock.now());
                    return Ok(connected);
                }
                Err(refused) => {
                    let fatal = self.note(place, &refused, clock);
                    last = refused;
                    if fatal == Fatal::ForTheCall {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    async fn attempt(
        &self,
        address: &str,
        rest: &str,
        client: &HeaderMap,
        limits: &ServeLimits,
    ) -> Result<Connected, NoUpstream> {
        let unreachable = |error: String| NoUpstream::Unreachable(error);
        let uri: Uri = joined(address, rest).parse().map_err(|error| unreachable(format!("{error}")))?;
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("wss") { 443 } else { 80 });
        let mut request = uri.clone().into_client_request().map_err(|error| unreachable(error.to_string()))?;
        pass_on(client, &self.headers, request.headers_mut());
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| unreachable(error.to_string()))?;
        // Packets of 20 ms must not wait for each other.
        _ = stream.set_nodelay(true);
        let stream = self.secured(stream, uri.scheme_str(), &host).await.map_err(unreachable)?;
        match client_async_with_config(request, stream, Some(socket::config(limits))).await {
            Ok((stream, response)) => {
                Ok(Connected { socket: Socket::new(stream), headers: response.into_parts().0.headers })
            }
            Err(tungstenite::Error::Http(response)) => {
                let (parts, body) = response.into_parts();
                let body = body.unwrap_or_default();
                Err(NoUpstream::Refused { status: parts.status, headers: parts.headers, body })
            }
            Err(error) => Err(unreachable(error.to_string())),
        }
    }

    async fn secured(&self, stream: TcpStream, scheme: Option<&str>, host: &str) -> Result<Box<dyn Transport>, String> {
        if scheme != Some("wss") {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| error.to_string())?))
    }

    /// What the upstreams have said of their quotas: place, word for the quota, used, limit.
    pub(super) fn told_quotas(&self) -> Vec<(usize, &'static str, f64, f64)> {
        let of = |(place, quotas): (usize, &Quotas)| {
            quotas.told().map(|(kind, used, limit)| (place, kind, used, limit)).collect::<Vec<_>>()
        };
        self.quotas().iter().enumerate().flat_map(of).collect()
    }

    /// Remembers a refusal for the calls to come.
    fn note(&self, place: usize, refused: &NoUpstream, clock: &Clock) -> Fatal {
        let (error, body, after);
        match refused {
            NoUpstream::Unreachable(_) | NoUpstream::Short(_) => {
                error = ProviderError { status: 503, ..ProviderError::default() }
            }
            NoUpstream::Refused { status, headers, body: bytes } => {
                self.quotas()[place].note(headers, clock.now());
                body = String::from_utf8_lossy(bytes);
                after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                error = ProviderError { status: status.as_u16(), code: "", message: &body, retry_after: after };
                if status.is_client_error() && error.refusal() == ProviderRefusal::Other {
                    return Fatal::ForTheCall; // a wrong key is wrong elsewhere too
                }
            }
        }
        // With one upstream there is nobody else to ask, and it may be back.
        if self.addresses.len() > 1 {
            self.standing().refused(place, for_a_while(error.refusal()), time(clock));
        }
        Fatal::ForTheUpstream
    }

    fn standing(&self) -> MutexGuard<'_, Failover> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quotas(&self) -> MutexGuard<'_, Vec<Quotas>> {
        self.quotas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a refusal is about the upstream or about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fatal {
    ForTheUpstream,
    ForTheCall,
}

/// The address with what the client added to the route's path, its query included.
fn joined(address: &str, rest: &str) -> String {
    match (address.split_once('?'), rest.split_once('?')) {
        (Some((base, fixed)), Some((path, query))) => format!("{base}{path}?{fixed}&{query}"),
        (Some((base, fixed)), None) => format!("{base}{rest}?{fixed}"),
        (None, _) => format!("{address}{rest}"),
    }
}

/// The client's headers, but for those of its own connection.
fn pass_on(client: &HeaderMap, fixed: &HeaderMap, request: &mut HeaderMap) {
    for (name, value) in client {
        let own = [
            header::HOST,
            header::CONNECTION,
            header::UPGRADE,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::SEC_WEBSOCKET_KEY,
            header::SEC_WEBSOCKET_VERSION,
            header::SEC_WEBSOCKET_EXTENSIONS,
        ];
        if !own.contains(name) && !name.as_str().starts_with("x-voxgate-") {
            request.append(name.clone(), value.clone());
        }
    }
    if let Some(host) = client.get(header::HOST) {
        request.insert("x-forwarded-host", host.clone());
    }
    for (name, value) in fixed {
        request.insert(name.clone(), value.clone());
    }
}

/// Trusts what the system trusts.
fn tls() -> Result<Arc<tokio_rustls::rustls::ClientConfig>, ServeError> {
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ServeError::Certificate(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Nobody tells the gateway of a payment.
fn for_a_while(refusal: ProviderRefusal) -> ProviderRefusal {
    match refusal {
        ProviderRefusal::Terminal { .. } => ProviderRefusal::Guess { wait: Wait::Told(ASK_AGAIN) },
        other => other,
    }
}

/// Since the clock began: refusals are for a time, not until a date.
fn time(clock: &Clock) -> StoreTime {
    StoreTime(u64::try_from(clock.now().since_start().as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_adds_to_the_path_is_added_to_the_address() {
        assert_eq!(joined("ws://agent:80/ws", ""), "ws://agent:80/ws");
        assert_eq!(joined("ws://agent:80/ws", "/a?b=c"), "ws://agent:80/ws/a?b=c");
        assert_eq!(joined("ws://agent/ws?k=1", "/a?b=c"), "ws://agent/ws/a?k=1&b=c");
        assert_eq!(joined("ws://agent/ws?k=1", "/a"), "ws://agent/ws/a?k=1");
    }

    #[test]
    fn headers_of_the_client_go_on_and_those_of_its_connection_do_not() {
        let mut client = HeaderMap::new();
        for (name, value) in
            [("host", "us"), ("authorization", "Token k"), ("sec-websocket-key", "x"), ("x-voxgate-mode", "gate")]
        {
            client.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut fixed = HeaderMap::new();
        fixed.insert("authorization", HeaderValue::from_static("Token ours"));
        let mut sent = HeaderMap::new();
        pass_on(&client, &fixed, &mut sent);
        let pairs: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(pairs, [("authorization", "Token ours"), ("x-forwarded-host", "us")]);
    }
}
