#pragma once

#include <optional>
#include <string>

#include "command/command_template.h"

namespace wq::internal {

/// Throws `std::invalid_argument`, with one line that shows the right form, for a program that is
/// not there now, before any item is taken: a typo, or a whole command in one word (`'gzip -t
/// {}'`), as other programs hand it to a shell. Of a program that the item chooses: if nothing
/// exists that it could be.
void refuse_missing_program(const CommandTemplate& command);

/// A warning about a word that only a shell interprets, such as `|`; it is an argument here, and
/// the command may succeed with it.
[[nodiscard]] std::optional<std::string> shell_operator_warning(const CommandTemplate& command);

}  // namespace wq::internal
