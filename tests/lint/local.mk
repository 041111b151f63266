# Checks on the sources themselves. They say "skipped" (77) where a tool is missing.
LINTS = tests/lint/includes.sh tests/lint/banned.sh tests/lint/size.sh tests/lint/format.sh tests/lint/man.sh \
	tests/lint/words.sh tests/lint/changelog.sh tests/lint/help.sh tests/lint/settings.sh
TESTS += $(LINTS)
EXTRA_DIST += $(LINTS) tests/lint/common.sh .clang-format
