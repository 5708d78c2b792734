//! SPIFFE IDs: the names of workloads in the certificates of a trust domain (SPIFFE-ID §2).

/// Scheme of a SPIFFE ID, in lower case.
const SCHEME: &str = "spiffe://";

/// A SPIFFE ID: `spiffe://`, a trust domain and the path of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiffeId<'a> {
    trust_domain: &'a str,
    path: &'a str,
}

impl<'a> SpiffeId<'a> {
    /// Longest ID, in bytes (SPIFFE-ID §2.3).
    pub const MAX_BYTES: usize = 2048;

    /// Returns whether a URI has the scheme of SPIFFE, in any case: it is a SPIFFE ID or a wrong one.
    pub fn is_claimed_by(uri: &str) -> bool {
        uri.get(.."spiffe:".len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
    }

    /// Reads an ID. `None` for other text: a trust domain has lower-case letters, digits, `.`, `-` and `_`;
    /// there is no user, port, query or fragment, and no segment of the path is empty, `.` or `..`.
    pub fn parse(uri: &'a str) -> Option<Self> {
        let rest = uri.strip_prefix(SCHEME).filter(|_| uri.len() <= Self::MAX_BYTES)?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (trust_domain, path) = rest.split_at(end);
        let in_domain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        let in_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(in_path);
        let short = (1..=255).contains(&trust_domain.len());
        let legal = short && trust_domain.bytes().all(in_domain);
        let whole = path.is_empty() || path[1..].split('/').all(is_segment);
        (legal && whole).then_some(Self { trust_domain, path })
    }

    /// Returns the trust domain, whose authorities alone vouch for the ID.
    pub fn trust_domain(&self) -> &'a str {
        self.trust_domain
    }

    /// Returns whether it names a workload, and not the trust domain itself.
    pub fn is_workload(&self) -> bool {
        !self.path.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_trust_domain_and_a_path() {
        let id = SpiffeId::parse("spiffe://shop.example/ns/shop/sa/orders").expect("an ID");
        assert!(id.trust_domain() == "shop.example" && id.is_workload());
        let domain = SpiffeId::parse("spiffe://shop.example").expect("a trust domain");
        assert!(domain.trust_domain() == "shop.example" && !domain.is_workload());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_id() {
        for uri in [
            "",
            "spiffe:",
            "spiffe://",
            "spiffe:///orders",
            "SPIFFE://shop.example/orders",
            "spiffe://Shop.example/orders",
            "spiffe://shop.example:8081/orders",
            "spiffe://user@shop.example/orders",
            "spiffe://shop.example/",
            "spiffe://shop.example/orders/",
            "spiffe://shop.example//orders",
            "spiffe://shop.example/./orders",
            "spiffe://shop.example/../orders",
            "spiffe://shop.example/orders?x",
            "spiffe://shop.example/orders#x",
            "spiffe://shop.example/or%64ers",
            "spiffe://shop.example/\u{f6}rders",
            "https://shop.example/orders",
        ] {
            assert_eq!(SpiffeId::parse(uri), None, "{uri}");
        }
        let long = format!("spiffe://shop.example/{}", "a".repeat(SpiffeId::MAX_BYTES));
        assert_eq!(SpiffeId::parse(&long), None);
    }

    #[test]
    fn the_scheme_claims_an_id_in_any_case() {
        for uri in ["spiffe://shop.example/a", "SPIFFE://x", "spiffe:x"] {
            assert!(SpiffeId::is_claimed_by(uri), "{uri}");
        }
        for uri in ["https://spiffe", "spiff", "", "spiffed:x"] {
            assert!(!SpiffeId::is_claimed_by(uri), "{uri}");
        }
    }
}
