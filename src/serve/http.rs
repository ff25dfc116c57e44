//! Requests: calls, and what operators ask.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::server::create_response;

use super::call::{Around, Call};
use super::calls::Ending;
use super::config::{DoorKind, MODES, RouteConfig, mode_named};
use super::door::{
    Asterisk, Deepgram, Door, Listening, LiveKitStt, LiveKitTts, OpenAiRealtime, Passing, PlayedAudio, Twilio, Vonage,
};
use super::guards::Costs;
use super::jobs::Part;
use super::record::CallRecord;
use super::shared::Shared;
use super::socket::Socket;
use super::upstream::{Connected, NoUpstream};
use super::{demo, metrics, reference};
use crate::stage::{Mode, StageOptions};

type Answer = Response<Full<Bytes>>;

/// Answers one request.
pub(super) async fn answer(request: Request<Incoming>, peer: SocketAddr, shared: Arc<Shared>) -> Answer {
    let path = request.uri().path();
    match path {
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" if shared.is_draining() => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        "/readyz" => text(StatusCode::OK, "ready\n"),
        "/" | "/demo.html" | "/metrics" => operator(&request, peer, &shared),
        _ if path == "/v1/calls" || path.starts_with("/v1/calls/") => operator(&request, peer, &shared),
        _ => match shared.route(path) {
            Some((index, _)) => take_call(request, index, shared).await.unwrap_or_else(|refused| refused),
            None => text(StatusCode::NOT_FOUND, "no route has this path; see [[route]] in the settings\n"),
        },
    }
}

/// What only operators may see.
fn operator(request: &Request<Incoming>, peer: SocketAddr, shared: &Shared) -> Answer {
    if !may_operate(request.headers(), peer, shared) {
        return text(StatusCode::UNAUTHORIZED, "send the admin_token of the settings as `Authorization: Bearer …`\n");
    }
    let path = request.uri().path();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (request.method(), &parts[..]) {
        (&Method::GET, [""]) => typed("text/html; charset=utf-8", PAGE.to_owned()),
        (&Method::GET, ["demo.html"]) if shared.config.routes.iter().any(|route| route.path == "/demo") => {
            typed("text/html; charset=utf-8", demo::PAGE.to_owned())
        }
        (&Method::GET, ["metrics"]) => typed("text/plain; version=0.0.4; charset=utf-8", metrics::text(shared)),
        (&Method::GET, ["v1", "calls"]) => json(&shared.calls.views()),
        (method, ["v1", "calls", id, rest @ ..]) => {
            let Some(call) = id.parse().ok().and_then(|id| shared.calls.get(id)) else {
                return text(StatusCode::NOT_FOUND, "no call has this id now; see /v1/calls\n");
            };
            match (method, rest) {
                (&Method::GET, []) => json(&call.view()),
                (&Method::DELETE, []) => {
                    call.end(Ending::Asked);
                    text(StatusCode::ACCEPTED, "it ends\n")
                }
                (&Method::PUT, ["mode", word]) => match mode_named(word) {
                    Some(mode) => {
                        call.set_mode(mode);
                        json(&call.view())
                    }
                    None => text(StatusCode::BAD_REQUEST, format!("{word:?} is no mode; expected {MODES}\n")),
                },
                _ => text(StatusCode::METHOD_NOT_ALLOWED, "GET, DELETE, or PUT …/mode/gate\n"),
            }
        }
        (&Method::GET, _) => {
            text(StatusCode::NOT_FOUND, "there is no demonstration here; see `voxgate serve --demo`\n")
        }
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "GET\n"),
    }
}

fn may_operate(headers: &HeaderMap, peer: SocketAddr, shared: &Shared) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match &shared.admin_token {
        None => peer.ip().is_loopback(),
        Some(token) => {
            given.and_then(|given| given.strip_prefix("Bearer ")).is_some_and(|given| super::guards::same(given, token))
        }
    }
}

