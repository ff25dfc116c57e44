//! The table: items that are read together, and each of them changed alone, if nobody was faster.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use humantime::format_rfc3339_seconds;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::clock::Stamp;
use super::credentials::AwsCredentials;
use super::failure::{DYNAMODB, Refusal, unreadable, unusable};
use super::http::{Connections, Effect};
use super::items::{Item, Key, LAYOUT};
use super::place::Place;
use super::sign::Unsigned;
use crate::store::StoreError;

/// One namespace of a table.
pub(super) struct Table {
    pub(super) place: Place,
    namespace: Box<str>,
    credentials: RwLock<AwsCredentials>,
    connections: Connections,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    /// Another change came first: look again.
    Overtaken,
}

impl Table {
    pub(super) fn new(place: Place, namespace: &str, credentials: AwsCredentials) -> Self {
        let credentials = RwLock::new(credentials);
        Self { place, namespace: namespace.into(), credentials, connections: Connections::default() }
    }

    pub(super) fn set_credentials(&self, credentials: AwsCredentials) {
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    /// After a step without an answer.
    pub(super) fn forget_connections(&self) {
        self.connections.forget();
    }

    /// Different items, as they are now (strongly consistent), in the order of their keys.
    pub(super) async fn read(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        for some in keys.chunks(MOST_KEYS) {
            let mut pause = Pause::default();
            let mut left: Vec<Value> = some.iter().map(|key| self.key(key)).collect();
            while !left.is_empty() {
                let asked = json!({ "RequestItems": { &self.place.table: { "Keys": left, "ConsistentRead": true } } });
                let (mut answer, _) = self.call("BatchGetItem", &asked, Effect::Reads).await?;
                found.extend(taken(answer["Responses"][&self.place.table].take()));
                left = taken(answer["UnprocessedKeys"][&self.place.table]["Keys"].take());
                if !left.is_empty() {
                    pause.rest().await;
                }
            }
        }
        let item = |key: &Key| {
            let there = found.iter().find(|item| item["sk"]["S"].as_str() == Some(key.sort()));
            there.map_or_else(|| Ok(Item::default()), Item::of)
        };
        keys.iter().map(item).collect()
    }

    /// Replaces an item, if it is still the one that was seen.
    pub(super) async fn write(&self, key: &Key, item: &Item) -> Result<Written, StoreError> {
        let mut put = self.key(key);
        put["layout"] = json!({ "N": LAYOUT.to_string() });
        put["v"] = json!({ "N": (item.version + 1).to_string() });
        put["body"] = json!({ "S": item.body });
        put["ttl"] = json!({ "N": (item.ends.0 / 1_000_000 + KEPT_S).to_string() });
        let mut asked = json!({ "TableName": self.place.table, "Item": put });
        if item.version == 0 {
            asked["ConditionExpression"] = json!("attribute_not_exists(pk)");
        } else {
            asked["ConditionExpression"] = json!("v = :seen");
            asked["ExpressionAttributeValues"] = json!({ ":seen": { "N": item.version.to_string() } });
        }
        match self.call("PutItem", &asked, Effect::Writes).await {
            Ok(_) => Ok(Written::Done),
            Err(Asked::Overtaken) => Ok(Written::Overtaken),
            Err(Asked::Failed(error)) => Err(error),
        }
    }

    /// All items, with their sort keys.
    pub(super) async fn everything(&self) -> Result<Vec<(String, Item)>, StoreError> {
        let mut asked = json!({
            "TableName": self.place.table, "ConsistentRead": true, "KeyConditionExpression": "pk = :namespace",
            "ExpressionAttributeValues": { ":namespace": { "S": &*self.namespace } },
        });
        let mut all = Vec::new();
        loop {
            let (mut answer, _) = self.call("Query", &asked, Effect::Reads).await?;
            for item in taken(answer["Items"].take()) {
                let sort = item["sk"]["S"].as_str().ok_or_else(|| unreadable("it has no `sk`"))?;
                all.push((sort.to_owned(), Item::of(&item)?));
            }
            match answer["LastEvaluatedKey"].take() {
                Value::Null => return Ok(all),
                last => asked["ExclusiveStartKey"] = last,
            }
        }
    }

    /// How the clocks agree.
    pub(super) async fn stamp(&self) -> Result<Stamp, StoreError> {
        let asked = json!({ "RequestItems": { &self.place.table: { "Keys": [self.key(&Key::nothing())] } } });
        Ok(self.call("BatchGetItem", &asked, Effect::Reads).await?.1)
    }

    fn key(&self, key: &Key) -> Value {
        json!({ "pk": { "S": &*self.namespace }, "sk": { "S": key.sort() } })
    }

    /// One call, again for as long as the table is throttled; whoever asks sets a limit in time.
    async fn call(&self, action: &str, body: &Value, effect: Effect) -> Result<(Value, Stamp), Asked> {
        let body = Bytes::from(body.to_string());
        let mut pause = Pause::default();
        loop {
            let request = self.request(action, body.clone())?;
            let answer = self.connections.ask(&self.place.endpoint, &request, effect).await?;
            answer.stamp.check()?;
            if answer.status == 200 {
                let value = serde_json::from_slice(&answer.body).map_err(|error| StoreError::Refused {
                    store: DYNAMODB,
                    cause: format!("its answer is no JSON ({error})"),
                })?;
                return Ok((value, answer.stamp));
            }
            match Refusal::of(answer.status, &answer.body, &self.place) {
                Refusal::Throttled => pause.rest().await,
                Refusal::Unknown(_) if effect == Effect::Reads => pause.rest().await,
                Refusal::Overtaken => return Err(Asked::Overtaken),
                Refusal::Unknown(error) | Refusal::Final(error) => return Err(error.into()),
            }
        }
    }

    fn request(&self, action: &str, body: Bytes) -> Result<Request<Full<Bytes>>, StoreError> {
        let credentials = self.credentials.read().unwrap_or_else(PoisonError::into_inner);
        let (at, target) = (now_for_aws(), format!("DynamoDB_20120810.{action}"));
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.0"),
            ("host", &self.place.endpoint.authority),
            ("x-amz-date", &at),
        ];
        if let Some(token) = &credentials.session_token {
            headers.push(("x-amz-security-token", token));
        }
        headers.push(("x-amz-target", &target));
        let region = &self.place.region;
        let unsigned = Unsigned { headers: &headers, body: &body, at: &at, region, service: "dynamodb" };
        let mut request = Request::post("/").header("authorization", unsigned.authorization(&credentials));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(body)).map_err(|error| {
            unusable(
                format!("a request cannot be made ({error})"),
                "look at the access key: it has characters of ASCII only",
            )
        })
    }
}

