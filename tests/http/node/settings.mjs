// Settings of the tests: the server's issuer, its clients and a user.
export const { issuer, confidential, machine, open, signing, user } = JSON.parse(process.env.JETON_CLIENTS);

// The private key of the client that signs for itself.
export const privateKey = async () => ({
  key: await crypto.subtle.importKey(
    "jwk", signing.key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"],
  ),
  kid: signing.key.kid,
});
