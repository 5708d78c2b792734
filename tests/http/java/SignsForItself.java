// Nimbus against jeton: a client that signs for itself. Everything of the server comes from its metadata.
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.ClientCredentialsGrant;
import com.nimbusds.oauth2.sdk.TokenIntrospectionRequest;
import com.nimbusds.oauth2.sdk.TokenIntrospectionResponse;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.TokenRevocationRequest;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthenticationMethod;
import com.nimbusds.oauth2.sdk.auth.JWTAuthenticationClaimsSet;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.id.Audience;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.token.AccessToken;

public class SignsForItself {
  private static AuthorizationServerMetadata server;
  private static ClientID id;
  private static ECKey key;

  private static PrivateKeyJWT signed(Audience audience) throws Exception {
    var claims = new JWTAuthenticationClaimsSet(id, audience);
    return new PrivateKeyJWT(claims, JWSAlgorithm.ES256, key.toECPrivateKey(), key.getKeyID(), null);
  }

  private static PrivateKeyJWT signed() throws Exception {
    return signed(new Audience(server.getIssuer().getValue()));
  }

  private static TokenResponse issued(PrivateKeyJWT authentication) throws Exception {
    AuthorizationGrant grant = new ClientCredentialsGrant();
    var request = new TokenRequest.Builder(server.getTokenEndpointURI(), authentication, grant).build();
    return TokenResponse.parse(request.toHTTPRequest().send());
  }

  private static boolean isActive(AccessToken token) throws Exception {
    var request =
        new TokenIntrospectionRequest(server.getIntrospectionEndpointURI(), signed(), token);
    var answer = TokenIntrospectionResponse.parse(request.toHTTPRequest().send());
    return answer.toSuccessResponse().isActive();
  }

  private static void insist(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
    System.out.println("ok: " + what);
  }

  public static void main(String[] arguments) throws Exception {
    server = AuthorizationServerMetadata.resolve(new Issuer(arguments[0]));
    id = new ClientID(arguments[1]);
    key = ECKey.parse(System.getenv("JETON_SIGNING_KEY"));
    insist(
        server.getTokenEndpointAuthMethods().contains(ClientAuthenticationMethod.PRIVATE_KEY_JWT)
            && server.getTokenEndpointJWSAlgs().contains(JWSAlgorithm.ES256),
        "the metadata offer private_key_jwt with ES256");
    var assertion = signed();
    var first = issued(assertion);
    insist(first.indicatesSuccess(), "a token for an assertion");
    var token = first.toSuccessResponse().getTokens().getAccessToken();
    var again = issued(assertion);
    insist(
        !again.indicatesSuccess()
            && again.toErrorResponse().getErrorObject().getCode().equals("invalid_client"),
        "no token for the same assertion");
    var elsewhere = issued(signed(new Audience("https://elsewhere.example")));
    insist(!elsewhere.indicatesSuccess(), "no token for an assertion for another server");
    insist(isActive(token), "introspection by another assertion");
    var revocation = new TokenRevocationRequest(server.getRevocationEndpointURI(), signed(), token);
    insist(revocation.toHTTPRequest().send().indicatesSuccess(), "revocation by another assertion");
    insist(!isActive(token), "the token has ended");
  }
}
