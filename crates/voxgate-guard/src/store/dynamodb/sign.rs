//! AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::credentials::AwsCredentials;

/// What is signed of a `POST /`: headers with names in lower case, in their order, and the body.
pub(super) struct Unsigned<'a> {
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: &'a [u8],
    /// As in `20261127T081500Z`; also the header `x-amz-date`.
    pub(super) at: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Unsigned<'_> {
    /// The header `authorization`.
    pub(super) fn authorization(&self, credentials: &AwsCredentials) -> String {
        let Self { headers, body, at, region, service } = self;
        let day = at.get(..8).unwrap_or(at);
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", hex(&Sha256::digest(body)));
        let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let first = format!("AWS4{}", credentials.secret_access_key).into_bytes();
        let key = [day, region, service, "aws4_request"].iter().fold(first, |key, part| hmac(&key, part));
        let (id, signature) = (&credentials.access_key_id, hex(&hmac(&key, &to_sign)));
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    code.update(text.as_bytes());
    code.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `post-vanilla` of AWS's test suite for Signature Version 4, and what botocore 1.44.8 makes of a call
    /// with a session token.
    #[test]
    fn signatures_are_those_of_aws() {
        let credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        };
        let (at, region) = ("20150830T123600Z", "us-east-1");
        let signed = |headers: &[(&'static str, &str)], body: &[u8], service| {
            Unsigned { headers, body, at, region, service }.authorization(&credentials)
        };
        let vanilla = [("host", "example.amazonaws.com"), ("x-amz-date", at)];
        assert_eq!(
            signed(&vanilla, b"", "service"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let call = [
            ("content-type", "application/x-amz-json-1.0"),
            ("host", "dynamodb.us-east-1.amazonaws.com"),
            ("x-amz-date", at),
            ("x-amz-security-token", "token/+="),
            ("x-amz-target", "DynamoDB_20120810.PutItem"),
        ];
        let authorization = signed(&call, br#"{"TableName":"calls"}"#, "dynamodb");
        assert!(
            authorization.ends_with("Signature=69631fc579cadecc7cad9d77153ae536bb04c5c8516f467be9252d359bfd2b63"),
            "{authorization}"
        );
    }
}
