// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/cell_pool.hpp>
#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/experiment_mpi/run_grid.hpp>

#include <boost/serialization/string.hpp>

#include "session_state.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::experiment_mpi {
namespace {

using namespace std::chrono_literals;
using experiment::cell_pool;
using experiment::cell_result;
using experiment::grid_ledger;
using experiment::grid_options;
using experiment::grid_outcome;
using experiment::grid_plan;

// Rank 0 sends orders: the index of a cell, or one of the two below. The others send answers.
constexpr int order_tag = 1;
constexpr int answer_tag = 2;
constexpr std::int64_t order_to_leave = -1;   ///< there is no more work
constexpr std::int64_t order_to_give_up = -2; ///< stop what runs, then say so

// How long a rank sleeps between two looks at its threads and its messages: MPI's own waiting burns a CPU.
constexpr auto patience = 2ms;

/// An answer: 'R' and a result, 'E' and an error, both with the cell's index; or 'S', all has stopped.
struct answer {
    char kind = 'S';
    std::uint64_t index = 0;
    std::string text{};

    template <class Archive>
    void serialize(Archive& archive, unsigned) {
        archive & kind & index & text;
    }
};

answer answer_of(cell_pool::finished_cell const& done) {
    if (done.cell.has_error()) {
        return {'E', done.index, done.cell.error().message};
    }
    return {'R', done.index, experiment::to_json(*done.cell)};
}

result<cell_result> cell_of(answer const& from) {
    if (from.kind == 'E') {
        return error{from.text};
    }
    return experiment::cell_from_json(from.text);
}

unsigned lane_count(grid_options const& options) {
    return std::max(1U, options.thread_count);
}

/// Every rank but 0: does what it is told.
void serve(boost::mpi::communicator& world, grid_plan const& plan, unsigned lanes) {
    cell_pool pool{plan, lanes};
    bool giving_up = false;
    for (;;) {
        if (auto const done = pool.wait(patience)) {
            world.send(0, answer_tag, answer_of(*done));
        }
        while (world.iprobe(0, order_tag)) {
            std::int64_t order = 0;
            world.recv(0, order_tag, order);
            if (order == order_to_leave) {
                return;
            }
            if (order == order_to_give_up) {
                pool.stop();
                giving_up = true;
            } else {
                pool.submit(static_cast<std::size_t>(order));
            }
        }
        if (giving_up && pool.unfinished_count() == 0) {
            world.send(0, answer_tag, answer{});
            giving_up = false;
        }
    }
}

/// Rank 0: hands out cells, runs some, keeps the books.
class foreman {
  public:
    foreman(boost::mpi::communicator& world, grid_plan const& plan, grid_options const& options)
        : world_{world}, plan_{plan}, options_{options}, ledger_{plan, options}, pool_{plan, lane_count(options)},
          pending_{ledger_.pending()} {}

    result<grid_outcome> run() {
        std::reverse(pending_.begin(), pending_.end()); // handed out from the back
        hand_out_first();
        report();
        while (!is_done()) {
            if (auto done = pool_.wait(patience)) {
                enter(done->index, std::move(done->cell));
                submit_next();
            }
            take_answers();
            if (!stopping_ && options_.stop != nullptr && options_.stop->load()) {
                stop();
            }
            report();
        }
        for (int rank = 1; rank < world_.size(); ++rank) {
            world_.send(rank, order_tag, order_to_leave);
        }
        if (failure_) {
            return *failure_;
        }
        return ledger_.take();
    }

  private:
    void hand_out_first() {
        if (options_.watcher != nullptr) { // it can only watch here
            auto const watched = std::find(pending_.begin(), pending_.end(), options_.watched_cell);
            if (watched != pending_.end()) {
                pending_.erase(watched);
                pool_.submit(options_.watched_cell, options_.watcher);
            }
        }
        // One to each rank in turn, so that a short grid is spread wide.
        for (unsigned lane = 0; lane < lane_count(options_); ++lane) {
            for (int rank = 0; rank < world_.size(); ++rank) {
                rank == 0 ? submit_next() : send_next(rank);
            }
        }
    }

    void submit_next() {
        if (!pending_.empty() && pool_.unfinished_count() < lane_count(options_)) {
            pool_.submit(pending_.back());
            pending_.pop_back();
        }
    }

    void send_next(int rank) {
        if (!pending_.empty()) {
            world_.send(rank, order_tag, static_cast<std::int64_t>(pending_.back()));
            pending_.pop_back();
            ++outside_count_;
        }
    }

    void take_answers() {
        while (auto const message = world_.iprobe(boost::mpi::any_source, answer_tag)) {
            answer received;
            world_.recv(message->source(), answer_tag, received);
            if (received.kind == 'S') {
                ++stopped_count_;
                continue;
            }
            --outside_count_;
            auto const index = static_cast<std::size_t>(received.index);
            tasks_outside_ += plan_.expected_tasks(index);
            enter(index, cell_of(received));
            send_next(message->source());
        }
    }

    void enter(std::size_t index, result<cell_result> cell) {
        auto const entered = ledger_.enter(index, std::move(cell));
        if (entered.has_error() && !failure_) {
            failure_ = entered.error();
            stop();
        }
    }

    void stop() {
        stopping_ = true;
        pending_.clear();
        pool_.stop();
        for (int rank = 1; rank < world_.size(); ++rank) {
            world_.send(rank, order_tag, order_to_give_up);
        }
    }

    [[nodiscard]] bool is_done() const {
        if (stopping_) {
            return pool_.unfinished_count() == 0 && stopped_count_ == world_.size() - 1;
        }
        return pending_.empty() && outside_count_ == 0 && pool_.unfinished_count() == 0;
    }

    void report() const {
        if (options_.progress) {
            options_.progress(ledger_.progress(pool_.tasks_begun() + tasks_outside_));
        }
    }

    boost::mpi::communicator& world_;
    grid_plan const& plan_;
    grid_options const& options_;
    grid_ledger ledger_;
    cell_pool pool_;
    std::vector<std::size_t> pending_;
    std::size_t outside_count_ = 0; ///< cells that other ranks run
    std::uint64_t tasks_outside_ = 0;
    int stopped_count_ = 0; ///< ranks that have given up
    bool stopping_ = false;
    std::optional<error> failure_;
};

} // namespace

result<grid_outcome> run_grid(mpi_session& session, grid_plan const& plan, grid_options const& options) {
    boost::mpi::communicator& world = session.internals().world;
    try {
        if (session.rank() == 0) {
            return foreman{world, plan, options}.run();
        }
        serve(world, plan, lane_count(options));
        return grid_outcome{};
    } catch (std::exception const& failed) {
        // The other ranks would wait for this one for ever. What is in the journal stays.
        std::cerr << "rank " << session.rank() << ": " << failed.what() << std::endl;
        boost::mpi::environment::abort(1);
        return error{failed.what()};
    }
}

} // namespace hpcsched::experiment_mpi
