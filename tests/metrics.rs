//! Metrics: what is published is what happened, the documents name what exists, and a real Prometheus reads it.

#![allow(clippy::disallowed_methods, reason = "scrapers work in real time")]

#[path = "metrics/documents.rs"]
mod documents;
#[path = "metrics/published.rs"]
mod published;
#[path = "metrics/scraped.rs"]
mod scraped;
#[path = "metrics/store.rs"]
mod store;
#[path = "metrics/support.rs"]
mod support;
