#include "support/terminal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "support/eventually.h"

namespace wq::test {

using internal::UniqueFd;

Terminal::Terminal(unsigned columns, unsigned rows)
    : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)),
      columns_(columns),
      rows_(rows) {
  std::array<char, 128> name{};
  if (!master_ || ::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0 ||
      ::ptsname_r(master_.get(), name.data(), name.size()) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make a pseudo-terminal");
  }
  slave_ = UniqueFd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave_) throw std::system_error(errno, std::generic_category(), "cannot open it");
  resize(columns);
}

void Terminal::resize(unsigned columns) {
  columns_ = columns;
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows_);
  if (::ioctl(master_.get(), TIOCSWINSZ, &size) != 0) throw std::runtime_error("cannot resize");
}

void Terminal::type(std::string_view keys) {
  if (::write(master_.get(), keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
    throw std::runtime_error("cannot type");
  }
}

void Terminal::read_all() {
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(master_.get(), buffer.data(), buffer.size())) > 0;) {
    const std::string_view got(buffer.data(), static_cast<std::size_t>(n));
    bytes_ += got;
    show(got);
  }
}

std::string& Terminal::line() {
  if (row_ >= lines_.size()) lines_.resize(row_ + 1);
  return lines_[row_];
}

void Terminal::show(std::string_view bytes) {
  for (const char c : bytes) {
    if (!unfinished_.empty()) {
      unfinished_ += c;
      if (unfinished_.size() == 2 && c != '[') throw std::runtime_error("not a CSI sequence");
      if (unfinished_.size() > 2 && c >= '@') {
        escape(unfinished_);
        unfinished_.clear();
      }
    } else if (c == '\x1b') {
      unfinished_ = c;
    } else if (c == '\r') {
      column_ = 0;
    } else if (c == '\n') {
      ++row_;
      line();
    } else {
      if (column_ >= columns_) {  // the terminal wraps
        column_ = 0;
        ++row_;
      }
      std::string& here = line();
      if (here.size() <= column_) here.resize(column_ + 1, ' ');
      here[column_++] = c;
    }
  }
}

void Terminal::escape(std::string_view sequence) {
  const char what = sequence.back();
  const std::string number(sequence.substr(2, sequence.size() - 3));
  if (what == 'm') return;  // colours
  if (what == 'A') {
    const std::size_t up = number.empty() ? 1 : std::stoul(number);
    // Not above the window.
    const std::size_t top = lines_.size() > rows_ ? lines_.size() - rows_ : 0;
    row_ = std::max(row_ - std::min(up, row_), top);
  } else if ((what == 'J' || what == 'K') && number.empty()) {
    line().resize(std::min(line().size(), column_));
    if (what == 'J') lines_.resize(row_ + 1);
  } else {
    throw std::runtime_error("a terminal sequence that nobody should use: " +
                             std::string(sequence.substr(1)));
  }
}

const std::string& Terminal::bytes() {
  read_all();
  return bytes_;
}

std::vector<std::string> Terminal::screen() {
  read_all();
  std::vector<std::string> seen = lines_;
  for (std::string& each : seen) each.erase(each.find_last_not_of(' ') + 1);
  while (!seen.empty() && seen.back().empty()) seen.pop_back();
  return seen;
}

std::string Terminal::text() {
  std::string all;
  for (const std::string& each : screen()) all += each + "\n";
  return all;
}

void Terminal::wait_for(std::string_view wanted) {
  if (eventually([&] { return text().find(wanted) != std::string::npos; })) return;
  throw std::runtime_error("the terminal does not show '" + std::string(wanted) + "':\n" + text());
}

std::string Terminal::modes() const {
  termios modes{};
  if (::tcgetattr(slave_.get(), &modes) != 0) throw std::runtime_error("has no modes");
  std::string text;
  for (const tcflag_t flags : {modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag}) {
    text += std::to_string(flags) + " ";
  }
  return text;
}

}  // namespace wq::test
