// Each kernel against Eigen, for every instruction set that this processor has.
#include "blocks/dense_kernels.h"

#include <Eigen/Dense>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.h"

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using tiers::ConstMatrixBlock;
using tiers::MatrixBlock;
using tiers::Poll;

constexpr double kTolerance = 1e-12;
const std::vector<Index> kOrders = {0,  1,  2,  3,   7,   8,   16,  31,  32,  33,
                                    48, 64, 97, 100, 129, 200, 257, 401, 500, 801};

// Uses one kernel while it lives.
class ChosenKernel {
 public:
  explicit ChosenKernel(const char* name)
      : available(tiers::detail::choose_dense_kernel(name)), name_(name) {}
  ~ChosenKernel() { tiers::detail::choose_dense_kernel(nullptr); }
  const bool available;

 private:
  std::string name_;
};

// Calls check() once for each kernel that this processor can run.
template <class Check>
void for_each_kernel(const Check& check) {
  for (const char* name : {"portable", "avx2", "avx512"}) {
    const ChosenKernel kernel(name);
    if (!kernel.available) continue;
    INFO("kernel " << name);
    check();
  }
}

// Numbers in [-1, 1] that are the same on every machine and in every test order.
MatrixXd random_matrix(Index rows, Index columns, unsigned seed = 1) {
  MatrixXd result(rows, columns);
  unsigned state = 2654435761u * seed + 1u;
  for (Index i = 0; i < result.size(); ++i) {
    state = 1664525u * state + 1013904223u;
    result.data()[i] = 2.0 * (state >> 8) / 16777216.0 - 1.0;
  }
  return result;
}

MatrixXd positive_definite(Index n) {
  const MatrixXd root = random_matrix(n, n + 5);
  MatrixXd result = root * root.transpose();
  result.diagonal().array() += 1.0 + 0.1 * static_cast<double>(n);
  return result;
}

MatrixXd lower_part(const MatrixXd& a) { return a.triangularView<Eigen::Lower>(); }

MatrixXd eigen_factor(const MatrixXd& a) { return a.rows() == 0 ? a : MatrixXd(a.llt().matrixL()); }

// The factor of positive_definite(n) with an upper triangle that must never be used.
MatrixXd factor_with_poisoned_upper(Index n) {
  MatrixXd l = eigen_factor(positive_definite(n));
  l.triangularView<Eigen::StrictlyUpper>().setConstant(std::numeric_limits<double>::quiet_NaN());
  return l;
}

double relative_error(const MatrixXd& value, const MatrixXd& truth) {
  if (truth.size() == 0) return 0.0;
  return (value - truth).cwiseAbs().maxCoeff() / truth.cwiseAbs().maxCoeff();
}

bool same_bits(const MatrixXd& a, const MatrixXd& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         (a.size() == 0 || std::memcmp(a.data(), b.data(), sizeof(double) * a.size()) == 0);
}

// A copy of a matrix inside a larger one, at an address and with a leading dimension that are
// not multiples of any vector width. The surroundings hold a mark.
class Embedded {
 public:
  Embedded(const MatrixXd& inner, Index shift)
      : rows_(inner.rows()), columns_(inner.cols()), shift_(shift) {
    outer_.setConstant(rows_ + shift + 6, columns_ + 2, kMark);
    block() = inner;
  }
  MatrixBlock block() { return outer_.block(shift_, 1, rows_, columns_); }
  bool surroundings_untouched() const {
    MatrixXd frame = outer_;
    frame.block(shift_, 1, rows_, columns_).setConstant(kMark);
    return (frame.array() == kMark).all();
  }

 private:
  static constexpr double kMark = 12345.0;
  Index rows_, columns_, shift_;
  MatrixXd outer_;
};

}  // namespace

TEST_CASE("the Cholesky factor agrees with Eigen's and leaves the upper triangle alone") {
  for_each_kernel([] {
    for (const Index n : kOrders) {
      INFO("order " << n);
      const MatrixXd a = positive_definite(n);
      MatrixXd l = a;
      REQUIRE(tiers::cholesky_lower(l));
      CHECK(relative_error(lower_part(l), eigen_factor(a)) < kTolerance);
      CHECK(MatrixXd(l.triangularView<Eigen::StrictlyUpper>()) ==
            MatrixXd(a.triangularView<Eigen::StrictlyUpper>()));
    }
  });
}

