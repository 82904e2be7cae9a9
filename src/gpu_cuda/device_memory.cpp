// SPDX-License-Identifier: Apache-2.0
#include "device_memory.hpp"

#include "uuid_text.hpp"

#include <algorithm>
#include <iterator>

namespace hpcsched::gpu_cuda {

device_memory::device_memory(cuda_library const& library, std::vector<std::string> const& uuids,
                             std::uint32_t copier_count)
    : library_{library}, devices_(uuids.size()), copiers_{copier_count, ends_} {
    int count = 0;
    if (library.call.device_count(&count) != cuda::success) {
        return;
    }
    for (int ordinal = 0; ordinal < count; ++ordinal) {
        cuda::device handle = 0;
        cuda::uuid id{};
        if (library.call.device_get(&handle, ordinal) != cuda::success) {
            continue;
        }
        if (uuids.empty()) {
            devices_.emplace_back().ordinal = handle;
        } else if (library.call.device_uuid(&id, handle) == cuda::success) {
            auto const at = std::ranges::find(uuids, text_of(id));
            if (at != uuids.end()) {
                devices_[static_cast<std::size_t>(at - uuids.begin())].ordinal = handle;
            }
        }
    }
}

device_memory::~device_memory() {
    for (std::uint32_t i = 0; i < devices_.size(); ++i) {
        device_state& d = devices_[i];
        if (d.context == nullptr || enter(i) != gpu::driver_code::done) {
            continue;
        }
        for (lane& l : d.lanes) {
            if (l.stream != nullptr) {
                (void)library_.call.stream_synchronize(l.stream);
                for (in_flight const& f : l.queue) {
                    (void)library_.call.event_destroy(f.done);
                }
                (void)library_.call.stream_destroy(l.stream);
            }
        }
        for (cuda::event const e : d.spare) {
            (void)library_.call.event_destroy(e);
        }
        for (auto const& [at, bytes] : d.blocks) {
            (void)library_.call.memory_free(at);
        }
    }
    if (enter_any() == gpu::driver_code::done) {
        for (gpu::staging_area const& area : pinned_) {
            (void)library_.call.host_free(area.at);
        }
    }
    for (device_state const& d : devices_) {
        if (d.context != nullptr) {
            (void)library_.call.context_release(d.ordinal);
        }
    }
}

// Makes a device's context the thread's: others in this process may have set theirs since.
gpu::driver_code device_memory::enter(std::uint32_t device) {
    if (device >= devices_.size() || devices_[device].ordinal < 0) {
        return gpu::driver_code::unknown;
    }
    device_state& d = devices_[device];
    if (d.context == nullptr) {
        cuda::result_code const made = library_.call.context_retain(&d.context, d.ordinal);
        if (made != cuda::success) {
            d.context = nullptr;
            return code_of(made);
        }
    }
    return code_of(library_.call.context_set(d.context));
}

gpu::driver_code device_memory::enter_any() {
    auto at = std::ranges::find_if(devices_, [](device_state const& d) { return d.context != nullptr; });
    if (at == devices_.end()) {
        at = std::ranges::find_if(devices_, [](device_state const& d) { return d.ordinal >= 0; });
    }
    return enter(static_cast<std::uint32_t>(at - devices_.begin()));
}

result<gpu::device_address, gpu::driver_code> device_memory::allocate(std::uint32_t device, std::uint64_t bytes) {
    if (bytes == 0) {
        return device < devices_.size() ? gpu::driver_code::malformed : gpu::driver_code::unknown;
    }
    if (gpu::driver_code const code = enter(device); code != gpu::driver_code::done) {
        return code;
    }
    cuda::device_pointer at = 0;
    if (cuda::result_code const code = library_.call.memory_alloc(&at, bytes); code != cuda::success) {
        return code_of(code);
    }
    devices_[device].blocks.emplace(at, bytes);
    return gpu::device_address{device, at};
}

gpu::driver_code device_memory::free(gpu::device_address at) {
    if (at.device >= devices_.size() || !devices_[at.device].blocks.contains(at.at)) {
        return gpu::driver_code::unknown;
    }
    if (gpu::driver_code const code = enter(at.device); code != gpu::driver_code::done) {
        return code;
    }
    devices_[at.device].blocks.erase(at.at);
    return code_of(library_.call.memory_free(at.at));
}

result<gpu::staging_area, gpu::driver_code> device_memory::pin(std::uint64_t bytes) {
    if (bytes == 0) {
        return gpu::driver_code::malformed;
    }
    if (gpu::driver_code const code = enter_any(); code != gpu::driver_code::done) {
        return code;
    }
    void* at = nullptr;
    cuda::result_code const code = library_.call.host_alloc(&at, bytes, cuda::host_alloc_portable);
    if (code != cuda::success) {
        return code == cuda::out_of_memory ? gpu::driver_code::no_host_memory : code_of(code);
    }
    pinned_.push_back({static_cast<std::byte*>(at), bytes});
    return pinned_.back();
}

gpu::driver_code device_memory::unpin(gpu::staging_area area) {
    auto const at = std::ranges::find(pinned_, area);
    if (at == pinned_.end()) {
        return gpu::driver_code::unknown;
    }
    pinned_.erase(at);
    if (gpu::driver_code const code = enter_any(); code != gpu::driver_code::done) {
        return code;
    }
    return code_of(library_.call.host_free(area.at));
}

gpu::driver_code device_memory::check(gpu::transfer const& t) const {
    bool const reads_host = t.kind != gpu::transfer_kind::to_host;
    bool const writes_host = t.kind != gpu::transfer_kind::to_device;
    bool const no_bytes = (reads_host && t.from == nullptr) || (writes_host && t.to == nullptr);
    if (t.bytes == 0 || t.stream >= gpu::stream_count_max || no_bytes) {
        return gpu::driver_code::malformed;
    }
    if (t.kind == gpu::transfer_kind::copy) {
        return gpu::driver_code::done;
    }
    if (t.on_device.device >= devices_.size()) {
        return gpu::driver_code::unknown;
    }
    auto const& blocks = devices_[t.on_device.device].blocks;
    auto const after = blocks.upper_bound(t.on_device.at);
    if (after == blocks.begin()) {
        return gpu::driver_code::unknown;
    }
    auto const& [start, bytes] = *std::prev(after);
    std::uint64_t const offset = t.on_device.at - start;
    bool const within = offset <= bytes && t.bytes <= bytes - offset;
    return within ? gpu::driver_code::done : gpu::driver_code::unknown;
}

gpu::driver_code device_memory::event_of(device_state& d, cuda::event& e) const {
    if (!d.spare.empty()) {
        e = d.spare.back();
        d.spare.pop_back();
        return gpu::driver_code::done;
    }
    return code_of(library_.call.event_create(&e, cuda::event_disable_timing));
}

gpu::driver_code device_memory::begin(gpu::transfer const& t) {
    if (gpu::driver_code const code = check(t); code != gpu::driver_code::done) {
        return code;
    }
    if (t.kind == gpu::transfer_kind::copy) {
        copiers_.begin(t);
        ++under_way_;
        return gpu::driver_code::done;
    }
    if (gpu::driver_code const code = enter(t.on_device.device); code != gpu::driver_code::done) {
        return code;
    }
    device_state& d = devices_[t.on_device.device];
    lane& l = d.lanes[t.stream];
    if (l.stream == nullptr) {
        cuda::result_code const code = library_.call.stream_create(&l.stream, cuda::stream_non_blocking);
        if (code != cuda::success) {
            l.stream = nullptr;
            return code_of(code);
        }
    }
    in_flight f{.owner = t.owner, .id = t.id};
    if (gpu::driver_code const code = event_of(d, f.done); code != gpu::driver_code::done) {
        return code;
    }
    cuda::result_code code = t.kind == gpu::transfer_kind::to_device
                                 ? library_.call.to_device_async(t.on_device.at, t.from, t.bytes, l.stream)
                                 : library_.call.to_host_async(t.to, t.on_device.at, t.bytes, l.stream);
    if (code == cuda::success) {
        code = library_.call.event_record(f.done, l.stream);
        if (code != cuda::success) { // it is under way, and nobody would hear of its end
            (void)library_.call.stream_synchronize(l.stream);
        }
    }
    if (code != cuda::success) {
        d.spare.push_back(f.done);
        return code_of(code);
    }
    l.queue.push_back(f);
    ++under_way_;
    return gpu::driver_code::done;
}

gpu::driver_code device_memory::move_plainly(gpu::transfer const& t) {
    gpu::driver_code code = t.kind == gpu::transfer_kind::copy ? gpu::driver_code::malformed : check(t);
    if (code == gpu::driver_code::done) {
        code = enter(t.on_device.device);
    }
    if (code != gpu::driver_code::done) {
        return code;
    }
    return code_of(t.kind == gpu::transfer_kind::to_device ? library_.call.to_device(t.on_device.at, t.from, t.bytes)
                                                           : library_.call.to_host(t.to, t.on_device.at, t.bytes));
}

// An event that is not ready is waited for; any other answer than that it is done is the transfer's end as well, since
// a context that has failed answers so for all that it had.
void device_memory::collect(sink<gpu::transfer_end>& out) {
    buffer<gpu::transfer_end> copied;
    ends_.take(copied);
    for (gpu::transfer_end const& e : copied.items()) {
        out.append(e);
        --under_way_;
    }
    for (device_state& d : devices_) {
        for (lane& l : d.lanes) {
            while (!l.queue.empty()) {
                cuda::result_code const code = library_.call.event_query(l.queue.front().done);
                if (code == cuda::not_ready) {
                    break;
                }
                out.append({l.queue.front().owner, l.queue.front().id, code_of(code)});
                d.spare.push_back(l.queue.front().done);
                l.queue.pop_front();
                --under_way_;
            }
        }
    }
}

bool device_memory::something_ended() {
    for (device_state const& d : devices_) {
        for (lane const& l : d.lanes) {
            if (!l.queue.empty() && library_.call.event_query(l.queue.front().done) != cuda::not_ready) {
                return true;
            }
        }
    }
    return !ends_.empty();
}

} // namespace hpcsched::gpu_cuda
