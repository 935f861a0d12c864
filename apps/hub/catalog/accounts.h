// Account: what a user stores in a zone, and may store there.
#pragma once

#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Counts in memory while a call goes on, so that a batch costs two statements; save() writes the difference.
// As long as the work.
class Account {
 public:
  static Result<Account> open(Work& work, RowId zone, RowId user);

  // One object more, of so many bytes: for the user, and so for the zone. Else why there is no room.
  std::optional<Error> take(ByteCount bytes);
  void give_back(ByteCount bytes, std::int64_t objects);

  Result<> save(Work& work);

 private:
  struct Side {
    std::string whose;
    QuotaState quota;
  };
  Account(RowId zone, RowId user, Side of_zone, Side of_user)
      : zone_(zone), user_(user), of_zone_(std::move(of_zone)), of_user_(std::move(of_user)) {}
  std::optional<Error> fault(const Side& side, ByteCount bytes) const;

  RowId zone_;
  RowId user_;
  Side of_zone_;
  Side of_user_;
  std::int64_t bytes_ = 0;  // Taken, less what was given back.
  std::int64_t objects_ = 0;
};

// The same for somebody who is not the one that calls.
Result<> give_back(Work& work, RowId zone, RowId user, std::int64_t bytes, std::int64_t objects);

// From the columns bytes_max, objects_max, bytes, objects, of which this is the first.
QuotaState quota_state(const Query& row, int column);

}  // namespace kachery::hub
