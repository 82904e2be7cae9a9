// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/group_log.hpp>
#include <hpcsched/raft_log/journal.hpp>

#include "journal_core.hpp"

#include <algorithm>
#include <utility>

namespace hpcsched::raft_log {

namespace {

constexpr std::size_t segment_bytes_min = std::size_t{8} << 10U;
constexpr std::size_t segment_bytes_max = std::size_t{1} << 30U;

} // namespace

result<void> validate(journal_config const& config) {
    if (config.directory.empty()) {
        return error{"journal_config: directory is empty: name one for the files"};
    }
    if (config.segment_bytes % 4096 != 0 || config.segment_bytes < segment_bytes_min ||
        config.segment_bytes > segment_bytes_max) {
        return error{"journal_config: segment_bytes must be a multiple of 4096 from 8 KiB to 1 GiB"};
    }
    return {};
}

journal::journal(std::unique_ptr<detail::journal_core> core) : core_{std::move(core)} {}
journal::journal(journal&&) noexcept = default;
journal& journal::operator=(journal&&) noexcept = default;
journal::~journal() = default;

result<journal> journal::open(journal_config config) {
    if (auto valid = validate(config); !valid) {
        return valid.error();
    }
    auto files = detail::open_directory(config.directory);
    if (!files) {
        return files.error();
    }
    auto core = detail::journal_core::open(std::move(config), std::move(*files));
    if (!core) {
        return core.error();
    }
    return journal{std::move(*core)};
}

result<group_log> journal::open_group(raft::group_id group, raft::membership const& founders) {
    return core_->open_group(group, founders);
}
std::vector<raft::group_id> journal::groups() const {
    return core_->groups();
}
result<void> journal::flush() {
    return core_->flush();
}
result<void> journal::remove_group(raft::group_id group) {
    return core_->remove_group(group);
}
int journal::descriptor() const noexcept {
    return core_->descriptor();
}
result<void> journal::complete() {
    return core_->complete();
}
void journal::set_on_durable(std::function<void(raft::group_id)> call) {
    core_->set_on_durable(std::move(call));
}
bool journal::idle() const noexcept {
    return core_->idle();
}
result<void> journal::drain() {
    return core_->drain();
}
flush_mode journal::mode() const noexcept {
    return core_->mode();
}
std::vector<std::string> const& journal::remarks() const noexcept {
    return core_->remarks();
}
std::size_t journal::segment_count() const noexcept {
    return core_->segment_count();
}

group_log::group_log(detail::journal_core& core, detail::group& group) : core_{&core}, group_{&group} {}
group_log::group_log(group_log&& other) noexcept
    : core_{other.core_}, group_{std::exchange(other.group_, nullptr)}, read_{std::move(other.read_)} {}
group_log& group_log::operator=(group_log&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(group_, other.group_);
    std::swap(read_, other.read_);
    return *this;
}
group_log::~group_log() {
    if (group_ != nullptr) {
        group_->open = false;
    }
}

raft::group_id group_log::group() const noexcept {
    return group_->id;
}

raft::stored_state group_log::stored() const {
    detail::group const& g = *group_;
    return {.state = {g.term, g.voted_for},
            .commit = g.commit,
            .snapshot_index = g.snapshot.index,
            .snapshot_term = g.snapshot.term,
            .members = detail::membership_of(g.snapshot.index == 0 ? g.founders : g.members)};
}

void group_log::visit_stored(std::function<void(raft::entry const&)> const& visit) {
    constexpr std::size_t count_max = 1024;
    constexpr std::size_t bytes_max = std::size_t{1} << 20U;
    detail::group& g = *group_;
    for (raft::log_index next = std::max(g.first, g.snapshot.index + 1); next <= g.last();) {
        auto const some = core_->read(g, read_, next, count_max, bytes_max);
        if (!some) {
            return; // the journal has failed, and takes no write of whoever goes on from here
        }
        std::ranges::for_each(some->entries, visit);
        next += some->entries.size();
    }
    read_.reset();
}

result<void> group_log::write(raft::log_write const& w) {
    read_.reset(); // a group at rest holds none
    return core_->write(*group_, w);
}

std::uint64_t group_log::durable() const noexcept {
    return group_->durable;
}

std::optional<raft::stored_entries> group_log::read(raft::log_index first, std::size_t count_max,
                                                    std::size_t bytes_max) {
    return core_->read(*group_, read_, first, count_max, bytes_max);
}

raft::snapshot_info group_log::snapshot() const {
    detail::group const& g = *group_;
    return {.index = g.snapshot.index,
            .term = g.snapshot.term,
            .members = g.snapshot.index == 0 ? raft::membership{} : detail::membership_of(g.members),
            .size = g.snapshot.size};
}

result<void> group_log::save_snapshot(raft::snapshot_info const& info, std::span<std::byte const> bytes,
                                      raft::log_index keep_from) {
    return core_->save_snapshot(*group_, info, bytes, keep_from);
}

std::span<std::byte const> group_log::read_snapshot(std::uint64_t offset, std::size_t bytes_max) {
    return core_->read_snapshot(*group_, read_, offset, bytes_max);
}

result<raft::snapshot_progress> group_log::store_chunk(raft::snapshot_chunk const& chunk) {
    return core_->store_chunk(*group_, chunk);
}

} // namespace hpcsched::raft_log
