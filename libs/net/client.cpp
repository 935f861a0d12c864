#include "net/client.h"

#include <mutex>
#include <vector>

#include "net/transfer.h"

namespace kachery {
namespace {

void start_library() {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  KACHERY_ASSERT(kStarted == CURLE_OK);
}

}  // namespace

// A handle keeps the connections that it made; who needs one next gets the one that was used last.
struct HttpClient::State {
  ClientSettings settings;
  std::mutex mutex;
  std::vector<CURL*> idle;  // Guarded by `mutex`.

  CURL* take() {
    {
      const std::scoped_lock lock(mutex);
      if (!idle.empty()) {
        CURL* handle = idle.back();
        idle.pop_back();
        return handle;
      }
    }
    CURL* handle = curl_easy_init();
    KACHERY_ASSERT(handle != nullptr);
    return handle;
  }

  void give_back(CURL* handle) {
    {
      const std::scoped_lock lock(mutex);
      if (idle.size() < settings.limits.connections_idle_max) {
        idle.push_back(handle);
        return;
      }
    }
    curl_easy_cleanup(handle);
  }
};

HttpClient::HttpClient(std::optional<std::string> pin, const ClientLimits& limits)
    : state_(std::make_unique<State>(ClientSettings{std::move(pin), limits})) {
  start_library();
}

HttpClient::~HttpClient() {
  for (CURL* handle : state_->idle) curl_easy_cleanup(handle);
}

Result<ClientResponse> HttpClient::send(const ClientRequest& request, const std::atomic<bool>& cancel,
                                        const BodySink* sink) {
  CURL* handle = state_->take();
  Result<ClientResponse> response = Transfer(handle, state_->settings, request, cancel, sink).run();
  state_->give_back(handle);
  return response;
}

}  // namespace kachery
