// Fast training of indexes with many inverted lists, and fast assignment of vectors to the lists, by groups of centroids.
// Included by ffi.cc only.

#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVF.h>
#include <faiss/impl/FaissAssert.h>

namespace {

using faiss::idx_t;

// Smallest number of lists for which centroids are trained and searched by groups.
const size_t LISTS_IN_GROUPS_MIN = 1024;
// One in this many groups is searched; the nearest centroid is nearly always in one of them.
const size_t GROUPS_PER_PROBE = 4;
// Vectors per block of parallel assignment.
const size_t ASSIGN_BLOCK = 1024;
// K-means iterations of the second and third step. More hardly improve recall.
const int ITERATIONS = 5;

size_t group_count(size_t lists) {
    return static_cast<size_t>(std::sqrt(static_cast<double>(lists)));
}

// Centroids in groups of neighbours, searched for the nearest centroid of many vectors in one call. Each group is compared with
// all vectors that probe it by one matrix product: a fifth of the work of comparing with all centroids, or of computing
// the distances along a graph one by one.
struct CentroidGroups : faiss::Index {
    faiss::IndexFlatL2 centres;
    std::vector<faiss::IndexFlatL2> groups;
    std::vector<std::vector<idx_t>> members;

    CentroidGroups(size_t dimension, size_t count, const float* centroids)
            : faiss::Index(dimension), centres(dimension), groups(count, faiss::IndexFlatL2(dimension)), members(count) {
        centres.add(count, centroids);
    }

    void add(idx_t count, const float* vectors) override {
        std::vector<idx_t> nearest(count);
        centres.assign(count, vectors, nearest.data());
        for (idx_t number = 0; number < count; ++number) {
            groups[nearest[number]].add(1, vectors + number * d);
            members[nearest[number]].push_back(ntotal + number);
        }
        ntotal += count;
    }

    void reset() override {
        for (size_t group = 0; group < groups.size(); ++group) {
            groups[group].reset();
            members[group].clear();
        }
        ntotal = 0;
    }

    void search(
            idx_t count,
            const float* vectors,
            idx_t width,
            float* distances,
            idx_t* labels,
            const faiss::SearchParameters*) const override {
        FAISS_THROW_IF_NOT_MSG(width == 1, "only the nearest centroid is supported");
        const idx_t blocks = (count + ASSIGN_BLOCK - 1) / ASSIGN_BLOCK;
#pragma omp parallel for schedule(dynamic)
        for (idx_t block = 0; block < blocks; ++block) {
            const idx_t first = block * ASSIGN_BLOCK;
            const idx_t rest = std::min<idx_t>(ASSIGN_BLOCK, count - first);
            find_nearest(rest, vectors + first * d, distances + first, labels + first);
        }
    }

    void find_nearest(idx_t count, const float* vectors, float* distances, idx_t* labels) const {
        const idx_t probes = std::max<idx_t>(1, groups.size() / GROUPS_PER_PROBE);
        std::vector<float> group_distances(count * probes);
        std::vector<idx_t> probed(count * probes);
        centres.search(count, vectors, probes, group_distances.data(), probed.data());
        // For each group the vectors that probe it.
        std::vector<std::vector<idx_t>> visitors(groups.size());
        for (idx_t probe = 0; probe < count * probes; ++probe) {
            if (probed[probe] >= 0) {
                visitors[probed[probe]].push_back(probe / probes);
            }
        }
        std::fill(distances, distances + count, std::numeric_limits<float>::infinity());
        std::fill(labels, labels + count, idx_t(-1));
        std::vector<float> gathered, nearest;
        std::vector<idx_t> positions;
        for (size_t group = 0; group < groups.size(); ++group) {
            const auto& numbers = visitors[group];
            if (numbers.empty() || members[group].empty()) {
                continue;
            }
            gathered.clear();
            for (idx_t number : numbers) {
                gathered.insert(gathered.end(), vectors + number * d, vectors + (number + 1) * d);
            }
            nearest.resize(numbers.size());
            positions.resize(numbers.size());
            groups[group].search(numbers.size(), gathered.data(), 1, nearest.data(), positions.data());
            for (size_t visitor = 0; visitor < numbers.size(); ++visitor) {
                const idx_t number = numbers[visitor];
                if (positions[visitor] >= 0 && nearest[visitor] < distances[number]) {
                    distances[number] = nearest[visitor];
                    labels[number] = members[group][positions[visitor]];
                }
            }
        }
    }
};

// Trains the centroids of the inverted lists by hierarchical k-means: k-means for a few groups, then within each group for
// its share of the centroids, then a few k-means iterations over all centroids. The first two steps are FAISS's
// two_level_clustering (contrib/clustering.py); without the third, several times as many neighbours are missed.
void find_centroids(faiss::IndexIVF& ivf, size_t count, const float* vectors) {
    const size_t dimension = ivf.d, lists = ivf.nlist, groups = group_count(lists);
    faiss::ClusteringParameters parameters = ivf.cp;
    // FAISS would print a warning for groups with fewer points.
    parameters.min_points_per_centroid = 1;
    faiss::Clustering coarse(dimension, groups, parameters);
    faiss::IndexFlatL2 nearest(dimension);
    coarse.train(count, vectors, nearest);
    std::vector<idx_t> group_of(count);
    nearest.assign(count, vectors, group_of.data());
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return group_of[a] < group_of[b]; });
    parameters.niter = ITERATIONS;
    faiss::Clustering all(dimension, lists, parameters);
    all.centroids.reserve(lists * dimension);
    std::vector<float> members;
    for (size_t begin = 0, end; begin < count; begin = end) {
        members.clear();
        for (end = begin; end < count && group_of[order[end]] == group_of[order[begin]]; ++end) {
            const float* vector = vectors + order[end] * dimension;
            members.insert(members.end(), vector, vector + dimension);
        }
        // Rounding by cumulative counts makes the shares add up to the number of lists.
        const size_t share = lists * end / count - lists * begin / count;
        if (share > 0) {
            faiss::Clustering fine(dimension, share, parameters);
            faiss::IndexFlatL2 assigner(dimension);
            fine.train(end - begin, members.data(), assigner);
            all.centroids.insert(all.centroids.end(), fine.centroids.begin(), fine.centroids.end());
        }
    }
    CentroidGroups assigner(dimension, groups, coarse.centroids.data());
    all.train(count, vectors, assigner);
    ivf.quantizer->reset();
    if (!ivf.quantizer->is_trained) {
        ivf.quantizer->train(lists, all.centroids.data());
    }
    ivf.quantizer->add(lists, all.centroids.data());
}

} // namespace
