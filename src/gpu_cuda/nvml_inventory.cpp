// SPDX-License-Identifier: Apache-2.0
#include "nvml_inventory.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>
#include <utility>

namespace hpcsched::gpu_cuda {
namespace {

constexpr unsigned text_size = 96; // of names and UUIDs, as NVML's header has it

constexpr std::uint32_t mebibytes(unsigned long long bytes) noexcept {
    return static_cast<std::uint32_t>(bytes >> 20U);
}

} // namespace

result<std::unique_ptr<nvml_inventory>> nvml_inventory::open(std::string const& path) {
    auto library = nvml_library::load(path);
    if (!library) {
        return library.error();
    }
    auto made = std::make_unique<nvml_inventory>(std::move(*library));
    if (auto const found = made->find_devices(path); !found) {
        return found.error();
    }
    made->watch_errors();
    return made;
}

nvml_inventory::nvml_inventory(nvml_library library) noexcept : library_{std::move(library)} {}

nvml_inventory::~nvml_inventory() {
    if (errors_ != nullptr) {
        (void)library_.call.event_set_free(errors_);
    }
    (void)library_.call.shutdown();
}

std::string nvml_inventory::version() const {
    char text[text_size] = {};
    bool const told =
        library_.call.driver_version != nullptr && library_.call.driver_version(text, text_size - 1) == nvml::success;
    return told ? text : "unknown";
}

result<void> nvml_inventory::find_devices(std::string const& path) {
    unsigned count = 0;
    if (nvml::result_code const code = library_.call.device_count(&count); code != nvml::success) {
        return error{path + " cannot count the devices: NVML's error " + std::to_string(code)};
    }
    std::vector<std::pair<gpu::device_facts, nvml::device>> found;
    for (unsigned i = 0; i < count && found.size() < gpu::device_count_max; ++i) {
        nvml::device handle = nullptr;
        gpu::device_facts facts;
        // One that is lost already has no handle; it is missing, which a comparison with what was declared tells.
        if (library_.call.device_get(i, &handle) == nvml::success && read(handle, facts) == gpu::driver_code::done) {
            found.emplace_back(std::move(facts), handle);
        }
    }
    std::ranges::sort(found, {}, [](auto const& f) { return f.first.bus_id; });
    for (auto& [facts, handle] : found) {
        facts_.push_back(std::move(facts));
        handles_.push_back(handle);
    }
    read_links(facts_);
    xids_.assign(handles_.size(), 0);
    return {};
}

void nvml_inventory::watch_errors() {
    nvml::functions const& call = library_.call;
    bool const can = call.event_set_create != nullptr && call.register_events != nullptr &&
                     call.event_wait != nullptr && call.event_set_free != nullptr;
    if (!can || call.event_set_create(&errors_) != nvml::success) {
        errors_ = nullptr;
        return;
    }
    for (nvml::device const handle : handles_) {
        (void)call.register_events(handle, nvml::event_xid, errors_); // some devices and users cannot: no Xids then
    }
}

void nvml_inventory::read_errors() {
    nvml::event_data e{};
    for (int left = 1'000; errors_ != nullptr && left > 0; --left) {
        if (library_.call.event_wait(errors_, &e, 0) != nvml::success) {
            return;
        }
        auto const at = std::ranges::find(handles_, e.on);
        if (at != handles_.end() && e.type == nvml::event_xid) {
            std::uint32_t& worst = xids_[static_cast<std::size_t>(at - handles_.begin())];
            worst = gpu::worse_xid(worst, static_cast<std::uint32_t>(e.data));
        }
    }
}

gpu::driver_code nvml_inventory::read(nvml::device handle, gpu::device_facts& facts) const {
    nvml::functions const& call = library_.call;
    char text[text_size] = {};
    if (auto const code = call.device_uuid(handle, text, text_size - 1); code != nvml::success) {
        return code_of_nvml(code);
    }
    facts.uuid = text;
    if (auto const code = call.device_name(handle, text, text_size - 1); code != nvml::success) {
        return code_of_nvml(code);
    }
    facts.name = text;
    nvml::pci_info pci{};
    if (auto const code = call.device_pci(handle, &pci); code != nvml::success) {
        return code_of_nvml(code);
    }
    pci.bus_id[sizeof pci.bus_id - 1] = '\0';
    facts.bus_id = pci.bus_id;
    nvml::memory_info memory{};
    if (auto const code = call.device_memory(handle, &memory); code != nvml::success) {
        return code_of_nvml(code);
    }
    facts.info.memory_mib = mebibytes(memory.total);
    unsigned long nodes[16] = {};
    if (call.memory_affinity != nullptr &&
        call.memory_affinity(handle, 16, nodes, nvml::affinity_node) == nvml::success) {
        for (unsigned word = 0; word < 16; ++word) {
            if (nodes[word] != 0) {
                facts.info.numa_node = static_cast<std::uint16_t>(word * 8 * sizeof(unsigned long) +
                                                                  static_cast<unsigned>(std::countr_zero(nodes[word])));
                break;
            }
        }
    }
    read_slices(handle, facts);
    return gpu::driver_code::done;
}

void nvml_inventory::read_slices(nvml::device handle, gpu::device_facts& facts) const {
    nvml::functions const& call = library_.call;
    unsigned current = 0;
    unsigned pending = 0;
    bool const sliced = call.mig_mode != nullptr && call.mig_mode(handle, &current, &pending) == nvml::success &&
                        current == nvml::mig_enabled;
    unsigned count = 0;
    facts.info.sliced = sliced;
    if (!sliced || call.mig_count == nullptr || call.mig_device == nullptr ||
        call.mig_count(handle, &count) != nvml::success) {
        return;
    }
    for (unsigned i = 0; i < count; ++i) {
        nvml::device instance = nullptr;
        char text[text_size] = {};
        if (call.mig_device(handle, i, &instance) != nvml::success ||
            call.device_uuid(instance, text, text_size - 1) != nvml::success) {
            continue; // numbers of instances have gaps
        }
        gpu::slice_facts s{.uuid = text};
        nvml::device_attributes a{};
        if (call.attributes != nullptr && call.attributes(instance, &a) == nvml::success) {
            s.profile.compute_slices = static_cast<std::uint8_t>(a.gpu_instance_slices);
            s.memory_mib = static_cast<std::uint32_t>(a.memory_mib);
        }
        unsigned id = 0;
        nvml::gpu_instance whole = nullptr;
        nvml::gpu_instance_info where{};
        bool const placed = call.gpu_instance_id != nullptr && call.gpu_instance_by_id != nullptr &&
                            call.gpu_instance_facts != nullptr &&
                            call.gpu_instance_id(instance, &id) == nvml::success &&
                            call.gpu_instance_by_id(handle, id, &whole) == nvml::success &&
                            call.gpu_instance_facts(whole, &where) == nvml::success && where.place.start < 8 &&
                            where.place.size <= 8 - where.place.start;
        if (placed) {
            s.profile.memory_slices = static_cast<std::uint8_t>(where.place.size);
            s.slices = static_cast<std::uint8_t>(((1U << where.place.size) - 1) << where.place.start);
        } else if (facts.info.memory_mib > 0) { // the user may not look: by the instance's share of the memory
            unsigned const eighths = (s.memory_mib * 8 + facts.info.memory_mib / 2) / facts.info.memory_mib;
            s.profile.memory_slices = static_cast<std::uint8_t>(std::bit_floor(std::max(eighths, 1U)));
        }
        facts.slices.push_back(std::move(s));
    }
}

bool nvml_inventory::linked(nvml::device a, nvml::device b) const {
    int status = -1;
    return library_.call.p2p_status != nullptr &&
           library_.call.p2p_status(a, b, nvml::p2p_nvlink, &status) == nvml::success && status == nvml::p2p_ok;
}

// Devices that NVLink joins, be it through others, are one group; each of the others is a group of its own.
void nvml_inventory::read_links(std::vector<gpu::device_facts>& all) const {
    std::vector<std::size_t> first(all.size());
    std::iota(first.begin(), first.end(), std::size_t{0});
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (first[i] != first[j] && linked(handles_[i], handles_[j])) {
                std::ranges::replace(first, std::max(first[i], first[j]), std::min(first[i], first[j]));
            }
        }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].info.link_group = static_cast<std::uint16_t>(first[i]);
    }
}

