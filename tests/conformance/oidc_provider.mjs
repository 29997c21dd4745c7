// An identity provider that others wrote (node-oidc-provider, certified), much as its makers set it up.
// The file named first says who is known there, by which keys it signs, and where a client is sent back to.
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const told = () => JSON.parse(readFileSync(process.argv[2], "utf8"));
const { url, clients, keys, shown } = told();

const provider = new Provider(url, {
  clients,
  jwks: { keys },
  ...(shown && { clientAuthMethods: [shown], clientDefaults: { token_endpoint_auth_method: shown } }),
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email"] },
  findAccount: (_, id) => id in told().people && { accountId: id, claims: () => ({ sub: id, ...told().people[id] }) },
  extraTokenClaims: (_, token) => ({ preferred_username: told().people[token.accountId].preferred_username }),
  features: {
    resourceIndicators: {
      getResourceServerInfo: (_, resource) => ({
        scope: "daeri work.find", audience: resource, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.on("server_error", (_, error) => console.error(error));
provider.listen(new URL(url).port, "127.0.0.1", () => console.error("listening"));
