// Issues, introspects and revokes tokens, and hears of revocations, also of those that it missed.
//
// Takes the server's address. The headers under jeton/ are generated from proto/ by protoc, as old as
// 3.21 (Debian 12).
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include "jeton/v1/token_service.grpc.pb.h"

namespace pb = jeton::v1;

constexpr char kClient[] = "demo";
constexpr char kSecret[] = "demo-secret";
constexpr char kBasic[] = "Basic ZGVtbzpkZW1vLXNlY3JldA==";  // demo:demo-secret
constexpr std::chrono::seconds kTimeout{10};

void Check(const grpc::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

// The context of one call, with a deadline.
struct Call : grpc::ClientContext {
  Call() { set_deadline(std::chrono::system_clock::now() + kTimeout); }
};

// The same, authenticated as the client.
struct Authenticated : Call {
  Authenticated() { AddMetadata("authorization", kBasic); }
};

class Session {
 public:
  explicit Session(const std::string& address)
      : stub_(pb::TokenService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

  pb::IssueTokenResponse LogIn() {
    pb::IssueTokenRequest request;
    request.set_client_id(kClient);
    request.set_client_secret(kSecret);
    request.mutable_password()->set_username("alice");
    request.mutable_password()->set_password("demo-password");
    pb::IssueTokenResponse response;
    Call call;
    Check(stub_->IssueToken(&call, request, &response));
    return response;
  }

  pb::IntrospectResponse Introspect(const std::string& token) {
    pb::IntrospectRequest request;
    request.set_token(token);
    pb::IntrospectResponse response;
    Authenticated call;
    Check(stub_->Introspect(&call, request, &response));
    return response;
  }

  void Revoke(const std::string& token) {
    pb::RevokeTokenRequest request;
    request.set_client_id(kClient);
    request.set_client_secret(kSecret);
    request.set_token(token);
    pb::RevokeTokenResponse response;
    Call call;
    Check(stub_->RevokeToken(&call, request, &response));
  }

  std::string EndOfFeed() {
    pb::GetRevocationCursorResponse response;
    Authenticated call;
    Check(stub_->GetRevocationCursor(&call, {}, &response));
    return response.cursor();
  }

  std::unique_ptr<grpc::ClientReader<pb::WatchRevocationsResponse>> Watch(
      Authenticated& call, const std::string& cursor) {
    pb::WatchRevocationsRequest request;
    request.set_cursor(cursor);
    return stub_->WatchRevocations(&call, request);
  }

 private:
  std::unique_ptr<pb::TokenService::Stub> stub_;
};

// Reads until the end of a grant is reported, and returns the cursor to resume from.
std::string WaitFor(grpc::ClientReader<pb::WatchRevocationsResponse>& watch,
                    const std::string& grant_id) {
  pb::WatchRevocationsResponse response;
  while (watch.Read(&response)) {
    for (const auto& revocation : response.revocations()) {
      if (revocation.grant_ended().grant_id() == grant_id) return response.cursor();
    }
  }
  throw std::runtime_error("the watch ended: " + watch.Finish().error_message());
}

int main(int, char** arguments) {
  Session session(arguments[1]);

  const auto first = session.LogIn();
  const auto answer = session.Introspect(first.access_token());
  std::cout << "active: " << answer.username();
  for (const auto& scope : answer.scopes()) std::cout << ' ' << scope;
  std::cout << std::endl;

  std::string cursor;
  {
    Authenticated call;
    auto watch = session.Watch(call, session.EndOfFeed());
    session.Revoke(first.access_token());
    cursor = WaitFor(*watch, first.grant_id());
    std::cout << "revoked: the watch says so" << std::endl;
    call.TryCancel();
  }

  const auto second = session.LogIn();
  session.Revoke(second.access_token());
  {
    Authenticated call;
    auto watch = session.Watch(call, cursor);
    WaitFor(*watch, second.grant_id());
    std::cout << "resumed: nothing was missed" << std::endl;
    call.TryCancel();
  }

  const bool active = session.Introspect(first.access_token()).active();
  std::cout << "active now: " << (active ? "true" : "false") << std::endl;
}
