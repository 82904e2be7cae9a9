// SPDX-License-Identifier: Apache-2.0
#include "script.hpp"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/passes/canonicalize.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace hpcsched::fuse_torch::detail {
namespace {

namespace jit = torch::jit;
namespace prim = c10::prim;
using jit::Block;
using jit::Graph;
using jit::Module;
using jit::Node;
using jit::Value;

using path = std::vector<std::string>; // of attributes, from the network's own object

std::string text_of(path const& names, char const* between) {
    std::string text;
    for (std::string const& name : names) {
        text += (text.empty() ? "" : between) + name;
    }
    return text;
}

bool is_tensor(Value const* value) {
    return value->type()->isSubtypeOf(*c10::TensorType::get());
}

/// "torch.nn.modules.conv.Conv2d" of its mangled type name.
std::string class_name(Module const& module) {
    static std::regex const mangling{"___torch_mangle_[0-9]+\\.|__torch__\\."};
    return std::regex_replace(module.type()->name()->qualifiedName(), mangling, "");
}

std::string short_name(Module const& module) {
    std::string const name = class_name(module);
    return name.substr(name.rfind('.') + 1);
}

/// The attributes that lead from the graph's own object to a value; nothing where it is no attribute.
std::optional<path> path_to(Value const* value, Value const* self) {
    path names;
    while (value != self) {
        Node const* const node = value->node();
        if (node->kind() != prim::GetAttr) {
            return std::nullopt;
        }
        names.push_back(node->s(jit::attr::name));
        value = node->input();
    }
    std::reverse(names.begin(), names.end());
    return names;
}

c10::IValue attribute(Module const& from, path const& names) {
    c10::IValue at = from._ivalue();
    for (std::string const& name : names) {
        at = at.toObject()->getAttr(name);
    }
    return at;
}

/// Replaces calls of the object's own methods by their bodies, wherever they stand.
void inline_own_calls(Block* block, Module const& owner, Value const* self) {
    for (auto it = block->nodes().begin(); it != block->nodes().end();) {
        Node* const node = *it++;
        for (Block* const inner : node->blocks()) {
            inline_own_calls(inner, owner, self);
        }
        if (node->kind() == prim::CallMethod && node->input(0) == self) {
            auto const method = owner.get_method(node->s(jit::attr::name));
            auto body = jit::toGraphFunction(method.function()).graph()->copy();
            for (Block* const inner : {body->block()}) {
                inline_own_calls(inner, owner, body->inputs().at(0));
            }
            jit::inlineCallTo(node, &jit::toGraphFunction(method.function()), body.get());
        }
    }
}

/// The graph of `forward`, with own calls inlined, and everything but the first tensor given its default.
std::shared_ptr<Graph> forward_graph(Module const& module) {
    auto const method = module.find_method("forward");
    if (!method) {
        throw script_fault{"has no forward()"};
    }
    auto graph = jit::toGraphFunction(method->function()).graph()->copy();
    inline_own_calls(graph->block(), module, graph->inputs().at(0));
    auto const& arguments = method->function().getSchema().arguments();
    if (graph->inputs().size() < 2 || !is_tensor(graph->inputs()[1])) {
        throw script_fault{"does not read one tensor"};
    }
    for (std::size_t i = graph->inputs().size(); i-- > 2;) {
        auto const otherwise = arguments.at(i).default_value();
        if (!otherwise) {
            throw script_fault{"reads '" + arguments.at(i).name() +
                               "' beside its first tensor; wrap it so that it reads one"};
        }
        jit::WithInsertPoint const at_start{*graph->nodes().begin()};
        graph->inputs()[i]->replaceAllUsesWith(graph->insertConstant(*otherwise));
        graph->eraseInput(i);
    }
    jit::ConstantPropagation(graph); // branches on what a scripted module knows to be constant
    return graph;
}

/// What a node reads, its blocks included, from outside of it.
void add_reads(Node* node, std::unordered_set<Value const*>& inner, std::vector<Value*>& to) {
    for (Value* const value : node->inputs()) {
        if (!inner.contains(value)) {
            to.push_back(value);
        }
    }
    for (Block* const block : node->blocks()) {
        for (Value const* const value : block->inputs()) {
            inner.insert(value);
        }
        for (Node* const below : block->nodes()) {
            add_reads(below, inner, to);
            for (Value const* const value : below->outputs()) {
                inner.insert(value);
            }
        }
        for (Value* const value : block->outputs()) {
            if (!inner.contains(value)) {
                to.push_back(value);
            }
        }
    }
}

std::vector<Value*> reads_of(Node* node) {
    std::unordered_set<Value const*> inner;
    std::vector<Value*> to;
    add_reads(node, inner, to);
    return to;
}

/// Whether a node only names things: it may be repeated wherever it is needed.
bool is_name(Node const* node, Value const* self) {
    if (node->kind() == prim::Constant) {
        return true;
    }
    if (node->kind() == prim::GetAttr) {
        return path_to(node->output(), self).has_value();
    }
    if (node->kind() == prim::ListConstruct || node->kind() == prim::TupleConstruct) {
        return std::all_of(node->inputs().begin(), node->inputs().end(),
                           [&](Value const* v) { return v->node()->kind() == prim::Constant; });
    }
    return false;
}

/// Nodes between two places where a single tensor carries all that is known.
struct region {
    std::vector<Node*> nodes{};
    Value* reads = nullptr;
    Value* gives = nullptr;
    std::optional<path> calls{}; // it is one call of a module's forward, on its input alone
    bool has_weights = false;    // it uses attributes other than the mode
    bool has_modules = false;    // it calls modules, and is no single call
};

void classify(region& r, Value const* self) {
    for (Node* const node : r.nodes) {
        for (Value const* const read : reads_of(node)) {
            auto const names = read == self ? std::nullopt : path_to(read, self);
            if (!names || names->empty() || names->back() == "training") {
                continue;
            }
            r.has_weights = true;
            r.has_modules = r.has_modules || read->type()->is_module();
        }
    }
    Node const* const only = r.nodes.size() == 1 ? r.nodes.front() : nullptr;
    if (only != nullptr && only->kind() == prim::CallMethod && only->s(jit::attr::name) == "forward" &&
        only->inputs().size() == 2 && only->input(1) == r.reads) {
        r.calls = path_to(only->input(0), self);
        r.has_modules = false;
    }
}

/// Cuts a graph wherever one tensor is all that is still needed of what was computed.
std::vector<region> regions_of(Graph& graph) {
    Value* const self = graph.inputs().at(0);
    if (graph.outputs().size() != 1 || !is_tensor(graph.outputs()[0])) {
        throw script_fault{"does not give one tensor"};
    }
    Value* const result = graph.outputs()[0];
    std::vector<Node*> nodes;
    std::unordered_map<Value const*, std::size_t> last_read; // by which node
    for (Node* const node : graph.nodes()) {
        if (is_name(node, self)) {
            continue;
        }
        for (Value const* const value : reads_of(node)) {
            last_read[value] = nodes.size();
        }
        nodes.push_back(node);
    }
    last_read[result] = nodes.size();
    std::vector<region> made;
    std::set<Value*> live{graph.inputs().at(1)};
    region open{.reads = graph.inputs().at(1)};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        open.nodes.push_back(nodes[i]);
        for (Value* const value : nodes[i]->outputs()) {
            live.insert(value);
        }
        std::erase_if(live, [&](Value* v) { return !last_read.contains(v) || last_read[v] <= i; });
        if (live.size() == 1 && is_tensor(*live.begin()) && *live.begin() != open.reads) {
            open.gives = *live.begin();
            classify(open, self);
            made.push_back(std::move(open));
            open = region{.reads = made.back().gives};
        }
    }
    if (!open.nodes.empty() || made.empty() || made.back().gives != result) {
        throw script_fault{"does not compute its output from its input alone"};
    }
    return made;
}

