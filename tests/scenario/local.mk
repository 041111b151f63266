# End-to-end tests through the command line; one a line, each with its own addition.
scenario_tests =
scenario_tests += tests/scenario/01-by-hand.sh
scenario_tests += tests/scenario/02-file-increments.sh
scenario_tests += tests/scenario/03-modes.sh
scenario_tests += tests/scenario/04-cursor.sh
scenario_tests += tests/scenario/05-contracts.sh
scenario_tests += tests/scenario/06-columns.sh
scenario_tests += tests/scenario/07-state.sh
scenario_tests += tests/scenario/08-one-at-a-time.sh
scenario_tests += tests/scenario/09-command-line.sh
scenario_tests += tests/scenario/10-full-disk.sh
scenario_tests += tests/scenario/11-install.sh
scenario_tests += tests/scenario/12-read-and-plan.sh
scenario_tests += tests/scenario/14-secrets.sh
scenario_tests += tests/scenario/15-interrupted-files.sh
scenario_tests += tests/scenario/16-dead-letters-once.sh \
	tests/scenario/17-no-silent-resume.sh
scenario_tests += tests/scenario/16-dead-letters-once.sh
scenario_tests += tests/scenario/17-bad-input.sh
scenario_tests += tests/scenario/18-bad-surroundings.sh
dist_check_SCRIPTS += $(scenario_tests)
TESTS += $(scenario_tests)
EXTRA_DIST += tests/scenario/common.sh tests/scenario/outside_plugin.c
