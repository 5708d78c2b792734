// Issues, introspects and revokes tokens, and hears of revocations, also of those that it missed.
//
// Takes the server's address and the folder of the proto files. The environment names the client
// (JETON_CLIENT_ID, JETON_CLIENT_SECRET), the user (JETON_USER, JETON_PASSWORD), and with JETON_CA a PEM file
// with the CA that has issued the server's certificate; without it there is no TLS.

import { readFileSync } from "node:fs";
import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, protos] = process.argv.slice(2);
const options = { includeDirs: [protos], longs: Number, enums: String, defaults: true };
const definition = loader.loadSync("jeton/v1/token_service.proto", options);
const { TokenService } = grpc.loadPackageDefinition(definition).jeton.v1;

const { JETON_CA: ca, JETON_USER: user, JETON_PASSWORD: password } = process.env;
const { JETON_CLIENT_ID: clientId, JETON_CLIENT_SECRET: clientSecret } = process.env;
const transport = ca
  ? grpc.credentials.createSsl(readFileSync(ca))
  : grpc.credentials.createInsecure();
const service = new TokenService(address, transport);
const client = { clientId, clientSecret };
// RFC 6749 §2.3.1.
const pair = [clientId, clientSecret].map(encodeURIComponent).join(":");
const basic = `Basic ${Buffer.from(pair).toString("base64")}`;

function call(method, request) {
  const metadata = new grpc.Metadata();
  // The calls with credentials among their fields take them in no other place as well.
  if (!request.clientId) metadata.set("authorization", basic);
  const deadline = Date.now() + 10_000;
  if (method === "WatchRevocations") return service[method](request, metadata, { deadline });
  return promisify(service[method]).call(service, request, metadata, { deadline });
}

const logIn = () => call("IssueToken", { ...client, password: { username: user, password } });
const introspect = (token) => call("Introspect", { token });
const revoke = (token) => call("RevokeToken", { ...client, token });

// Reads until the end of a grant is reported, and returns the cursor to resume from.
async function waitFor(watch, grantId) {
  for await (const { revocations, cursor } of watch) {
    if (revocations.some(({ grantEnded }) => grantEnded?.grantId === grantId)) return cursor;
  }
  throw new Error("the watch ended");
}

const first = await logIn();
const { username, scopes } = await introspect(first.accessToken);
console.log("active:", username, ...scopes);

const end = await call("GetRevocationCursor", {});
const watch = call("WatchRevocations", { cursor: end.cursor });
await revoke(first.accessToken);
const cursor = await waitFor(watch, first.grantId);
console.log("revoked: the watch says so");
watch.cancel();

const second = await logIn();
await revoke(second.accessToken);
const resumed = call("WatchRevocations", { cursor });
await waitFor(resumed, second.grantId);
console.log("resumed: nothing was missed");
resumed.cancel();

const { active } = await introspect(first.accessToken);
console.log("active now:", active);
service.close();