/// Lets a call in, or says why not.
async fn take_call(mut request: Request<Incoming>, index: usize, shared: Arc<Shared>) -> Result<Answer, Answer> {
    let route = &shared.routes[index];
    let refused = |answer: Answer| {
        shared.calls.refused();
        answer
    };
    if shared.is_draining() {
        return Err(refused(busy("voxgate is shutting down; another instance takes the call\n")));
    }
    let mode = asked_mode(request.headers(), route.config.mode).map_err(|word| {
        refused(text(StatusCode::BAD_REQUEST, format!("x-voxgate-mode is {word:?}; expected {MODES}\n")))
    })?;
    let handshake = create_response(&bare(&request))
        .map_err(|error| refused(text(StatusCode::UPGRADE_REQUIRED, format!("a call is a WebSocket: {error}\n"))))?;
    let rest = request.uri().path_and_query().map_or("", |whole| whole.as_str());
    let rest = rest.strip_prefix(route.config.path.as_str()).unwrap_or_default().to_owned();
    if route.config.door == DoorKind::Deepgram && path_of(&rest) == "/reference" {
        let answer = handshake.map(|()| Full::default());
        return take_reference(request, answer, index, &rest, Arc::clone(&shared))
            .map_err(|(status, why)| refused(text(status, format!("{why}\n"))));
    }
    let place = Arc::clone(&shared.places)
        .try_acquire_owned()
        .map_err(|_| refused(busy("this instance has as many calls as `limits.calls` allows\n")))?;
    let part = part(&shared, index, &rest, request.headers());
    let (door, rest) = door(&route.config, rest);
    let costs = if door.0.has_microphone() { Costs::Something } else { Costs::Nothing };
    let held = shared.guards.admit(&route.guards, request.headers(), costs).await;
    let held = held.map_err(|error| refused(text(error.status(), format!("{error}\n"))))?;
    let connected = route.upstream.connect(&rest, request.headers(), &shared.config.limits, &shared.clock).await;
    let Connected { socket: upstream, headers } = connected.map_err(|error| refused(no_upstream(error)))?;

    let mut answer = handshake.map(|()| Full::default());
    pass_back(&headers, answer.headers_mut());
    let upgrade = hyper::upgrade::on(&mut request);
    let shared = Arc::clone(&shared);
    tokio::spawn(async move {
        let limits = &shared.config.limits;
        if let Ok(Ok(upgraded)) = tokio::time::timeout(limits.handshake, upgrade).await {
            let client = Socket::accepted(TokioIo::new(upgraded), limits).await;
            let ends = Ends { door, part, client, upstream };
            carry(&shared, index, mode, ends, held).await;
        }
        drop(place);
    });
    Ok(answer)
}

/// Lets in a second socket of a call, or says why not.
fn take_reference(
    mut request: Request<Incoming>,
    mut answer: Answer,
    index: usize,
    rest: &str,
    shared: Arc<Shared>,
) -> Result<Answer, (StatusCode, String)> {
    let headers = request.headers();
    shared.routes[index].guards.key(headers).map_err(|error| (error.status(), error.to_string()))?;
    let audio = PlayedAudio::asked(rest).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let Some(call) = reference::call_name(index, rest, headers) else {
        let why = "name the call: voxgate_call=…, the same as on its first socket";
        return Err((StatusCode::BAD_REQUEST, why.to_owned()));
    };
    if !shared.jobs.is_heard(&call) {
        let why = "no call of this name and key is here; open it first, with voxgate_call=… in its query";
        return Err((StatusCode::NOT_FOUND, why.to_owned()));
    }
    // A browser sends its key as a subprotocol, and wants one of those that it offers.
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let first = offered.and_then(|offered| HeaderValue::from_str(offered.split(',').next()?.trim()).ok());
    if let Some(first) = first {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, first);
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let limits = &shared.config.limits;
        if let Ok(Ok(upgraded)) = tokio::time::timeout(limits.handshake, upgrade).await {
            let socket = Socket::accepted(TokioIo::new(upgraded), limits).await;
            reference::hear(shared, socket, audio, call).await;
        }
    });
    Ok(answer)
}

/// Opens the gate and carries the call to its end.
async fn carry(shared: &Shared, index: usize, mode: Mode, ends: Ends, held: super::guards::Held) {
    let Ends { door: (door, not_gated), part, client, upstream } = ends;
    let route = &shared.routes[index];
    let options = StageOptions {
        gate: route.gate.clone(),
        mode,
        playback_queue: LONGEST_PLAYBACK,
        late_after: shared.config.limits.late,
        ..StageOptions::default()
    };
    let Some((engine, stage)) = shared.engine().and_then(|engine| Some((engine, engine.open(options).ok()?))) else {
        // There is a place for every call that is let in; only a dead engine has none.
        shared.calls.refused();
        return;
    };
    let live = shared.calls.enter(&route.config.path, route.config.door, stage.control.clone(), mode);
    not_gated.iter().for_each(|why| live.set_not_gated(why));
    let call = Call {
        door,
        part,
        client,
        upstream,
        stage,
        clock: engine.clock().clone(),
        live: Arc::clone(&live),
        held,
        second_stream: route.config.second_stream,
    };
    let around = Around {
        calls: &shared.calls,
        jobs: &shared.jobs,
        guards: &shared.guards,
        route: &route.guards,
        limits: &shared.config.limits,
    };
    let why = call.run(&around).await;
    shared.calls.leave(&live);
    (shared.on_call)(&CallRecord { call: live.view(), why });
}

/// Both ends of a call, and the door between them; why it goes to no gate, if it does not.
struct Ends {
    door: (Box<dyn Door>, Option<String>),
    part: Part,
    client: Socket,
    upstream: Socket,
}

