// What the C interface of FAISS does not offer: searching with parameters of the one request (probes, effort, a set of
// rows) that are freed with it, adding to inverted lists in two steps, of which only the second changes the index, and
// finding the centroids of many lists in a reasonable time.
//
// Nothing is thrown across the boundary: a function that fails returns 1 and leaves a text.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <numeric>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexIVFRaBitQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/pq4_fast_scan.h>
#include <faiss/invlists/BlockInvertedLists.h>
#include <faiss/utils/AlignedTable.h>

#include "many_lists.h"

namespace {

using faiss::idx_t;

// The rows whose bit is set, or those whose bit is not.
struct RowSelector : faiss::IDSelector {
    const uint64_t* words;
    size_t count;
    bool is_excluding;

    RowSelector(const uint64_t* words, size_t count, bool is_excluding)
            : words(words), count(count), is_excluding(is_excluding) {}

    bool is_member(idx_t id) const final {
        const size_t word = static_cast<uint64_t>(id) / 64;
        const bool is_set = word < count && (words[word] >> (static_cast<uint64_t>(id) % 64) & 1) != 0;
        return is_set != is_excluding;
    }
};

const faiss::Index* inner(const faiss::Index* index) {
    while (auto transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        index = transform->index;
    }
    return index;
}

template <typename Action>
int guarded(char* message, size_t length, Action action) {
    const char* text;
    try {
        action();
        return 0;
    } catch (const faiss::FaissException& error) {
        text = error.what();
        std::strncpy(message, text, length - 1);
    } catch (const std::exception& error) {
        text = error.what();
        std::strncpy(message, text, length - 1);
    } catch (...) {
        std::strncpy(message, "unknown", length - 1);
    }
    message[length - 1] = '\0';
    return 1;
}

// Vectors on their way into inverted lists: where each goes and its code.
struct Staged {
    size_t code_size = 0;
    std::vector<idx_t> lists;
    faiss::AlignedTable<uint8_t> codes;
};

void add_to_blocks(faiss::IndexIVFFastScan& ivf, const Staged& staged) {
    auto blocks = dynamic_cast<faiss::BlockInvertedLists*>(ivf.invlists);
    FAISS_THROW_IF_NOT_MSG(blocks, "its lists are not in blocks");
    const size_t count = staged.lists.size();
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return staged.lists[a] < staged.lists[b];
    });
    for (size_t begin = 0, end; begin < count; begin = end) {
        const idx_t list = staged.lists[order[begin]];
        for (end = begin + 1; end < count && staged.lists[order[end]] == list;) {
            ++end;
        }
        if (list < 0) {
            continue;
        }
        const size_t size = blocks->list_size(list), added = end - begin;
        blocks->resize(list, size + added);
        faiss::AlignedTable<uint8_t> codes(added * staged.code_size);
        for (size_t place = 0; place < added; ++place) {
            const size_t number = order[begin + place];
            blocks->ids[list][size + place] = ivf.ntotal + static_cast<idx_t>(number);
            std::memcpy(
                    codes.data() + place * staged.code_size,
                    staged.codes.data() + number * staged.code_size,
                    staged.code_size);
        }
        faiss::pq4_pack_codes_range(
                codes.data(), ivf.M, size, size + added, ivf.bbs, ivf.M2, blocks->codes[list].data());
    }
}

// Set while the calling thread may be told to give up: whether it should.
thread_local const std::atomic<bool>* given_up = nullptr;

struct GivingUp : faiss::InterruptCallback {
    bool want_interrupt() override {
        return given_up && given_up->load(std::memory_order_relaxed);
    }
};

} // namespace

