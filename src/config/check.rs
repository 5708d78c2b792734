//! `[check]`: the decisions on requests that proxies have received.

use super::{
    choice::{self, EnvoyUndecided},
    fields::{Fields, Placed},
    listen_address::{ListenAddress, ListenOrOff},
    overrides::Overrides,
    report::Spot,
    socket_access::SocketAccess,
};
use crate::{
    bearer::IdentityHeaders,
    domain::{client_id::ClientId, invalid::Invalid},
};

const ADDRESS: &str = r#"an address and port like "127.0.0.1:9090", "unix:" and a path, or "off""#;

/// `[check]`: decisions for proxies on the requests that they received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    /// The listener of `/check`, on this machine only: every request to it is made as `client`. Port 0 takes a
    /// free one; `None`, the default, listens nowhere.
    pub listen: Option<ListenAddress>,
    /// Mode, owner and users of its socket of the file system.
    pub socket: SocketAccess,
    /// The client as which `/check` asks; there where it listens.
    pub client: Option<ClientId>,
    /// The headers that identify a request's bearer to services: `x-jeton-subject` and so on.
    pub headers: IdentityHeaders,
    /// `true` if Envoy removes the token from the request before the service sees it. Default
    /// false.
    pub envoy_remove_authorization: bool,
    /// Answer to Envoy if a request cannot be decided. Default `Deny`.
    pub envoy_undecided: EnvoyUndecided,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self {
            listen: None,
            socket: SocketAccess::default(),
            client: None,
            headers: IdentityHeaders::default(),
            envoy_remove_authorization: false,
            envoy_undecided: EnvoyUndecided::Deny,
        }
    }
}

impl CheckSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let default = Self::default();
        let listen = listen(fields, overrides.check_listen.clone());
        let socket = SocketAccess::read(fields, listen.as_ref());
        let client = fields.text("client", "a string", ClientId::parse);
        let client = overrides.check_client.clone().or(client.map(|client| client.value));
        if let (Some(_), None) = (&listen, &client) {
            fields.fault_of_all("needs client where it listens: the client as which /check asks");
        }
        let headers = fields.text("header_prefix", "a string", headers);
        let removed = fields.flag("envoy_remove_authorization");
        let undecided = fields.text("envoy_undecided", "a string", choice::envoy_undecided);
        Self {
            listen,
            socket,
            client,
            headers: headers.map_or(default.headers, |headers| headers.value),
            envoy_remove_authorization: removed.unwrap_or(default.envoy_remove_authorization),
            envoy_undecided: undecided.map_or(default.envoy_undecided, |word| word.value),
        }
    }
}

/// Address. Other machines must not reach it.
fn listen(fields: &mut Fields<'_, '_>, overriding: Option<ListenOrOff>) -> Option<ListenAddress> {
    let declared = fields.text("listen", ADDRESS, ListenOrOff::parse);
    let (spot, wanted) = match (overriding, declared) {
        (Some(wanted), _) => (Spot::Flag("--check-listen (JETON_CHECK_LISTEN)"), wanted),
        (None, Some(Placed { at, value })) => (Spot::Byte(at), value),
        (None, None) => return None,
    };
    let address = wanted.address()?;
    if !address.is_local() {
        let problem = "other machines reach this address, and whoever reaches it may ask: \
                       it must be one like 127.0.0.1";
        fields.report().fault(spot, format!("check.listen: {problem}"));
    }
    Some(address)
}

fn headers(prefix: &str) -> Result<IdentityHeaders, Invalid> {
    let fault = Invalid("must be the beginning of a header's name, at most 64 characters");
    IdentityHeaders::with_prefix(prefix).ok_or(fault)
}