/// The door of a route, and what goes on of what the client added to the route's path.
fn door(route: &RouteConfig, rest: String) -> ((Box<dyn Door>, Option<String>), String) {
    match route.door {
        DoorKind::LivekitInference => {
            let door: (Box<dyn Door>, _) = match path_of(&rest) {
                "/stt" => (Box::new(LiveKitStt::default()), None),
                "/tts" => (Box::new(LiveKitTts::default()), None),
                path => (Box::new(Passing::Other), Some(format!("{path:?} is neither \"/stt\" nor \"/tts\""))),
            };
            (door, rest)
        }
        DoorKind::OpenAiRealtime => ((Box::new(OpenAiRealtime::new()), None), rest),
        DoorKind::Twilio => ((Box::new(Twilio::new()), None), rest),
        DoorKind::Vonage => ((Box::<Vonage>::default(), None), rest),
        DoorKind::Asterisk => ((Box::<Asterisk>::default(), None), rest),
        DoorKind::Deepgram => {
            let address = route.upstream.addresses().first().map_or("", String::as_str);
            let listening = Listening::asked(&rest, address);
            let rest = listening.passed_on(&rest);
            match listening {
                Listening::Gated(asked) => ((Box::new(Deepgram::new(asked)), None), rest),
                Listening::Passes(why) => ((Box::new(Passing::Microphone), Some(why)), rest),
            }
        }
    }
}

/// What a call is in its job: one that a client of another route names is another.
fn part(shared: &Shared, index: usize, rest: &str, headers: &HeaderMap) -> Part {
    match shared.routes[index].config.door {
        DoorKind::Deepgram => {
            return reference::call_name(index, rest, headers).map_or(Part::Alone, |call| shared.jobs.hear(&call));
        }
        DoorKind::LivekitInference => {}
        _ => return Part::Alone,
    }
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let names = [header("x-livekit-job-id"), header("x-livekit-room-id")];
    let job = match names {
        [None, None] => return Part::Alone,
        [job, room] => format!("{index} {job:?} {room:?}"),
    };
    match path_of(rest) {
        "/stt" => shared.jobs.hear(&job),
        "/tts" => Part::Speaks(job),
        _ => Part::Alone,
    }
}

fn path_of(rest: &str) -> &str {
    rest.split_once('?').map_or(rest, |(path, _)| path)
}

/// The mode that the request asks for; the word, if there is none of that name.
fn asked_mode(headers: &HeaderMap, otherwise: Mode) -> Result<Mode, String> {
    let Some(word) = headers.get("x-voxgate-mode") else { return Ok(otherwise) };
    let word = String::from_utf8_lossy(word.as_bytes());
    mode_named(&word).ok_or_else(|| word.into_owned())
}

/// The head of a request.
fn bare(request: &Request<Incoming>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    head
}

/// What the upstream answered to the handshake, but for what belongs to its own connection.
fn pass_back(headers: &HeaderMap, answer: &mut HeaderMap) {
    for (name, value) in headers {
        let name_text = name.as_str();
        if name == header::SEC_WEBSOCKET_PROTOCOL || name_text.starts_with("x-") || name_text.starts_with("dg-") {
            answer.append(name.clone(), value.clone());
        }
    }
}

fn no_upstream(error: NoUpstream) -> Answer {
    match error {
        NoUpstream::Short(short) => {
            let mut answer = text(StatusCode::TOO_MANY_REQUESTS, format!("{short}\n"));
            let seconds = HeaderValue::from(short.wait.as_secs() + 1);
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
            answer
        }
        NoUpstream::Unreachable(why) => text(StatusCode::BAD_GATEWAY, format!("no upstream is reached: {why}\n")),
        NoUpstream::Refused { status, headers, body } => {
            let mut answer = Response::new(Full::from(body));
            *answer.status_mut() = status;
            pass_back(&headers, answer.headers_mut());
            for name in [header::CONTENT_TYPE, header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
                if let Some(value) = headers.get(&name) {
                    answer.headers_mut().insert(name, value.clone());
                }
            }
            answer
        }
    }
}

fn busy(why: &'static str) -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, why);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn typed(kind: &'static str, body: String) -> Answer {
    let mut answer = text(StatusCode::OK, body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in SAFE {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answer
}

fn json(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(body) => typed("application/json", body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// The live page loads nothing from elsewhere, and nobody frames it.
const SAFE: [(&str, &str); 2] = [
    (
        "content-security-policy",
        "default-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' blob:; img-src data:; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
];
/// What an agent may send ahead: 5 min.
const LONGEST_PLAYBACK: std::time::Duration = std::time::Duration::from_secs(300);
/// The live page.
const PAGE: &str = include_str!("page.html");
