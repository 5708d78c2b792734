// openid-client against jeton: everything it knows of the server, it reads from the metadata.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as openid from "openid-client";
import {
  accessToken, application, confidential, exchange, exchanging, issuer, machine, open, privateKey, signing, user,
} from "./settings.mjs";

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

test("a token is exchanged for the next service", async () => {
  const shown = await login(await discover(application, openid.ClientSecretBasic(application.secret)));
  const server = await discover(exchanging, openid.ClientSecretBasic(exchanging.secret));
  const exchanged = (subject_token, audience) => openid.genericGrantRequest(server, exchange, {
    subject_token, subject_token_type: accessToken, audience,
  });
  const token = await exchanged(shown.access_token, exchanging.next);
  assert.equal(token.issued_token_type, accessToken);
  assert.equal(token.scope, "read");
  assert.equal(token.refresh_token, undefined);
  const found = await openid.tokenIntrospection(server, token.access_token);
  assert.equal(found.username, user.name);
  assert.equal(found.aud, exchanging.next);
  assert.deepEqual(found.act, { sub: exchanging.id });
  for (const [subject, audience, error] of [
    [shown.access_token, "shipping", "invalid_target"],
    ["x", exchanging.next, "invalid_request"],
  ]) {
    await assert.rejects(exchanged(subject, audience), { name: "ResponseBodyError", error, status: 400 });
  }
});
