#include "support/http.h"

#include <stdexcept>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace wq::test {

namespace {

void send_all(int socket, std::string_view text) {
  if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("cannot send a request");
  }
}

}  // namespace

internal::UniqueFd begin_get(const std::string& url) {
  const std::size_t colon = url.rfind(':');
  const std::size_t slash = url.find('/', colon);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoul(url.substr(colon + 1, slash - colon - 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  internal::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("nobody listens at " + url);
  }
  send_all(socket.get(), "GET " + url.substr(slash) + " HTTP/1.0\r\n");
  return socket;
}

std::string get(const std::string& url) {
  const internal::UniqueFd socket = begin_get(url);
  send_all(socket.get(), "\r\n");
  std::string answer;
  char bytes[4096];
  for (ssize_t n = 0; (n = ::recv(socket.get(), bytes, sizeof bytes, 0)) > 0;) {
    answer.append(bytes, static_cast<std::size_t>(n));
  }
  return answer;
}

}  // namespace wq::test
