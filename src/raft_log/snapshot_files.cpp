// SPDX-License-Identifier: Apache-2.0
#include "snapshot_files.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hpcsched::raft_log::detail {

result<void> check_owner(owner const& expected, std::uint64_t cluster, raft::node_id node, std::string const& path) {
    if (cluster != expected.cluster) {
        return error{path + ": belongs to cluster " + std::to_string(cluster) + ", this is cluster " +
                     std::to_string(expected.cluster) + ": give each cluster a directory of its own"};
    }
    if (node != expected.node) {
        return error{path + ": belongs to node " + std::to_string(node.value) + ", this is node " +
                     std::to_string(expected.node.value) + ": give each node a directory of its own"};
    }
    return {};
}

error snapshot_reader::damaged(std::uint64_t place, char const* what) const {
    return error{path_ + ": offset " + std::to_string(place) + ": " + what +
                 "; restore the file, or remove this node from the cluster and add it anew"};
}

result<snapshot_reader> snapshot_reader::open(file_system& files, std::string const& name, owner const& expected) {
    snapshot_reader out;
    out.path_ = files.path(name);
    auto opened = files.open(name, open_mode::read);
    if (!opened) {
        return opened.error();
    }
    out.file_ = std::move(*opened);
    std::vector<std::byte> head(snapshot_header_bytes);
    auto const got = out.file_->read(0, head);
    if (!got) {
        return got.error();
    }
    auto header = decode_snapshot_header(std::span{head}.first(*got));
    if (!header) {
        return error{out.path_ + ": " + header.error().message};
    }
    out.header_ = std::move(*header);
    if (auto mine = check_owner(expected, out.header_.cluster, out.header_.node, out.path_); !mine) {
        return mine.error();
    }
    auto const size = out.file_->size();
    if (!size) {
        return size.error();
    }
    std::array<std::byte, trailer_bytes> tail{};
    if (*size < snapshot_header_bytes + trailer_bytes) {
        return out.damaged(*size, "the file is cut short");
    }
    out.end_ = *size - trailer_bytes;
    if (auto const read = out.file_->read(out.end_, tail); !read) {
        return read.error();
    }
    auto const trailer = decode_trailer(out.header_.salt, out.end_, tail);
    if (!trailer) {
        return out.damaged(out.end_, "its end is damaged or missing");
    }
    out.trailer_ = *trailer;
    return out;
}

result<void> snapshot_reader::load(frame const& f) {
    if (loaded_place_ == f.place) {
        return {};
    }
    loaded_place_ = 0;
    loaded_.resize(frame_header_bytes + f.length);
    auto const got = file_->read(f.place, loaded_);
    if (!got) {
        return got.error();
    }
    if (*got != loaded_.size() || !is_frame(header_.salt, f.place, loaded_)) {
        return damaged(f.place, "a block is damaged");
    }
    loaded_place_ = f.place;
    return {};
}

result<void> snapshot_reader::check(bool whole) {
    frames_.clear();
    std::uint64_t offset = 0;
    std::uint64_t place = snapshot_header_bytes;
    while (place < end_) {
        std::array<std::byte, frame_header_bytes> head{};
        auto const got = file_->read(place, head);
        if (!got) {
            return got.error();
        }
        auto const found = peek_frame(std::span{head}.first(*got));
        if (!found || found->offset != offset || found->length > end_ - place - frame_header_bytes) {
            return damaged(place, "a block is damaged");
        }
        frame const f{offset, place, found->length};
        if (whole) {
            if (auto loaded = load(f); !loaded) {
                return loaded;
            }
        }
        if (f.length > 0) {
            frames_.push_back(f);
        }
        offset += f.length;
        place += frame_header_bytes + f.length;
    }
    if (place != end_ || offset != trailer_.size) {
        return damaged(end_, "it holds another number of bytes than it says");
    }
    return {};
}

result<void> snapshot_reader::read(std::uint64_t offset, std::size_t size, std::vector<std::byte>& out) {
    auto at = std::ranges::upper_bound(frames_, offset, {}, &frame::offset);
    for (at = at == frames_.begin() ? at : std::prev(at); size > 0 && at != frames_.end(); ++at) {
        if (auto loaded = load(*at); !loaded) {
            return loaded;
        }
        auto const from = static_cast<std::size_t>(offset - at->offset);
        std::size_t const count = std::min(size, at->length - from);
        auto const begin = loaded_.begin() + static_cast<std::ptrdiff_t>(frame_header_bytes + from);
        out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
        offset += count;
        size -= count;
    }
    return {};
}

namespace {

result<void> write_frame(file& to, std::uint64_t salt, std::uint64_t place, std::uint64_t offset,
                         std::span<std::byte const> payload) {
    // One write, so that a piece costs one.
    std::vector<std::byte> frame(frame_header_bytes + payload.size());
    encode(salt, place, offset, payload, std::span<std::byte, frame_header_bytes>{frame.data(), frame_header_bytes});
    std::ranges::copy(payload, frame.begin() + frame_header_bytes);
    return to.write(place, frame);
}

result<void> write_trailer(file& to, std::uint64_t salt, std::uint64_t place, snapshot_trailer const& trailer) {
    std::array<std::byte, trailer_bytes> tail{};
    encode(salt, place, trailer, tail);
    return to.write(place, tail);
}

result<void> publish(file_system& files, std::string const& from, std::string const& to) {
    if (auto renamed = files.rename(from, to); !renamed) {
        return renamed;
    }
    return files.sync_directory();
}

result<void> fill(file& to, snapshot_header const& header, snapshot_trailer const& trailer,
                  std::span<std::byte const> bytes) {
    if (auto written = to.write(0, encode(header)); !written) {
        return written;
    }
    std::uint64_t place = snapshot_header_bytes;
    for (std::size_t offset = 0; offset < bytes.size();) {
        auto const part = bytes.subspan(offset, std::min(frame_payload_max, bytes.size() - offset));
        if (auto written = write_frame(to, header.salt, place, offset, part); !written) {
            return written;
        }
        offset += part.size();
        place += frame_header_bytes + part.size();
    }
    if (auto written = write_trailer(to, header.salt, place, trailer); !written) {
        return written;
    }
    return to.sync();
}

} // namespace

