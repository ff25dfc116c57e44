//! Whose a token is: LiveKit's clients make a new one for each connection, from one API key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The issuer of a JSON Web Token (RFC 7519), which for LiveKit is the API key. Nothing is verified: that is for the
/// upstream to do.
pub(super) fn issuer(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_head, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    (parts.next().is_none() && !claims.iss.is_empty()).then_some(claims.iss)
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_read_and_what_is_no_token_has_none() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(issuer(&token(r#"{"iss":"APIkey","exp":1}"#)).as_deref(), Some("APIkey"));
        let wrong = [String::new(), "a.b.c".to_owned(), token(r#"{"iss":5}"#), token(r#"{"iss":""}"#), token("{}")];
        for wrong in wrong.iter().chain([&format!("{}.more", token(r#"{"iss":"a"}"#))]) {
            assert_eq!(issuer(wrong), None, "{wrong}");
        }
    }
}