result<std::vector<gpu::device_facts>, gpu::driver_code> nvml_inventory::devices() {
    for (std::size_t i = 0; i < handles_.size(); ++i) {
        gpu::device_facts now;
        if (read(handles_[i], now) == gpu::driver_code::done) {
            now.info.link_group = facts_[i].info.link_group;
            facts_[i] = std::move(now);
        }
    }
    return facts_;
}

result<gpu::device_vitals, gpu::driver_code> nvml_inventory::vitals(std::uint32_t device) {
    if (device >= handles_.size()) {
        return gpu::driver_code::unknown;
    }
    nvml::functions const& call = library_.call;
    nvml::device const handle = handles_[device];
    read_errors();
    gpu::device_vitals v{.memory_total_mib = facts_[device].info.memory_mib, .last_xid = xids_[device]};
    nvml::memory_info memory{};
    nvml::result_code const code = call.device_memory(handle, &memory);
    if (code == nvml::gpu_is_lost || code == nvml::reset_required) {
        v.reachable = false;
        return v;
    }
    if (code != nvml::success) {
        return code_of_nvml(code);
    }
    v.memory_total_mib = mebibytes(memory.total);
    v.memory_used_mib = mebibytes(memory.used);
    unsigned degrees = 0;
    if (call.temperature != nullptr && call.temperature(handle, nvml::temperature_gpu, &degrees) == nvml::success) {
        v.temperature_c = static_cast<std::int32_t>(degrees);
    }
    unsigned long long errors = 0;
    if (call.ecc_errors != nullptr) {
        bool told = call.ecc_errors(handle, nvml::error_corrected, nvml::counter_volatile, &errors) == nvml::success;
        v.corrected_errors = told ? errors : 0;
        told = call.ecc_errors(handle, nvml::error_uncorrected, nvml::counter_volatile, &errors) == nvml::success;
        v.uncorrected_errors = told ? errors : 0;
    }
    unsigned corrected = 0;
    unsigned uncorrected = 0;
    unsigned pending = 0;
    unsigned failed = 0;
    if (call.remapped_rows != nullptr &&
        call.remapped_rows(handle, &corrected, &uncorrected, &pending, &failed) == nvml::success) {
        v.repair_pending = pending != 0;
        v.repair_failed = failed != 0;
    }
    int pages = 0;
    if (call.retired_pages_pending != nullptr && call.retired_pages_pending(handle, &pages) == nvml::success) {
        v.repair_pending = v.repair_pending || pages != 0;
    }
    return v;
}

result<std::vector<gpu::device_process>, gpu::driver_code> nvml_inventory::processes(std::uint32_t device) {
    if (device >= handles_.size()) {
        return gpu::driver_code::unknown;
    }
    if (library_.call.processes == nullptr) {
        return gpu::driver_code::unsupported;
    }
    std::vector<nvml::process_info> infos(64);
    for (;;) { // they may become more between two calls
        auto count = static_cast<unsigned>(infos.size());
        nvml::result_code const code = library_.call.processes(handles_[device], &count, infos.data());
        if (code == nvml::insufficient_size && infos.size() < 65'536) {
            infos.resize(std::max<std::size_t>(infos.size() * 2, count));
            continue;
        }
        if (code != nvml::success) {
            return code_of_nvml(code);
        }
        infos.resize(std::min<std::size_t>(infos.size(), count));
        break;
    }
    std::vector<gpu::device_process> found;
    for (nvml::process_info const& p : infos) {
        bool const known = p.used_memory != ~0ULL;
        found.push_back({static_cast<std::int32_t>(p.pid), known ? p.used_memory : 0});
    }
    std::ranges::sort(found, {}, &gpu::device_process::pid);
    return found;
}

} // namespace hpcsched::gpu_cuda
