// Verifies the access tokens on its input, one a line, as a resource server of Spring Security does it: answers
// each with its subject, or with "refused". Arguments: the issuer, the audience.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationProvider;

public class Verify {
  public static void main(String[] arguments) throws Exception {
    String issuer = arguments[0];
    // It looks for no type: the validator below does, as RFC 9068 has it.
    NimbusJwtDecoder decoder =
        NimbusJwtDecoder.withJwkSetUri(issuer + "/.well-known/jwks.json")
            .jwsAlgorithm(SignatureAlgorithm.ES256)
            .jwsAlgorithm(SignatureAlgorithm.RS256)
            .validateType(false)
            .build();
    decoder.setJwtValidator(
        JwtValidators.createAtJwtValidator()
            .issuer(issuer)
            .audience(arguments[1])
            .clientId("orders")
            .build());
    var provider = new JwtAuthenticationProvider(decoder);
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      try {
        System.out.println(provider.authenticate(new BearerTokenAuthenticationToken(line)).getName());
      } catch (AuthenticationException error) {
        System.err.println(error.getMessage());
        System.out.println("refused");
      }
    }
  }
}
