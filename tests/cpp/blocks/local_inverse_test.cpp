#include "core/blocks/local_inverse.h"

#include "catch.h"
#include "core/blocks/level_blocks.h"
#include "dense_twin.h"

using namespace tiers;
using namespace tiers_test;

TEST_CASE("the inverse and its forms at a few places are blocks of the dense ones") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    DenseTwin twin(seed);
    const std::vector<Matrix> lambda = twin.lambda(seed);
    const Index q = twin.Z.cols();
    BlockedCholesky factor(twin.cross);
    REQUIRE(factor.factorize(lambda, nullptr));
    const Matrix inverse = twin.system(lambda).topLeftCorner(q, q).inverse();
    const Matrix spread = twin.spread(lambda);

    std::vector<LevelForm> forms;
    std::vector<Matrix> dense;
    for (std::size_t f = 0; f < lambda.size(); ++f) {
      std::vector<Matrix> blocks = zero_blocks(twin.layout);
      const Matrix any = Matrix::Random(blocks[f].rows(), blocks[f].cols());
      blocks[f] = any + any.transpose();
      forms.push_back({static_cast<int>(f), blocks[f]});
      dense.push_back(spread * inverse * twin.spread(blocks) * inverse * spread.transpose());
    }
    const Matrix scaled = spread * inverse * spread.transpose();
    LocalInverse local(factor, forms, nullptr);

    // Levels of all factors at random, whether rows have them together or not; then of one
    // grouping, and none.
    std::mt19937 engine(seed);
    for (int trial = 0; trial < 6; ++trial) {
      std::vector<LevelPlace> places;
      std::vector<Index> at;
      for (std::size_t f = 0; f < lambda.size(); ++f) {
        if (trial == 5 || (trial == 4 && f > 0)) continue;
        const Grouping& one = twin.layout.groupings()[f];
        const Index level = static_cast<Index>(engine() % static_cast<unsigned>(one.levels));
        for (Index column = 0; column < one.columns; ++column) {
          places.push_back({static_cast<int>(f), level, column});
          at.push_back(twin.layout.coordinate(static_cast<int>(f), level) + column);
        }
      }
      local.find(places);
      const Index size = static_cast<Index>(at.size());
      const auto block = [&](const Matrix& whole) {
        Matrix out(size, size);
        for (Index i = 0; i < size; ++i) {
          for (Index j = 0; j < size; ++j) out(i, j) = whole(at[i], at[j]);
        }
        return out;
      };
      REQUIRE(local.inverse().rows() == size);
      if (size == 0) continue;
      CHECK((local.inverse() - block(scaled)).cwiseAbs().maxCoeff() < 1e-11);
      for (int i = 0; i < local.forms(); ++i) {
        CHECK((local.form(i) - block(dense[i])).cwiseAbs().maxCoeff() < 1e-10);
      }
    }
  }
}
