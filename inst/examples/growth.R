# What a first session looks like: real data, a model, its summary, tests, a picture.
# Rscript growth.R [plot file]

library(tiers)
plot_file <- c(commandArgs(TRUE), tempfile(fileext = ".png"))[1]

# The distance from the pituitary gland to a fissure of the jaw in 27 children, measured at the
# ages of 8, 10, 12 and 14. Children differ in level and in growth, so both vary by child.
data(Orthodont, package = "nlme")
fit <- lmm(distance ~ age * Sex + (age | Subject), Orthodont)

cat("\n== The model ==\n")
print(summary(fit))

cat("\n== Do boys and girls grow at different rates? F tests, Satterthwaite df ==\n")
print(anova(fit))

cat("\n== Does growth vary between children? Likelihood ratio test ==\n")
print(anova(lmm(distance ~ age * Sex + (1 | Subject), Orthodont), fit))

cat("\n== 95% intervals ==\n")
print(confint(fit))

cat("\n== Can the fit be trusted? ==\n")
print(diagnose(fit))

png(plot_file, width = 1200, height = 1000, res = 130)
plot(fit)
invisible(dev.off())
cat("\nThe residual plots and the children's effects are in", normalizePath(plot_file), "\n")
