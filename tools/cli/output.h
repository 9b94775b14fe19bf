#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace wq::cli {

/// Standard output cannot be written: closed by its reader, disk full.
class OutputError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Its reader has gone and wants no more, as `head` does.
class OutputClosed : public OutputError {
  using OutputError::OutputError;
};

/// Writes to standard output, buffered. Throws `OutputError`. One thread at a time.
void write_out(std::string_view text);

/// One line for people: that standard output cannot be written, and why (an `errno` value).
[[nodiscard]] std::string output_error_text(int error);

/// Sends what is buffered on its way. Throws `OutputError`; a success means that the system took
/// everything written so far.
void flush_out();

/// The same, and where standard output is a file or a block device, until that is safe on the disk.
void sync_out();

/// Gives the numbers 0, 1 and 2 to something that cannot be used, where the program was started
/// with one of them closed. Otherwise a connection to Redis could get the number 1, and results
/// would be written into it. Call it first.
void occupy_standard_streams();

/// The text with what would break or move a line, change its direction or not be seen written as
/// `\n`, `\x1b`, `\xe2\x80\xae`; bytes that are no UTF-8 too.
[[nodiscard]] std::string one_line(std::string_view text);

/// Any bytes in one line, likewise but with a newline as `\x0a`; cut after `most` bytes, with how
/// many there are.
[[nodiscard]] std::string bytes_text(std::string_view bytes, std::size_t most);

/// JSON in one line, with the characters in its strings that are not shown as `\u202e`.
[[nodiscard]] std::string json_text(std::string_view json);

/// Writes one line to standard error, prefixed with the program's name. Never throws for a closed
/// stream.
void print_error(std::string_view program, std::string_view message);

}  // namespace wq::cli
