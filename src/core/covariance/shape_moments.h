// Where the parameters of shapes start: what they read off pairwise covariances.
#pragma once

#include "covariance_shape.h"

namespace tiers {

struct CorrelatedPair {
  Index a, b;  // places, a > b
  double correlation, weight;
};

// The known correlations, limited to [-0.99, 0.99].
std::vector<CorrelatedPair> correlated_pairs(const ShapeMoments& moments);
double mean_correlation(const std::vector<CorrelatedPair>& pairs, double otherwise);
// Of the places with one; 1 where none has.
double mean_variance(const ShapeMoments& moments);
// Covariances of all places: what is unknown from the mean variance and correlation, correlations
// shrunk to a matrix whose eigenvalues are at least 0.05.
Matrix completed_covariance(const ShapeMoments& moments);
// Of one step in time, negative where the nearest places have it so.
double step_correlation(const ShapeMoments& moments);

// Distance of two positions.
double distance(const Positions& at, Index a, Index b);

}  // namespace tiers
