with_device <- function(expr) {
  file <- tempfile(fileext = ".png")
  grDevices::png(file, 800, 700)
  on.exit({
    grDevices::dev.off()
    unlink(file)
  })
  force(expr)
}

test_that("all panels draw and the graphical parameters are put back", {
  with_device({
    graphics::par(mar = c(4, 4, 3, 1))
    before <- graphics::par("mfrow", "mar", "mai")
    expect_invisible(plot(growth_fit()))
    expect_equal(graphics::par("mfrow", "mar", "mai"), before)
    expect_silent(plot(crossed_fit()))
    expect_silent(plot(growth_fit(), which = 2))
    expect_silent(plot(growth_fit(), which = "cat", level = 0.8, col = "blue"))
    expect_silent(plot(growth_fit(), which = c("res", "qq"), type = "response"))
  })
})

test_that("a layout of the user is filled, not replaced", {
  with_device({
    graphics::par(mfrow = c(1, 3))
    plot(growth_fit(), which = 1:2)
    expect_equal(graphics::par("mfrow"), c(1L, 3L))
  })
})

test_that("padding rows, zero variances and models without random terms draw", {
  d <- orthodont()
  d$distance[3] <- NA
  with_device({
    expect_silent(plot(lmm(distance ~ age + (1 | Subject), d, na.action = na.exclude)))
    zero <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
    expect_silent(plot(zero))
    plain <- suppressMessages(lmm(distance ~ age, d))
    expect_silent(plot(plain))
    expect_error(plot(plain, which = "caterpillar"), class = "tiers_error_input")
  })
  expect_error(plot(growth_fit(), which = "nothing"), class = "tiers_error_input")
})

test_that("random effects have a plot of their own", {
  with_device({
    for (effects in list(ranef(growth_fit()), ranef(growth_fit(), condVar = FALSE),
                         ranef(lmm(distance ~ age + (1 | Subject), orthodont()), drop = TRUE))) {
      expect_silent(expect_identical(plot(effects), effects))
      expect_equal(graphics::par("mfrow"), c(1L, 1L))
    }
    expect_silent(plot(ranef(growth_fit()), level = 0.5, col = "red"))
    expect_error(plot(ranef(growth_fit()), level = 2), class = "tiers_error_input")
    none <- ranef(suppressMessages(lmm(distance ~ age, orthodont())))
    expect_error(plot(none), class = "tiers_error_input")
  })
})
