import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** Posts with the JDK's HttpClient, one with a pool, from several threads: ADDRESS WORKERS REQUESTS PAUSE. */
class Posts {
    public static void main(String[] arguments) throws Exception {
        var uri = URI.create("http://" + arguments[0] + "/oauth/token");
        int workers = Integer.parseInt(arguments[1]);
        int requests = Integer.parseInt(arguments[2]);
        int pause = Integer.parseInt(arguments[3]);
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        var form = "grant_type=client_credentials&client_id=demo&client_secret=demo-secret";
        var request = HttpRequest.newBuilder(uri)
                .header("content-type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(form))
                .build();
        var answered = new AtomicInteger();
        var over = new CountDownLatch(workers);
        for (int worker = 0; worker < workers; worker++) {
            new Thread(() -> {
                for (int number = 0; number < requests; number++) {
                    try {
                        if (number > 0) {
                            Thread.sleep(pause * 1000L);
                        }
                        int status = client.send(request, BodyHandlers.ofString()).statusCode();
                        if (status == 200) {
                            answered.incrementAndGet();
                        } else {
                            System.err.println("JDK: " + status);
                        }
                    } catch (Exception error) {
                        System.err.println("JDK: " + error);
                    }
                }
                over.countDown();
            }).start();
        }
        over.await();
        System.out.println("JDK HttpClient: " + answered + " of " + workers * requests + " answered");
        System.exit(answered.get() == workers * requests ? 0 : 1);
    }
}
