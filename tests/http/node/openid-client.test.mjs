// openid-client against jeton: everything it knows of the server, it reads from the metadata.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as openid from "openid-client";
import { confidential, issuer, machine, open, privateKey, signing, user } from "./settings.mjs";

const options = { algorithm: "oauth2", execute: [openid.allowInsecureRequests] };
const discover = ({ id, secret }, authentication) =>
  openid.discovery(new URL(issuer), id, secret, authentication, options);

const login = (server, extra = {}) =>
  openid.genericGrantRequest(server, "password", {
    username: user.name, password: user.password, ...extra,
  });

const ways = [
  ["basic", confidential, openid.ClientSecretBasic(confidential.secret)],
  ["post", confidential, openid.ClientSecretPost(confidential.secret)],
  ["none", open, openid.None()],
  ["private_key_jwt", signing, openid.PrivateKeyJwt(await privateKey())],
];

for (const [way, client, authentication] of ways) {
  test(`${way}: a login is refreshed and revoked`, async () => {
    const server = await discover(client, authentication);
    const first = await login(server);
    assert.ok(first.expiresIn() > 0);
    const second = await openid.refreshTokenGrant(server, first.refresh_token);
    assert.notEqual(second.access_token, first.access_token);
    await openid.tokenRevocation(server, second.access_token);
    await assert.rejects(openid.refreshTokenGrant(server, second.refresh_token), {
      name: "ResponseBodyError", error: "invalid_grant",
    });
  });
}

test("a refresh narrows the scope", async () => {
  const server = await discover(...ways[0].slice(1));
  const { refresh_token } = await login(server);
  const narrowed = await openid.refreshTokenGrant(server, refresh_token, { scope: "read" });
  assert.equal(narrowed.scope, "read");
});

test("introspection follows the life of a token", async () => {
  const server = await discover(...ways[0].slice(1));
  const { access_token } = await login(server);
  const found = await openid.tokenIntrospection(server, access_token);
  assert.equal(found.active, true);
  assert.equal(found.scope, "read write");
  await openid.tokenRevocation(server, access_token);
  assert.deepEqual(await openid.tokenIntrospection(server, access_token), { active: false });
});

test("client credentials give an access token and no refresh token", async () => {
  const server = await discover(machine, openid.ClientSecretPost(machine.secret));
  const token = await openid.clientCredentialsGrant(server);
  assert.equal(token.refresh_token, undefined);
});