/// Copies a region into a module of its own, with the attributes that it uses.
class extraction {
  public:
    extraction(Module const& owner, Graph const& from, std::string const& name)
        : owner_{owner}, self_{from.inputs()[0]}, made_{c10::QualifiedName{"hpcsched." + name}},
          graph_{std::make_shared<Graph>()} {
        made_.register_attribute("training", c10::BoolType::get(), true);
        new_self_ = graph_->addInput("self");
        new_self_->setType(made_.type());
        anchor_ = graph_->insertConstant(0)->node();
    }

    Module run(std::vector<region> const& regions) {
        Value* const x = graph_->addInput("x");
        x->setType(c10::TensorType::get());
        known_[regions.front().reads] = x;
        for (region const& r : regions) {
            for (Node const* const node : r.nodes) {
                copy(node, graph_->block());
            }
        }
        graph_->registerOutput(value(regions.back().gives));
        anchor_->destroy();
        auto* const method = made_._ivalue()->compilation_unit()->create_function(
            c10::QualifiedName{*made_.type()->name(), "forward"}, graph_);
        made_.type()->addMethod(method);
        return made_;
    }

  private:
    Value* value(Value const* of) {
        if (auto const found = known_.find(of); found != known_.end()) {
            return found->second;
        }
        if (auto const names = path_to(of, self_)) {
            return names->empty() ? new_self_ : attribute_value(of, *names);
        }
        Node const* const node = of->node();
        TORCH_CHECK(is_name(node, self_), "a value from outside of a region: ", node->kind().toQualString());
        Node* const again = graph_->createClone(const_cast<Node*>(node), [&](Value* v) { return value(v); });
        again->insertBefore(anchor_);
        return known_[of] = again->output();
    }

