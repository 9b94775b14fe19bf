#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wq::internal {

/// A command with a marker, `{}` unless changed, in the places where the item goes. Immutable, so
/// thread-safe.
class CommandTemplate {
 public:
  /// An empty marker stands for none. Throws `std::invalid_argument`, with one line for the user,
  /// if the command is empty, or if the marker stands in the script of a shell (`sh -c`, also
  /// after other words, as in `timeout 5 bash -ec`): what is in an item would be run as code.
  CommandTemplate(std::vector<std::string> command, std::string marker);

  /// The marker occurs: the item is an argument. Otherwise it belongs on stdin.
  [[nodiscard]] bool takes_item() const noexcept { return takes_item_; }

  /// The marker occurs in the name of the program, which is then another one for each item.
  [[nodiscard]] bool item_chooses_program() const noexcept { return item_chooses_program_; }

  /// The program's name as it was given.
  [[nodiscard]] const std::string& program() const noexcept { return command_.front(); }

  [[nodiscard]] const std::string& marker() const noexcept { return marker_; }

  /// The command's words with every occurrence of the marker replaced by the item, from left to
  /// right. A marker inside the item is left alone.
  [[nodiscard]] std::vector<std::string> fill(std::string_view item) const;

 private:
  [[nodiscard]] bool has_marker(std::string_view word) const noexcept;
  void refuse_scripts() const;

  std::vector<std::string> command_;
  std::string marker_;
  bool takes_item_ = false;
  bool item_chooses_program_ = false;
};

}  // namespace wq::internal
