#include "provide/file_provider.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/zone.h"
#include "core/text.h"
#include "wire/live.h"

namespace kachery {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{200};

// A hub takes a provider that says nothing for dead (OutgoingCall::wait_max).
constexpr std::chrono::milliseconds kSayAgainEvery{10'000};

constexpr std::chrono::hours kDay{24};
constexpr std::chrono::hours kTurnWait{1};  // Turns are waited for again and again.

// Between two looks at whether an answer is wanted still.
constexpr std::chrono::milliseconds kLookWait{1'000};

// What an asker is told of a failure: the provider's paths and names are not theirs to know.
std::string told_to_asker(Code code) {
  switch (code) {
    case Code::denied:
      return "the provider may not upload to this zone or channel";
    case Code::exhausted:
      return "the quota of the zone, or the provider's disk or memory, is used up";
    case Code::unavailable:
    case Code::timed_out:
      return "the provider could not reach the hub to send it; ask again";
    default:
      return "the provider could not send it; its log says why";
  }
}

wire::AskState changed_state() {
  return wire::ask_failed(
      {Code::corrupt,
       "the file that was linked by this name has changed, or is gone: whoever provides it must "
       "store or link the original again"});
}

std::unexpected<Error> fail_stopping() {
  return fail(Code::unavailable, "the provider is being stopped; ask again");
}

std::string str(const Wanted& wanted) {
  return name_of(wanted.digest) + (wanted.channel ? " for the channel " + wanted.channel->str() : "");
}

}  // namespace

// The upload of one file to one place.
struct FileProvider::Job {
  Job(Loop& loop, const Wanted& what, const std::optional<NodeId>& who)
      : wanted(what), asker(who), turn(loop) {}

  void notify() const {
    for (Signal* changed : interested) changed->notify();
  }

  const Wanted wanted;
  const std::optional<NodeId> asker;  // Who asked first.
  wire::AskState state{wire::kQueued, std::nullopt, std::nullopt, std::nullopt, std::nullopt};
  std::vector<Signal*> interested;
  Signal turn;
  bool has_turn = false;
  bool is_abandoned = false;
  Progress progress;
};

FileProvider::Interest::Interest(FileProvider& provider, std::shared_ptr<Job> job, Signal& changed)
    : provider_(provider), job_(std::move(job)), changed_(changed) {
  job_->interested.push_back(&changed_);
}

FileProvider::Interest::~Interest() {
  job_->interested.erase(std::ranges::find(job_->interested, &changed_));
  if (job_->interested.empty()) provider_.abandon(job_);
}

wire::AskState FileProvider::Interest::state() const {
  return job_->state;
}

std::unique_ptr<FileProvider::Interest> FileProvider::ask(const Wanted& wanted,
                                                          const std::optional<NodeId>& asker,
                                                          Signal& changed) {
  std::shared_ptr<Job>& job = jobs_[wanted];
  if (!job) {
    job = std::make_shared<Job>(parts_.loop, wanted, asker);
    parts_.say("Upload request: " + str(wanted));
    parts_.loop.spawn(run(job));
  }
  return std::make_unique<Interest>(*this, job, changed);
}

Result<> FileProvider::check_zone(const ZoneName& zone) const {
  if (zone == parts_.zone) return {};
  return fail(Code::denied, "this provider serves the zone " + parts_.zone.str() + ", not " + zone.str());
}

// Whether something may be provided in at least one of these.
Task<Result<>> FileProvider::check_channels(std::vector<ChannelName> channels) {
  bool provides = false;
  if (parts_.channels != nullptr) provides = co_await parts_.channels->provides_files_in(std::move(channels));
  if (is_stopping_) co_return fail_stopping();
  if (!provides) co_return fail(Code::denied, "this node provides no files in that channel");
  co_return Result<>();
}

Task<Result<std::string>> FileProvider::have(std::shared_ptr<IncomingCall> call) {
  KACHERY_CO_TRY(asked, wire::parse<wire::Have>(call->message()));
  KACHERY_CO_TRY(check_zone(asked.zone));
  const Result<> may = co_await check_channels(std::move(asked.channels));
  if (!may) co_return wire::print(wire::Had{});
  Result<std::string> answer = co_await look(std::move(call), asked.digest);
  co_return answer;
}

// When it is its turn.
Task<Result<std::string>> FileProvider::look(std::shared_ptr<IncomingCall> call, Digest digest) {
  if (waiting_to_look_ >= kLookUpsWaitingMax)
    co_return fail(Code::exhausted, "this provider is asked for too much at a time; ask again later");
  ++waiting_to_look_;
  while (looking_ >= kLookUpsMax && !call->is_cancelled() && !is_stopping_) co_await looked_.wait(kLookWait);
  --waiting_to_look_;
  if (call->is_cancelled()) co_return fail(Code::cancelled, "nobody wants to know it any more");
  if (is_stopping_) co_return fail_stopping();
  ++looking_;
  const auto work = [&session = parts_.session, digest] { return session.look_for(digest); };
  const Result<ByteCount> size = co_await parts_.loop.offload(work);
  --looking_;
  looked_.notify();
  idle_.notify();
  if (size) co_return wire::print(wire::Had{*size});
  if (size.error().code != Code::not_found)
    parts_.say(fmt::format("Not provided: {}", printable(size.error().message)));
  co_return wire::print(wire::Had{});
}

Task<Result<std::string>> FileProvider::upload(std::shared_ptr<IncomingCall> call) {
  KACHERY_CO_TRY(asked, wire::parse<wire::Upload>(call->message()));
  KACHERY_CO_TRY(check_zone(asked.zone));
  if (asked.channel) {
    std::vector<ChannelName> channels{*asked.channel};
    const Result<> may = co_await check_channels(std::move(channels));
    if (!may) co_return wire::print(wire::ask_failed(may.error()));
  }
  const Wanted wanted{asked.digest, asked.channel};
  const std::unique_ptr<Interest> interest = ask(wanted, asked.asker, call->cancelled());
  for (;;) {
    const wire::AskState state = interest->state();
    if (wire::is_final(state)) co_return wire::print(state);
    if (call->is_cancelled()) co_return fail(Code::cancelled, "nobody wants it any more");
    call->progress(wire::print(state));
    co_await call->cancelled().wait(kSayAgainEvery);
  }
}

Task<> FileProvider::run(std::shared_ptr<Job> job) {
  Session& session = parts_.session;
  const auto look = [&session, digest = job->wanted.digest] { return session.look_for(digest); };
  const Result<ByteCount> size = co_await parts_.loop.offload(look);
  if (job->is_abandoned) co_return;
  if (!size) {
    const bool is_absent = size.error().code == Code::not_found;
    parts_.say(fmt::format("Not provided: {}", printable(size.error().message)));
    finish(job, is_absent ? wire::AskState{wire::kNotFound, {}, {}, {}, "the provider does not have it"}
                : size.error().code == Code::corrupt
                    ? changed_state()
                    : wire::ask_failed({size.error().code, told_to_asker(size.error().code)}));
    co_return;
  }
  job->state.size = *size;
  if (const Result<> admitted = admit(*job); !admitted) {
    parts_.say(fmt::format("Refused: {}: {}", str(job->wanted), admitted.error().message));
    finish(job, wire::ask_failed(admitted.error()));
    co_return;
  }
  waiting_.push_back(job);
  start_next();
  while (!job->has_turn && !job->is_abandoned) co_await job->turn.wait(kTurnWait);
  if (!job->has_turn) co_return;
  if (!job->is_abandoned) co_await send(job);
  running_.erase(job->wanted.digest);
  start_next();
  idle_.notify();
}

Result<> FileProvider::admit(Job& job) {
  if (is_stopping_) return fail_stopping();
  if (waiting_.size() >= kUploadsWaitingMax)
    return fail(Code::exhausted,
                fmt::format("{} uploads wait at this provider already; ask again later", waiting_.size()));
  return charge(job.asker, *job.state.size);
}

Result<> FileProvider::charge(const std::optional<NodeId>& asker, ByteCount size) {
  const auto now = std::chrono::steady_clock::now();
  if (now - day_began_ >= kDay) {
    sent_today_.clear();
    day_began_ = now;
  }
  ByteCount& sent = sent_today_[asker];
  if (size <= parts_.asker_bytes_max && sent <= parts_.asker_bytes_max - size) {
    sent += size;
    return {};
  }
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(day_began_ + kDay - now);
  return fail(
      Code::exhausted,
      fmt::format("this provider sends up to {} bytes a day for one asker, and {} were sent for {}; ask "
                  "again in {} minutes, or ask whoever provides it",
                  parts_.asker_bytes_max, sent, asker ? asker->hex() : "those without a key",
                  minutes.count()));
}

void FileProvider::start_next() {
  while (running_.size() < parts_.uploads_max) {
    const auto next = std::ranges::find_if(
        waiting_, [this](const auto& job) { return !running_.contains(job->wanted.digest); });
    if (next == waiting_.end()) return;
    const std::shared_ptr<Job> job = std::move(*next);
    waiting_.erase(next);
    running_.insert(job->wanted.digest);
    job->has_turn = true;
    job->turn.notify();
  }
}

Task<> FileProvider::send(std::shared_ptr<Job> job) {
  parts_.say("Starting upload: " + str(job->wanted));
  job->state.state = wire::kRunning;
  job->state.bytes_uploaded = 0;
  job->notify();
  parts_.loop.spawn(watch(job));
  const auto work = [&session = parts_.session, zone = parts_.zone, job]() -> Result<> {
    const auto& [digest, channel] = job->wanted;
    Result<> sent = session.upload({&digest, 1}, zone, job->progress, channel);
    if (sent || job->progress.cancel) return sent;
    // Whether it was ours to send is what the asker may know; a link is hashed again only if its file
    // changed.
    Progress unwatched;
    const Result<Located> here = session.open(name_of(digest), {.local_only = true}, unwatched);
    if (!here) return fail(Code::corrupt, sent.error().message);
    return sent;
  };
  const Result<> sent = co_await parts_.loop.offload(work);
  if (sent) {
    ++counts_.completed;
    counts_.bytes += *job->state.size;
    parts_.say(fmt::format("Uploaded: {} ({} bytes)", str(job->wanted), *job->state.size));
    finish(job, {wire::kCompleted, job->state.size, job->state.size, std::nullopt, std::nullopt});
    co_return;
  }
  ++counts_.failed;
  const Error& error = sent.error();
  parts_.say(job->progress.cancel
                 ? fmt::format("Upload stopped, because nobody wants it any more: {}", str(job->wanted))
                 : fmt::format("Upload failed: {}: {}", str(job->wanted), printable(error.message)));
  finish(job, error.code == Code::corrupt ? changed_state()
                                          : wire::ask_failed({error.code, told_to_asker(error.code)}));
}

// Looks at what the upload has done, which counts on another thread.
Task<> FileProvider::watch(std::shared_ptr<Job> job) {
  while (job->state.state == wire::kRunning) {
    co_await parts_.loop.sleep(kProgressEvery);
    const ByteCount done = std::min<ByteCount>(job->progress.bytes_done, *job->state.size);
    if (job->state.state != wire::kRunning || done == job->state.bytes_uploaded) continue;
    job->state.bytes_uploaded = done;
    job->notify();
  }
}

void FileProvider::finish(const std::shared_ptr<Job>& job, wire::AskState state) {
  job->state = std::move(state);
  const auto found = jobs_.find(job->wanted);
  if (found != jobs_.end() && found->second == job) jobs_.erase(found);
  job->notify();
}

// Nobody is interested any more.
void FileProvider::abandon(const std::shared_ptr<Job>& job) {
  if (wire::is_final(job->state)) return;
  job->is_abandoned = true;
  job->progress.cancel = true;
  std::erase(waiting_, job);
  const auto found = jobs_.find(job->wanted);
  if (found != jobs_.end() && found->second == job) jobs_.erase(found);
  job->turn.notify();
}

UploadCounts FileProvider::counts() const {
  UploadCounts counts = counts_;
  counts.running = running_.size();
  counts.waiting = waiting_.size();
  return counts;
}

Task<> FileProvider::stop(std::chrono::milliseconds wait) {
  is_stopping_ = true;
  looked_.notify();
  waiting_.clear();
  if (parts_.channels != nullptr) parts_.channels->stop();
  for (const auto& [wanted, job] : jobs_) job->progress.cancel = true;
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while ((!running_.empty() || looking_ > 0) && std::chrono::steady_clock::now() < deadline)
    co_await idle_.wait(wait);
}

}  // namespace kachery
