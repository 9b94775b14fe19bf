#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command/placeholder.h"

namespace wq::internal {

/// A command with placeholders in the places where the item goes; see `find_placeholder` for what
/// the marker does. Immutable, so thread-safe.
class CommandTemplate {
 public:
  /// Empty: no marker. Throws `std::invalid_argument`, with one line for the user, if the command
  /// is empty, if the item is in the script of a shell (`sh -c`, also after other words, as in
  /// `timeout 5 bash -ec`): the shell would execute the item as code; or if it has a placeholder of
  /// GNU parallel that wq does not support and would pass on literally.
  CommandTemplate(std::vector<std::string> command, std::string marker);

  /// The item, or a part of it, is an argument. Otherwise it belongs on stdin.
  [[nodiscard]] bool takes_item() const noexcept { return takes_item_; }

  /// The name of the program has a placeholder, so it is another one for each item.
  [[nodiscard]] bool item_chooses_program() const noexcept { return item_chooses_program_; }

  /// The command as it was given; its first word is the program's name.
  [[nodiscard]] const std::vector<std::string>& words() const noexcept { return command_; }
  [[nodiscard]] const std::string& program() const noexcept { return command_.front(); }
  [[nodiscard]] const std::string& marker() const noexcept { return marker_; }

  /// The command's words with every placeholder replaced, from left to right. One inside the item
  /// is left alone.
  [[nodiscard]] std::vector<std::string> fill(const Filling& filling) const;

 private:
  void refuse_scripts() const;
  void refuse_unknown() const;

  std::vector<std::string> command_;
  std::string marker_;
  bool has_placeholders_ = false;
  bool takes_item_ = false;
  bool item_chooses_program_ = false;
};

/// The first placeholder of the item itself, such as `{.}`, in this word; empty for none.
[[nodiscard]] std::string_view item_in(std::string_view word, std::string_view marker);

}  // namespace wq::internal
