// A service that asks the agent beside it about each token that it is shown: one a line, on standard input.
//
// Takes where the agent listens, such as unix:/run/jeton-agent/agent.sock.

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.StatusRuntimeException;
import java.util.Scanner;
import java.util.concurrent.TimeUnit;
import jeton.v1.IntrospectRequest;
import jeton.v1.IntrospectResponse;
import jeton.v1.TokenServiceGrpc;

public final class AsksAgent {
  private final TokenServiceGrpc.TokenServiceBlockingStub agent;

  private AsksAgent(String address) {
    // Of a socket's path gRPC would make a host that HTTP/2 does not allow.
    agent = TokenServiceGrpc.newBlockingStub(
        Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
            .overrideAuthority("localhost")
            .build());
  }

  private String decide(String token) {
    try {
      IntrospectRequest request = IntrospectRequest.newBuilder().setToken(token).build();
      IntrospectResponse known = agent.withDeadlineAfter(5, TimeUnit.SECONDS).introspect(request);
      boolean good = known.getActive() && known.getAudienceList().contains("billing");
      return good ? "welcome, " + known.getUsername() : "refused";
    } catch (StatusRuntimeException error) {
      return "not now"; // Not known to be bad: 503, never 401.
    }
  }

  public static void main(String[] arguments) {
    AsksAgent service = new AsksAgent(arguments[0]);
    new Scanner(System.in).forEachRemaining(token -> System.out.println(service.decide(token)));
  }
}