extern "C" {

// What FAISS computes for the calling thread from now on ends in an error soon after the flag is set; null for never.
void flowrun_faiss_give_up_when(const std::atomic<bool>* flag) {
    static const bool is_watching = [] {
        faiss::InterruptCallback::instance = std::make_unique<GivingUp>();
        return true;
    }();
    given_up = is_watching ? flag : nullptr;
}

// Trains an index on a sample of vectors.
int flowrun_faiss_train(void* opaque, int64_t count, const float* vectors, char* message, size_t message_length) {
    return guarded(message, message_length, [&] {
        auto index = static_cast<faiss::Index*>(opaque);
        // Behind a transformation vectors are others than these.
        auto ivf = dynamic_cast<faiss::IndexIVF*>(index);
        if (ivf && ivf->nlist >= LISTS_IN_GROUPS_MIN) {
            find_centroids(*ivf, count, vectors);
        }
        // What is there already is not trained again.
        index->train(count, vectors);
    });
}

// How a search is to be done. As in `foreign.rs`.
struct FlowrunEffort {
    size_t n_probe;
    size_t ef_search;
    const uint64_t* words;
    size_t word_count;
    bool is_excluding;
};

int flowrun_faiss_search(
        const void* opaque,
        int64_t count,
        const float* queries,
        int64_t width,
        float* values,
        int64_t* labels,
        const FlowrunEffort* effort,
        char* message,
        size_t message_length) {
    return guarded(message, message_length, [&] {
        auto index = static_cast<const faiss::Index*>(opaque);
        RowSelector selector(effort->words, effort->word_count, effort->is_excluding);
        faiss::IDSelector* selected = effort->words ? &selector : nullptr;
        faiss::SearchParametersHNSW graph;
        graph.efSearch = static_cast<int>(effort->ef_search);
        if (auto ivf = dynamic_cast<const faiss::IndexIVF*>(inner(index))) {
            faiss::IVFRaBitQSearchParameters lists;
            lists.nprobe = effort->n_probe;
            lists.sel = selected;
            // Queries of four bits are compared by counting bits; whole numbers take fifty times as long.
            lists.qb = 4;
            if (dynamic_cast<const faiss::IndexHNSW*>(ivf->quantizer)) {
                lists.quantizer_params = &graph;
            }
            index->search(count, queries, width, values, labels, &lists);
        } else if (dynamic_cast<const faiss::IndexHNSW*>(inner(index))) {
            graph.sel = selected;
            index->search(count, queries, width, values, labels, &graph);
        } else {
            faiss::SearchParameters plain;
            plain.sel = selected;
            index->search(count, queries, width, values, labels, selected ? &plain : nullptr);
        }
    });
}

// Puts the centroids of many inverted lists into groups; leaves null where there are few, or none.
int flowrun_faiss_group(const void* opaque, void** grouped_out, char* message, size_t message_length) {
    *grouped_out = nullptr;
    return guarded(message, message_length, [&] {
        auto ivf = dynamic_cast<const faiss::IndexIVF*>(inner(static_cast<const faiss::Index*>(opaque)));
        if (!ivf || ivf->nlist < LISTS_IN_GROUPS_MIN || ivf->quantizer->ntotal != static_cast<idx_t>(ivf->nlist)) {
            return;
        }
        // Centroids are of unit length where larger products are nearer, so the nearest are the same.
        const size_t dimension = ivf->d, lists = ivf->nlist;
        std::vector<float> centroids(lists * dimension);
        ivf->quantizer->reconstruct_n(0, lists, centroids.data());
        faiss::ClusteringParameters parameters;
        parameters.niter = MOVES;
        parameters.min_points_per_centroid = 1;
        faiss::Clustering clustering(dimension, groups_of(lists), parameters);
        faiss::IndexFlatL2 nearest(dimension);
        clustering.train(lists, centroids.data(), nearest);
        auto grouped = std::make_unique<Grouped>(dimension, clustering.k, clustering.centroids.data());
        grouped->add(lists, centroids.data());
        *grouped_out = grouped.release();
    });
}

void flowrun_faiss_forget_grouped(void* grouped) {
    delete static_cast<Grouped*>(grouped);
}

// Works out where vectors go and what their codes are; leaves null where the index has no inverted lists. With its
// centroids in groups many vectors are assigned in a fraction of the time.
int flowrun_faiss_stage(
        const void* opaque,
        const void* grouped,
        int64_t count,
        const float* vectors,
        void** staged_out,
        char* message,
        size_t message_length) {
    *staged_out = nullptr;
    return guarded(message, message_length, [&] {
        auto index = static_cast<const faiss::Index*>(opaque);
        std::vector<std::unique_ptr<float[]>> transformed;
        while (auto transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
            const float* next = transform->apply_chain(count, vectors);
            if (next != vectors) {
                transformed.emplace_back(const_cast<float*>(next));
            }
            vectors = next;
            index = transform->index;
        }
        auto ivf = dynamic_cast<const faiss::IndexIVF*>(index);
        if (!ivf) {
            return;
        }
        auto staged = std::make_unique<Staged>();
        staged->code_size = ivf->code_size;
        staged->lists.resize(count);
        staged->codes.resize(count * ivf->code_size);
        const faiss::Index* assigner = grouped ? static_cast<const Grouped*>(grouped) : ivf->quantizer;
        assigner->assign(count, vectors, staged->lists.data());
        ivf->encode_vectors(count, vectors, staged->lists.data(), staged->codes.data());
        *staged_out = staged.release();
    });
}

// Puts what was staged for this index into its lists.
int flowrun_faiss_add_staged(void* opaque, const void* staged_opaque, char* message, size_t message_length) {
    return guarded(message, message_length, [&] {
        auto outer = static_cast<faiss::Index*>(opaque);
        auto& ivf = dynamic_cast<faiss::IndexIVF&>(*const_cast<faiss::Index*>(inner(outer)));
        const auto& staged = *static_cast<const Staged*>(staged_opaque);
        FAISS_THROW_IF_NOT_MSG(staged.code_size == ivf.code_size, "staged for another index");
        for (idx_t list : staged.lists) {
            FAISS_THROW_IF_NOT_MSG(list < static_cast<idx_t>(ivf.nlist), "staged for another index");
        }
        if (auto blocks = dynamic_cast<faiss::IndexIVFFastScan*>(&ivf)) {
            add_to_blocks(*blocks, staged);
        } else {
            for (size_t number = 0; number < staged.lists.size(); ++number) {
                if (staged.lists[number] >= 0) {
                    ivf.invlists->add_entry(
                            staged.lists[number],
                            ivf.ntotal + static_cast<idx_t>(number),
                            staged.codes.data() + number * staged.code_size);
                }
            }
        }
        const auto count = static_cast<idx_t>(staged.lists.size());
        ivf.ntotal += count;
        for (faiss::Index* index = outer; auto transform = dynamic_cast<faiss::IndexPreTransform*>(index);) {
            transform->ntotal += count;
            index = transform->index;
        }
    });
}

void flowrun_faiss_forget_staged(void* staged) {
    delete static_cast<Staged*>(staged);
}

// Gives back to the system what was freed, where the C library keeps it for the next that asks.
void flowrun_release_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

} // extern "C"
