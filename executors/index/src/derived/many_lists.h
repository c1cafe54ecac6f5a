// Indexes of many inverted lists: how their centroids are found, and vectors assigned to them, in a reasonable time. A part of
// native.cc, which alone includes it; nothing here crosses the boundary.

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

// From so many lists on their centroids are found in steps, and vectors are assigned to them by groups.
const size_t LISTS_IN_GROUPS_MIN = 1024;
// Of so many groups one is looked into: of its centroids nearly always one is the nearest.
const size_t GROUPS_PER_PROBE = 4;
// Vectors that a thread assigns at a time.
const size_t ASSIGNED_AT_ONCE = 1024;
// How often centroids move when they are found in steps. More finds hardly more neighbours.
const int MOVES = 5;

size_t groups_of(size_t lists) {
    return static_cast<size_t>(std::sqrt(static_cast<double>(lists)));
}

// Vectors in groups of neighbours, of which the nearest to each of many others is found: products of matrices with all
// that look into a group, a fifth of the work of comparing with all, and of a graph's distances one by one.
struct Grouped : faiss::Index {
    faiss::IndexFlatL2 centres;
    std::vector<faiss::IndexFlatL2> groups;
    std::vector<std::vector<idx_t>> members;

    Grouped(size_t dimension, size_t count, const float* centroids)
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
        FAISS_THROW_IF_NOT_MSG(width == 1, "only the nearest is found");
        const idx_t blocks = (count + ASSIGNED_AT_ONCE - 1) / ASSIGNED_AT_ONCE;
#pragma omp parallel for schedule(dynamic)
        for (idx_t block = 0; block < blocks; ++block) {
            const idx_t first = block * ASSIGNED_AT_ONCE;
            const idx_t rest = std::min<idx_t>(ASSIGNED_AT_ONCE, count - first);
            find(rest, vectors + first * d, distances + first, labels + first);
        }
    }

    void find(idx_t count, const float* vectors, float* distances, idx_t* labels) const {
        const idx_t probes = std::max<idx_t>(1, groups.size() / GROUPS_PER_PROBE);
        std::vector<float> far(count * probes);
        std::vector<idx_t> probed(count * probes);
        centres.search(count, vectors, probes, far.data(), probed.data());
        std::vector<std::vector<idx_t>> visitors(groups.size());
        for (idx_t place = 0; place < count * probes; ++place) {
            if (probed[place] >= 0) {
                visitors[probed[place]].push_back(place / probes);
            }
        }
        std::fill(distances, distances + count, std::numeric_limits<float>::infinity());
        std::fill(labels, labels + count, idx_t(-1));
        std::vector<float> gathered, nearest;
        std::vector<idx_t> places;
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
            places.resize(numbers.size());
            groups[group].search(numbers.size(), gathered.data(), 1, nearest.data(), places.data());
            for (size_t visitor = 0; visitor < numbers.size(); ++visitor) {
                const idx_t number = numbers[visitor];
                if (places[visitor] >= 0 && nearest[visitor] < distances[number]) {
                    distances[number] = nearest[visitor];
                    labels[number] = members[group][places[visitor]];
                }
            }
        }
    }
};

// Finds the centroids of inverted lists: first of a few groups, then among the vectors of each group its share of all, and
// then these move a few times, as k-means does it from the start. As `two_level_clustering` of FAISS's
// contrib/clustering.py, but for the last step, without which several times as many neighbours are missed.
void find_centroids(faiss::IndexIVF& ivf, size_t count, const float* vectors) {
    const size_t dimension = ivf.d, lists = ivf.nlist, groups = groups_of(lists);
    faiss::ClusteringParameters parameters = ivf.cp;
    // FAISS would write a warning to the terminal for groups with fewer.
    parameters.min_points_per_centroid = 1;
    faiss::Clustering rough(dimension, groups, parameters);
    faiss::IndexFlatL2 nearest(dimension);
    rough.train(count, vectors, nearest);
    std::vector<idx_t> group_of(count);
    nearest.assign(count, vectors, group_of.data());
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return group_of[a] < group_of[b]; });
    parameters.niter = MOVES;
    faiss::Clustering all(dimension, lists, parameters);
    all.centroids.reserve(lists * dimension);
    std::vector<float> members;
    for (size_t begin = 0, end; begin < count; begin = end) {
        members.clear();
        for (end = begin; end < count && group_of[order[end]] == group_of[order[begin]]; ++end) {
            const float* vector = vectors + order[end] * dimension;
            members.insert(members.end(), vector, vector + dimension);
        }
        // Rounded so that the shares of all groups are all lists.
        const size_t share = lists * end / count - lists * begin / count;
        if (share > 0) {
            faiss::Clustering fine(dimension, share, parameters);
            faiss::IndexFlatL2 assigner(dimension);
            fine.train(end - begin, members.data(), assigner);
            all.centroids.insert(all.centroids.end(), fine.centroids.begin(), fine.centroids.end());
        }
    }
    Grouped grouped(dimension, groups, rough.centroids.data());
    all.train(count, vectors, grouped);
    ivf.quantizer->reset();
    if (!ivf.quantizer->is_trained) {
        ivf.quantizer->train(lists, all.centroids.data());
    }
    ivf.quantizer->add(lists, all.centroids.data());
}

} // namespace