    Value* attribute_value(Value const* of, path const& names) {
        std::string const name = names.back() == "training" ? "training" : text_of(names, "_");
        if (name != "training" && !made_.hasattr(name)) {
            register_as(name, names);
        }
        Node* const asks = graph_->create(prim::GetAttr, {new_self_});
        asks->s_(jit::attr::name, name);
        asks->output()->setType(of->type());
        asks->insertBefore(anchor_);
        return known_[of] = asks->output();
    }

    void register_as(std::string const& name, path const& names) {
        c10::IValue const it = attribute(owner_, names);
        path const above{names.begin(), names.end() - 1};
        auto const owner_type = attribute(owner_, above).toObject()->type();
        auto const slot = owner_type->getAttributeSlot(names.back());
        if (it.isModule()) {
            made_.register_module(name, it.toModule());
        } else {
            made_.register_attribute(name, owner_type->getAttribute(slot), it, owner_type->is_parameter(slot),
                                     owner_type->is_buffer(slot));
        }
    }

    void copy(Node const* node, Block* into) {
        if (is_name(node, self_)) {
            return;
        }
        Node* const made =
            graph_->createClone(const_cast<Node*>(node), [&](Value* v) { return value(v); }, /*copy_blocks=*/false);
        if (node->kind() == prim::SetAttr) {
            path names = path_to(node->input(0), self_).value();
            names.push_back(node->s(jit::attr::name));
            std::string const name = names.back() == "training" ? "training" : text_of(names, "_");
            if (!made_.hasattr(name)) {
                register_as(name, names);
            }
            made->replaceInput(0, new_self_);
            made->s_(jit::attr::name, name);
        }
        into->appendNode(made);
        for (Block const* const block : node->blocks()) {
            Block* const to = made->addBlock();
            for (Value const* const parameter : block->inputs()) {
                known_[parameter] = to->addInput()->copyMetadata(const_cast<Value*>(parameter));
            }
            for (Node const* const below : block->nodes()) {
                copy(below, to);
            }
            for (Value const* const output : block->outputs()) {
                to->registerOutput(value(output));
            }
        }
        for (std::size_t i = 0; i < node->outputs().size(); ++i) {
            known_[node->output(i)] = made->output(i);
        }
    }

    Module owner_;
    Value const* self_;
    Module made_;
    std::shared_ptr<Graph> graph_;
    Value* new_self_ = nullptr;
    Node* anchor_ = nullptr; // constants and attributes stand before it
    std::unordered_map<Value const*, Value*> known_;
};

// --- what a piece is ---------------------------------------------------------------------------------------------

