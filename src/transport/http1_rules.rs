//! Requests that a server must refuse by RFC 9112 and hyper lets pass.

use http::{
    HeaderMap, HeaderValue, Request, Version,
    header::{HOST, TRANSFER_ENCODING},
    uri::Authority,
};

/// Reason for which an HTTP/1.1 request is refused. Its connection is closed then: where such a
/// request ends may be seen otherwise by what stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No `Host`, several, or one that is no host: 400 (RFC 9112 §3.2).
    Host,
    /// A transfer coding besides `chunked`: 501 (RFC 9112 §6.1).
    TransferCoding,
}

impl Malformed {
    /// Returns the fault of a request, if there is one.
    pub fn find<B>(request: &Request<B>) -> Option<Self> {
        let headers = request.headers();
        if request.version() == Version::HTTP_11 && !has_one_host(headers) {
            return Some(Self::Host);
        }
        let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let plain = codings.next().is_none_or(is_plain) && codings.next().is_none();
        (!plain).then_some(Self::TransferCoding)
    }
}

/// An empty one is a host too: that of a target without an authority.
fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let is_host = |authority: Authority| !authority.as_str().contains('@');
    is_name(host.as_bytes()) || Authority::try_from(host.as_bytes()).is_ok_and(is_host)
}

/// Returns whether it is a name or an address of version 4, perhaps with a port. Most hosts are, and an
/// [`Authority`] would be a copy of each.
fn is_name(host: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let mut parts = host.split(|byte| *byte == b':');
    parts.by_ref().take(2).all(|part| part.iter().all(plain)) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(version: Version, headers: &[(&'static str, &'static str)]) -> Option<Malformed> {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Malformed::find(&request.body(()).expect("a request"))
    }

    #[test]
    fn a_request_has_one_host_unless_it_is_of_http_1_0() {
        let host = |value| found(Version::HTTP_11, &[("host", value)]);
        for value in ["a", "a.example:8080", "192.0.2.1", "[::1]:80", ""] {
            assert_eq!(host(value), None, "{value}");
        }
        for value in ["a b", "a@b", "http://a", "a/b", "[::1"] {
            assert_eq!(host(value), Some(Malformed::Host), "{value}");
        }
        assert_eq!(found(Version::HTTP_11, &[]), Some(Malformed::Host));
        let two = [("host", "a"), ("host", "a")];
        assert_eq!(found(Version::HTTP_11, &two), Some(Malformed::Host));
        assert_eq!(found(Version::HTTP_10, &[]), None);
        assert_eq!(found(Version::HTTP_2, &[]), None);
    }

    #[test]
    fn the_only_transfer_coding_is_chunked_once() {
        let coded = |values: &[&'static str]| {
            let mut headers = vec![("host", "a")];
            headers.extend(values.iter().map(|value| ("transfer-encoding", *value)));
            found(Version::HTTP_11, &headers)
        };
        for values in [&[][..], &["chunked"], &["Chunked"]] {
            assert_eq!(coded(values), None, "{values:?}");
        }
        let twice = &["chunked", "chunked"][..];
        for values in [&["gzip, chunked"][..], &["gzip", "chunked"], twice, &["chunked;a=b"]] {
            assert_eq!(coded(values), Some(Malformed::TransferCoding), "{values:?}");
        }
    }
}
