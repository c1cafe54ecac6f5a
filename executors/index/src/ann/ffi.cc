// Functions that the C interface of FAISS lacks: searches with parameters per request (probes, effort, a set of rows),
// adding rows to inverted lists in two steps, of which only the second changes the index, and fast training of indexes with
// many lists. The Rust side is ffi.rs.
//
// No exception crosses the boundary: a function that fails returns 1 and writes a message.

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

#include "centroid_groups.h"

namespace {

using faiss::idx_t;

// Selects the rows whose bit is set, or with is_excluding those whose bit is not set.
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

// The index after all vector transforms (OPQ, PCA, ...).
const faiss::Index* inner(const faiss::Index* index) {
    while (auto transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        index = transform->index;
    }
    return index;
}

// Runs an action; on an exception writes its message and returns 1.
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

// Rows that are not added yet: the inverted list and the code of each.
struct StagedRows {
    size_t code_size = 0;
    std::vector<idx_t> lists;
    faiss::AlignedTable<uint8_t> codes;
};

// Adds rows to fast-scan lists, which store codes in blocks: rows are sorted by list and packed per list.
void add_to_blocks(faiss::IndexIVFFastScan& ivf, const StagedRows& staged) {
    auto blocks = dynamic_cast<faiss::BlockInvertedLists*>(ivf.invlists);
    FAISS_THROW_IF_NOT_MSG(blocks, "the inverted lists are not stored in blocks");
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
        for (size_t offset = 0; offset < added; ++offset) {
            const size_t number = order[begin + offset];
            blocks->ids[list][size + offset] = ivf.ntotal + static_cast<idx_t>(number);
            std::memcpy(
                    codes.data() + offset * staged.code_size,
                    staged.codes.data() + number * staged.code_size,
                    staged.code_size);
        }
        faiss::pq4_pack_codes_range(
                codes.data(), ivf.M, size, size + added, ivf.bbs, ivf.M2, blocks->codes[list].data());
    }
}

// Cancellation flag of the current thread; null while it cannot be cancelled.
thread_local const std::atomic<bool>* cancelled = nullptr;

struct CancelCallback : faiss::InterruptCallback {
    bool want_interrupt() override {
        return cancelled && cancelled->load(std::memory_order_relaxed);
    }
};

} // namespace

extern "C" {

// Makes FAISS calls of the current thread fail soon after the flag is set; null removes the flag.
void flowrun_faiss_cancel_when(const std::atomic<bool>* flag) {
    static const bool is_installed = [] {
        faiss::InterruptCallback::instance = std::make_unique<CancelCallback>();
        return true;
    }();
    cancelled = is_installed ? flag : nullptr;
}

// Trains an index on a sample of vectors.
int flowrun_faiss_train(void* opaque, int64_t count, const float* vectors, char* message, size_t message_length) {
    return guarded(message, message_length, [&] {
        auto index = static_cast<faiss::Index*>(opaque);
        // Not for an index with a vector transform: its lists see transformed vectors, not these.
        auto ivf = dynamic_cast<faiss::IndexIVF*>(index);
        if (ivf && ivf->nlist >= LISTS_IN_GROUPS_MIN) {
            find_centroids(*ivf, count, vectors);
        }
        // FAISS does not retrain the centroids that are set now.
        index->train(count, vectors);
    });
}

// Parameters of a search; the layout of RawSearchEffort in ffi.rs.
struct FlowrunSearchEffort {
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
        const FlowrunSearchEffort* effort,
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
            // RaBitQ: queries quantized to four bits are compared by counting bits; floats take fifty times as long.
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

// Groups the centroids of the inverted lists; writes null when there are few or none.
int flowrun_faiss_group_centroids(const void* opaque, void** groups_out, char* message, size_t message_length) {
    *groups_out = nullptr;
    return guarded(message, message_length, [&] {
        auto ivf = dynamic_cast<const faiss::IndexIVF*>(inner(static_cast<const faiss::Index*>(opaque)));
        if (!ivf || ivf->nlist < LISTS_IN_GROUPS_MIN || ivf->quantizer->ntotal != static_cast<idx_t>(ivf->nlist)) {
            return;
        }
        // For inner products the centroids have unit length, so the nearest by L2 are the same.
        const size_t dimension = ivf->d, lists = ivf->nlist;
        std::vector<float> centroids(lists * dimension);
        ivf->quantizer->reconstruct_n(0, lists, centroids.data());
        faiss::ClusteringParameters parameters;
        parameters.niter = ITERATIONS;
        parameters.min_points_per_centroid = 1;
        faiss::Clustering clustering(dimension, group_count(lists), parameters);
        faiss::IndexFlatL2 nearest(dimension);
        clustering.train(lists, centroids.data(), nearest);
        auto groups = std::make_unique<CentroidGroups>(dimension, clustering.k, clustering.centroids.data());
        groups->add(lists, centroids.data());
        *groups_out = groups.release();
    });
}

void flowrun_faiss_free_groups(void* groups) {
    delete static_cast<CentroidGroups*>(groups);
}

// Assigns vectors to inverted lists and encodes them; writes null when the index has no lists. groups: the grouped
// centroids of the index, or null.
int flowrun_faiss_stage(
        const void* opaque,
        const void* groups,
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
        auto staged = std::make_unique<StagedRows>();
        staged->code_size = ivf->code_size;
        staged->lists.resize(count);
        staged->codes.resize(count * ivf->code_size);
        const faiss::Index* assigner = groups ? static_cast<const CentroidGroups*>(groups) : ivf->quantizer;
        assigner->assign(count, vectors, staged->lists.data());
        ivf->encode_vectors(count, vectors, staged->lists.data(), staged->codes.data());
        *staged_out = staged.release();
    });
}

// Adds rows that were staged by this index.
int flowrun_faiss_add_staged(void* opaque, const void* staged_opaque, char* message, size_t message_length) {
    return guarded(message, message_length, [&] {
        auto outer = static_cast<faiss::Index*>(opaque);
        auto& ivf = dynamic_cast<faiss::IndexIVF&>(*const_cast<faiss::Index*>(inner(outer)));
        const auto& staged = *static_cast<const StagedRows*>(staged_opaque);
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

void flowrun_faiss_free_staged(void* staged) {
    delete static_cast<StagedRows*>(staged);
}

// Returns freed memory to the system; glibc keeps it otherwise.
void flowrun_release_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

} // extern "C"