std::shared_ptr<Graph> inlined_graph(Module const& module) {
    auto graph = jit::toGraphFunction(module.get_method("forward").function()).graph()->copy();
    jit::Inline(*graph);
    jit::ConstantPropagation(graph);
    return graph;
}

void count_operations(Block const* block, std::map<std::string, unsigned>& counts) {
    for (Node const* const node : block->nodes()) {
        if (node->kind() == prim::CallFunction) { // not inlined: a builtin
            continue;
        }
        std::string name = node->kind().toUnqualString();
        while (name.size() > 1 && (name.back() == '_' || name.front() == '_')) { // in place, or internal
            name = name.back() == '_' ? name.substr(0, name.size() - 1) : name.substr(1);
        }
        ++counts[name];
        for (Block const* const inner : node->blocks()) {
            count_operations(inner, counts);
        }
    }
}

/// Which operations a module comes down to, without those of branches never taken being told apart.
class operations {
  public:
    explicit operations(Graph const& graph) { count_operations(graph.block(), counts_); }

    [[nodiscard]] unsigned of(std::initializer_list<char const*> names) const {
        unsigned sum = 0;
        for (char const* const name : names) {
            auto const found = counts_.find(name);
            sum += found == counts_.end() ? 0 : found->second;
        }
        return sum;
    }

  private:
    std::map<std::string, unsigned> counts_;
};

bool says(std::string const& name, std::initializer_list<char const*> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](char const* word) { return name.find(word) != std::string::npos; });
}

fuse::op_kind kind_of(std::string const& name, operations const& ops, bool has_weights) {
    using fuse::op_kind;
    unsigned const convolutions = ops.of({"convolution", "conv2d", "conv1d", "conv3d", "convolution_mode"});
    unsigned const products = ops.of({"linear", "addmm", "matmul", "mm", "bmm", "baddbmm"});
    unsigned const sums = ops.of({"add", "cat"});
    bool const attends = ops.of({"softmax", "scaled_dot_product_attention", "native_multi_head_attention",
                                 "transformer_encoder_layer_fwd", "multi_head_attention_forward"}) > 0;
    if (!has_weights) {
        return ops.of({"dropout", "feature_dropout"}) > 0                        ? op_kind::dropout
               : ops.of({"max_pool2d", "adaptive_max_pool2d", "max_pool1d"}) > 0 ? op_kind::max_pool
               : ops.of({"avg_pool2d", "adaptive_avg_pool2d"}) > 0               ? op_kind::average_pool
               : ops.of({"relu", "gelu", "tanh", "sigmoid", "hardtanh", "silu", "leaky_relu", "hardswish", "elu"}) > 0
                   ? op_kind::activation
               : ops.of({"flatten"}) > 0 ? op_kind::flatten
                                         : op_kind::glue;
    }
    if (attends && products > 0) {
        return op_kind::transformer_layer;
    }
    if (ops.of({"embedding"}) > 0) {
        return op_kind::token_embedding;
    }
    if (says(name, {"Pooler", "pooler"})) {
        return op_kind::pooler;
    }
    if (convolutions > 0 && says(name, {"Patch", "patch"})) {
        return op_kind::patch_embedding;
    }
    if (convolutions > 1 && sums > 0) {
        return op_kind::residual_block;
    }
    if (convolutions == 1 && products == 0 && sums == 0) {
        return op_kind::convolution;
    }
    if (convolutions == 0 && products == 0) {
        return ops.of({"batch_norm"}) > 0                 ? op_kind::batch_norm
               : ops.of({"layer_norm", "group_norm"}) > 0 ? op_kind::layer_norm
               : ops.of({"prelu"}) > 0                    ? op_kind::activation
               : says(name, {"Weighted "}) ? op_kind::glue // a class token, positions: they move with what follows
                                           : op_kind::other;
    }
    return convolutions == 0 && products == 1 && sums == 0 ? op_kind::linear : op_kind::other;
}

/// A number for a text that is the same on every machine.
std::string hash_text(std::string_view text) {
    std::uint64_t h = 1469598103934665603ULL;
    for (char const c : text) {
        h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(h));
    return digits.data();
}

