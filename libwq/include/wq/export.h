#pragma once

/// Marks the symbols that a shared libwq or libwq_worker_main exports. All others are hidden, so
/// that it can change without a new version of the library, and meets no name of yours.
#define WQ_API __attribute__((visibility("default")))
