//! Additions of `jeton serve --dev`: settings of its own, and a first session to paste.

use std::{ffi::OsString, io, path::Path};

use crate::{
    app::Listeners,
    config::{Environment, ListenAddress, TextFile},
};

/// File name in reports of faults in the built-in settings.
pub(super) const SETTINGS_NAME: &str = "examples/dev.toml";

/// The demo client and user, and an administrator.
const SETTINGS: &str = include_str!("../../examples/dev.toml");
/// These, and those of the documented APIs that the HTTP endpoints stand in for.
const WITH_SEEDS: &str =
    concat!(include_str!("../../examples/dev.toml"), include_str!("../../examples/seeds.toml"));

/// An environment with the built-in settings file in it.
pub(super) struct DevEnvironment<'a> {
    pub(super) around: &'a dyn Environment,
    pub(super) seeds: bool,
}

impl Environment for DevEnvironment<'_> {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.around.variable(name)
    }

    fn read(&self, path: &Path) -> io::Result<TextFile> {
        if path == Path::new(SETTINGS_NAME) {
            let settings = if self.seeds { WITH_SEEDS } else { SETTINGS };
            let bytes = settings.as_bytes().to_vec().into();
            return Ok(TextFile { bytes, exposed: false });
        }
        self.around.read(path)
    }
}

/// Commands that work as they stand while the server runs.
pub(super) fn first_session(listeners: &Listeners) -> String {
    // A server has one.
    let Listeners { grpc, http: Some(http), ops, check: _ } = listeners else {
        return String::new();
    };
    let ops = ops.as_ref().map(curled);
    let ops = ops.map(|ops| {
        format!(
            "What it does, in a browser: {ops}/. Probes and metrics: {ops}/readyz, {ops}/metrics.\n"
        )
    });
    let ops = ops.unwrap_or_default();
    let (server, curled) = (grpc.url("http"), curled(http));
    let grpcurled = match grpc {
        ListenAddress::Network(address) => address.to_string(),
        ListenAddress::Unix(path) => format!("-unix {}", path.display()),
    };
    format!(
        r#"
jeton is serving gRPC on {grpc} and HTTP on {http}. In another terminal:

  # issue: an access token and a refresh token for alice
  REPLY=$(grpcurl -plaintext -d '{{"client_id":"demo","client_secret":"demo-secret","password":{{"username":"alice","password":"demo-password"}}}}' {grpcurled} jeton.v1.TokenService/IssueToken)
  echo "$REPLY"
  ACCESS=$(echo "$REPLY" | sed -n 's/.*"accessToken": "\(.*\)".*/\1/p')
  REFRESH=$(echo "$REPLY" | sed -n 's/.*"refreshToken": "\(.*\)".*/\1/p')

  # introspect: is it good, whose is it
  grpcurl -plaintext -H "authorization: Basic $(printf demo:demo-secret | base64 | tr -d '\n')" -d '{{"token":"'$ACCESS'"}}' {grpcurled} jeton.v1.TokenService/Introspect

  # refresh: the next pair; the same command within a minute gives the same pair again
  grpcurl -plaintext -d '{{"client_id":"demo","client_secret":"demo-secret","refresh_token":"'$REFRESH'"}}' {grpcurled} jeton.v1.TokenService/RefreshToken

  # revoke: ends the grant with every token of it
  grpcurl -plaintext -d '{{"client_id":"demo","client_secret":"demo-secret","token":"'$ACCESS'"}}' {grpcurled} jeton.v1.TokenService/RevokeToken

  # the same over HTTP
  curl -u demo:demo-secret -d grant_type=password -d username=alice -d password=demo-password {curled}/oauth/token
  curl -u demo:demo-secret -d token=$ACCESS {curled}/oauth/introspect

To administer it: JETON_SERVER={server} JETON_CLIENT_ID=admin JETON_CLIENT_SECRET=admin-secret jeton client list
{ops}Data and keys lie in ./jeton-dev and survive a restart. Ctrl-C stops.
"#
    )
}

/// Returns the address in curl's form.
fn curled(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Network(address) => format!("http://{address}"),
        ListenAddress::Unix(path) => format!("--unix-socket {} http://localhost", path.display()),
    }
}