/// Name and shapes of weights to be read, and a hash of the operations with their constants.
std::string describe(Module const& module, std::shared_ptr<Graph> const& graph) {
    std::string text = short_name(module);
    for (auto const& each : module.named_parameters()) {
        text += ' ';
        for (std::int64_t d = 0; d < each.value.dim(); ++d) {
            text += (d == 0 ? "" : "x") + std::to_string(each.value.size(d));
        }
    }
    auto const plain = jit::Canonicalize(graph, /*keep_unique_names=*/false);
    std::string body = plain->toString(/*print_source_locations=*/false);
    // Equal classes have different names where several files bring them.
    std::set<std::string, std::greater<>> names; // a name before those that it begins with
    for (Module const& each : module.modules()) {
        names.insert(each.type()->name()->qualifiedName());
    }
    for (std::string const& name : names) {
        for (auto at = body.find(name); at != std::string::npos; at = body.find(name, at + 1)) {
            body.replace(at, name.size(), "T");
        }
    }
    return text + " #" + hash_text(body);
}

script_piece make_piece(Module const& module, std::string const& where) {
    auto const graph = inlined_graph(module);
    bool const has_weights = module.parameters().size() + module.buffers().size() > 0;
    return {.module = module,
            .path = where,
            .description = describe(module, graph),
            .kind = kind_of(short_name(module) + ' ' + where, operations{*graph}, has_weights)};
}

// --- taking apart ------------------------------------------------------------------------------------------------

/// Whether a module below the network is a container, to be taken apart, and no block: its parts follow each other.
bool is_container(std::vector<region> const& regions) {
    auto const serial = std::count_if(regions.begin(), regions.end(), [](region const& r) { return r.calls; });
    auto const joined = std::count_if(regions.begin(), regions.end(), [](region const& r) { return r.has_modules; });
    return serial >= 1 && (joined == 0 || (serial >= 2 && serial > joined));
}

std::string joined_path(std::string const& above, std::string const& name) {
    return above.empty() ? name : above + '.' + name;
}

void take_apart(Module const& module, std::string const& where, bool is_whole, std::vector<script_piece>& to) {
    std::shared_ptr<Graph> graph;
    std::vector<region> regions;
    try {
        graph = forward_graph(module);
        regions = regions_of(*graph);
    } catch (script_fault const&) {
        if (is_whole) {
            throw;
        }
    }
    if (regions.empty() || (!is_whole && !is_container(regions))) {
        to.push_back(make_piece(module, where));
        return;
    }
    if (is_whole && regions.size() == 1 && !regions.front().calls) {
        to.push_back(make_piece(module, where.empty() ? "(whole)" : where));
        return;
    }
    for (std::size_t i = 0; i < regions.size();) {
        if (regions[i].calls) {
            auto const below = attribute(module, *regions[i].calls).toModule();
            take_apart(below, joined_path(where, text_of(*regions[i].calls, ".")), false, to);
            ++i;
            continue;
        }
        // Operations without weights that follow each other are one piece.
        std::size_t end = i + 1;
        while (!regions[i].has_weights && end < regions.size() && !regions[end].calls && !regions[end].has_weights) {
            ++end;
        }
        std::vector<region> const taken{regions.begin() + static_cast<std::ptrdiff_t>(i),
                                        regions.begin() + static_cast<std::ptrdiff_t>(end)};
        std::string name = regions[i].has_modules ? "Joined" : regions[i].has_weights ? "Weighted" : "Glue";
        std::string const last = taken.back().nodes.back()->kind().toUnqualString();
        Module const made = extraction{module, *graph, name}.run(taken);
        to.push_back(make_piece(made, joined_path(where, '(' + last + ')')));
        i = end;
    }
}

} // namespace

std::vector<script_piece> take_apart(Module const& network) {
    std::vector<script_piece> pieces;
    take_apart(network, "", true, pieces);
    return pieces;
}

Module join(std::vector<script_piece> const& pieces) {
    std::vector<script_step> steps;
    for (script_piece const& each : pieces) {
        auto const before = steps.empty() ? script_step::input : static_cast<std::uint32_t>(steps.size() - 1);
        steps.push_back({"p" + std::to_string(steps.size()), each.module, before, false});
    }
    return assemble(steps, {static_cast<std::uint32_t>(steps.size() - 1)});
}

