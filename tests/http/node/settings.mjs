// Settings of the tests: the server's issuer, its clients and a user.
export const {
  application, confidential, exchanging, issuer, machine, open, signing, user,
} = JSON.parse(process.env.JETON_CLIENTS);

export const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
export const accessToken = "urn:ietf:params:oauth:token-type:access_token";

// The private key of the client that signs for itself.
export const privateKey = async () => ({
  key: await crypto.subtle.importKey(
    "jwk", signing.key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"],
  ),
  kid: signing.key.kid,
});
