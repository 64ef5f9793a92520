# Writes tests/golden/stats/r.json: what R says, for the tests of flowkit.stats. Needs R and the package mvtnorm.
#
#     Rscript tests/golden/stats/make_r.R > tests/golden/stats/r.json
#
# A line is one call: its name, what went in, what came out. Warnings about small counts are expected.
suppressWarnings(suppressMessages(library(mvtnorm)))

lines <- c()
show <- function(x) {
  x <- as.numeric(x)
  text <- ifelse(is.infinite(x), ifelse(x > 0, '"inf"', '"-inf"'), sprintf("%.17g", x))
  if (length(x) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}
add <- function(call, input, output) {
  fields <- function(values) paste(sprintf('"%s": %s', names(values), sapply(values, show)), collapse = ", ")
  lines <<- c(lines, sprintf('{"call": "%s", "in": {%s}, "out": {%s}}', call, fields(input), fields(output)))
}
quiet <- suppressWarnings

tables <- list(
  c(500, 10000, 570, 10000), c(48, 80, 56, 70), c(2, 9, 10, 18), c(0, 80, 5, 70), c(3, 80, 0, 70), c(1, 10, 8, 12),
  c(7, 20, 7, 20), c(15, 40, 30, 41), c(3, 5000, 14, 4000), c(99, 100, 80, 90), c(2, 12, 7, 15), c(50000, 1000000, 50600, 1000000)
)
for (t in tables) {
  x <- c(t[3], t[1]); n <- c(t[4], t[2])
  input <- list(x1 = t[1], n1 = t[2], x2 = t[3], n2 = t[4])
  plain <- quiet(prop.test(x, n, correct = FALSE)); yates <- quiet(prop.test(x, n, correct = TRUE))
  add("prop.test", input, list(
    statistic = plain$statistic, p = plain$p.value, low = plain$conf.int[1], high = plain$conf.int[2],
    yates = yates$statistic, yates_p = yates$p.value, yates_low = yates$conf.int[1], yates_high = yates$conf.int[2]
  ))
  if (max(n) <= 10000) {
    # The odds of treatment over those of control stand in the first column.
    table <- rbind(c(t[3], t[4] - t[3]), c(t[1], t[2] - t[1]))
    two <- fisher.test(table); more <- fisher.test(table, alternative = "greater"); fewer <- fisher.test(table, alternative = "less")
    add("fisher.test", input, list(
      p = two$p.value, greater = more$p.value, less = fewer$p.value, odds = two$estimate, low = two$conf.int[1], high = two$conf.int[2]
    ))
  }
}
for (t in list(c(0, 10, 0.3), c(3, 10, 0.5), c(10, 10, 0.9), c(43, 1000, 0.05), c(682, 925, 0.75), c(7, 20, 0.35), c(5100, 10000, 0.5))) {
  got <- binom.test(t[1], t[2], t[3])
  add("binom.test", list(x = t[1], n = t[2], rate = t[3]), list(p = got$p.value, low = got$conf.int[1], high = got$conf.int[2]))
  for (correct in c(FALSE, TRUE)) {
    got <- quiet(prop.test(t[1], t[2], t[3], correct = correct))
    # R leaves the correction out where it is larger than the difference, so only its plain interval is compared there.
    add(if (correct) "wilson_corrected" else "wilson", list(x = t[1], n = t[2], rate = t[3]),
        list(low = got$conf.int[1], high = got$conf.int[2]))
  }
}
for (t in list(list(c(500, 570, 530), c(10000, 10000, 10000)), list(c(1, 5, 9), c(10, 11, 12)), list(c(3, 8, 2, 9), c(40, 30, 20, 50)),
               list(c(0, 4, 2), c(7, 8, 9)))) {
  x <- t[[1]]; n <- t[[2]]
  plain <- quiet(prop.test(x, n)); trend <- quiet(prop.trend.test(x, n))
  exact <- if (sum(n) < 1000) fisher.test(rbind(x, n - x))$p.value else -1
  add("k", list(x = x, n = n), list(statistic = plain$statistic, p = plain$p.value, trend = trend$statistic, trend_p = trend$p.value, exact = exact))
}
for (t in list(c(.05, .06, .8, .05), c(.5, .4, .9, .01), c(.01, .012, .8, .05), c(.2, .9, .8, .05))) {
  n <- power.prop.test(p1 = t[1], p2 = t[2], power = t[3], sig.level = t[4], tol = 1e-12)$n
  one <- power.prop.test(p1 = t[1], p2 = t[2], power = t[3], sig.level = t[4], alternative = "one.sided", tol = 1e-12)$n
  far <- power.prop.test(n = 50, p1 = t[1], p2 = t[2], sig.level = t[4], strict = TRUE)$power
  add("power.prop.test", list(p1 = t[1], p2 = t[2], power = t[3], alpha = t[4]), list(n = n, one_sided = one, power_of_50 = far))
}
for (t in list(c(1, 2, .8, .05), c(.2, 1, .9, .01), c(.02, 1, .8, .05), c(3, 2, .9, .05))) {
  n <- power.t.test(delta = t[1], sd = t[2], power = t[3], sig.level = t[4], strict = TRUE, tol = 1e-10)$n
  p <- power.t.test(n = 20, delta = t[1], sd = t[2], sig.level = t[4], strict = TRUE)$power
  one <- power.t.test(n = 20, delta = t[1], sd = t[2], sig.level = t[4], alternative = "one.sided")$power
  add("power.t.test", list(effect = t[1], sd = t[2], power = t[3], alpha = t[4]), list(n = n, power_of_20 = p, one_sided_of_20 = one))
}
for (p in list(c(.01, .02, .03, .04, .05), c(.001, .6, .03, .03, .0004, .9, 1), c(.04), c(.012, .011, .02, .3, 0), c(.9, .8, .85))) {
  out <- lapply(c(holm = "holm", hochberg = "hochberg", hommel = "hommel", bonferroni = "bonferroni", benjamini_hochberg = "BH",
                  benjamini_yekutieli = "BY"), function(method) p.adjust(p, method))
  add("p.adjust", list(p = c(p, p)), lapply(c(holm = "holm", hochberg = "hochberg", hommel = "hommel", bonferroni = "bonferroni",
      benjamini_hochberg = "BH", benjamini_yekutieli = "BY"), function(method) p.adjust(c(p, p), method)))
}
set.seed(7)
for (i in 1:4) {
  a <- round(rexp(12 + i, 1 / 3), 2); b <- round(rexp(9 + i, 1 / 4), 2); xa <- round(a + rnorm(length(a)), 2); xb <- round(b + rnorm(length(b)), 2)
  if (i == 3) { a <- round(a); b <- round(b) }
  w <- t.test(b, a); s <- t.test(b, a, var.equal = TRUE); r <- quiet(wilcox.test(b, a, exact = FALSE, correct = TRUE))
  y <- c(a, b); x <- c(xa, xb); arm <- rep(0:1, c(length(a), length(b)))
  fit <- summary(lm(y ~ arm + x))$coefficients
  add("means", list(control = a, treatment = b, covariate_control = xa, covariate_treatment = xb), list(
    welch = w$statistic, welch_p = w$p.value, welch_low = w$conf.int[1], welch_high = w$conf.int[2], student = s$statistic,
    student_p = s$p.value, student_low = s$conf.int[1], student_high = s$conf.int[2], u = r$statistic, u_p = r$p.value,
    ancova = fit[2, 1], ancova_p = fit[2, 4], theta = fit[3, 1]
  ))
}
strata <- list(
  list(c(2, 5, 9), c(10, 20, 30), c(5, 9, 12), c(11, 20, 25)), list(c(50, 3), c(1000, 40), c(60, 9), c(900, 50)),
  list(c(1, 0, 4), c(10, 9, 30), c(2, 3, 4), c(12, 9, 33))
)
for (t in strata) {
  k <- length(t[[1]])
  cube <- array(0, c(2, 2, k))
  for (j in 1:k) cube[, , j] <- rbind(c(t[[3]][j], t[[4]][j] - t[[3]][j]), c(t[[1]][j], t[[2]][j] - t[[1]][j]))
  plain <- mantelhaen.test(cube, correct = FALSE); corrected <- mantelhaen.test(cube, correct = TRUE)
  add("mantelhaen.test", list(x1 = t[[1]], n1 = t[[2]], x2 = t[[3]], n2 = t[[4]]), list(
    statistic = plain$statistic, p = plain$p.value, odds = plain$estimate, low = plain$conf.int[1], high = plain$conf.int[2],
    corrected = corrected$statistic, corrected_p = corrected$p.value
  ))
}
for (t in list(list(1, c(1, 1), 0), list(1, c(1, 1, 1), 10), list(100, c(50, 50, 80, 80), 0), list(20, c(10, 15), 30))) {
  load <- sqrt(t[[2]] / (t[[2]] + t[[1]])); correlation <- outer(load, load); diag(correlation) <- 1
  set.seed(1)
  for (tail in c("both.tails", "lower.tail")) {
    steady <- GenzBretz(maxpts = 5e6, abseps = 1e-9, releps = 0)
    at <- 2.3
    low <- if (tail == "both.tails") -rep(at, length(load)) else rep(-Inf, length(load))
    inside <- pmvt(lower = low, upper = rep(at, length(load)), df = t[[3]], corr = correlation, algorithm = steady)
    add("pmvt", list(control = t[[1]], treatments = t[[2]], df = t[[3]], sides = if (tail == "both.tails") 2 else 1, at = at),
        list(p = 1 - inside, error = attr(inside, "error")))
  }
}
for (t in list(c(3, 1), c(40, 3), c(1e-3, 2.5), c(8, 200))) {
  add("tails", list(x = t[1], df = t[2]), list(
    normal = pnorm(t[1], lower.tail = FALSE, log.p = TRUE) / log(10), t = (pt(-t[1], t[2], log.p = TRUE) + log(2)) / log(10),
    chi_square = pchisq(t[1], t[2], lower.tail = FALSE, log.p = TRUE) / log(10)
  ))
}
for (t in list(c(5000, 3), c(9000, 40))) add("chi_square_tail", list(x = t[1], df = t[2]),
  list(log10 = pchisq(t[1], t[2], lower.tail = FALSE, log.p = TRUE) / log(10)))
for (t in list(c(1e4, 100), c(50, 1000), c(1e90, 5))) add("t_tail", list(t = t[1], df = t[2]),
  list(log10 = (pt(-t[1], t[2], log.p = TRUE) + log(2)) / log(10)))
cat("[\n", paste(lines, collapse = ",\n"), "\n]\n", sep = "")