/// Why a call has no result.
pub(super) enum Asked {
    Overtaken,
    Failed(StoreError),
}

impl From<StoreError> for Asked {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Only a change can be overtaken.
impl From<Asked> for StoreError {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Overtaken => {
                Self::Refused { store: DYNAMODB, cause: "a condition failed that was not made".to_owned() }
            }
            Asked::Failed(error) => error,
        }
    }
}

/// A pause before another try, longer each time and never the same: exponential backoff with full jitter
/// (aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter).
#[derive(Default)]
pub(super) struct Pause(u32);

impl Pause {
    pub(super) async fn rest(&mut self) {
        let longest_us = 4_000_u64 << self.0.min(6);
        self.0 += 1;
        let random = getrandom::u64().unwrap_or(longest_us);
        sleep(Duration::from_micros(random % longest_us)).await;
    }
}

/// The elements of an array; none of what is no array.
fn taken(value: Value) -> Vec<Value> {
    if let Value::Array(values) = value { values } else { Vec::new() }
}

#[expect(clippy::disallowed_methods, reason = "AWS wants to know when a request was signed")]
fn now_for_aws() -> String {
    format_rfc3339_seconds(SystemTime::now()).to_string().replace(['-', ':'], "")
}

/// What BatchGetItem takes at most.
const MOST_KEYS: usize = 100;
/// An item is kept for a day longer than it says something, as it knows the last fence, and clocks differ by seconds.
const KEPT_S: u64 = 86_400;
