// Against n x n matrices, with factors that are zero or have a column of zeros among them.
#include "core/blocks/marginal_products.h"

#include "catch.h"
#include "core/blocks/level_blocks.h"
#include "dense_twin.h"

using namespace tiers;
using namespace tiers_test;

namespace {

constexpr unsigned kMarginalDesigns = 48;

}  // namespace

TEST_CASE("products of Z'V^-1Z are those of dense matrices, at singular factors too") {
  for (unsigned seed = 1; seed <= kMarginalDesigns; ++seed) {
    const DenseTwin twin(seed);
    const std::vector<Matrix> lambda = twin.lambda(seed);
    BlockedCholesky factor(twin.cross);
    REQUIRE(factor.factorize(lambda, nullptr));
    const MarginalProducts products(twin.cross, factor, nullptr);

    // Rows times the roots of their weights; those of weight zero drop out.
    const Matrix root = twin.w.cwiseSqrt().asDiagonal();
    const Matrix Z = root * twin.Z, X = root * twin.X, scaled = Z * twin.spread(lambda);
    const Index n = Z.rows();
    const Matrix inverse = (Matrix::Identity(n, n) + scaled * scaled.transpose()).inverse();
    const Matrix M = Z.transpose() * inverse * Z;

    CHECK(distance(products.cross_fixed(), Z.transpose() * X) < 1e-12);
    CHECK(distance(products.apply(products.cross_fixed()), Z.transpose() * inverse * X) < 1e-10);
    const Matrix any = Matrix::Random(Z.cols(), 3);
    CHECK(distance(products.multiply(any), M * any) < 1e-10);

    std::vector<MarginalProducts::Form> forms;
    std::vector<Matrix> spread, dense;
    for (std::size_t f = 0; f < lambda.size(); ++f) {
      for (int copy = 0; copy < 2; ++copy) {
        std::vector<Matrix> blocks = zero_blocks(twin.layout);
        const Matrix block = Matrix::Random(blocks[f].rows(), blocks[f].cols());
        blocks[f] = block + block.transpose();
        forms.push_back({static_cast<int>(f), blocks[f]});
        spread.push_back(twin.spread(blocks));
        dense.push_back(spread.back() * M);
      }
    }
    const auto traces = products.traces(forms);
    Matrix second(dense.size(), dense.size());
    Vector first(dense.size());
    for (std::size_t i = 0; i < dense.size(); ++i) {
      first[i] = dense[i].trace();
      CHECK(distance(products.spread(forms[i], any), spread[i] * any) < 1e-13);
      for (std::size_t j = 0; j < dense.size(); ++j)
        second(i, j) = dense[i].cwiseProduct(dense[j].transpose()).sum();
    }
    CHECK(distance(traces.first, first) < 1e-10);
    CHECK(distance(traces.second, second) < 1e-10);
  }
}