TEST_CASE("the inverse agrees with Eigen's, is symmetric, and ignores the upper triangle") {
  for_each_kernel([] {
    for (const Index n : kOrders) {
      INFO("order " << n);
      const MatrixXd l = factor_with_poisoned_upper(n);
      MatrixXd inverse = MatrixXd::Constant(n / 2, 3, 7.0);
      tiers::inverse_from_cholesky(l, inverse);
      const MatrixXd truth =
          n == 0 ? MatrixXd()
                 : MatrixXd(positive_definite(n).llt().solve(MatrixXd::Identity(n, n)));
      CHECK(relative_error(inverse, truth) < kTolerance);
      CHECK(same_bits(inverse, inverse.transpose()));
    }
  });
}

TEST_CASE("an ill-conditioned matrix is factored and inverted to the accuracy of the method") {
  // Hilbert's matrix is too simple a pattern for blocks: a graded spectrum from 1 to 1e-10.
  const Index n = 150;
  const MatrixXd q = random_matrix(n, n).householderQr().householderQ();
  Eigen::VectorXd spectrum(n);
  for (Index i = 0; i < n; ++i) spectrum(i) = std::pow(10.0, -10.0 * i / (n - 1.0));
  const MatrixXd a = q * spectrum.asDiagonal() * q.transpose();
  for_each_kernel([&] {
    MatrixXd l = a, inverse;
    REQUIRE(tiers::cholesky_lower(l));
    CHECK(relative_error(lower_part(l) * lower_part(l).transpose(), a) < 1e-14);
    tiers::inverse_from_cholesky(l, inverse);
    const MatrixXd half =
        lower_part(l).triangularView<Eigen::Lower>().solve(MatrixXd::Identity(n, n));
    CHECK(relative_error(inverse, half.transpose() * half) < 1e-10);
  });
}

TEST_CASE("updates agree with Eigen's for all shapes, also at the edges of the blocks") {
  for_each_kernel([] {
    for (const Index m : {1, 2, 5, 12, 33, 100, 193, 400}) {
      for (const Index k : {0, 1, 2, 4, 9, 64, 257, 530}) {
        INFO("rows " << m << ", depth " << k);
        const MatrixXd a = random_matrix(m, k, 2), c = random_matrix(m, m, 3);
        MatrixXd updated = c;
        tiers::rank_update_lower(updated, a);
        CHECK(relative_error(lower_part(updated), lower_part(c - a * a.transpose())) < kTolerance);
        CHECK(MatrixXd(updated.triangularView<Eigen::StrictlyUpper>()) ==
              MatrixXd(c.triangularView<Eigen::StrictlyUpper>()));
        for (const Index n : {1, 3, 8, 37, 1030}) {
          const MatrixXd b = random_matrix(n, k, 4), start = random_matrix(m, n, 5);
          MatrixXd product = start;
          tiers::multiply_subtract_transposed(product, a, b);
          CHECK(relative_error(product, start - a * b.transpose()) < kTolerance);
        }
      }
    }
  });
}

TEST_CASE("a rank update wider than one panel agrees with Eigen's") {
  const MatrixXd a = random_matrix(1100, 20), c = random_matrix(1100, 1100, 2);
  const MatrixXd truth = lower_part(c - a * a.transpose());
  for_each_kernel([&] {
    MatrixXd updated = c;
    tiers::rank_update_lower(updated, a);
    CHECK(relative_error(lower_part(updated), truth) < kTolerance);
  });
}

TEST_CASE("triangular solves agree with Eigen's and ignore the upper triangle") {
  for_each_kernel([] {
    for (const Index n : kOrders) {
      const MatrixXd l = factor_with_poisoned_upper(n), clean = lower_part(l);
      for (const Index m : {0, 1, 2, 3, 9, 50, 131}) {
        INFO("order " << n << ", right-hand sides " << m);
        const MatrixXd x = random_matrix(n, m, 6);
        MatrixXd forward = x, backward = x;
        tiers::solve_lower_in_place(l, forward);
        tiers::solve_lower_transposed_in_place(l, backward);
        if (n == 0) continue;
        CHECK(relative_error(forward, clean.triangularView<Eigen::Lower>().solve(x)) < kTolerance);
        CHECK(relative_error(backward, clean.transpose().triangularView<Eigen::Upper>().solve(x)) <
              kTolerance);
      }
    }
  });
}

