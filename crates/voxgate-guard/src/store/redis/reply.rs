//! What the scripts are told and what they answer.

use ::redis::{FromRedisValue, ParsingError, Value};

use crate::Name;
use crate::store::words::Outcome;
use crate::store::{Fence, Grant, HeldSlot, Holder, StoreError, StoreTime, Token};

/// A script's reply: a word, and its fields.
#[derive(Debug)]
pub(super) struct Reply(Vec<Option<String>>);

impl FromRedisValue for Reply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        Vec::from_redis_value(value).map(Self)
    }
}

impl Reply {
    pub(super) fn outcome(&self) -> Result<Outcome, StoreError> {
        self.text(0).and_then(Outcome::from_word).ok_or_else(|| self.unexpected())
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.text(at).is_some()
    }

    pub(super) fn number<T: std::str::FromStr>(&self, at: usize) -> Result<T, StoreError> {
        self.text(at).and_then(|text| text.parse().ok()).ok_or_else(|| self.unexpected())
    }

    pub(super) fn time(&self, at: usize) -> Result<StoreTime, StoreError> {
        self.number(at).map(StoreTime)
    }

    /// A member, and its expiry after it.
    pub(super) fn held(&self, at: usize) -> Result<HeldSlot, StoreError> {
        held(self.text(at).ok_or_else(|| self.unexpected())?, self.time(at + 1)?)
    }

    pub(super) fn unexpected(&self) -> StoreError {
        unexpected(&format!("{:?}", self.0))
    }

    fn text(&self, at: usize) -> Option<&str> {
        self.0.get(at)?.as_deref()
    }
}

/// The answer to `TIME`: seconds, and microseconds of the next.
pub(super) fn time((seconds, micros): (u64, u64)) -> Result<StoreTime, StoreError> {
    let us = seconds.checked_mul(1_000_000).and_then(|us| us.checked_add(micros));
    us.map(StoreTime).ok_or_else(|| unexpected(&format!("that it is {seconds} s past 1970")))
}

pub(super) fn unexpected(answer: &str) -> StoreError {
    let cause = format!("the answer {answer:.200}, as if another version of voxgate used this namespace");
    StoreError::Refused { store: REDIS, cause }
}

/// What a member of a pool says of its holder.
pub(super) fn tail(holder: &Holder, name: &Name) -> String {
    let session = holder.session.as_ref().map_or("", Name::as_str);
    format!("{}\0{session}\0{name}", holder.owner)
}

/// A member of a pool: a grant as the script wrote it down. Another fence is another member.
pub(super) fn member(grant: &Grant) -> String {
    let Grant { fence, since, holder, slot, .. } = grant;
    format!("{}\0{}\0{}\0{}", fence.0, since.0, holder.token.0, tail(holder, slot.name()))
}

pub(super) fn held(member: &str, expires: StoreTime) -> Result<HeldSlot, StoreError> {
    let parts: Vec<&str> = member.split('\0').collect();
    let wrong = || unexpected(&format!("{member:?}"));
    let number = |text: &str| text.parse().map_err(|_| wrong());
    let [fence, since, token, owner, session, room] = parts[..] else { return Err(wrong()) };
    Ok(HeldSlot {
        name: name(room)?,
        by: name(owner)?,
        session: (!session.is_empty()).then(|| name(session)).transpose()?,
        fence: Fence(number(fence)?),
        token: Token(number(token)?),
        since: StoreTime(number(since)?),
        expires,
    })
}

pub(super) fn name(text: impl AsRef<str>) -> Result<Name, StoreError> {
    Name::new(text).map_err(|error| unexpected(&error.to_string()))
}

pub(super) const REDIS: &str = "Redis";
