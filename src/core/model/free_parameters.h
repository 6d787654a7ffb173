// Some of a vector's entries, and the same of matrices: the parameters that are free.
#pragma once

#include "specification.h"

namespace tiers {

class FreeParameters {
 public:
  explicit FreeParameters(const std::vector<bool>& free) : whole_(static_cast<Index>(free.size())) {
    for (Index i = 0; i < whole_; ++i) {
      if (free[i]) index_.push_back(i);
    }
  }

  Index size() const { return static_cast<Index>(index_.size()); }

  Vector take(const Vector& full) const {
    Vector out(size());
    for (Index i = 0; i < size(); ++i) out[i] = full[index_[i]];
    return out;
  }
  Matrix take(const Matrix& full) const {
    Matrix out(size(), size());
    for (Index i = 0; i < size(); ++i) {
      for (Index j = 0; j < size(); ++j) out(i, j) = full(index_[i], index_[j]);
    }
    return out;
  }
  // Into `full`, whose other entries stay.
  Vector put(const Vector& part, Vector full) const {
    for (Index i = 0; i < size(); ++i) full[index_[i]] = part[i];
    return full;
  }
  // The others are zero.
  Vector spread(const Vector& part) const { return put(part, Vector::Zero(whole_)); }
  Matrix spread(const Matrix& part) const {
    Matrix full = Matrix::Zero(whole_, whole_);
    for (Index i = 0; i < size(); ++i) {
      for (Index j = 0; j < size(); ++j) full(index_[i], index_[j]) = part(i, j);
    }
    return full;
  }
  const std::vector<Index>& index() const { return index_; }

 private:
  Index whole_;
  std::vector<Index> index_;
};

}  // namespace tiers