// --- files -------------------------------------------------------------------------------------------------------

Module load_script(std::string const& file, char const* beside, std::string* text) {
    std::ifstream in{file, std::ios::binary};
    std::array<unsigned char, 4> head{};
    if (!in || !in.read(reinterpret_cast<char*>(head.data()), head.size())) {
        throw script_fault{"cannot be read, or is empty"};
    }
    if (head[0] == 0x80) {
        throw script_fault{
            "is a Python pickle: loading it would run code that the file brings along, so it is refused; "
            "save the model with torch.jit.script(model).save(file)"};
    }
    if (head[0] != 'P' || head[1] != 'K') {
        throw script_fault{"is no TorchScript file; save the model with torch.jit.script(model).save(file)"};
    }
    {
        caffe2::serialize::PyTorchStreamReader archive{file};
        if (!archive.hasRecord("constants.pkl")) {
            throw script_fault{archive.hasRecord("data.pkl")
                                   ? "is a Python pickle of torch.save: loading it would run code that the file brings "
                                     "along, so it is "
                                     "refused; save the model with torch.jit.script(model).save(file)"
                                   : "is an archive without TorchScript in it; save the model with "
                                     "torch.jit.script(model).save(file)"};
        }
    }
    jit::ExtraFilesMap extra;
    if (beside != nullptr) {
        extra[beside] = "";
    }
    Module made = jit::load(file, c10::Device{c10::kCPU}, extra);
    if (beside != nullptr) {
        *text = extra[beside];
    }
    return made;
}

// --- modes -------------------------------------------------------------------------------------------------------

namespace {

/// Which input of an operation is the mode.
std::optional<std::size_t> mode_input(Node const* node) {
    static std::map<std::string, std::size_t> const positions{
        {"aten::batch_norm", 5},    {"aten::dropout", 2},         {"aten::dropout_", 2},
        {"aten::instance_norm", 5}, {"aten::feature_dropout", 2}, {"aten::feature_dropout_", 2},
        {"aten::alpha_dropout", 2}, {"aten::alpha_dropout_", 2},  {"aten::feature_alpha_dropout", 2}};
    auto const found = positions.find(node->kind().toQualString());
    return found == positions.end() ? std::nullopt : std::optional{found->second};
}

unsigned mend(Block* block, Graph& graph, Module& owner) {
    unsigned mended = 0;
    for (Node* const node : block->nodes()) {
        for (Block* const inner : node->blocks()) {
            mended += mend(inner, graph, owner);
        }
        auto const position = mode_input(node);
        // Instance norm without running statistics is always in the mode that computes them.
        bool const is_bare =
            node->kind().toQualString() == std::string_view{"aten::instance_norm"} && node->input(3)->mustBeNone();
        if (!position || is_bare || node->input(*position)->node()->kind() != prim::Constant) {
            continue;
        }
        if (!owner.hasattr("training")) {
            owner.register_attribute("training", c10::BoolType::get(), false);
        }
        jit::WithInsertPoint const here{node};
        node->replaceInput(*position, graph.insertGetAttr(graph.inputs().at(0), "training"));
        ++mended;
    }
    return mended;
}

} // namespace

unsigned mend_training_flags(Module& network) {
    unsigned mended = 0;
    std::unordered_set<c10::ClassType const*> seen;
    for (Module each : network.modules()) {
        if (!seen.insert(each.type().get()).second) {
            continue;
        }
        for (auto const& method : each.get_methods()) {
            auto const graph = jit::toGraphFunction(method.function()).graph();
            if (!graph->inputs().empty() && graph->inputs()[0]->type()->is_module()) {
                mended += mend(graph->block(), *graph, each);
            }
        }
    }
    return mended;
}