TEST_CASE("results have the same bits at every address, leading dimension and repetition") {
  for_each_kernel([] {
    for (const Index n : {3, 20, 33, 129, 257, 500}) {
      INFO("order " << n);
      const MatrixXd a = positive_definite(n), b = random_matrix(n, 13);
      MatrixXd l = a, inverse, forward = b, backward = b, rank = a, product = a;
      REQUIRE(tiers::cholesky_lower(l));
      tiers::inverse_from_cholesky(l, inverse);
      tiers::solve_lower_in_place(l, forward);
      tiers::solve_lower_transposed_in_place(l, backward);
      tiers::rank_update_lower(rank, b);
      tiers::multiply_subtract_transposed(product, b, b);
      for (const Index shift : {0, 1, 2, 3, 5}) {
        INFO("shift " << shift);
        Embedded factor(a, shift), x(b, shift + 1), y(b, shift), r(a, shift), p(a, shift + 2);
        Embedded source(b, shift + 3);
        MatrixXd again;
        REQUIRE(tiers::cholesky_lower(factor.block()));
        CHECK(same_bits(factor.block(), l));
        tiers::inverse_from_cholesky(factor.block(), again);
        CHECK(same_bits(again, inverse));
        tiers::solve_lower_in_place(factor.block(), x.block());
        CHECK(same_bits(x.block(), forward));
        tiers::solve_lower_transposed_in_place(factor.block(), y.block());
        CHECK(same_bits(y.block(), backward));
        tiers::rank_update_lower(r.block(), source.block());
        CHECK(same_bits(r.block(), rank));
        tiers::multiply_subtract_transposed(p.block(), source.block(), source.block());
        CHECK(same_bits(p.block(), product));
        for (const Embedded* matrix : {&factor, &x, &y, &r, &p, &source}) {
          CHECK(matrix->surroundings_untouched());
        }
      }
    }
  });
}

TEST_CASE("a matrix that is not positive definite or not finite is refused") {
  for_each_kernel([] {
    for (const Index n : {1, 2, 8, 32, 33, 100, 257, 500}) {
      for (const Index place : {Index(0), n / 2, n - 1}) {
        INFO("order " << n << ", place " << place);
        for (const double bad : {-1.0, 0.0, std::numeric_limits<double>::quiet_NaN(),
                                 std::numeric_limits<double>::infinity()}) {
          MatrixXd a = positive_definite(n);
          a(place, place) = bad;
          CHECK_FALSE(tiers::cholesky_lower(a));
        }
      }
    }
    MatrixXd singular = MatrixXd::Ones(2, 2);
    CHECK_FALSE(tiers::cholesky_lower(singular));
  });
}

TEST_CASE("polls come often enough, may be empty, and their exceptions pass through") {
  struct Stop : std::runtime_error {
    Stop() : std::runtime_error("stop") {}
  };
  const Index n = 700;
  const MatrixXd a = positive_definite(n), l = eigen_factor(a);
  const std::vector<std::function<void(const Poll&)>> calls = {
      [&](const Poll& poll) {
        MatrixXd x = a;
        tiers::cholesky_lower(x, poll);
      },
      [&](const Poll& poll) {
        MatrixXd x;
        tiers::inverse_from_cholesky(l, x, poll);
      },
      [&](const Poll& poll) {
        MatrixXd x = a;
        tiers::solve_lower_in_place(l, x, poll);
      },
      [&](const Poll& poll) {
        MatrixXd x = a;
        tiers::solve_lower_transposed_in_place(l, x, poll);
      },
      [&](const Poll& poll) {
        MatrixXd x = a;
        tiers::rank_update_lower(x, l, poll);
      },
      [&](const Poll& poll) {
        MatrixXd x = a;
        tiers::multiply_subtract_transposed(x, l, l, poll);
      }};
  for_each_kernel([&] {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      INFO("call " << i);
      int polls = 0;
      calls[i]([&polls] { ++polls; });
      CHECK(polls >= 2);
      CHECK_NOTHROW(calls[i](Poll()));
      for (int last = 1; last <= polls; ++last) {
        int left = last;
        CHECK_THROWS_AS(calls[i]([&left] {
                          if (--left == 0) throw Stop();
                        }),
                        Stop);
      }
    }
  });
}

TEST_CASE("an unknown kernel is refused and the best one is chosen by default") {
  CHECK_FALSE(tiers::detail::choose_dense_kernel("no such kernel"));
  CHECK(tiers::detail::choose_dense_kernel("portable"));
  CHECK(std::string(tiers::detail::dense_kernel_name()) == "portable");
  CHECK(tiers::detail::choose_dense_kernel(nullptr));
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    CHECK(std::string(tiers::detail::dense_kernel_name()) != "portable");
  }
#endif
}
