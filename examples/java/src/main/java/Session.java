// Issues, introspects and revokes tokens, and hears of revocations, also of those that it missed.
//
// Takes the server's address. The environment names the client, as Connection says, and JETON_USER and
// JETON_PASSWORD the user.

import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.stub.MetadataUtils;
import java.io.EOFException;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import jeton.v1.GetRevocationCursorRequest;
import jeton.v1.IntrospectRequest;
import jeton.v1.IntrospectResponse;
import jeton.v1.IssueTokenRequest;
import jeton.v1.IssueTokenResponse;
import jeton.v1.PasswordGrant;
import jeton.v1.RevokeTokenRequest;
import jeton.v1.TokenServiceGrpc;
import jeton.v1.TokenServiceGrpc.TokenServiceBlockingStub;
import jeton.v1.WatchRevocationsRequest;
import jeton.v1.WatchRevocationsResponse;

public final class Session {
  private final TokenServiceBlockingStub client;
  private final TokenServiceBlockingStub caller;

  private Session(ManagedChannel channel) {
    client = TokenServiceGrpc.newBlockingStub(channel);
    caller = client.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(Connection.basic()));
  }

  private static TokenServiceBlockingStub soon(TokenServiceBlockingStub stub) {
    return stub.withDeadlineAfter(10, TimeUnit.SECONDS);
  }

  private IssueTokenResponse logIn() {
    PasswordGrant password =
        PasswordGrant.newBuilder()
            .setUsername(System.getenv("JETON_USER"))
            .setPassword(System.getenv("JETON_PASSWORD"))
            .build();
    return soon(client)
        .issueToken(
            IssueTokenRequest.newBuilder()
                .setClientId(Connection.CLIENT_ID)
                .setClientSecret(Connection.CLIENT_SECRET)
                .setPassword(password)
                .build());
  }

  private IntrospectResponse introspect(String token) {
    return soon(caller).introspect(IntrospectRequest.newBuilder().setToken(token).build());
  }

  private void revoke(String token) {
    soon(client)
        .revokeToken(
            RevokeTokenRequest.newBuilder()
                .setClientId(Connection.CLIENT_ID)
                .setClientSecret(Connection.CLIENT_SECRET)
                .setToken(token)
                .build());
  }

  private String endOfFeed() {
    return soon(caller)
        .getRevocationCursor(GetRevocationCursorRequest.getDefaultInstance())
        .getCursor();
  }

  private Iterator<WatchRevocationsResponse> watch(String cursor) {
    return soon(caller)
        .watchRevocations(WatchRevocationsRequest.newBuilder().setCursor(cursor).build());
  }

  /** Reads until the end of a grant is reported, and returns the cursor to resume from. */
  private static String waitFor(Iterator<WatchRevocationsResponse> watch, String grantId)
      throws EOFException {
    while (watch.hasNext()) {
      WatchRevocationsResponse response = watch.next();
      if (response.getRevocationsList().stream()
          .anyMatch(revocation -> revocation.getGrantEnded().getGrantId().equals(grantId))) {
        return response.getCursor();
      }
    }
    throw new EOFException("the watch ended");
  }

  private void run() throws Exception {
    IssueTokenResponse first = logIn();
    IntrospectResponse known = introspect(first.getAccessToken());
    System.out.println("active: " + known.getUsername() + " " + String.join(" ", known.getScopesList()));

    Context.CancellableContext watching = Context.current().withCancellation();
    String cursor =
        watching.call(
            () -> {
              Iterator<WatchRevocationsResponse> watch = watch(endOfFeed());
              revoke(first.getAccessToken());
              return waitFor(watch, first.getGrantId());
            });
    System.out.println("revoked: the watch says so");
    watching.cancel(null);

    IssueTokenResponse second = logIn();
    revoke(second.getAccessToken());
    waitFor(watch(cursor), second.getGrantId());
    System.out.println("resumed: nothing was missed");

    System.out.println("active now: " + introspect(first.getAccessToken()).getActive());
  }

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel = Connection.channel(arguments[0]);
    try {
      new Session(channel).run();
    } finally {
      channel.shutdownNow();
    }
  }
}
