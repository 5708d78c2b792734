// Spring Security against jeton: a service that exchanges the token that it was shown for one for the next service.
// Arguments: the issuer, the client, the next service. It prints its token last.
import org.springframework.security.authentication.TestingAuthenticationToken;
import org.springframework.security.oauth2.client.OAuth2AuthorizationContext;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.TokenExchangeOAuth2AuthorizedClientProvider;
import org.springframework.security.oauth2.client.endpoint.RestClientTokenExchangeTokenResponseClient;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.core.OAuth2AccessToken;
import org.springframework.security.oauth2.core.OAuth2AuthorizationException;

public class ExchangesTokens {
  private static ClientRegistration service;

  /** Exchanges a token; without a service for all that the client may exchange to. */
  private static OAuth2AuthorizedClient exchanged(String subject, String audience) {
    var client = new RestClientTokenExchangeTokenResponseClient();
    if (audience != null) {
      client.setParametersCustomizer(parameters -> parameters.set("audience", audience));
    }
    var provider = new TokenExchangeOAuth2AuthorizedClientProvider();
    provider.setAccessTokenResponseClient(client);
    provider.setSubjectTokenResolver(
        context -> new OAuth2AccessToken(OAuth2AccessToken.TokenType.BEARER, subject, null, null));
    var principal = new TestingAuthenticationToken("user", null);
    return provider.authorize(
        OAuth2AuthorizationContext.withClientRegistration(service).principal(principal).build());
  }

  private static String refused(String subject, String audience) {
    try {
      exchanged(subject, audience);
      return "nothing";
    } catch (OAuth2AuthorizationException error) {
      return error.getError().getErrorCode();
    }
  }

  private static void insist(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
    System.out.println("ok: " + what);
  }

  public static void main(String[] arguments) {
    service =
        ClientRegistration.withRegistrationId("next")
            .clientId(arguments[1])
            .clientSecret(System.getenv("JETON_SECRET"))
            .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
            .authorizationGrantType(AuthorizationGrantType.TOKEN_EXCHANGE)
            .tokenUri(arguments[0] + "/oauth/token")
            .build();
    String shown = System.getenv("JETON_SUBJECT_TOKEN");
    OAuth2AuthorizedClient next = exchanged(shown, arguments[2]);
    insist(
        next.getAccessToken().getScopes().toString().equals("[read]") && next.getRefreshToken() == null,
        "a token is exchanged for the next service, and has no refresh token");
    insist(
        !exchanged(shown, null).getAccessToken().getTokenValue().equals(next.getAccessToken().getTokenValue()),
        "without a service it is for those that the client may exchange to");
    insist(refused(shown, "shipping").equals("invalid_target"), "another service is refused");
    insist(refused("x", arguments[2]).equals("invalid_request"), "what is no token is refused");
    System.out.println(next.getAccessToken().getTokenValue());
  }
}
