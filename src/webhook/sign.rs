//! What makes an alert believable: a secret that only the two sides know, and a signature over the time
//! of sending and the body. The secret is shown nowhere: not in `Debug`, logs, errors or the board's state.

use std::fmt::{self, Write};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use artel_core::time::Timestamp;

/// The header with the signature, `v1=` and 64 hexadecimal digits.
pub(super) const SIGNATURE: &str = "artel-signature";
/// The header with the seconds since 1970 at which this try was signed.
pub(super) const TIMESTAMP: &str = "artel-timestamp";
/// The header with the id of the delivery, the same in every try.
pub(super) const DELIVERY: &str = "artel-delivery";

/// What both sides know and nobody else.
#[derive(Clone)]
pub(super) struct Secret(Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl Secret {
    /// A shorter key than the hash is long weakens the signature (RFC 2104, section 3).
    pub(super) const LEN_MIN: usize = 32;

    pub(super) const fn new(bytes: Box<[u8]>) -> Self {
        Self(bytes)
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The signature of a body that is sent at a time: of both, so that what was overheard cannot be
    /// sent again later.
    pub(super) fn sign(&self, seconds: i64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        let mut text = "v1=".to_owned();
        for byte in mac.finalize().into_bytes() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// The seconds since 1970, as they are signed.
pub(super) const fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ALERT-3: what is signed is the time, a full stop and the body. The expected value is of
    /// `printf '1767225600.{"count":3}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`.
    #[test]
    fn time_and_body_are_signed() {
        let secret = Secret::new((*b"0123456789abcdef0123456789abcdef").into());
        let signed = secret.sign(1_767_225_600, br#"{"count":3}"#);
        assert_eq!(signed, "v1=3df7b5ea83a4328eaf58292d023f96b54db4d560fb2831d3e9ce8d05b6e006ec");
        assert_ne!(signed, secret.sign(1_767_225_601, br#"{"count":3}"#));
        assert_ne!(signed, secret.sign(1_767_225_600, br#"{"count":4}"#));
    }
}
