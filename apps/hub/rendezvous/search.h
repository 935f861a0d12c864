// Search: who has a file, of the nodes that are connected and provide files in some channels.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hub/rendezvous/providers.h"

namespace kachery::hub {

// A node that is asked, and in which channels.
struct Candidate {
  std::shared_ptr<Provider> provider;
  std::vector<ChannelName> channels;  // At least one.
};

// One asker's; it begins when somebody waits for it, and then asks all of them at once. Network thread only;
// the loop and the providers outlive it. Shared by whoever waits for it and by the questions under way.
class Search : public std::enable_shared_from_this<Search> {
 public:
  struct Holder {
    Candidate who;
    ByteCount size;  // As it says.
  };

  Search(Loop& loop, const Providers& providers, ZoneName zone, const Digest& digest,
         std::vector<Candidate> candidates, std::chrono::milliseconds wait);

  // Waits until somebody has it whom nobody took yet, and says in which channel: in the first of theirs.
  // None: nobody is left. Who failed lately comes last, when all others have answered.
  Task<std::optional<ChannelName>> next_channel();
  // Takes the next one who has it in this channel; null: nobody is left.
  Task<std::shared_ptr<Provider>> take(ChannelName channel);
  // Whether there is one who has it, or may.
  bool has_more(const ChannelName& channel) const;

  // Waits for all answers, or until the time is over.
  Task<> finish();
  std::size_t asked() const { return questions_.size(); }
  // Who has not answered.
  std::size_t silent() const;
  std::vector<Holder> holders() const;

 private:
  struct Question {
    Candidate who;
    bool has_answered = false;
    std::optional<ByteCount> size = {};
    bool is_taken = false;
  };

  void begin();
  static Task<> ask(std::shared_ptr<Search> self, std::size_t number);
  bool is_over() const;
  // What can be taken now, in this channel or in any.
  Question* find(const std::optional<ChannelName>& channel);
  Task<Question*> await(std::optional<ChannelName> channel);

  Loop& loop_;
  const Providers& providers_;
  ZoneName zone_;
  Digest digest_;
  std::vector<Question> questions_;
  std::chrono::milliseconds wait_;
  std::optional<std::chrono::steady_clock::time_point> until_;  // None before it has begun.
  Signal answered_;
};

}  // namespace kachery::hub