std::vector<std::string> doubts_of(Module const& network) {
    std::vector<std::string> doubts;
    auto const graph = inlined_graph(network);
    operations const ops{*graph};
    if (ops.of({"transformer_encoder_layer_fwd", "native_multi_head_attention"}) > 0) {
        doubts.emplace_back("holds a fused transformer kernel without gradients, as tracing in eval mode leaves it; "
                            "script it, or trace it in training mode");
    }
    if (network.parameters().size() == 0) {
        doubts.emplace_back("has no weights to train: it was frozen; save it before it is frozen");
    }
    return doubts;
}

void set_modes(Module& network, bool training, bool batch_norm_training) {
    network.train(training);
    for (Module each : network.modules()) {
        if (each.hasattr("running_mean") && each.hasattr("training")) {
            each.setattr("training", batch_norm_training);
        }
    }
}

// --- making ------------------------------------------------------------------------------------------------------

namespace {

std::string number(std::uint32_t n) {
    return std::to_string(n);
}

} // namespace

Module make_adapter(fuse::adapter_kind kind, fuse::tensor_shape const& from, fuse::tensor_shape const& to) {
    using fuse::adapter_kind;
    Module made{c10::QualifiedName{"hpcsched.Adapter"}};
    made.register_attribute("training", c10::BoolType::get(), true);
    bool const is_image = from.is_image();
    if (fuse::is_trained(kind)) {
        std::int64_t const in = from[is_image ? 0 : from.rank() - 1];
        std::int64_t const out = to[is_image ? 0 : to.rank() - 1];
        made.register_parameter("weight", is_image ? at::zeros({out, in, 1, 1}) : at::zeros({out, in}), false);
        made.register_parameter("bias", at::zeros({out}), false);
    }
    std::string const resize =
        is_image ? "torch.upsample_bilinear2d(x, [" + number(to[1]) + ", " + number(to[2]) + "], False)" : "";
    switch (kind) {
    case adapter_kind::convolution:
        made.define("def forward(self, x):\n  return torch.conv2d(x, self.weight, self.bias)\n");
        break;
    case adapter_kind::interpolation:
        made.define("def forward(self, x):\n  return " + resize + "\n");
        break;
    case adapter_kind::convolution_interpolation:
        made.define("def forward(self, x):\n  x = torch.conv2d(x, self.weight, self.bias)\n  return " + resize + "\n");
        break;
    case adapter_kind::width_interpolation:
        made.define("def forward(self, x):\n  return torch.upsample_linear1d(x, [" + number(to[1]) + "], False)\n");
        break;
    case adapter_kind::linear:
        made.define("def forward(self, x):\n  return torch.linear(x, self.weight, self.bias)\n");
        break;
    case adapter_kind::none:
        throw script_fault{"an adapter of no kind"};
    }
    return made;
}

Module assemble(std::vector<script_step> const& steps, std::vector<std::uint32_t> const& outputs) {
    Module made{c10::QualifiedName{"hpcsched.Fused"}};
    made.register_attribute("training", c10::BoolType::get(), true);
    std::string text = "def forward(self, x):\n";
    for (std::size_t i = 0; i < steps.size(); ++i) {
        script_step const& step = steps[i];
        made.register_module(step.name, step.module);
        std::string const read = step.reads == script_step::input ? "x" : "t" + number(step.reads);
        text += "  t" + std::to_string(i) + " = self." + step.name + ".forward(" + read +
                (step.copies_input ? ".clone()" : "") + ")\n";
    }
    text += "  return ";
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        text += (i == 0 ? "t" : ", t") + number(outputs[i]);
    }
    made.define(text + '\n');
    return made;
}

Module trainable_copy(Module const& module) {
    c10::NoGradGuard const no_grad;
    Module copy = module.deepcopy();
    for (at::Tensor const& parameter : copy.parameters()) {
        if (parameter.is_floating_point()) {
            parameter.set_requires_grad(true);
        }
    }
    return copy;
}

Module frozen_copy(Module const& module) {
    c10::NoGradGuard const no_grad;
    Module copy = module.deepcopy();
    copy.eval();
    return jit::freeze(copy);
}

plain_executor::plain_executor() : before_{jit::getProfilingMode().exchange(false)} {}
plain_executor::~plain_executor() {
    jit::getProfilingMode() = before_;
}

} // namespace hpcsched::fuse_torch::detail
