// Settings of the tests: the server's issuer, its clients and a user.
export const { issuer, confidential, machine, open, user } = JSON.parse(process.env.JETON_CLIENTS);