result<void> store_snapshot(file_system& files, snapshot_header header, snapshot_trailer const& trailer,
                            std::span<std::byte const> bytes) {
    std::string const name = snapshot_name(header.group, header.index);
    header.salt = files.salt();
    auto made = files.open(name + ".tmp", open_mode::create);
    if (!made) {
        return made.error();
    }
    auto stored = fill(**made, header, trailer, bytes);
    made->reset();
    if (stored) {
        stored = publish(files, name + ".tmp", name);
    }
    if (!stored) {
        (void)files.remove(name + ".tmp"); // a full disk is not to be kept full by what failed for it
    }
    return stored;
}

result<void> begin_incoming(file_system& files, snapshot_header const& header, incoming_snapshot& incoming) {
    auto made = files.open(incoming_name(header.group), open_mode::create);
    if (!made) {
        return made.error();
    }
    incoming = {header.index, header.term, 0, snapshot_header_bytes};
    if (auto written = (*made)->write(0, encode(header)); !written) {
        return written;
    }
    return files.sync_directory();
}

namespace {

struct open_incoming {
    std::unique_ptr<file> to;
    std::uint64_t salt = 0;
};

// The salt is read back: an incoming snapshot is a rare guest, and need not take memory for it.
result<open_incoming> reopen(file_system& files, raft::group_id group) {
    auto opened = files.open(incoming_name(group), open_mode::write);
    if (!opened) {
        return opened.error();
    }
    std::vector<std::byte> head(snapshot_header_bytes);
    if (auto const got = (*opened)->read(0, head); !got) {
        return got.error();
    }
    auto const header = decode_snapshot_header(head);
    if (!header) {
        return error{files.path(incoming_name(group)) + ": " + header.error().message};
    }
    return open_incoming{std::move(*opened), header->salt};
}

} // namespace

result<void> append_incoming(file_system& files, raft::group_id group, std::span<std::byte const> bytes,
                             incoming_snapshot& incoming) {
    auto const opened = reopen(files, group);
    if (!opened) {
        return opened.error();
    }
    auto stored = write_frame(*opened->to, opened->salt, incoming.file_size, incoming.size, bytes);
    if (stored) {
        stored = opened->to->sync();
    }
    if (stored) {
        incoming.size += bytes.size();
        incoming.file_size += frame_header_bytes + bytes.size();
    }
    return stored;
}

result<void> finish_incoming(file_system& files, raft::group_id group, snapshot_trailer const& trailer,
                             incoming_snapshot& incoming) {
    auto opened = reopen(files, group);
    if (!opened) {
        return opened.error();
    }
    auto stored = write_trailer(*opened->to, opened->salt, incoming.file_size, trailer);
    if (stored) {
        stored = opened->to->truncate(incoming.file_size + trailer_bytes);
    }
    if (stored) {
        stored = opened->to->sync();
    }
    opened->to.reset();
    return stored ? publish(files, incoming_name(group), snapshot_name(group, incoming.index)) : stored;
}

result<std::unique_ptr<incoming_snapshot>> resume_incoming(file_system& files, raft::group_id group,
                                                           owner const& expected) {
    auto opened = files.open(incoming_name(group), open_mode::write);
    if (!opened) {
        return opened.error();
    }
    auto const bytes = read_whole(**opened);
    if (!bytes) {
        return bytes.error();
    }
    std::span<std::byte const> const whole{*bytes};
    auto const header = decode_snapshot_header(whole);
    if (!header || header->cluster != expected.cluster || header->node != expected.node || header->group != group) {
        return std::unique_ptr<incoming_snapshot>{};
    }
    auto out =
        std::make_unique<incoming_snapshot>(incoming_snapshot{header->index, header->term, 0, snapshot_header_bytes});
    while (auto const frame = peek_frame(whole.subspan(static_cast<std::size_t>(out->file_size)))) {
        auto const rest = whole.subspan(static_cast<std::size_t>(out->file_size));
        if (frame->offset != out->size || frame->length > rest.size() - frame_header_bytes ||
            !is_frame(header->salt, out->file_size, rest.first(frame_header_bytes + frame->length))) {
            break;
        }
        out->size += frame->length;
        out->file_size += frame_header_bytes + frame->length;
    }
    if (out->file_size < whole.size()) {
        if (auto cut = (*opened)->truncate(out->file_size); !cut) {
            return cut.error();
        }
    }
    // What the page cache gave may not be on the disk, even after an fdatasync that failed once and now does not; and
    // it is about to be vouched for. So it is written again.
    if (auto written = (*opened)->write(0, whole.first(static_cast<std::size_t>(out->file_size))); !written) {
        return written.error();
    }
    if (auto synced = (*opened)->sync(); !synced) {
        return synced.error();
    }
    return out;
}

} // namespace hpcsched::raft_log::detail
