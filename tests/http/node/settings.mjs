// What the tests are told of the server: its issuer, its clients and a user.
export const { issuer, confidential, machine, open, user } = JSON.parse(process.env.JETON_CLIENTS);
