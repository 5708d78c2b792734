// Verifies the access tokens on its input, one a line, with jose: answers each with its subject, or with
// "refused". Arguments: the issuer, the audience, the seconds for which the key set is kept.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [issuer, audience, kept] = process.argv.slice(2);
const require = createRequire(`${process.env.NODE_MODULES}/`);
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(require.resolve("jose")));
const cacheMaxAge = Number(kept) * 1000;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cacheMaxAge });
for await (const token of createInterface({ input: process.stdin })) {
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: "at+jwt" });
    console.log(payload.sub);
  } catch (error) {
    console.error(error.code ?? error);
    console.log("refused");
  }
}
