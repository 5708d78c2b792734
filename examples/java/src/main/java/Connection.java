// The token service, and the client to call it as, as the environment names them.
//
// JETON_CLIENT_ID and JETON_CLIENT_SECRET are the client's. JETON_CA is a PEM file with the CA that has issued the
// server's certificate; without it there is no TLS, as on one machine or where a mesh does it.

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

final class Connection {
  static final String CLIENT_ID = System.getenv("JETON_CLIENT_ID");
  static final String CLIENT_SECRET = System.getenv("JETON_CLIENT_SECRET");

  private Connection() {}

  static ManagedChannel channel(String address) throws IOException {
    String ca = System.getenv("JETON_CA");
    ChannelCredentials credentials =
        ca == null
            ? InsecureChannelCredentials.create()
            : TlsChannelCredentials.newBuilder().trustManager(new File(ca)).build();
    return Grpc.newChannelBuilder(address, credentials).build();
  }

  /** Metadata that authenticates the client (RFC 6749 §2.3.1). */
  static Metadata basic() {
    String pair = encoded(CLIENT_ID) + ":" + encoded(CLIENT_SECRET);
    byte[] bytes = pair.getBytes(StandardCharsets.UTF_8);
    Metadata metadata = new Metadata();
    metadata.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        "Basic " + Base64.getEncoder().encodeToString(bytes));
    return metadata;
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
