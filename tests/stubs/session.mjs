// session.mjs ADDRESS STUBS: issues, introspects and revokes a token by the stubs that protoc-gen-es has made.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

const [address, stubs] = process.argv.slice(2);
const { TokenService } = await import(pathToFileURL(join(stubs, "jeton/v1/token_service_pb.js")));
const { JETON_CLIENT_ID: clientId, JETON_CLIENT_SECRET: clientSecret } = process.env;
const { JETON_USER: username, JETON_PASSWORD: password } = process.env;
const client = createClient(TokenService, createGrpcTransport({ baseUrl: `http://${address}` }));
// RFC 6749 §2.3.1.
const pair = [clientId, clientSecret].map(encodeURIComponent).join(":");
const headers = { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };

const grant = { case: "password", value: { username, password } };
const { accessToken: token } = await client.issueToken({ clientId, clientSecret, grant });
const before = await client.introspect({ token }, { headers });
console.log(`active: ${before.username} ${before.scopes.join(" ")}`);
await client.revokeToken({ clientId, clientSecret, token });
const after = await client.introspect({ token }, { headers });
console.log(`active now: ${after.active}`);
